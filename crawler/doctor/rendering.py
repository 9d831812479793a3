"""Findings as lines for the terminal."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from crawler.doctor.subject import Finding, State

_COLOURS = {
    State.OK: "green",
    State.WARNING: "yellow",
    State.FAILED: "red",
    State.UNKNOWN: "cyan",
    State.SKIPPED: "bright_black",
}
_MARGIN = max(map(len, State)) + 2


def render(findings: Iterable[Finding]) -> Iterator[Text]:
    """Return one line for each finding, and one more for what to do where something is to be done."""
    for finding in findings:
        state = finding.state
        yield Text.assemble(
            (f"{state:<{_MARGIN}}", _COLOURS[state]), (finding.name, "bold"), f": {finding.detail}"
        )
        if finding.remedy is not None:
            yield Text(" " * _MARGIN + f"to do: {finding.remedy}")
