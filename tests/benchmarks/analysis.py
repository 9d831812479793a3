"""`make bench-analysis`: all figures, checks and the report of a run, for a million domains and for ten.

The run is one of the lab over the .gov list, many times over (`repeated_run`). A process of its own reports
it, as `starttls-survey report` does; another tells how long each figure takes by itself.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.figures import compute_figures, figure_names, figure_sql, run_checks, shared_tables
from tests.benchmarks.measuring import machine
from tests.benchmarks.repeated_run import repeat_run

MAY_TAKE_SECONDS = {1_000_000: 30.0, 10_000_000: 240.0}
"""The aims on two cores, by number of domains."""
MAY_HOLD_OCTETS = 6_000_000_000
_LIST = Path(__file__).parents[2] / "datasets" / "lists" / "dotgov.csv"
_SLOWEST = 10


def main() -> None:
    """Measure and print; exit with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(prog="make bench-analysis", description=__doc__)
    parser.add_argument("--domains", type=int, nargs="+", default=[*MAY_TAKE_SECONDS])
    parser.add_argument("--rows-per-part", type=int, default=1000, help="as `shard_size` of a survey")
    parser.add_argument("--folder", type=Path, help="where the runs are made; they stay, and are used again")
    parser.add_argument("--figures", type=Path, help="only time the figures of the run in this folder")
    given = parser.parse_args()
    if given.figures is not None:
        _say(json.dumps(time_figures(given.figures)))
        return
    folder = given.folder or Path(tempfile.mkdtemp(prefix="bench-analysis-"))
    try:
        met = [meets_aims(_run(folder, count, given.rows_per_part), count) for count in given.domains]
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    sys.exit(not all(met))


def meets_aims(run: Path, domains: int) -> bool:
    """Report a run, say what it took, and return whether that is within the aims for so many domains."""
    _say(f"{domains:,} domains; {machine()}")
    shutil.rmtree(run / "figures", ignore_errors=True)  # what was made before is kept
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-m", "crawler", "report", str(run)], check=True, capture_output=True)
    elapsed, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = after.ru_maxrss * 1024
    load = os.getloadavg()[0]
    _say(f"  report: {elapsed:.1f} s, {cpu:.1f} CPU-s, peak {peak / 1e9:.2f} GB; load after {load:.2f}")
    command = [sys.executable, "-m", "tests.benchmarks.analysis", "--figures", str(run)]
    timed: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    for name in sorted(timed, key=timed.__getitem__, reverse=True)[:_SLOWEST]:
        _say(f"  {timed[name]:7.2f} CPU-s  {name}")
    return elapsed <= MAY_TAKE_SECONDS.get(domains, elapsed) and peak <= MAY_HOLD_OCTETS


def time_figures(run: Path) -> dict[str, float]:
    """Return the CPU seconds that the tables, each figure and all checks take."""
    seconds: dict[str, float] = {}
    with shared_tables(run) as tables:
        with _timed(seconds, "(tables and populations)"):
            connection = tables()
        for figure in figure_names():
            with _timed(seconds, figure):
                connection.execute(figure_sql(figure)).fetchall()
        with _timed(seconds, "(checks)"):
            run_checks(run, compute_figures(run, tables), tables)
    return seconds


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.process_time()
    yield
    seconds[name] = time.process_time() - start


def _run(folder: Path, domains: int, rows_per_part: int) -> Path:
    """Return a run of so many domains, made if it does not stand there yet."""
    base, run = folder / "base", folder / f"run-{domains}"
    if not (base / "report.html").exists():
        survey = [sys.executable, "-m", "crawler", "run", str(_LIST), "--out", str(base), "--lab"]
        subprocess.run(survey, check=True, stdout=subprocess.DEVNULL)
    if not (run / "run.json").exists():
        repeat_run(base, run, domains, rows_per_part)
    return run


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
