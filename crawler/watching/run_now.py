"""What a run at work is at now, kept in its folder for who asks how it stands."""

import contextlib
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from crawler.storing.run_folder import RunFolder
from crawler.watching.stage_progress import StageProgress
from crawler.watching.watched import Watcher

SECONDS = 10.0
"""Between two times that it is written down."""
_STALE = timedelta(seconds=6 * SECONDS)
_NAME = "now.json"


class RunNow(Watcher):
    """Writes it down now and then. That fails quietly: the run does not need it."""

    def __init__(self, run: RunFolder, clock: Callable[[], float] = time.monotonic) -> None:
        """Name the run."""
        self._run = run
        self._clock = clock
        self._next = 0.0

    def begun(self, stage: StageProgress) -> None:
        """Write down that a stage begins."""
        self._write(stage)

    def advanced(self, stage: StageProgress) -> None:
        """Write down how far it is, if it is time."""
        if self._clock() >= self._next:
            self._write(stage)

    def noted(self, _text: str, stage: StageProgress) -> None:
        """Write down whether it waits."""
        self._write(stage)

    def _write(self, stage: StageProgress) -> None:
        self._next = self._clock() + SECONDS
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with contextlib.suppress(OSError):
            self._run.write_work_text(_NAME, json.dumps({"at": at, **stage.standing()}) + "\n")


def read_now(run: RunFolder, now: datetime) -> dict[str, Any] | None:
    """Return what a run that a process works on is at; None: it has not said so lately."""
    try:
        standing: dict[str, Any] = json.loads(run.work_path(_NAME).read_text(encoding="utf-8"))
        is_fresh = abs(now - datetime.fromisoformat(standing["at"])) < _STALE
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return standing if is_fresh else None
