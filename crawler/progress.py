"""How a run is going, on the terminal: a live line per stage, or plain lines now and then elsewhere."""

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

PLAIN_LINE_SECONDS = 10.0
"""Between two plain lines of one stage."""
FAILURES_SHOWN = 4


class _Stage:
    """The count of one stage."""

    def __init__(self, name: str, total: int, done: int) -> None:
        self.name = name
        self.total = total
        self.done = done
        self.failures: Counter[str] = Counter()
        self.is_paused = False
        self._done_before = done
        self._started = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def rate(self) -> float:
        """Rows per second since the stage began in this process."""
        return (self.done - self._done_before) / max(self.seconds(), 0.001)

    def time_left(self) -> str:
        left = self.total - self.done
        if left <= 0:
            return "done"
        if self.is_paused:
            return "paused"
        if self.rate() <= 0:
            return "? left"
        seconds = round(left / self.rate())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left"

    def failures_text(self) -> str:
        if not self.failures:
            return "no failures"
        shown = [f"{word} {count:,}" for word, count in self.failures.most_common(FAILURES_SHOWN)]
        if len(self.failures) > FAILURES_SHOWN:
            shown.append("…")
        return ", ".join(shown)


class LiveProgress:
    """Shows stage, done / total, rate, failures by class and time left."""

    def __init__(self, console: Console) -> None:
        """Show on a console: live if it is a terminal, else line by line."""
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=16),
            TextColumn("{task.completed:,} / {task.total:,}", justify="right"),
            TextColumn("{task.fields[rate]}", justify="right"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", justify="right"),
            # Only this one is cut where the terminal is narrow.
            TextColumn("[dim]{task.fields[failures]}", table_column=Column(no_wrap=True, ratio=1)),
            console=console,
            expand=True,
            disable=not console.is_terminal,
        )
        self._stage = _Stage("", 0, 0)
        self._task = TaskID(0)
        self._next_line = 0.0

    def __enter__(self) -> Self:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the terminal."""
        self._progress.stop()

    def begin(self, stage: str, total: int, done: int) -> None:
        """Begin a stage."""
        self._stage = _Stage(stage, total, done)
        self._task = self._progress.add_task(stage, total=total, completed=done, **self._fields())
        self._next_line = time.monotonic() + PLAIN_LINE_SECONDS

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        """Count what was done."""
        self._stage.done += done
        self._stage.failures.update(failures)
        self._progress.update(self._task, advance=done, **self._fields())
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PLAIN_LINE_SECONDS
            self._plain_line()

    def note(self, text: str, *, paused: bool = False) -> None:
        """Say something about the run as a whole, above the live lines.

        paused: the run waits from now on, to the next note or stage.
        """
        self._console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
        self._stage.is_paused = paused
        if self._stage.name:
            self._progress.update(self._task, **self._fields())

    def end(self) -> None:
        """End the stage."""
        self._plain_line()

    def _fields(self) -> dict[str, Any]:
        return {
            "rate": f"{self._stage.rate():,.0f}/s",
            "left": self._stage.time_left(),
            "failures": self._stage.failures_text(),
        }

    def _plain_line(self) -> None:
        if self._console.is_terminal:
            return
        stage = self._stage
        self._console.print(
            f"{stage.name}: {stage.done:,} / {stage.total:,}, {stage.rate():,.0f}/s, "
            f"{stage.seconds():.0f} s, {stage.time_left()}; {stage.failures_text()}",
            highlight=False,
            soft_wrap=True,
        )
