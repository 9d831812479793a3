-- Why certificates of MX hosts are not valid. Unit: MX host with TLS, over all its addresses that completed
-- TLS. reason: the first that applies to any of those addresses, in the order of the data dictionary (path
-- before time before name); "none" = valid at each. Reasons add up to the whole.
-- self-signed: at some address the server's certificate verifies with its own key, whatever the reason.
-- only by common name: no DNS-ID matches the MX host at some address, but the common name would.
-- Hosts that gave no answer may have TLS with any certificate: they move the bounds.
WITH vocabulary AS (
    SELECT ['no_certificate', 'unparsable', 'self_signed', 'unknown_issuer', 'incomplete_chain',
            'bad_signature', 'not_a_ca', 'weak_signature', 'weak_key', 'other_path', 'expired',
            'not_yet_valid', 'name_mismatch', 'none']
           AS reasons
),
places AS (
    SELECT mx_host, min(list_position(reasons, coalesce(reason, 'none'))) AS place,
           coalesce(bool_or(self_signed), false) AS self_signed,
           coalesce(bool_or(cn_only_match), false) AS cn_only
    FROM tls_addresses CROSS JOIN vocabulary
    GROUP BY mx_host
),
counts AS (
    SELECT place, 'reason: ' || reasons[place] AS stratum, count(*) AS n
    FROM places CROSS JOIN vocabulary GROUP BY place, reasons[place]
    UNION ALL
    SELECT 100, 'self-signed', count(*) FILTER (self_signed) FROM places
    UNION ALL
    SELECT 101, 'only by common name', count(*) FILTER (cn_only) FROM places
)
SELECT stratum, 'MX host with TLS' AS unit,
       unnest(census(n, tls - n, unknown, inferred := inferred, inference_bound := inference_bound))
FROM counts CROSS JOIN hosts_with_tls
ORDER BY place;
