"""Who looks up MX records in the DNS benchmarks: the command of each, and how its answers are read."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from crawler.storing.run_folder import RunFolder
from tests.benchmarks.mail_names import Answer, number_of, truth_of
from tests.servers.namespace import ROOT

Answers = Iterator[tuple[str, Answer]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to look up a list of names."""

    name: str
    command: Callable[[Path, Path, str], list[str]]
    """From the list, an empty folder for what is written, and the resolver as address:port."""
    read_answers: Callable[[Path], Answers]
    """From that folder."""
    why_missing: Callable[[], str | None] = lambda: None
    """Why it cannot take part on this machine, if it cannot."""
    limit: str | None = None
    """Of a program that does much less than a survey: what it is the limit of."""


def all_here() -> tuple[list[Contestant], dict[str, str]]:
    """Return the contestants that are here, ours first, and why each of the others is missing."""
    reasons = {contestant: contestant.why_missing() for contestant in (OURS, *_PEERS)}
    here = [contestant for contestant, reason in reasons.items() if reason is None]
    return here, {contestant.name: reason for contestant, reason in reasons.items() if reason is not None}


def _unless_on_path(program: str) -> Callable[[], str | None]:
    return lambda: None if shutil.which(program) else f"no {program} on PATH"


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
    return _read_lines_of_zdns(folder / "zdns.jsonl")


def _read_lines_of_zdns(path: Path) -> Answers:
    for line in _json_lines(path):
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


# --- a bare loop in Go ---------------------------------------------------------------------------------

_GO_SOURCE = Path(__file__).parent / "go_dns"
_GO_PROGRAM = ROOT / ".cache" / "bench-dns" / "go-dns"


def _build_go_dns() -> str | None:
    """Build the program, which takes a moment the second time; return why that failed, if it did."""
    go = shutil.which("go")
    if go is None:
        return "no go on PATH"
    built = subprocess.run(
        [go, "build", "-buildvcs=false", "-o", str(_GO_PROGRAM), "."],
        cwd=_GO_SOURCE,
        # The versions and hashes in go.mod and go.sum, or none.
        env={**os.environ, "GOFLAGS": "-mod=readonly", "CGO_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return f"go build: {built.stderr.strip()}" if built.returncode else None


def _go_dns_command(names: Path, folder: Path, resolver: str) -> list[str]:
    return [str(_GO_PROGRAM), str(names), str(folder / "go-dns.jsonl"), resolver]


def _read_go_dns(folder: Path) -> Answers:
    return _read_lines_of_zdns(folder / "go-dns.jsonl")


_PEERS = (
    Contestant("zdns", _zdns_command, _read_zdns, _unless_on_path("zdns")),
    Contestant(
        "go-dns",
        _go_dns_command,
        _read_go_dns,
        _build_go_dns,
        limit="a bare loop on miekg/dns, the Go library under zdns, without what makes a scanner; not zdns",
    ),
    Contestant(
        "massdns",
        _massdns_command,
        _read_massdns,
        _unless_on_path("massdns"),
        limit="looking up names in C, and nothing else",
    ),
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
