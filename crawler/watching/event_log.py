"""The log of a run for programs: one JSON object a line (`docs/watching.md` names events and keys)."""

import json
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from crawler.terminal import complain
from crawler.watching.stage_progress import StageProgress
from crawler.watching.watched import Watcher

PROGRESS_SECONDS = 10.0
"""Between two `progress` lines of a stage."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class EventLog(Watcher):
    """Appends to a file; each line stands there whole or not at all.

    A log that cannot be written ends, and says so; the run does not end with it.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Name the file; nothing is opened yet."""
        self._path = path
        self._clock = clock
        self._now = now
        self._file: int | None = None
        self._writing = threading.Lock()
        self._run_id: str | None = None
        self._is_paused = False
        self._next_progress = 0.0

    def __enter__(self) -> Self:
        """Open the file. Raises OSError."""
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if _is_cut(self._path):
            os.write(self._file, b"\n")
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def begin_run(self, run_id: str, facts: Mapping[str, Any]) -> None:
        """Write what is run, and with what."""
        self._run_id = run_id
        self._write("run_started", facts)

    def end_run(self, exit_status: int, message: str | None, summary: Mapping[str, Any] | None) -> None:
        """Write how the run ended; `message`: why, if it ended early; `summary`: what it came to, if done."""
        self._write("run_ended", {"exit_status": exit_status, "message": message, "summary": summary})

    def begun(self, stage: StageProgress) -> None:
        """Write that a stage begins."""
        self._is_paused = False
        self._next_progress = self._clock() + PROGRESS_SECONDS
        self._write(
            "stage_started",
            {
                "stage": stage.name,
                "total": stage.total,
                "done": stage.done,
                "least_seconds": round(stage.least_seconds, 1),
            },
        )

    def advanced(self, stage: StageProgress) -> None:
        """Write how far it is, now and then."""
        if self._clock() >= self._next_progress:
            self._next_progress = self._clock() + PROGRESS_SECONDS
            self._write("progress", stage.standing())

    def noted(self, text: str, stage: StageProgress) -> None:
        """Write a note; the first one after a pause ends it."""
        went_on = self._is_paused and not stage.is_paused
        self._is_paused = stage.is_paused
        event = "paused" if stage.is_paused else "went_on" if went_on else "note"
        self._write(event, {"stage": stage.name or None, "text": text})

    def checked(self, is_well: bool) -> None:
        """Write how a check of the control hosts ended."""
        self._write("control_check", {"is_well": is_well})

    def ended(self, stage: StageProgress) -> None:
        """Write what a stage came to."""
        self._write(
            "stage_ended",
            {
                "stage": stage.name,
                "total": stage.total,
                "done": stage.done,
                "failures": dict(stage.failures),
                "seconds": round(stage.seconds(), 3),
            },
        )

    def _write(self, event: str, facts: Mapping[str, Any]) -> None:
        at = self._now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps({"at": at, "event": event, "run_id": self._run_id, **facts}, ensure_ascii=False)
        with self._writing:  # the watch of the control hosts has a thread of its own
            if self._file is None:
                return
            try:
                _append(self._file, f"{line}\n".encode())
            except OSError as error:
                os.close(self._file)
                self._file = None
                complain(f"{self._path}: {error.strerror}; the log ends here")


def _is_cut(path: Path) -> bool:
    """Tell whether a file's last line has no end: only a power cut leaves one so."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _append(file: int, line: bytes) -> None:
    """Append a line, or raise OSError and leave nothing of it in a regular file."""
    written = os.write(file, line)
    if written == len(line):
        return
    if stat.S_ISREG(os.fstat(file).st_mode):
        os.ftruncate(file, os.fstat(file).st_size - written)
    os.write(file, line)  # the system says why there is no room
