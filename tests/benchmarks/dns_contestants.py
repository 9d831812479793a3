"""Who looks up MX records in the DNS benchmarks: the command of each, and how its answers are read."""

import json
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crawler.storing.run_folder import RunFolder
from tests.benchmarks.mail_names import Answer, number_of, truth_of

Answers = Iterator[tuple[str, Answer]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to look up a list of names."""

    name: str
    command: Callable[[Path, Path, str], list[str]]
    """From the list, an empty folder for what is written, and the resolver as address:port."""
    read_answers: Callable[[Path], Answers]
    """From that folder."""


def on_path() -> tuple[list[Contestant], list[str]]:
    """Return the contestants that are here, ours first, and the names of those that are missing."""
    present = [peer for peer in _PEERS if shutil.which(peer.name)]
    return [OURS, *present], [peer.name for peer in _PEERS if peer not in present]


# --- ours ----------------------------------------------------------------------------------------------


def survey_command(names: Path, folder: Path, resolver: str) -> list[str]:
    """Return the command of our survey, which makes its run folder in the folder."""
    return [
        sys.executable,
        "-m",
        "tests.benchmarks.mx_survey",
        str(names),
        str(folder / "run"),
        "--resolver",
        resolver,
    ]


def read_survey(folder: Path) -> Answers:
    """Return the answers in a run folder."""
    run = RunFolder(folder / "run")
    for shard in run.shards("domains"):
        rows = pq.read_table(run.part_path("domains", shard), columns=["domain", "mx"])
        for row in rows.to_pylist():
            mx = row["mx"]
            records = tuple((record["preference"], record["exchange"]) for record in mx["records"])
            yield row["domain"], (mx["status"], records)


OURS = Contestant("ours", survey_command, read_survey)


# --- zdns ----------------------------------------------------------------------------------------------


def _zdns_command(names: Path, folder: Path, resolver: str) -> list[str]:
    written = str(folder / "zdns.jsonl")
    return ["zdns", "MX", "--name-servers", resolver, "-q", "-t", "100", "-f", str(names), "-o", written]


def _read_zdns(folder: Path) -> Answers:
    for line in _json_lines(folder / "zdns.jsonl"):
        result = line["results"]["MX"]
        answers = (result.get("data") or {}).get("answers") or ()
        records = [(answer["preference"], answer["answer"]) for answer in answers if answer["type"] == "MX"]
        yield line["name"], _answer(result["status"], records)


# --- massdns -------------------------------------------------------------------------------------------


def _massdns_command(names: Path, folder: Path, resolver: str) -> list[str]:
    resolvers = folder / "resolvers.txt"
    resolvers.write_text(f"{resolver}\n")
    # Above 1,000 in flight it overruns the UDP buffers of loopback. --root: it runs as whoever runs us.
    options = ["-r", str(resolvers), "--root", "-q", "-t", "MX", "-s", "100", "-o", "J"]
    return ["massdns", *options, "-w", str(folder / "massdns.jsonl"), str(names)]


def _read_massdns(folder: Path) -> Answers:
    for line in _json_lines(folder / "massdns.jsonl"):
        answers = (line.get("data") or {}).get("answers") or ()
        pairs = (answer["data"].split() for answer in answers if answer["type"] == "MX")
        records = [(int(preference), exchange) for preference, exchange in pairs]
        yield line["name"].rstrip("."), _answer(line["status"], records)


_PEERS = (
    Contestant("zdns", _zdns_command, _read_zdns),
    Contestant("massdns", _massdns_command, _read_massdns),
)


def _json_lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _answer(status: str, records: list[tuple[int, str]]) -> Answer:
    """Return an answer in our words: those tools say NOERROR of an answer without records too."""
    word = status.lower()
    if word == "noerror" and not records:
        word = "nodata"
    return word, tuple(sorted((preference, exchange.rstrip(".")) for preference, exchange in records))


# --- the truth -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agreement:
    """How answers compare with what the zone publishes."""

    names: int
    agreed: int
    lost: int
    """Names without any answer."""
    statuses: Counter[str]

    @property
    def is_whole(self) -> bool:
        """Tell whether every name has its true answer."""
        return self.agreed == self.names

    def __str__(self) -> str:
        """Return one line."""
        statuses = ", ".join(f"{status} {count:,}" for status, count in self.statuses.most_common())
        return f"{self.agreed:,} of {self.names:,} agree with the truth, {self.lost:,} lost ({statuses})"


def compare(answers: Iterable[tuple[str, Answer]], count: int) -> Agreement:
    """Compare answers with the truth about the first names."""
    seen = bytearray(count)
    agreed = 0
    statuses: Counter[str] = Counter()
    for name, answer in answers:
        number = number_of(name)
        statuses[answer[0]] += 1
        agreed += not seen[number] and answer == truth_of(number)
        seen[number] = 1
    return Agreement(count, agreed, seen.count(0), statuses)
