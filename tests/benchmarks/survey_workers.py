"""`make bench-survey-workers`: what a second worker gains in the resolve and the probe stage.

The lab shares the cores with the workers, and two workers and a lab do not fit on two cores. So what is
compared is not the time that passed but the processor time of the busiest worker, stage by stage: how long
the stages take where each worker has a core to itself. Workers share nothing but a queue of reports, and none
waits for another. The time that passed is printed beside it.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.measuring import FailedError, Spread, machine, say, turns
from tests.benchmarks.survey_names import write_names
from tests.benchmarks.survey_usage import Usage, survey

MUST_GAIN = 1.7
"""The aim: the speed of two workers, relative to one."""
_STAGES = ("resolve", "probe")
_CONTESTANTS = {"1 worker": 1, "2 workers": 2}


def main() -> None:
    """Measure and print; exit with 1 if the aim is missed."""
    parser = argparse.ArgumentParser(prog="make bench-survey-workers", description=__doc__)
    parser.add_argument("--names", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    say(machine())
    folder = Path(tempfile.mkdtemp(prefix="bench-workers-"))
    seconds: dict[str, list[float]] = {name: [] for name in _CONTESTANTS}
    try:
        names = folder / "names.txt"
        write_names(names, given.names)
        for number, name in turns(list(_CONTESTANTS), given.rounds):
            used = _survey(names, folder / f"run-{number}-{name[0]}", _CONTESTANTS[name])
            seconds[name].append(_busiest(used))
            say(f"round {number + 1}: {name}: {_shown(used)}")
    except FailedError as error:
        sys.stderr.write(f"bench-survey-workers: {error}\n")
        sys.exit(2)
    finally:
        shutil.rmtree(folder)
    one, two = seconds.values()
    gain = Spread.of([alone / both for alone, both in zip(one, two, strict=True)])
    verdict = "reached" if gain.median >= MUST_GAIN else "not reached"
    say(f"two workers are {gain.shown(2)} x as fast as one; aim: {MUST_GAIN}: {verdict}")
    sys.exit(gain.median < MUST_GAIN)


def _survey(names: Path, run: Path, workers: int) -> Usage:
    options = ("--lab", "--until", "probe", "--workers", str(workers))
    command = [sys.executable, "-m", "crawler", "run", str(names), "--out", str(run), *options]
    _, used = survey(command, run, run.with_suffix(".log"))
    shutil.rmtree(run)
    return used


def _busiest(used: Usage) -> float:
    return sum(max(used[stage]["workers"].values()) for stage in _STAGES)


def _shown(used: Usage) -> str:
    shown = []
    for stage in _STAGES:
        each = [f"{seconds:.1f}" for seconds in used[stage]["workers"].values()]
        shown.append(f"{stage} {used[stage]['seconds']:.0f} s, CPU s of each worker {' and '.join(each)}")
    return "; ".join(shown)


if __name__ == "__main__":
    main()
