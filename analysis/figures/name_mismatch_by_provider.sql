-- Certificates that name another than the MX host (RFC 9525, by DNS-ID alone), by whom they name.
-- Typical is a hosting provider whose customers have MX names of their own, and whose servers send one
-- certificate with the provider's name to all.
-- Unit: MX host with TLS; any mismatch: the certificate of some address that completed TLS does not match the
-- MX host, whatever its path and dates (certificate_failures counts it only where those are right).
-- names: what that certificate has in place of it; these add up to "any mismatch".
--   another host of its provider   a name below the registrable domain of the MX host itself
--   another provider               a name below the registrable domain of other MX hosts of this run
--   something else                 DNS names, all of domains that no MX host of this run is below
--   nothing                        no DNS name, or one that cannot be read, or no certificate
-- Of several addresses and names the first in this order counts. provider named: the ten that most such hosts
-- are sent in place of their own, then the rest together; they add up to "another provider". Of several
-- providers in one certificate the one of most MX hosts counts, the first by name among equals.
-- Hosts that gave no answer may have TLS with any certificate: they move the bounds. Rules: domains.sql.
WITH providers AS (SELECT provider, count(*) AS hosts FROM mx_hosts GROUP BY provider),
sent AS (
    SELECT DISTINCT mx_host, provider, tls.chain[1] AS sha256 FROM tls_addresses WHERE name_mx_ok IS false
),
presented AS (
    SELECT sha256, string_split(lower(name), '.') AS labels
    FROM (SELECT sha256, unnest(dns_names) AS name FROM certificates
          WHERE sha256 IN (SELECT sha256 FROM sent))
),
above AS (
    SELECT DISTINCT sha256, array_to_string(labels[place:], '.') AS provider
    FROM presented, unnest(generate_series(greatest(1, len(labels) - 9), len(labels))) AS places(place)
),
named AS (SELECT sha256, above.provider, hosts FROM above JOIN providers USING (provider)),
others AS (
    SELECT mx_host, any_value(sent.provider) AS own,
           coalesce(bool_or(named.provider = sent.provider), false) AS names_own,
           arg_min(named.provider, (-hosts, named.provider)) FILTER (named.provider <> sent.provider) AS other,
           coalesce(bool_or(sha256 IN (SELECT sha256 FROM presented)), false) AS names_any
    FROM sent LEFT JOIN named USING (sha256) GROUP BY mx_host
),
ranked AS (
    SELECT other, count(*) AS n, row_number() OVER (ORDER BY count(*) DESC, other) AS rank
    FROM others WHERE other IS NOT NULL AND NOT names_own GROUP BY other
),
counts AS (
    SELECT 1 AS place, 'any mismatch' AS stratum, count(*) AS n FROM others
    UNION ALL
    SELECT 2, 'names: another host of its provider', count(*) FILTER (names_own) FROM others
    UNION ALL
    SELECT 3, 'names: another provider', count(*) FILTER (NOT names_own AND other IS NOT NULL) FROM others
    UNION ALL
    SELECT 4, 'names: something else', count(*) FILTER (NOT names_own AND other IS NULL AND names_any) FROM others
    UNION ALL
    SELECT 5, 'names: nothing', count(*) FILTER (NOT names_own AND other IS NULL AND NOT names_any) FROM others
    UNION ALL
    SELECT least(10 + rank, 21),
           CASE WHEN rank > 10 THEN 'all other providers named' ELSE 'provider named: ' || other END AS stratum,
           sum(n)
    FROM ranked GROUP BY ALL
)
SELECT stratum, 'MX host with TLS' AS unit,
       unnest(census(n, tls - n, unknown, inferred := inferred, inference_bound := inference_bound))
FROM counts CROSS JOIN hosts_with_tls
ORDER BY place;
