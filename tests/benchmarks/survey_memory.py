"""`make bench-survey-memory`: the whole survey of ever longer lists on the lab; its memory must not grow.

The lab is populated from the list, its hosts shared as its profile says. A list that takes too long for one
sitting is surveyed in slices (--slice-seconds): stopped, and gone on with by the same command.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.benchmarks.measuring import FailedError, machine, say
from tests.benchmarks.survey_names import write_names
from tests.benchmarks.survey_usage import COORDINATOR, LAB, STAGES, STOPPED, WORKER, Usage, add, survey

MAY_GROW_TO = 1.1
"""The aim: each kind of process's peak, relative to that of the shortest list."""
MAY_HOLD_OCTETS = 400_000_000
"""The aim: any process of the survey."""
MAY_TAKE_SECONDS = 45 * 60.0
"""The aim: a million names, from list to report, the lab included."""
_OURS = (COORDINATOR, WORKER)


def main() -> None:
    """Measure and print; exit with 1 if an aim is missed, 3 if a list is not surveyed to its end yet."""
    parser = argparse.ArgumentParser(prog="make bench-survey-memory", description=__doc__)
    parser.add_argument("--names", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--profile", default="dotgov", help="of the lab")
    parser.add_argument(
        "--folder", type=Path, help="where the runs are made; they stay, and are gone on with"
    )
    parser.add_argument("--slice-seconds", type=float, help="stop a list after so long")
    given = parser.parse_args()
    say(machine())
    folder = given.folder or Path(tempfile.mkdtemp(prefix="bench-survey-"))
    folder.mkdir(exist_ok=True)
    try:
        used = {count: measured(folder, count, given.profile, given.slice_seconds) for count in given.names}
    except FailedError as error:
        sys.stderr.write(f"bench-survey-memory: {error}\n")
        sys.exit(2)
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    sys.exit(not report(used))


def measured(folder: Path, count: int, profile: str, slice_seconds: float | None) -> Usage:
    """Survey so many names, or go on with it, and return what all slices of it used."""
    names, run, notes = folder / f"{count}.txt", folder / f"run-{count}", folder / f"used-{count}.json"
    if not names.exists():
        write_names(names, count)
    before = json.loads(notes.read_text()) if notes.exists() else {}
    if before.get("is_finished"):
        finished: Usage = before["used"]
        return finished
    command = [sys.executable, "-m", "crawler", "run", str(names), "--out", str(run), "--lab"]
    status, used = survey([*command, "--profile", profile], run, folder / f"output-{count}", slice_seconds)
    used = add(before.get("used", {}), used)
    notes.write_text(json.dumps({"is_finished": status == 0, "used": used}))
    show(count, used)
    if status == STOPPED:
        say(f"{count:,} names: stopped; the same command goes on")
        sys.exit(STOPPED)
    return used


def show(count: int, used: Usage) -> None:
    """Print what one survey used, stage by stage."""
    say(
        f"\n{count:,} names" + " " * 8 + "s    CPU s: coordinator  workers      lab    peak MB: each of these"
    )
    for stage in STAGES:
        if stage in used:
            say(f"{stage:<10}" + _line(used[stage]["seconds"], used[stage]["cpu"], used[stage]["peak"]))
    seconds = sum(entry["seconds"] for entry in used.values())
    kinds = (COORDINATOR, WORKER, LAB)
    cpu = {kind: sum(entry["cpu"].get(kind, 0.0) for entry in used.values()) for kind in kinds}
    say(f"{'all':<10}" + _line(seconds, cpu, peaks(used)))
    ours = sum(cpu[kind] for kind in _OURS)
    say(f"CPU ms per domain: {1e3 * ours / count:.2f} ours, {1e3 * cpu[LAB] / count:.2f} the lab")


def _line(seconds: float, cpu: Mapping[str, float], peak: Mapping[str, float]) -> str:
    columns = [
        f"{cpu.get(kind, 0.0):>{width}.1f}" for kind, width in ((COORDINATOR, 20), (WORKER, 9), (LAB, 9))
    ]
    columns += [
        f"{peak.get(kind, 0) / 1e6:>{width}.0f}" for kind, width in ((COORDINATOR, 23), (WORKER, 9), (LAB, 8))
    ]
    return f"{seconds:>10.1f}" + "".join(columns)


def peaks(used: Usage) -> dict[str, int]:
    """Return the peak of each kind of process over all stages."""
    kinds = {kind for entry in used.values() for kind in entry["peak"]}
    return {kind: max(entry["peak"].get(kind, 0) for entry in used.values()) for kind in kinds}


def report(used: Mapping[int, Usage]) -> bool:
    """Print how the peaks compare; tell whether all aims are reached."""
    shortest = peaks(used[min(used)])
    is_reached = True
    for count, entry in used.items():
        of_this = peaks(entry)
        seconds = sum(stage["seconds"] for stage in entry.values())
        shown = [
            f"{kind} {of_this[kind] / 1e6:.0f} MB, x {of_this[kind] / shortest[kind]:.2f}" for kind in _OURS
        ]
        say(f"{count:,} names in {seconds:.0f} s: {'; '.join(shown)}")
        is_reached &= all(of_this[k] <= min(MAY_HOLD_OCTETS, MAY_GROW_TO * shortest[k]) for k in _OURS)
        is_reached &= seconds <= MAY_TAKE_SECONDS
    verdict = "reached" if is_reached else "not reached"
    aims = f"x {MAY_GROW_TO}, {MAY_HOLD_OCTETS / 1e6:.0f} MB a process, {MAY_TAKE_SECONDS / 60:.0f} minutes"
    say(f"aims: at most {aims}: {verdict}")
    return is_reached


if __name__ == "__main__":
    main()
