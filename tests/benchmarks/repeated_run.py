"""A finished run of the lab many times over: as many domains as wanted, with the lab's shares and words."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from crawler.lab.profile import PROFILES, load_profile
from crawler.records import TABLES
from crawler.storing.digests import sha256_of
from crawler.storing.run_folder import RunFolder

_SQL = Path(__file__).with_suffix(".sql")


def repeat_run(base: Path, out: Path, domains: int, rows_per_part: int) -> RunFolder:
    """Make a finished run of at least so many domains out of a finished run of the lab, profile `dotgov`.

    Each copy of the base is renamed as a whole; the providers' shared hosts stand once. The list is ranked.
    Part files have about as many rows as wanted, which costs most of the time when they are small.
    """
    manifest = RunFolder(base).read_manifest()
    listed = manifest["list"]["listed"]
    copies = -(-domains // listed)
    run = RunFolder(out)
    for table in TABLES:
        run.table_folder(table).mkdir(parents=True)
    with duckdb.connect() as connection:
        _define(connection, base, listed)
        for table in TABLES:
            parts = map(partial(run.part_path, table), count())
            for copy in range(copies):
                _write_copy(connection, table, copy, parts, rows_per_part)
    written = [run.part_path(table, shard) for table in TABLES for shard in run.shards(table)]
    run.write_manifest(
        {
            **manifest,
            "run_id": f"repeated-{copies}",
            "list": {**manifest["list"], "name": f"{copies} x {base.name}", "listed": copies * listed},
            "parts": {path.relative_to(out).as_posix(): sha256_of(path) for path in written},
        }
    )
    return run


def _define(connection: duckdb.DuckDBPyConnection, base: Path, listed: int) -> None:
    providers = load_profile(PROFILES / "dotgov.toml").providers
    hosts = {each: [f"{label}.{each.domain}" for label in each.labels] for each in providers}
    variables: dict[str, object] = {
        "base": str(base),
        "listed": listed,
        "providers": [each.domain for each in providers],
        "shared_hosts": [name for each in providers if not each.per_customer for name in hosts[each]],
        "customer_zones": [name for each in providers if each.per_customer for name in hosts[each]],
    }
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = $1", [value])
    connection.execute(_SQL.read_text(encoding="utf-8"))


def _write_copy(
    connection: duckdb.DuckDBPyConnection, table: str, copy: int, parts: Iterator[Path], rows_per_part: int
) -> None:
    rows = connection.sql(f"FROM copy_of_{table}({copy})").to_arrow_table()
    for start in range(0, rows.num_rows, rows_per_part):
        pq.write_table(rows.slice(start, rows_per_part), next(parts), compression="zstd")
