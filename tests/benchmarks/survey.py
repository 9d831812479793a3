"""`make bench-survey`: CPU per domain of the whole survey, beside other tools on the same lab, in turns.

All in a network namespace that has nothing but loopback: whatever a tool does, it reaches the lab alone. Ours
is everything from the list to the report. The Python tools get the first names of the same list only.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import survey_inside
from tests.benchmarks.json_pipeline import PROGRAMS
from tests.benchmarks.measuring import FailedError, Spread, Usage, machine, ratios, say, turns
from tests.benchmarks.survey_names import write_names
from tests.servers.namespace import ROOT, Namespace, NamespaceUnavailableError, open_namespace

OURS, PIPELINE, CHECKDMARC, TRUSTYMAIL = "ours", "zdns + zgrab2 + DuckDB", "checkdmarc", "trustymail"
_PYTHON_TOOLS = (CHECKDMARC, TRUSTYMAIL)
MAY_USE_OF_PIPELINE = 0.5
"""The aims: CPU per domain relative to the pipeline's, and to each Python tool's."""
MAY_USE_OF_PYTHON_TOOL = 1 / 50
_CACHE = ROOT / ".cache" / "bench-survey"
_PUBLIC_SUFFIXES = "import publicsuffixlist; print(publicsuffixlist.PSLFILE)"


@dataclass(frozen=True, slots=True)
class Contestant:
    """A tool, and how much it gets to do."""

    names: int
    command: Callable[[Path], list[str]]
    """By the folder of one turn."""


def main() -> None:
    """Measure and print; exit with 1 if an aim is missed, 2 if nothing could be measured."""
    parser = argparse.ArgumentParser(prog="make bench-survey", description=__doc__)
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--python-names", type=int, default=200, help="for the Python tools")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", default="dotgov", help="of the lab")
    given = parser.parse_args()
    say(machine())
    folder = Path(tempfile.mkdtemp(prefix="bench-survey-"))
    try:
        names, fewer = folder / "names.txt", folder / "fewer.txt"
        write_names(names, given.names)
        write_names(fewer, given.python_names)
        contestants = {
            OURS: Contestant(given.names, _ours(names, folder)),
            **_pipeline(names, given.names),
            **_python_tools(fewer, given.python_names),
        }
        with open_namespace(folder / "namespace.log", mounts=True) as namespace:
            namespace.call(survey_inside.open_world, folder, names, given.profile)
            used = measured(namespace, contestants, folder, given.rounds)
    except (FailedError, NamespaceUnavailableError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"bench-survey: {error}\n")
        sys.exit(2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(not report(used, contestants))


# --- contestants ---------------------------------------------------------------------------------------


def _ours(names: Path, folder: Path) -> Callable[[Path], list[str]]:
    return lambda turn: [
        *(sys.executable, "-m", "crawler", "run", str(names), "--out", str(turn / "run")),
        *("--settings", str(folder / "settings.toml")),
    ]


def _pipeline(names: Path, count: int) -> dict[str, Contestant]:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        say(f"left out: {PIPELINE}: no {', no '.join(missing)} on PATH")
        return {}
    module = (sys.executable, "-m", "tests.benchmarks.json_pipeline")
    return {PIPELINE: Contestant(count, lambda turn: [*module, str(names), str(turn)])}


def _python_tools(names: Path, count: int) -> dict[str, Contestant]:
    listed = names.read_text().split()
    found = {}
    for tool in _PYTHON_TOOLS:
        try:
            programs = _installed(tool)
        except subprocess.CalledProcessError as error:
            say(f"left out: {tool}: pip ended with status {error.returncode}")
            continue
        command = _checkdmarc(programs, listed) if tool == CHECKDMARC else _trustymail(programs, listed)
        found[tool] = Contestant(count, command)
    return found


def _installed(tool: str) -> Path:
    """Return the folder of a tool's programs, in an environment of its own."""
    folder = _CACHE / tool
    if not (folder / "bin" / tool).exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", tool], check=True)
    return folder / "bin"


def _checkdmarc(programs: Path, names: list[str]) -> Callable[[Path], list[str]]:
    options = ("--check-mx-tls", "-n", "127.0.0.1", "-o")
    return lambda turn: [str(programs / CHECKDMARC), *names, *options, str(turn / "results.json")]


def _trustymail(programs: Path, names: list[str]) -> Callable[[Path], list[str]]:
    shown = subprocess.run(
        [programs / "python", "-c", _PUBLIC_SUFFIXES], capture_output=True, text=True, check=True
    )
    options = ("--starttls", "--dns=127.0.0.1", "--smtp-ports=25", "--smtp-localhost=scanner.lab.test")

    def command(turn: Path) -> list[str]:
        # Where there is none in its folder, or an old one, it fetches a list from the internet.
        shutil.copyfile(shown.stdout.strip(), turn / "public_suffix_list.dat")
        return ["env", "-C", str(turn), str(programs / TRUSTYMAIL), *names, *options]

    return command


# --- measuring -----------------------------------------------------------------------------------------


def measured(
    namespace: Namespace, contestants: Mapping[str, Contestant], folder: Path, rounds: int
) -> dict[str, list[Usage]]:
    """Have the contestants take turns; return what each used, round by round."""
    used: dict[str, list[Usage]] = {name: [] for name in contestants}
    for number, name in turns(list(contestants), rounds):
        turn = folder / f"{number}-{name.replace(' ', '')}"
        turn.mkdir()
        usage = namespace.call(survey_inside.measure, contestants[name].command(turn), turn / "output")
        used[name].append(usage)
        cpu_ms = 1e3 * usage.cpu_seconds / contestants[name].names
        say(f"round {number + 1}: {name}: {cpu_ms:.2f} ms CPU a domain, {usage.elapsed_seconds:.0f} s")
    return used


def report(used: Mapping[str, list[Usage]], contestants: Mapping[str, Contestant]) -> bool:
    """Print what each used of CPU for a domain, and the ratios; tell whether the aims are reached."""
    a_domain = {
        name: [1e3 * usage.cpu_seconds / contestants[name].names for usage in usages]
        for name, usages in used.items()
    }
    is_reached = True
    for name, milliseconds in a_domain.items():
        say(f"{name}: {Spread.of(milliseconds).shown(2)} ms CPU a domain, {contestants[name].names:,} names")
        if name != OURS:
            aim = MAY_USE_OF_PYTHON_TOOL if name in _PYTHON_TOOLS else MAY_USE_OF_PIPELINE
            ratio = ratios(a_domain[OURS], milliseconds)
            is_reached &= ratio.median <= aim
            verdict = "reached" if ratio.median <= aim else "not reached"
            say(f"  ours / {name}: {ratio.shown(4)}; aim: at most {aim:.2f}: {verdict}")
    return is_reached


if __name__ == "__main__":
    main()
