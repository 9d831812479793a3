"""The copy of the opt-out file that workers honour, wherever they are."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from crawler.listed import DomainList
from crawler.opt_out import OptOut, OptOutError
from crawler.preparing import prepare
from crawler.settings import Settings
from crawler.storing.run_folder import RunFolder
from crawler.survey import record_start
from crawler.tools import open_tools
from tests.listing import listed_domains

SETTINGS = Settings(hello_name="scan.example", resolver="127.0.0.1:53", control_hosts=())


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    prepare(run, DomainList("list.csv", "ab" * 32, listed_domains([]), []), SETTINGS, None)
    return run


def test_workers_honour_the_copy_in_the_run_folder_not_the_file(run: RunFolder, tmp_path: Path) -> None:
    listed = tmp_path / "opt-out.txt"
    listed.write_text("example.net\n")
    first = record_start(run, replace(SETTINGS, opt_out=str(listed)))
    listed.write_text("example.net\nexample.org\n")
    assert not OptOut.load(first.opt_out).covers_name("example.org")
    second = record_start(run, replace(SETTINGS, opt_out=str(listed)))
    assert OptOut.load(second.opt_out).covers_name("example.org")
    assert Path(second.opt_out).parent == run.path / "work"
    assert not Path(first.opt_out).exists()
    assert run.read_manifest()["opt_out"] in second.opt_out
    assert run.read_manifest()["effective_settings"]["opt_out"] == str(listed)


def test_a_run_without_opt_out_file_has_no_copy(run: RunFolder) -> None:
    assert record_start(run, SETTINGS).opt_out == ""


async def test_a_worker_that_has_not_got_the_copy_asks_nobody(run: RunFolder, tmp_path: Path) -> None:
    listed = tmp_path / "opt-out.txt"
    listed.write_text("example.net\n")
    settings = record_start(run, replace(SETTINGS, opt_out=str(listed)))
    Path(settings.opt_out).unlink()
    with trio.fail_after(5), pytest.raises(OptOutError, match="No such file"):
        async with open_tools(settings):
            raise AssertionError
