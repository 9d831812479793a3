"""The watch over this machine's own network: control hosts, asked before the sessions and through."""

import contextlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import trio

from crawler.control import ControlCheck, check_control_hosts
from crawler.control_checks import record_checks, remember
from crawler.engine import Interruption
from crawler.settings import Settings
from crawler.storing.run_folder import RunFolder
from crawler.watching.feedback import Feedback

_RECHECK_SECONDS = 5.0
"""After a check that failed: one lost packet must not pause a run."""
_WAITING_SECONDS = 30.0
"""Between two checks while the run waits."""
_LOOK_SECONDS = 0.1
"""How often a waiting run looks whether it may go on, or shall stop."""

UNGUARDED = "no control hosts are set: a blocked port 25 would pass for an internet without STARTTLS"


class ControlWatch:
    """Asks the control hosts now and then, in a thread of its own, from `begin` to the end of the context.

    Two checks in a row that fail are a problem; one that is well ends it.
    """

    def __init__(
        self,
        run: RunFolder,
        settings: Settings,
        feedback: Feedback,
        interruption: Interruption,
        *,
        ask: Callable[[Settings], Awaitable[ControlCheck]] = check_control_hosts,
        recheck_seconds: float = _RECHECK_SECONDS,
        waiting_seconds: float = _WAITING_SECONDS,
    ) -> None:
        """Prepare; nothing is asked yet."""
        self._run = run
        self._settings = settings
        self._feedback = feedback
        self._interruption = interruption
        self._ask = ask
        self._recheck_seconds = min(recheck_seconds, settings.control_interval_seconds)
        self._waiting_seconds = waiting_seconds
        self._has_failed = False
        self._problem: str | None = None
        self._is_well = threading.Event()
        self._is_begun = False
        self._loop = _LoopThread(self.watch)
        self._lock = threading.Lock()
        self.checks: list[dict[str, Any]] = []
        """What `remember` keeps of the checks that are not in run.json yet."""
        self._totals = Counter(made=0, failed=0)

    def __enter__(self) -> Self:
        """Give the watch, which does not watch yet."""
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the watch, breaking off a check under way, and write into run.json what was seen."""
        self._loop.end()
        self.record()

    @property
    def problem(self) -> str | None:
        """What is wrong with this network now and what to do, in one line; None: nothing.

        Raises what crashed the watch.
        """
        self._loop.raise_crash()
        return self._problem

    def begin(self) -> None:
        """Begin to watch, and return when the network is well. Raises StoppedError if the user interrupts."""
        is_guarded, is_first = bool(self._settings.control_hosts), not self._is_begun
        self._is_begun = True
        if is_first and not is_guarded:
            self._feedback.note(UNGUARDED)
        if is_first and is_guarded:
            self._loop.start()
        if is_guarded:
            self._await_well_network()

    def _await_well_network(self) -> None:
        told = None
        while not self._is_well.wait(_LOOK_SECONDS):
            self._interruption.check()
            problem = self.problem
            if problem is not None and problem != told:
                again = f"asking again every {self._waiting_seconds:g} s, Ctrl-C stops"
                self.record()
                self._feedback.note(f"this network cannot survey: {problem} ({again})", paused=True)
                told = problem
        if told is not None:
            self._feedback.note("goes on: the control hosts answer")

    def record(self) -> None:
        """Write into run.json what was seen since the last time."""
        with self._lock:
            checks, self.checks = self.checks, []
            totals, self._totals = self._totals, Counter(made=0, failed=0)
        record_checks(self._run, checks, totals)

    async def watch(self) -> None:
        """Ask for ever."""
        while True:
            check = await self._ask(self._settings)
            is_well = check.problem is None
            with self._lock:
                remember(self.checks, check.entry())
                self._totals.update(made=1, failed=int(not is_well))
            self._feedback.checked(is_well)
            await trio.sleep(self._learn(check))

    def _learn(self, check: ControlCheck) -> float:
        """Take in a check; return the seconds to the next."""
        problem = check.problem
        if problem is None:
            self._has_failed, self._problem = False, None
            self._is_well.set()
            return self._settings.control_interval_seconds
        if not self._has_failed:
            self._has_failed = True
            return self._recheck_seconds
        self._problem = problem
        self._is_well.clear()
        return self._waiting_seconds


class _LoopThread:
    """A trio loop in a thread, which ends when told."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._thread = threading.Thread(target=self._run, name="control hosts", daemon=True)
        self._has_begun = threading.Event()
        self._scope = trio.CancelScope()
        self._token: trio.lowlevel.TrioToken | None = None
        self._crash: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        if self._thread.ident is None:
            return
        self._has_begun.wait()
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)
        self._thread.join()

    def raise_crash(self) -> None:
        if self._crash is not None:
            raise self._crash

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:
            # It is raised again in the thread that asks.
            self._crash = error
        finally:
            self._has_begun.set()

    async def _main(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._has_begun.set()
        with self._scope:
            await self._work()
