"""The truth on disk.

A truth table is a Parquet file with one flat column for each declared leaf of the run folder's nested
columns, named by its path ('tls.chain'), and a column that lists the paths which a row does not declare.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from crawler.lab.associations import resolve
from crawler.lab.internet import Internet
from crawler.lab.lookups import Row

TRUTH_KEYS: dict[str, tuple[str, ...]] = {
    "domains": ("domain",),
    "mx_hosts": ("mx_host",),
    "sts_policies": ("domain",),
    "sessions": ("mx_host", "address", "attempt"),
    "certificates": ("sha256",),
    "session_verdicts": ("mx_host", "address"),
    "domain_verdicts": ("domain",),
}
"""The columns that identify a row of each table."""
ODD_HOSTS_FILE = "odd_hosts.csv"
"""MX host and address of the customers that a provider treats unlike the others, on purpose."""
UNDECLARED = "undeclared"


def write_truth(
    internet: Internet,
    chains: Mapping[str, Sequence[str]],
    folder: Path,
    associations: Mapping[str, str] | None = None,
) -> None:
    """Write the truth of an internet whose certificates are issued.

    chains: order id to the SHA-256 of each certificate as sent, the server's own first, in hexadecimal.
    associations: what each placeholder in TLSA records stands for. Raises KeyError for an order that was
    reached and not issued, and for a placeholder that is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in TRUTH_KEYS:
        rows: Iterable[Row] = internet.truth.get(table, [])
        if table == "certificates":
            rows = _issued_certificates(rows, chains)
        flat = [dict(_leaves(row, "", chains, associations or {})) for row in rows]
        pq.write_table(_flat_table(flat, TRUTH_KEYS[table]), folder / f"{table}.parquet")
    lines = [f"{host},{address}\n" for host, address in internet.odd_hosts]
    (folder / ODD_HOSTS_FILE).write_text("mx_host,address\n" + "".join(lines), encoding="ascii")


def _issued_certificates(rows: Iterable[Row], chains: Mapping[str, Sequence[str]]) -> Iterable[Row]:
    """Return the certificates reached and those sent with them (an intermediate, then a root), each once.

    Orders alike in everything but their id may share one certificate.
    """
    issued: dict[str, Row] = {}
    for row in rows:
        own, *sent = chains[row["sha256"]]
        issued[own] = row | {"sha256": own}
        for position, digest in enumerate(sent):
            issued[digest] = {"sha256": digest, "is_ca": True, "self_signed": position > 0}
    return issued.values()


def _leaves(
    row: Row, prefix: str, chains: Mapping[str, Sequence[str]], associations: Mapping[str, str]
) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        path = prefix + name
        if isinstance(value, dict):
            yield from _leaves(value, f"{path}.", chains, associations)
        elif isinstance(value, tuple):
            yield path, [digest for order_id in value for digest in chains[order_id]]
        elif path in ("tlsa.records", "tlsa_expanded.records"):
            yield path, _placed(value, associations)
        elif path == "tlsa_records":
            placed = _placed(value, associations)
            yield path, [{k: v for k, v in record.items() if k != "association_data"} for record in placed]
        else:
            yield path, value


def _placed(records: Sequence[Row], associations: Mapping[str, str]) -> list[Row]:
    """Return TLSA records with their data in place of placeholders, in the order of a lookup."""
    members = ("usage", "selector", "matching_type", "association_data")
    placed = [r | {"association_data": resolve(r["association_data"], associations)} for r in records]
    return sorted(placed, key=lambda record: [record[member] for member in members])


def _flat_table(rows: Sequence[Row], keys: Sequence[str]) -> pa.Table:
    paths = dict.fromkeys((*keys, *(path for row in rows for path in row)))
    structs = {path[:dot] for path in paths for dot, octet in enumerate(path) if octet == "."}
    leaves = [path for path in paths if path not in structs]
    below = {struct: [leaf for leaf in leaves if leaf.startswith(f"{struct}.")] for struct in structs}
    undeclared: list[list[str]] = []
    known: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        for struct in structs & row.keys():
            row.update(dict.fromkeys(below[struct]))
        shape = tuple(row)
        if shape not in known:
            known[shape] = [leaf for leaf in leaves if leaf not in row]
        undeclared.append(known[shape])
    columns = {leaf: _typed(pa.array([row.get(leaf) for row in rows])) for leaf in leaves}
    columns[UNDECLARED] = pa.array(undeclared, pa.list_(pa.string()))
    return pa.table(columns)


def _typed(column: pa.Array) -> pa.Array:
    """Return the column with text where Arrow found no value to tell a type by: text casts to every type."""
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_list(column.type) and pa.types.is_null(column.type.value_type):
        return column.cast(pa.list_(pa.string()))
    return column
