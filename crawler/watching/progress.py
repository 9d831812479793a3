"""How a run is going, on the terminal: a live line per stage, or plain lines now and then elsewhere."""

import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from crawler.watching.stage_progress import StageProgress
from crawler.watching.watched import Watcher

PLAIN_LINE_SECONDS = 10.0
"""Between two plain lines of one stage."""
COUNTS_SHOWN = 4


class _Bars(Progress):
    """Bars, and below them what the rows of the last one wait for."""

    waits = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.waits:
            yield Text(f"  {self.waits}", style="dim", no_wrap=True, overflow="ellipsis")


class LiveProgress(Watcher):
    """Shows stage, done / total, rate, failures by class, time left, and what rows wait for."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """Show on a console: live if it is a terminal, else line by line."""
        self._console = console
        self._clock = clock
        self._bars = _Bars(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=10),
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
        self._task: TaskID | None = None
        self._next_line = 0.0

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bars.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state on the terminal."""
        self._bars.waits = ""
        self._bars.stop()

    def begun(self, stage: StageProgress) -> None:
        """Begin a line; a stage without rows has none."""
        self._next_line = self._clock() + PLAIN_LINE_SECONDS
        self._task = None
        if stage.total:
            self._task = self._bars.add_task(
                stage.name, total=stage.total, completed=stage.done, **_fields(stage)
            )

    def advanced(self, stage: StageProgress) -> None:
        """Show how far it is."""
        self._show(stage)
        if self._clock() >= self._next_line:
            self._next_line = self._clock() + PLAIN_LINE_SECONDS
            self._plain_line(stage)

    def noted(self, text: str, stage: StageProgress) -> None:
        """Say it above the live lines."""
        self._show(stage)
        self._bars.refresh()
        self._console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def ended(self, stage: StageProgress) -> None:
        """Show where it ended."""
        self._show(stage)
        self._plain_line(stage)

    def _show(self, stage: StageProgress) -> None:
        self._bars.waits = waits_text(stage.pace.waits)
        if self._task is not None:
            self._bars.update(self._task, completed=stage.done, **_fields(stage))

    def _plain_line(self, stage: StageProgress) -> None:
        if not self._console.is_terminal:
            self._console.print(_line(stage), highlight=False, soft_wrap=True)


def _fields(stage: StageProgress) -> dict[str, Any]:
    return {"rate": rate_text(stage.rate()), "left": _left(stage), "failures": counts_text(stage.failures)}


def _line(stage: StageProgress) -> str:
    if not stage.total:
        return f"{stage.name}: nothing to do"
    if stage.done == stage.done_before == stage.total:
        return f"{stage.name}: {stage.total:,} / {stage.total:,}, done before"
    waits = f"; {text}" if (text := waits_text(stage.pace.waits)) else ""
    return (
        f"{stage.name}: {stage.done:,} / {stage.total:,}, {rate_text(stage.rate())}, "
        f"{stage.seconds():.0f} s, {_left(stage)}; {counts_text(stage.failures) or 'no failures'}{waits}"
    )


def _left(stage: StageProgress) -> str:
    if not stage.left:
        return "done"
    if stage.is_paused:
        return "paused"
    seconds = stage.seconds_left()
    return "? left" if seconds is None else f"{duration_text(seconds)} left"


def duration_text(seconds: float) -> str:
    """Return a duration as h:mm:ss; of more than two days, the days and hours."""
    whole = round(seconds)
    if whole >= 172_800:
        return f"{whole // 86_400} d {whole // 3600 % 24} h"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def rate_text(rate: float) -> str:
    """Return rows per second; slow ones with a decimal or two."""
    if rate >= 10 or not rate:
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 1 else f"{rate:.2f}/s"


def counts_text(counts: Mapping[str, int]) -> str:
    """Return the largest counts, each with its word."""
    largest = sorted(counts.items(), key=lambda entry: -entry[1])
    shown = [f"{word} {count:,}" for word, count in largest[:COUNTS_SHOWN]]
    return ", ".join([*shown, "…"] if len(counts) > COUNTS_SHOWN else shown)


def waits_text(waits: Mapping[str, int]) -> str:
    """Return how many rows wait for their turn, and what for; nothing if none does."""
    if not any(waits.values()):
        return ""
    named = counts_text({reason.replace("_", " "): count for reason, count in waits.items() if count})
    return f"waiting {sum(waits.values()):,}: {named}"
