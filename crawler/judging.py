"""The judge stage: from observations to verdicts, without the network; can be run again at any time.

A judging that was broken off goes on (`begun_judging`): neither the verdicts on whole shards that stand nor
the work lists that they were made of are made again.
"""

import contextlib
import multiprocessing
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

from crawler import __version__
from crawler.begun_judging import VERDICTS, Basis, take_up
from crawler.engine import Interruption, StoppedError, sigint_blocked
from crawler.lane import REPORT_SECONDS
from crawler.outcomes import Outcome
from crawler.processes import begin_process
from crawler.records import AddressLookup, Certificate, SessionVerdict, TlsaLookup
from crawler.schema import record_maker
from crawler.stage import Row, read_work, shard_sizes, work_list
from crawler.storing.hold import holds
from crawler.storing.run_folder import RunFolder
from crawler.verdict_lists import ROUTE_LISTS, SESSION_LISTS, list_routes, list_sessions
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.domain import SeenRoute, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.routes import Route
from crawler.verdicts.session import Endpoint, SessionFacts, judge_session
from crawler.watching.feedback import Feedback

_ROWS_BEFORE_PROCESSES = 5_000
"""A run of fewer rows is judged sooner than worker processes have started."""

_Judged: TypeAlias = tuple[int, Mapping[str, int]]
"""Rows judged, and what is wrong among them by word, for the live display."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a worker process is told: one shard."""

    folder: Path
    root_store: Path | str
    at: datetime | None
    shard: int


def judge(
    run: RunFolder,
    root_store: Path | str,
    feedback: Feedback,
    interruption: Interruption,
    *,
    at: datetime | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    observed: Mapping[str, str] | None = None,
) -> None:
    """Judge every session, then every domain, against a root store; earlier verdicts are replaced.

    at: the time at which all validity is judged; None: each session's and fetch's own start. executor: judges
    in the place of worker processes of this machine. observed: the digest of each part file that is judged;
    with them, a judging of the same by the same that was broken off goes on, and without it begins anew.
    Raises RootStoreError before it replaces anything, StoppedError when the user interrupts.
    """
    store = RootStore.load(root_store)
    take_up(run, None if observed is None else _basis(store, at, observed))
    if not _stand(run, SESSION_LISTS):
        list_sessions(run)
    sessions = shard_sizes(run, "judged")
    rows, done = sum(sessions.values()) + run.count("domains"), sum(map(run.count, VERDICTS))
    feedback.begin("judge", rows, done)
    with _judges(rows - done, workers, executor) as judges:

        def judge_all(judge_shard: Callable[[_Task], _Judged], table: str, shards: Iterable[int]) -> None:
            missing = [shard for shard in shards if not run.has_part(table, shard)]
            tasks = [_Task(folder=run.path, root_store=root_store, at=at, shard=shard) for shard in missing]
            for judged in _results(judge_shard, tasks, judges, interruption):
                feedback.advance(*judged)

        judge_all(_judge_sessions, "session_verdicts", sessions)
        if not sessions:  # a table without rows still has its schema
            run.write_part("session_verdicts", 0, [])
        if not _stand(run, ROUTE_LISTS):
            list_routes(run)
        judge_all(_judge_domains, "domain_verdicts", run.shards("domains"))
    feedback.end()


def _stand(run: RunFolder, lists: Iterable[str]) -> bool:
    return all(work_list(run, name).exists() for name in lists)


def _basis(store: RootStore, at: datetime | None, observed: Mapping[str, str]) -> Basis:
    """Return all that verdicts depend on."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(observed.items()))
    return {
        "version": __version__,
        "rule_version": RULE_VERSION,
        "root_store": store.sha256,
        "at": None if at is None else at.isoformat(),
        "observed": sha256(lines.encode()).hexdigest(),
    }


@contextlib.contextmanager
def _judges(rows: int, workers: int, executor: Executor | None) -> Iterator[Executor | None]:
    """Give what judges: None is this process, beside which one worker process alone would only stand."""
    if rows <= _ROWS_BEFORE_PROCESSES or executor is not None or workers == 1:
        yield executor if rows > _ROWS_BEFORE_PROCESSES else None
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=begin_process, initargs=(holds(),)
    ) as executor:
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
    except BrokenExecutor as broken:
        raise StoppedError(f"stage judge: {broken}") from None
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
