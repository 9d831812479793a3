-- A finished run of the lab many times over: each copy has domains, small hosters and certificates of its own,
-- while the shared hosts of the large providers stay the same few. Needs the variables base (a run folder),
-- shared_hosts, customer_zones and providers (names, of the lab's profile).

CREATE MACRO rows_of("table") AS TABLE FROM read_parquet(getvariable('base') || '/' || "table" || '/*.parquet');
CREATE MACRO is_shared(host) AS list_contains(getvariable('shared_hosts'), host);
CREATE MACRO is_customer(host) AS
    list_contains(getvariable('customer_zones'), host[strpos(host, '.') + 1:]);
-- Below a provider the label of the customer changes, anywhere else the label before the last.
CREATE MACRO renamed(name, copy) AS
    CASE WHEN is_shared(name) THEN name
         WHEN is_customer(name) THEN regexp_replace(name, '\.', '-' || copy || '.')
         ELSE regexp_replace(name, '\.([^.]+)$', '-' || copy || '.\1') END;
CREATE MACRO renamed_provider(provider, copy) AS
    CASE WHEN list_contains(getvariable('providers'), provider) THEN provider ELSE renamed(provider, copy) END;
-- 127.16.0.1 of the first hundred copies is 11.16.0.1 .. 110.16.0.1, of the next 11.48.0.1 ..
CREATE MACRO moved(address, host, copy) AS
    CASE WHEN is_shared(host) OR is_customer(host) OR contains(address, ':') THEN address
         ELSE (11 + copy % 100) || '.' || (split_part(address, '.', 2)::INTEGER + 32 * (copy // 100)) || '.'
              || split_part(address, '.', 3) || '.' || split_part(address, '.', 4) END;
CREATE MACRO moved_all("lookup", host, copy) AS
    struct_update("lookup", addresses := list_transform("lookup".addresses, lambda a: moved(a, host, copy)));
-- Certificates of authorities and of the large providers are everybody's.
SET VARIABLE shared_certificates = (
    SELECT list(sha256) FROM (
        SELECT sha256 FROM rows_of('certificates') WHERE is_ca
        UNION
        SELECT unnest(tls.chain) FROM rows_of('sessions') WHERE is_shared(mx_host) OR is_customer(mx_host)
    )
);
CREATE MACRO reissued(sha256, copy) AS
    CASE WHEN list_contains(getvariable('shared_certificates'), sha256) THEN sha256
         ELSE format('{:06x}', copy) || sha256[7:] END;
CREATE MACRO reissued_all(tls, copy) AS
    CASE WHEN tls IS NOT NULL
         THEN struct_update(tls, chain := list_transform(tls.chain, lambda sha256: reissued(sha256, copy))) END;

CREATE MACRO copy_of_domains(copy) AS TABLE
SELECT * REPLACE (
    renamed(domain, copy) AS domain,
    position + copy * getvariable('listed') AS position,
    position + copy * getvariable('listed') AS rank,
    struct_update(mx, records := list_transform(
        mx.records, lambda record: struct_update(record, exchange := renamed(record.exchange, copy)))) AS mx
)
FROM rows_of('domains');

CREATE MACRO copy_of_mx_hosts(copy) AS TABLE
SELECT * REPLACE (
    renamed(mx_host, copy) AS mx_host, renamed_provider(provider, copy) AS provider,
    moved_all(a, mx_host, copy) AS a, moved_all(aaaa, mx_host, copy) AS aaaa
)
FROM rows_of('mx_hosts') WHERE copy = 0 OR NOT is_shared(mx_host);

CREATE MACRO copy_of_sts_policies(copy) AS TABLE
SELECT * REPLACE (
    renamed(domain, copy) AS domain, renamed(policy_host, copy) AS policy_host,
    reissued_all(tls, copy) AS tls
)
FROM rows_of('sts_policies');

CREATE MACRO copy_of_sessions(copy) AS TABLE
SELECT * REPLACE (
    renamed(mx_host, copy) AS mx_host, moved(address, mx_host, copy) AS address,
    reissued_all(tls, copy) AS tls
)
FROM rows_of('sessions') WHERE copy = 0 OR NOT is_shared(mx_host);

CREATE MACRO copy_of_certificates(copy) AS TABLE
SELECT * REPLACE (reissued(sha256, copy) AS sha256)
FROM rows_of('certificates')
WHERE copy = 0 OR NOT list_contains(getvariable('shared_certificates'), sha256);

CREATE MACRO copy_of_session_verdicts(copy) AS TABLE
SELECT * REPLACE (
    renamed(mx_host, copy) AS mx_host, moved(address, mx_host, copy) AS address,
    renamed(sample_mx_host, copy) AS sample_mx_host
)
FROM rows_of('session_verdicts') WHERE copy = 0 OR NOT is_shared(mx_host);

CREATE MACRO copy_of_domain_verdicts(copy) AS TABLE
SELECT * REPLACE (
    renamed(domain, copy) AS domain,
    list_transform(sts_uncovered, lambda host: renamed(host, copy)) AS sts_uncovered,
    list_transform(routes, lambda route: struct_update(
        route, mx_host := renamed(route.mx_host, copy),
        address := moved(route.address, route.mx_host, copy))) AS routes
)
FROM rows_of('domain_verdicts');
