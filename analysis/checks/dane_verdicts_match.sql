-- A DANE verdict stands on TLSA lookups of its own (MX host, address): those of its last session, which are made
-- though the session is left to a sample. The records that count are those of a secure answer; a match takes a
-- chain, and a record; reason and usage stand where they mean something.
WITH own AS (
    SELECT mx_host, address, arg_max(tlsa, attempt) AS tlsa, arg_max(tlsa_expanded, attempt) AS expanded
    FROM sessions GROUP BY mx_host, address
),
judged AS (
    SELECT verdicts.*, own.tlsa, own.expanded, mx_host || ' ' || address AS subject,
           coalesce(list_contains(list_transform(tlsa_records, lambda record: record.is_matched), true), false)
           AS has_match
    FROM session_verdicts AS verdicts LEFT JOIN own USING (mx_host, address)
)
SELECT subject, 'DANE verdict ' || dane || ' without a TLSA lookup' AS violation
FROM judged WHERE tlsa IS NULL AND dane <> 'not_attempted'
UNION ALL
SELECT subject, 'TLSA answer ' || coalesce(tlsa_dnssec_status, 'none') || ', but looked up as '
                || coalesce(tlsa.dnssec_status, 'none')
FROM judged WHERE tlsa_dnssec_status IS DISTINCT FROM tlsa.dnssec_status
UNION ALL
SELECT subject, len(tlsa_records) || ' TLSA records judged, which no secure answer holds'
FROM judged
WHERE len(tlsa_records) > 0
  AND NOT coalesce(tlsa.dnssec_status = 'secure' AND len(tlsa.records) = len(tlsa_records), false)
  AND NOT coalesce(expanded.dnssec_status = 'secure' AND len(expanded.records) = len(tlsa_records), false)
UNION ALL
SELECT subject, 'DANE verdict ' || dane || ' with ' || len(tlsa_records) || ' TLSA records'
FROM judged
WHERE (len(tlsa_records) > 0) <> (dane IN ('unusable', 'matched', 'mismatched', 'no_tls', 'unknown'))
   OR (len(tlsa_records) > 0) <> (dane_base_domain IS NOT NULL)
UNION ALL
SELECT subject, 'DANE verdict ' || dane || ', but the outcome is ' || outcome
FROM judged
WHERE (dane IN ('matched', 'mismatched', 'unusable') AND outcome <> 'tls_ok')
   OR (dane = 'no_tls' AND outcome NOT IN ('no_starttls', 'starttls_refused', 'tls_failed'))
UNION ALL
SELECT subject, 'DANE verdict ' || dane || ', reason ' || coalesce(dane_reason, 'none') || ', usage '
                || coalesce(dane_usage::VARCHAR, 'none')
FROM judged
WHERE (dane = 'matched') <> has_match OR (dane = 'matched') <> (dane_usage IS NOT NULL)
   OR (dane = 'mismatched') <> (dane_reason IS NOT NULL)
ORDER BY ALL;
