"""A survey of the lab in which somebody opts out before it begins, and somebody else while it is stopped."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

ROOT = Path(__file__).parent.parent
NAMES = 150
SETTINGS = """
opt_out = "{opt_out}"
control_hosts = []
dns_timeout_seconds = 0.5
connect_timeout_seconds = 1.5
greeting_timeout_seconds = 2.0
reply_timeout_seconds = 1.0
handshake_timeout_seconds = 1.0
session_timeout_seconds = 6.0
policy_timeout_seconds = 3.0
address_gap_seconds = 0
sessions_per_second = 0
sessions_per_second_per_network = 0
sessions_per_second_per_provider = 0
"""

pytestmark = pytest.mark.lab


class Survey:
    """A run of the lab, its settings and its opt-out file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.opt_out, self.run = folder, folder / "opt-out.txt", folder / "run"
        lines = (ROOT / "datasets" / "lists" / "dotgov.csv").read_text().splitlines()
        self.names = folder / "names.csv"
        self.names.write_text("\n".join([lines[0], *lines[1 :: len(lines) // NAMES]]) + "\n")
        self.domains = [line.partition(",")[0] for line in self.names.read_text().splitlines()[1:]]
        (folder / "settings.toml").write_text(SETTINGS.format(opt_out=self.opt_out))

    def go_on(self, until: str) -> None:
        subprocess.run(
            [
                *(sys.executable, "-m", "crawler", "run", str(self.names), "--out", str(self.run), "--lab"),
                *("--settings", str(self.folder / "settings.toml"), "--until", until),
            ],
            cwd=ROOT,
            env=os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")},
            capture_output=True,
            timeout=120,
            check=True,
        )

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            for table in ("domains", "mx_hosts", "sts_policies", "sessions"):
                if (self.run / table).exists():
                    parts = self.run / table / "part-*.parquet"
                    connection.sql(f"CREATE VIEW {table} AS FROM read_parquet('{parts}')")
            return connection.sql(sql).fetchall()


def test_whoever_opts_out_is_left_alone_from_then_on_and_counted(tmp_path: Path) -> None:
    survey = Survey(tmp_path)
    early = survey.domains[7]
    survey.opt_out.write_text(f"{early}  # before the run\n")
    survey.go_on("hosts")
    assert survey.query("SELECT domain, mx.status FROM domains WHERE mx_kind = 'opted_out'") == [
        (early, "opted_out")
    ]
    assert survey.query(f"SELECT count(*) FROM mx_hosts WHERE mx_host = '{early}'") == [(0,)]

    ((provider, names),) = survey.query(
        "SELECT provider, count(*) FROM mx_hosts WHERE len(a.addresses) > 0"
        " GROUP BY ALL ORDER BY 2 DESC LIMIT 1"
    )
    ((address,),) = survey.query(
        f"SELECT a.addresses[1] FROM mx_hosts WHERE len(a.addresses) = 1 AND provider <> '{provider}'"
        " ORDER BY mx_host LIMIT 1"
    )
    survey.opt_out.write_text(f"{early}\n{provider}  # while it was stopped\n{address}/32\n")
    survey.go_on("probe")
    manifest = json.loads((survey.run / "run.json").read_text())
    assert manifest["opt_out"] == hashlib.sha256(survey.opt_out.read_bytes()).hexdigest()

    hosts = f"SELECT mx_host FROM mx_hosts WHERE provider = '{provider}'"
    covered = f"(address = '{address}' OR mx_host IN ({hosts}))"
    ((asked,),) = survey.query("SELECT count(*) FROM sessions WHERE failure IS DISTINCT FROM 'opted_out'")
    assert asked > 0
    ((rows, left_alone, looked_up),) = survey.query(
        "SELECT count(*), count(*) FILTER (stage = 'not_attempted' AND failure = 'opted_out'), count(tlsa)"
        f" FROM sessions WHERE {covered}"
    )
    assert rows == left_alone > names
    assert looked_up == 0
    endpoints = "SELECT DISTINCT mx_host, unnest(a.addresses || aaaa.addresses) AS address FROM mx_hosts"
    assert survey.query(f"({endpoints}) EXCEPT SELECT mx_host, address FROM sessions") == []
    others = f"SELECT count(*) FROM sessions WHERE failure = 'opted_out' AND NOT {covered}"
    assert survey.query(others) == [(0,)]
