"""The judge stage: from observations to verdicts, without the network; can be run again at any time."""

import contextlib
import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from crawler.engine import Feedback, Interruption, StoppedError, sigint_blocked
from crawler.lane import REPORT_SECONDS
from crawler.outcomes import Outcome
from crawler.processes import end_with_parent
from crawler.records import AddressLookup, Certificate, SessionVerdict, TlsaLookup
from crawler.schema import record_maker
from crawler.stage import Row, read_work, shard_sizes
from crawler.storage import RunFolder
from crawler.verdict_lists import list_routes, list_sessions
from crawler.verdicts.domain import SeenRoute, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.routes import Route
from crawler.verdicts.session import Endpoint, SessionFacts, judge_session

_ROWS_BEFORE_PROCESSES = 5_000
"""A run of fewer rows is judged sooner than worker processes have started."""

_Judged: TypeAlias = tuple[int, Mapping[str, int]]
"""Rows judged, and what is wrong among them by word, for the live display."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a worker process is told: one shard."""

    folder: Path
    root_store: str
    at: datetime | None
    shard: int


def judge(
    run: RunFolder,
    root_store: str,
    feedback: Feedback,
    interruption: Interruption,
    *,
    at: datetime | None = None,
    workers: int = 1,
) -> None:
    """Judge every session, then every domain, against a root store; earlier verdicts are replaced.

    at: the time at which all validity is judged; None: each session's and fetch's own start. Raises
    RootStoreError before it replaces anything, StoppedError when the user interrupts.
    """
    RootStore.load(root_store)
    for table in ("session_verdicts", "domain_verdicts"):
        run.remove_parts(table)
    list_sessions(run)
    sessions = shard_sizes(run, "judged")
    rows = sum(sessions.values()) + run.count("domains")
    feedback.begin("judge", rows, 0)
    with _pool(1 if rows <= _ROWS_BEFORE_PROCESSES else workers) as executor:

        def judge_all(judge_shard: Callable[[_Task], _Judged], shards: Iterable[int]) -> None:
            tasks = [_Task(folder=run.path, root_store=root_store, at=at, shard=shard) for shard in shards]
            for judged in _results(judge_shard, tasks, executor, interruption):
                feedback.advance(*judged)

        judge_all(_judge_sessions, sessions)
        if not sessions:  # a table without rows still has its schema
            run.write_part("session_verdicts", 0, [])
        list_routes(run)
        judge_all(_judge_domains, run.shards("domains"))
    feedback.end()


@contextlib.contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    """Give worker processes, or None for one: it would only stand beside this one, which waits."""
    if workers == 1:
        yield None
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as executor:
        yield executor


def _results(
    judge_shard: Callable[[_Task], _Judged],
    tasks: list[_Task],
    executor: Executor | None,
    interruption: Interruption,
) -> Iterator[_Judged]:
    """Have each shard judged, and give what it came to as soon as it is done."""
    if executor is None:
        for task in tasks:
            interruption.check()
            yield judge_shard(task)
        return
    with sigint_blocked():
        pending = {executor.submit(judge_shard, task) for task in tasks}
    try:
        while pending:
            finished, pending = wait(pending, timeout=REPORT_SECONDS, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
            interruption.check()
    except BrokenProcessPool:
        raise StoppedError("a worker process of stage judge died") from None
    finally:
        for future in pending:
            future.cancel()


# --- in a worker process -------------------------------------------------------------------------------


def _judge_sessions(task: _Task) -> _Judged:
    run = RunFolder(task.folder)
    pkix = _pkix_judge(run, task, "judged_certificates")
    verdicts = [
        judge_session(
            _endpoint(row), _make_facts(row["facts"]), pkix, sample_size=row["sample_size"], at=task.at
        )
        for row in read_work(run, "judged", task.shard)
    ]
    run.write_part("session_verdicts", task.shard, verdicts)
    return len(verdicts), _failures(verdicts)


def _pkix_judge(run: RunFolder, task: _Task, certificates: str) -> PkixJudge:
    """Return the judge of one shard: it knows the certificates of that alone."""
    make = record_maker(Certificate)
    known = {row["sha256"]: make(row) for row in read_work(run, certificates, task.shard)}
    return PkixJudge(RootStore.load(task.root_store), known)


_make_address_lookup = record_maker(AddressLookup)
_make_tlsa_lookup = record_maker(TlsaLookup)


_make_facts = record_maker(SessionFacts)
_make_route = record_maker(Route)


def _endpoint(row: Row) -> Endpoint:
    own, expanded, looked_up = row["tlsa"], row["tlsa_expanded"], row["looked_up"]
    return Endpoint(
        mx_host=row["mx_host"],
        address=row["address"],
        looked_up=looked_up and _make_address_lookup(looked_up),
        tlsa=own and _make_tlsa_lookup(own),
        tlsa_expanded=expanded and _make_tlsa_lookup(expanded),
    )


def _failures(verdicts: list[SessionVerdict]) -> Counter[str]:
    """Count for the live display what is wrong: an outcome, or with TLS the certificate's reason."""
    words = (v.reason if v.outcome is Outcome.TLS_OK else v.outcome for v in verdicts)
    return Counter(word for word in words if word is not None)


def _judge_domains(task: _Task) -> _Judged:
    run = RunFolder(task.folder)
    pkix = _pkix_judge(run, task, "routes_certificates")
    policies = {policy.domain: policy for policy in run.read_part("sts_policies", task.shard)}
    routes: defaultdict[str, list[SeenRoute]] = defaultdict(list)
    for row in read_work(run, "routes", task.shard):
        routes[row["domain"]].append(SeenRoute(_make_route(row), row["leaf"]))
    judged = [
        judge_domain(domain, policies.get(domain.domain), routes[domain.domain], pkix, at=task.at)
        for domain in run.read_part("domains", task.shard)
    ]
    run.write_part("domain_verdicts", task.shard, judged)
    return len(judged), {}
