"""The pipeline that a survey can be put together from: zdns, zgrab2, and DuckDB over their JSON.

    python -m tests.benchmarks.json_pipeline LIST FOLDER

MX of each domain, A of each distinct exchange, one SMTP session with each distinct (exchange, address), in
the end the share of domains with STARTTLS. What else a survey has (TLSA, MTA-STS, DNSSEC, verdicts, second
attempts, pacing) is left out, to the pipeline's advantage.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import duckdb

PROGRAMS = ("zdns", "zgrab2")
_RESOLVER = "127.0.0.1:53"

_EXCHANGES = """
    COPY (
        SELECT DISTINCT rtrim(answer.answer, '.') FROM (
            SELECT unnest(results.MX.data.answers) AS answer FROM read_json('mx.json', ignore_errors := true)
        ) WHERE answer.type = 'MX'
    ) TO 'exchanges.txt' (HEADER false)
"""
_TARGETS = """
    COPY (
        SELECT DISTINCT answer.answer, name FROM (
            SELECT name, unnest(results.A.data.answers) AS answer
            FROM read_json('a.json', ignore_errors := true)
        ) WHERE answer.type = 'A'
    ) TO 'targets.csv' (HEADER false)
"""
_FIGURE = """
    WITH exchanges AS (
        SELECT name AS domain, rtrim(answer.answer, '.') AS mx_host FROM (
            SELECT name, unnest(results.MX.data.answers) AS answer
            FROM read_json('mx.json', ignore_errors := true)
        ) WHERE answer.type = 'MX'
    ),
    hosts AS (
        SELECT domain AS mx_host, bool_and(data.smtp.result.tls IS NOT NULL) AS supports
        FROM read_json('smtp.json', ignore_errors := true)
        WHERE data.smtp.result.banner LIKE '220%' GROUP BY domain
    )
    SELECT count(*) FILTER (supports), count(*)
    FROM (
        SELECT domain, bool_and(supports) AS supports
        FROM exchanges JOIN hosts USING (mx_host) GROUP BY domain
    )
"""


def main() -> None:
    """Survey."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("list", type=Path)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    names, folder = given.list.absolute(), given.folder

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True)

    zdns = ("--name-servers", _RESOLVER, "-q", "-t", "100")
    (folder / "blocklist").write_text("")
    with duckdb.connect() as connection:
        connection.execute(f"SET file_search_path = '{folder}'")
        run("zdns", "MX", *zdns, "-f", str(names), "-o", "mx.json")
        connection.execute(_EXCHANGES.replace("'exchanges.txt'", f"'{folder}/exchanges.txt'"))
        run("zdns", "A", *zdns, "-f", "exchanges.txt", "-o", "a.json")
        connection.execute(_TARGETS.replace("'targets.csv'", f"'{folder}/targets.csv'"))
        options = ("--port", "25", "--blocklist-file=blocklist", "-s", "1000", "-f", "targets.csv")
        run("zgrab2", "smtp", *options, "-o", "smtp.json", "-m", "smtp.meta")
        sys.stdout.write("{} of {} domains\n".format(*connection.execute(_FIGURE).fetchall()[0]))


if __name__ == "__main__":
    main()
