"""The truth on disk, and a run held against it, column by column.

A truth table is a Parquet file with one flat column for each declared leaf of the run folder's nested
columns, named by its path ('tls.chain'), and a column that lists the paths which a row does not declare.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
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
UNDECLARED = "undeclared"
MISSING_COLUMN = "no such column"
"""Stands for what was found where a run lacks a column."""
MAX_EXAMPLES = 5

Key = tuple[Any, ...]


class TruthError(ValueError):
    """A run or truth folder that cannot be compared; the message names the file or column."""


# --- writing -------------------------------------------------------------------------------------------


def write_truth(internet: Internet, chains: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Write the truth of an internet whose certificates are issued.

    chains: order id to the SHA-256 of each certificate as sent, the server's own first, in hexadecimal.
    Raises KeyError for an order that was reached and not issued.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for table in TRUTH_KEYS:
        rows: Iterable[Row] = internet.truth.get(table, [])
        if table == "certificates":
            rows = _issued_certificates(rows, chains)
        flat = [dict(_leaves(row, "", chains)) for row in rows]
        pq.write_table(_flat_table(flat, TRUTH_KEYS[table]), folder / f"{table}.parquet")


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


def _leaves(row: Row, prefix: str, chains: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.", chains)
        elif isinstance(value, tuple):
            yield prefix + name, [digest for order_id in value for digest in chains[order_id]]
        elif prefix == "tlsa." and name == "records" and value:
            yield (
                prefix + name,
                [r | {"association_data": resolve(r["association_data"], chains)} for r in value],
            )
        else:
            yield prefix + name, value


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


# --- comparing -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One row where a column is not what it should be, or a row too few or too many."""

    key: Key
    expected: Any = None
    found: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnAgreement:
    """How well one column of a run agrees with the truth, over the rows that both have."""

    table: str
    column: str
    compared: int
    agreed: int
    examples: tuple[Disagreement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowAgreement:
    """Whether a table of a run has exactly the rows it should have."""

    table: str
    expected: int
    found: int
    missing: int
    extra: int
    """Rows with a key that the truth does not have, and rows with a key that came before."""
    missing_examples: tuple[Disagreement, ...] = ()
    extra_examples: tuple[Disagreement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run against the truth."""

    columns: list[ColumnAgreement] = field(default_factory=list)
    rows: list[RowAgreement] = field(default_factory=list)

    @property
    def disagreements(self) -> int:
        """Values that differ, plus rows missing and extra."""
        differing = sum(column.compared - column.agreed for column in self.columns)
        return differing + sum(row.missing + row.extra for row in self.rows)


def compare(run_folder: Path, truth_folder: Path) -> Comparison:
    """Compare every declared column of every table. Raises TruthError."""
    comparison = Comparison()
    for table in TRUTH_KEYS:
        sides = _Sides(run_folder, truth_folder, table)
        comparison.rows.append(sides.row_agreement())
        comparison.columns.extend([sides.column_agreement(path) for path in sides.paths])
    return comparison


def confusion(run_folder: Path, truth_folder: Path, table: str, column: str) -> list[tuple[Any, Any, int]]:
    """Return (expected, found, rows) of one column, the most frequent first. Raises TruthError."""
    sides = _Sides(run_folder, truth_folder, table)
    if column not in sides.paths:
        raise TruthError(f"{table}.{column}: the truth has no such column")
    counts: Counter[str] = Counter()
    values = {}
    for _, expected, found in sides.values(column):
        values[repr((expected, found))] = (expected, found)
        counts[repr((expected, found))] += 1
    return [(*values[pair], count) for pair, count in counts.most_common()]


class _Sides:
    """One table of a run and of the truth, and which of their rows belong together."""

    def __init__(self, run_folder: Path, truth_folder: Path, table: str) -> None:
        if table not in TRUTH_KEYS:
            raise TruthError(f"{table}: there is no such table")
        self.table = table
        self.truth, self.run = _read(truth_folder / f"{table}.parquet"), _read_parts(run_folder / table)
        names = TRUTH_KEYS[table]
        self.paths = [path for path in self.truth.column_names if path not in (*names, UNDECLARED)]
        self.keys = _keys(self.truth, names)
        positions = {key: n for n, key in enumerate(self.keys)}
        self.extra: list[Key] = []
        self.pairs: dict[int, int] = {}
        for n, key in enumerate(_keys(self.run, names)):
            position = positions.get(key)
            if position is None or position in self.pairs:
                self.extra.append(key)
            else:
                self.pairs[position] = n
        self.undeclared = self.truth.column(UNDECLARED).to_pylist()
        self.sometimes_undeclared = {path for paths in self.undeclared for path in paths}

    def row_agreement(self) -> RowAgreement:
        missing = [key for n, key in enumerate(self.keys) if n not in self.pairs]
        return RowAgreement(
            table=self.table,
            expected=len(self.keys),
            found=self.run.num_rows,
            missing=len(missing),
            extra=len(self.extra),
            missing_examples=tuple(Disagreement(key=key) for key in sorted(missing)[:MAX_EXAMPLES]),
            extra_examples=tuple(Disagreement(key=key) for key in sorted(self.extra)[:MAX_EXAMPLES]),
        )

    def column_agreement(self, path: str) -> ColumnAgreement:
        values = self.values(path)
        differing = [(n, expected, found) for n, expected, found in values if expected != found]
        examples = tuple(
            Disagreement(key=self.keys[n], expected=expected, found=found)
            for n, expected, found in differing[:MAX_EXAMPLES]
        )
        return ColumnAgreement(
            table=self.table,
            column=path,
            compared=len(values),
            agreed=len(values) - len(differing),
            examples=examples,
        )

    def values(self, path: str) -> list[tuple[int, Any, Any]]:
        """Return row of the truth, expected and found, where the row declares the column."""
        expected = self.truth.column(path).take(pa.array(self.pairs.keys(), pa.int64())).to_pylist()
        found = _column(self.run, path)
        if found is None:
            values = [MISSING_COLUMN] * len(expected)
        else:
            values = found.take(pa.array(self.pairs.values(), pa.int64())).to_pylist()
        aligned = zip(self.pairs, expected, values, strict=True)
        if path not in self.sometimes_undeclared:
            return list(aligned)
        return [entry for entry in aligned if path not in self.undeclared[entry[0]]]


def _read(file: Path) -> pa.Table:
    try:
        return pq.read_table(file)
    except (OSError, pa.ArrowException) as error:
        raise TruthError(f"{file}: {error}") from None


def _read_parts(folder: Path) -> pa.Table:
    parts = [_read(file) for file in sorted(folder.glob("*.parquet"))]
    try:
        return pa.concat_tables(parts) if parts else pa.table({})
    except pa.ArrowException as error:
        raise TruthError(f"{folder}: {error}") from None


def _keys(table: pa.Table, names: Sequence[str]) -> list[Key]:
    if not table.num_rows:
        return []
    columns = []
    for name in names:
        if name not in table.column_names:
            raise TruthError(f"a table without its key column {name}")
        columns.append(table.column(name).to_pylist())
    return list(zip(*columns, strict=True))


def _column(table: pa.Table, path: str) -> pa.ChunkedArray | None:
    """Return a column by its path; null where a struct on the way is null. None: there is no such column."""
    first, *rest = path.split(".")
    if first not in table.column_names:
        return None
    column = table.column(first)
    for name in rest:
        if not pa.types.is_struct(column.type) or column.type.get_field_index(name) < 0:
            return None
        column = pc.struct_field(column, name)
    return column
