"""What a process that is the program's alone does without, and what a start imports."""

import inspect
import json
import subprocess
import sys

import pytest
from typer import Typer

from crawler.cli import COMMANDS, load
from tests.test_lab_run import ROOT

CLAIMED = """
import json, os, sys
{first}
from crawler.own_process import claim_process
claim_process()
claim_process()
import numpy
threads = len(os.listdir("/proc/self/task"))
import pyarrow
pyarrow.array([1, None])
kept_out = [type(finder).__name__ for finder in sys.meta_path].count("_NoPandas")
print(json.dumps([kept_out, "pandas" in sys.modules, threads]))
"""

WORKER = """
import json
from crawler.engine import Interruption, open_engine
from crawler.watching.feedback import Feedback
column = "__import__('pyarrow').array(['a']), sorted(__import__('sys').modules)"
with open_engine(1, Feedback(), Interruption()) as engine:
    print(json.dumps(engine.executor.submit(eval, column).result()[1]))
"""


def output(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stdout


def test_a_claimed_process_has_no_pandas_and_no_idle_threads() -> None:
    kept_out, has_pandas, threads = json.loads(output(CLAIMED.format(first="")))
    assert (kept_out, has_pandas, threads) == (1, False, 1)


def test_pandas_that_is_there_already_stays() -> None:
    first = "import types; sys.modules['pandas'] = types.ModuleType('pandas')"
    code = CLAIMED.format(first=first).replace("pyarrow.array([1, None])", "import pandas")
    kept_out, has_pandas, _ = json.loads(output(code))
    assert (kept_out, has_pandas) == (0, True)


def test_who_imports_the_crawler_keeps_pandas() -> None:
    code = "import sys, crawler.__main__, crawler.survey; print([type(f).__name__ for f in sys.meta_path])"
    assert "_NoPandas" not in output(code)


def test_a_worker_has_neither_pandas_nor_what_only_its_coordinator_needs() -> None:
    modules = json.loads(output(WORKER))
    assert "pyarrow" in modules
    assert not {"pandas", "duckdb", "typer", "rich", "jinja2", "cryptography", "OpenSSL"} & set(modules)


def test_help_imports_only_what_shows_it() -> None:
    code = """
import json, sys
sys.argv = ["starttls-survey", "--help"]
from crawler.__main__ import main
try:
    main()
except SystemExit:
    sys.stderr.write(json.dumps(sorted(sys.modules)))
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert all(name in ended.stdout for name in COMMANDS)
    assert not {"duckdb", "pyarrow", "numpy", "jinja2", "trio", "cryptography"} & set(
        json.loads(ended.stderr)
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_says_of_itself(name: str) -> None:
    command = load(name)
    meaning = command.info.help if isinstance(command, Typer) else inspect.getdoc(command)
    assert meaning is not None
    assert COMMANDS[name][1] == meaning.partition("\n")[0]
