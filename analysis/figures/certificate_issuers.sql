-- Who issued the certificates that MX hosts send. Unit: pair of MX host (with TLS) and server certificate, so
-- a host that sends one certificate at all its addresses counts once. Facts about the certificates seen: no
-- bounds. Issuer = organisation of the issuer's name, else the whole name, cut to 60 characters; nothing is
-- verified here, anybody can write any name. Certificates signed with their own key stand apart. Ten issuers
-- by name. unparsable = the issuer cannot be read, whatever else of the certificate can.
WITH named AS (
    SELECT CASE WHEN self_signed THEN 'self-signed'
                WHEN issuer IS NULL THEN 'unparsable'
                ELSE 'issuer: ' || left(coalesce(
                    nullif(regexp_extract(issuer, '(?:^|[,+])O=((?:\\.|[^,+\\])+)', 1), ''),
                    nullif(issuer, ''),
                    'no name'
                ), 60)
           END AS issuer
    FROM leaves JOIN certificates USING (sha256)
),
ranked AS (
    SELECT issuer, count(*) AS n,
           row_number() OVER (ORDER BY issuer NOT LIKE 'issuer: %', count(*) DESC, issuer) AS place
    FROM named GROUP BY issuer
),
classes AS (
    SELECT CASE WHEN issuer LIKE 'issuer: %' AND place > 10 THEN 'all other issuers'
                ELSE issuer END AS stratum,
           min(place) AS place, sum(n) AS n
    FROM ranked GROUP BY stratum
)
SELECT stratum, 'pair of MX host and certificate' AS unit,
       unnest(census(n, total - n, 0, inferred := inferred, inference_bound := inference_bound))
FROM classes CROSS JOIN leaf_totals ORDER BY place;
