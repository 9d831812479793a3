-- REQUIRETLS among the EHLO keywords inside TLS, the only place where it counts (RFC 8689 s2).
-- Unit: reached MX host (H), determined. Yes: at every address that completed TLS and answered EHLO there.
-- No: one of them does not list it, or the host does not support STARTTLS. Not known: the host gave no
-- answer, or none of its addresses answered EHLO inside TLS. Bounds as in starttls_by_host.
WITH hosts AS (
    SELECT mx_host, bool_and(requiretls) AS listed FROM tls_addresses GROUP BY mx_host
)
SELECT 'REQUIRETLS' AS stratum, 'MX host, determined (of H)' AS unit,
       unnest("row")
FROM (SELECT census_of(CASE WHEN supports THEN listed WHEN NOT supports THEN false END,
                       doubt := doubt) AS "row"
      FROM host_answers LEFT JOIN hosts USING (mx_host));
