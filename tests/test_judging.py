"""Which sessions are judged, and what is inferred."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest

from crawler.endpoint_lists import list_endpoints, list_remainder, list_retries, list_unsettled
from crawler.engine import Interruption
from crawler.judging import judge
from crawler.outcomes import Basis, Failure, Outcome, SessionStage
from crawler.protocol.certificate import read_certificate
from crawler.records import SessionVerdict
from crawler.settings import Settings
from crawler.stage import read_work, shard_sizes
from crawler.storage import RunFolder
from crawler.work_lists import list_domains
from tests.session_rows import ENCRYPTED, host, session

SETTINGS = Settings(hello_name="scan.example", sample_size=3)
LISTS = {
    "probe": list_endpoints,
    "remainder": list_remainder,
    "retry": list_retries,
    "settle": list_unsettled,
}
AT = "192.0.2.1"
CERTIFICATE = read_certificate(b"not a certificate")
TLS = ENCRYPTED | {"tls": replace(ENCRYPTED["tls"], chain=(CERTIFICATE.sha256,))}
TIMEOUT = {"stage": SessionStage.GREETING, "failure": Failure.TIMEOUT}


class Counts:
    """A Feedback that counts."""

    total = done = 0

    def begin(self, stage: str, total: int, done: int) -> None:
        self.total = total

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        self.done += done

    def note(self, text: str, *, paused: bool = False) -> None:
        pass

    def end(self) -> None:
        pass


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run with ten names of one provider at one address, and one beside them."""
    run = RunFolder(tmp_path)
    run.write_manifest({"run_id": "1"})
    list_domains(run, [], SETTINGS)
    hosts = [host(f"c{n}.big.example", AT, provider="big.example") for n in range(10)]
    run.write_part("mx_hosts", 0, [*hosts, host("one.example", AT, provider="one.example")])
    for table in ("domains", "sts_policies"):
        run.write_part(table, 0, [])
    run.write_part("certificates", 0, [CERTIFICATE])
    return run


def judged(run: RunFolder, *seen: dict[str, dict[str, Any]]) -> dict[str, SessionVerdict]:
    """Have each stage see what is given for its names, by what they begin with; else TLS. Then judge."""
    for number, stage in enumerate(LISTS):
        LISTS[stage](run, SETTINGS)
        for shard in shard_sizes(run, stage):
            rows = read_work(run, stage, shard)
            sessions = [_session(row, seen[number] if number < len(seen) else {}) for row in rows]
            run.write_part("sessions", shard, sessions)
    counts = Counts()
    judge(run, certifi.where(), counts, Interruption())
    verdicts = [
        v for shard in run.shards("session_verdicts") for v in run.read_part("session_verdicts", shard)
    ]
    assert len(verdicts) == len({v.mx_host for v in verdicts}) == counts.done == counts.total == 11
    return {verdict.mx_host: verdict for verdict in verdicts}


def _session(row: Mapping[str, Any], seen: dict[str, dict[str, Any]]) -> Any:
    columns = seen.get(row["mx_host"], seen.get(row["provider"], TLS))
    if row["withheld"]:
        columns = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure.SAMPLED}
    return session(row["mx_host"], row["address"], **{**columns, "attempt": row["attempt"]})


def bases(verdicts: dict[str, SessionVerdict]) -> dict[Basis, set[str]]:
    return {basis: {name for name, v in verdicts.items() if v.basis is basis} for basis in Basis}


def test_what_was_not_asked_is_inferred_from_the_sample(run: RunFolder) -> None:
    verdicts = judged(run)
    found = bases(verdicts)
    assert (len(found[Basis.DIRECT]), len(found[Basis.INFERRED])) == (4, 7)
    sample = sorted(found[Basis.DIRECT] - {"one.example"})
    for name in found[Basis.INFERRED]:
        verdict = verdicts[name]
        assert (verdict.sample_mx_host, verdict.sample_size, verdict.sample_bound) == (sample[0], 3, 1.0)
        assert (verdict.outcome, verdict.pkix_ok, verdict.attempt) == (Outcome.TLS_OK, False, 1)


def test_the_last_attempt_is_judged_and_stands_for_the_others(run: RunFolder) -> None:
    verdicts = judged(run, {"big.example": TIMEOUT, "one.example": TIMEOUT}, {}, {"one.example": TIMEOUT})
    assert (verdicts["one.example"].attempt, verdicts["one.example"].outcome) == (2, Outcome.UNREACHABLE)
    found = bases(verdicts)
    assert len(found[Basis.INFERRED]) == 7
    assert {verdicts[name].attempt for name in found[Basis.INFERRED]} == {2}
    assert {verdicts[name].outcome for name in found[Basis.INFERRED]} == {Outcome.TLS_OK}


def test_where_the_sample_agrees_no_more_each_stands_for_itself(run: RunFolder) -> None:
    odd = {f"c{n}.big.example": TLS | {"hello_code": 240 + n} for n in range(10)}
    verdicts = judged(run, {"big.example": TIMEOUT}, {}, odd)
    assert bases(verdicts)[Basis.INFERRED] == set()
    attempts = [verdict.attempt for verdict in verdicts.values()]
    assert sorted(attempts) == [1] + [2] * 10


def test_where_no_sample_was_ever_asked_nothing_is_inferred(run: RunFolder) -> None:
    backed_off = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure.BACKED_OFF}
    verdicts = judged(run, {"big.example": backed_off}, {}, {"big.example": backed_off})
    assert bases(verdicts)[Basis.INFERRED] == set()
    assert {v.outcome for name, v in verdicts.items() if name != "one.example"} == {Outcome.NOT_ATTEMPTED}
