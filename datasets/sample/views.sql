-- Opens the dataset, from its own folder:  duckdb -init views.sql
-- In Python, there too:  duckdb.connect().execute(open("views.sql").read())
SET TimeZone = 'UTC';
CREATE VIEW domains AS FROM 'domains/part-000000.parquet';
CREATE VIEW mx_hosts AS FROM 'mx_hosts/part-000000.parquet';
CREATE VIEW sts_policies AS FROM 'sts_policies/part-000000.parquet';
CREATE VIEW sessions AS FROM 'sessions/part-000000.parquet';
CREATE VIEW certificates AS FROM 'certificates/part-000000.parquet';
CREATE VIEW session_verdicts AS FROM 'session_verdicts/part-000000.parquet';
CREATE VIEW domain_verdicts AS FROM 'domain_verdicts/part-000000.parquet';
CREATE VIEW figures AS FROM read_csv('figures/*.csv', union_by_name = true);
