"""A run held against the truth, column by column."""

import csv
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from crawler.lab.internet import ANY_ATTEMPT
from crawler.lab.truth import ODD_HOSTS_FILE, TRUTH_KEYS, UNDECLARED

MISSING_COLUMN = "no such column"
"""Stands for what was found where a run lacks a column."""
MAX_EXAMPLES = 5

_ENDPOINT = ("mx_host", "address")
_OF_THE_SESSION_ASKED = ("basis", "attempt", "sample_mx_host", "sample_size", "sample_bound")
"""Columns of a session verdict that say whose session it stands on."""

Key = tuple[Any, ...]


class TruthError(ValueError):
    """A run or truth folder that cannot be compared; the message names the file or column."""


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
class OddHosts:
    """Hosts that are odd on purpose, and were taken for like the others of a sample that they were not in."""

    missed: int
    bound: float
    """How many hosts may be missed, by what the samples' own bounds say of all the names left to them."""

    @property
    def is_within_bound(self) -> bool:
        """Whether as many were missed as inference may miss."""
        return self.missed <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A run against the truth."""

    columns: list[ColumnAgreement] = field(default_factory=list)
    rows: list[RowAgreement] = field(default_factory=list)
    sampled: int = 0
    """Endpoints left to a sample: their verdicts are compared, but not their sessions."""
    odd: OddHosts = field(default_factory=lambda: OddHosts(missed=0, bound=0.0))
    """Within the bound, what follows from them is not compared."""

    @property
    def disagreements(self) -> int:
        """Values that differ, plus rows missing and extra."""
        differing = sum(column.compared - column.agreed for column in self.columns)
        return differing + sum(row.missing + row.extra for row in self.rows)


def compare(run_folder: Path, truth_folder: Path) -> Comparison:
    """Compare every declared column of every table. Raises TruthError."""
    sampled = _sampled(run_folder)
    missed, bound = _missed_odd_hosts(run_folder, truth_folder, sampled)
    odd = OddHosts(missed=len(missed), bound=bound)
    comparison = Comparison(sampled=len(sampled), odd=odd)
    aside = _following(missed, run_folder, truth_folder) if odd.is_within_bound else {}
    for table in TRUTH_KEYS:
        sides = _Sides(run_folder, truth_folder, table, sampled, aside.get(table, frozenset()))
        comparison.rows.append(sides.row_agreement())
        comparison.columns.extend([sides.column_agreement(path) for path in sides.paths])
    return comparison


def _sampled(run_folder: Path) -> frozenset[Key]:
    """Return MX host and address of what the run left to a sample."""
    sessions = _read_parts(run_folder / "sessions")
    failures = _column(sessions, "failure")
    if failures is None:
        return frozenset()
    keys = _keys(sessions, _ENDPOINT)
    return frozenset(k for k, failure in zip(keys, failures.to_pylist(), strict=True) if failure == "sampled")


def _missed_odd_hosts(
    run_folder: Path, truth_folder: Path, sampled: frozenset[Key]
) -> tuple[frozenset[Key], float]:
    """Return the odd hosts (with address) whose inferred verdict is wrong, and how many those may be."""
    odd_hosts = _odd_hosts(truth_folder)
    if not odd_hosts or not sampled:
        return frozenset(), 0.0
    sides = _Sides(run_folder, truth_folder, "session_verdicts", sampled)
    bounds = _column(sides.run, "sample_bound")
    if bounds is None:
        return frozenset(), 0.0
    keys = _keys(sides.run, _ENDPOINT)
    inferred = {k: bound for k, bound in zip(keys, bounds.to_pylist(), strict=True) if bound is not None}
    wrong = {
        sides.keys[n]
        for path in sides.paths
        for n, expected, found in sides.values(path)
        if expected != found
    }
    return frozenset(wrong & inferred.keys() & odd_hosts), sum(inferred.values())


def _odd_hosts(truth_folder: Path) -> set[Key]:
    file = truth_folder / ODD_HOSTS_FILE
    if not file.exists():
        return set()
    with file.open(encoding="ascii", newline="") as lines:
        return {(row["mx_host"], row["address"]) for row in csv.DictReader(lines)}


def _following(missed: frozenset[Key], run_folder: Path, truth_folder: Path) -> dict[str, frozenset[Key]]:
    """Return the keys of the rows that cannot be right where these hosts were missed, by table."""
    if not missed:
        return {}
    hosts = {mx_host for mx_host, _ in missed}
    domains, sessions = _read_parts(run_folder / "domains"), _read(truth_folder / "sessions.parquet")
    records, chains = _column(domains, "mx.records"), sessions.column("tls.chain")
    assert records is not None
    return {
        "session_verdicts": missed,
        "domain_verdicts": frozenset(
            key
            for key, named in zip(_keys(domains, ("domain",)), records.to_pylist(), strict=True)
            if any(record["exchange"] in hosts for record in named)
        ),
        "certificates": frozenset(
            (digest,)
            for key, chain in zip(_keys(sessions, _ENDPOINT), chains.to_pylist(), strict=True)
            if key in missed
            for digest in chain or ()
        ),
    }


def confusion(run_folder: Path, truth_folder: Path, table: str, column: str) -> list[tuple[Any, Any, int]]:
    """Return (expected, found, rows) of one column, the most frequent first. Raises TruthError."""
    sides = _Sides(run_folder, truth_folder, table, _sampled(run_folder))
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

    def __init__(
        self,
        run_folder: Path,
        truth_folder: Path,
        table: str,
        sampled: Collection[Key],
        aside: Collection[Key] = (),
    ) -> None:
        if table not in TRUTH_KEYS:
            raise TruthError(f"{table}: there is no such table")
        self.table = table
        self.truth, self.run = _read(truth_folder / f"{table}.parquet"), _read_parts(run_folder / table)
        names = TRUTH_KEYS[table]
        self.paths = [path for path in self.truth.column_names if path not in (*names, UNDECLARED)]
        self.keys = _keys(self.truth, names)
        self._sampled, self._aside = sampled, aside
        self._uncounted = self._uncounted_endpoints()
        positions = {key: n for n, key in enumerate(self.keys) if self._is_compared(key)}
        self.expected = len(positions)
        self.extra: list[Key] = []
        self.pairs: dict[int, int] = {}
        found = _keys(self.run, names)
        for n, key in enumerate(found):
            position = positions.get(key)
            if position is not None and position not in self.pairs:
                self.pairs[position] = n
            elif self._is_compared(key):
                self.extra.append(key)
        self.missing = [key for key, n in positions.items() if n not in self.pairs]
        self.missing += sorted(self._uncounted - {key[:2] for key in found})
        self.undeclared = self.truth.column(UNDECLARED).to_pylist()
        self.sometimes_undeclared = {path for paths in self.undeclared for path in paths}

    def _uncounted_endpoints(self) -> set[Key]:
        """Return the endpoints of which the truth cannot say how many sessions this run should have."""
        if self.table != "sessions":
            return set()
        endpoints = {key[:2] for key in self.keys}
        return (endpoints & set(self._sampled)) | {key[:2] for key in self.keys if key[2] is ANY_ATTEMPT}

    def _is_compared(self, key: Key) -> bool:
        return key not in self._aside and key[:2] not in self._uncounted

    def row_agreement(self) -> RowAgreement:
        return RowAgreement(
            table=self.table,
            expected=self.expected,
            found=self.run.num_rows,
            missing=len(self.missing),
            extra=len(self.extra),
            missing_examples=tuple(Disagreement(key=key) for key in sorted(self.missing)[:MAX_EXAMPLES]),
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
        aligned = list(zip(self.pairs, expected, values, strict=True))
        if path in self.sometimes_undeclared:
            aligned = [entry for entry in aligned if path not in self.undeclared[entry[0]]]
        if self.table == "session_verdicts" and path in _OF_THE_SESSION_ASKED:
            aligned = [entry for entry in aligned if self.keys[entry[0]] not in self._sampled]
        return aligned


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
