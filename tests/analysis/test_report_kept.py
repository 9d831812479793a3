"""What did not change is kept, and what comes out is what a full rebuild gives."""

import json
import shutil
from pathlib import Path

import pytest

import analysis.figures
import analysis.report
from analysis.figures import Violation, compute_figures, figure_names, open_tables, read_run, run_checks
from analysis.report import FORMS, make_report
from analysis.violations import read_violations, write_violations
from tests.analysis.known_run import known_run

FEW = ("certificate_ladder", "starttls_by_host", "tlsrpt")


def octets_of(folder: Path) -> dict[str, bytes]:
    names = [*FORMS, "checks.csv", *(f"figures/{figure}.csv" for figure in figure_names())]
    return {name: (folder / name).read_bytes() for name in names}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = known_run().write(tmp_path_factory.mktemp("made"))
    make_report(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A run whose report stands."""
    return Path(shutil.copytree(made, tmp_path / "run"))


class Work:
    """What was done again."""

    def __init__(self) -> None:
        self.figures: list[str] = []
        self.pages = 0
        self.checks = 0


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    done = Work()
    figure_rows, render, checks = analysis.figures._figure_rows, analysis.report._render, run_checks

    def count_figure(connection, run, figure):  # type: ignore[no-untyped-def]  # as what it stands for
        done.figures.append(figure)
        return figure_rows(connection, run, figure)

    def count_page(*arguments):  # type: ignore[no-untyped-def]  # as what it stands for
        done.pages += 1
        render(*arguments)

    def count_checks(*arguments):  # type: ignore[no-untyped-def]  # as what it stands for
        done.checks += 1
        return checks(*arguments)

    monkeypatch.setattr("analysis.figures._figure_rows", count_figure)
    monkeypatch.setattr("analysis.report._render", count_page)
    monkeypatch.setattr("analysis.report.run_checks", count_checks)
    return done


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three figures in place of all, to save time."""
    monkeypatch.setattr("analysis.figures.figure_names", lambda: FEW)


@pytest.fixture
def own_sql(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the SQL, to be changed."""
    copy = Path(shutil.copytree(analysis.figures.SQL_FOLDER, tmp_path / "analysis"))
    monkeypatch.setattr("analysis.figures.SQL_FOLDER", copy)
    monkeypatch.setattr("analysis.report.SQL_FOLDER", copy)
    monkeypatch.setattr("analysis.content.SQL_FOLDER", copy)
    return copy


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_a_second_report_of_an_unchanged_run_does_nothing(folder: Path, work: Work) -> None:
    before = octets_of(folder)
    report = make_report(folder)
    assert (work.figures, work.pages, work.checks) == ([], 0, 0)
    assert report.violations == []
    assert octets_of(folder) == before


def test_rows_that_are_kept_are_those_that_were_computed(folder: Path, work: Work, few: None) -> None:
    kept = compute_figures(folder)
    with open_tables(folder, run := read_run(folder)) as connection:
        computed = [row for figure in FEW for row in analysis.figures._figure_rows(connection, run, figure)]
    assert kept == computed


def test_a_changed_figure_is_the_only_one_that_is_computed_again(
    folder: Path, own_sql: Path, work: Work
) -> None:
    append(own_sql / "figures" / "tlsrpt.sql", "\n-- said otherwise\n")
    before = octets_of(folder)
    make_report(folder)
    assert (work.figures, work.pages, work.checks) == (["tlsrpt"], 1, 1)
    changed = {name for name, octets in octets_of(folder).items() if octets != before[name]}
    assert changed == {"report.html"}  # where the query is printed


@pytest.mark.parametrize("script", analysis.figures.DEFINITIONS)
def test_a_changed_definition_makes_all_anew(
    folder: Path, own_sql: Path, work: Work, few: None, script: str
) -> None:
    append(own_sql / script, "\n-- said otherwise\n")
    compute_figures(folder)
    assert work.figures == list(FEW)


def test_a_changed_template_makes_the_page_anew_and_no_figure(
    folder: Path, own_sql: Path, work: Work
) -> None:
    append(own_sql / "templates" / "report.css", "\n")
    make_report(folder)
    assert (work.figures, work.pages) == ([], 1)


def test_changed_data_make_all_anew_as_a_full_rebuild_does(
    folder: Path, tmp_path: Path, work: Work, few: None
) -> None:
    run = known_run()
    run.domain("new.test", "10 mx.new.test")
    run.host("mx.new.test", "192.0.2.99")
    run.session("mx.new.test", "192.0.2.99")
    rows = compute_figures(run.write(folder))
    assert work.figures == list(FEW)
    assert compute_figures(run.write(tmp_path / "full")) == rows
    for figure in FEW:
        made = (folder / "figures" / f"{figure}.csv").read_bytes()
        assert (tmp_path / "full" / "figures" / f"{figure}.csv").read_bytes() == made


def test_other_digests_of_parts_in_run_json_are_other_data(folder: Path, work: Work, few: None) -> None:
    run = json.loads((folder / "run.json").read_text())
    for digest in ("aa", "bb", "bb"):
        (folder / "run.json").write_text(json.dumps(run | {"parts": {"domains/part-0.parquet": digest}}))
        compute_figures(folder)
    assert work.figures == 2 * list(FEW)


@pytest.mark.parametrize("damage", ["edited", "cut", "gone"])
def test_a_damaged_figure_is_noticed_and_computed_again(folder: Path, work: Work, damage: str) -> None:
    before = octets_of(folder)
    path = folder / "figures" / "starttls_by_host.csv"
    if damage == "gone":
        path.unlink()
    else:
        octets = path.read_bytes()
        path.write_bytes(octets.replace(b",1", b",2", 1) if damage == "edited" else octets[:-20])
    make_report(folder)
    assert (work.figures, work.pages) == (["starttls_by_host"], 0)
    assert octets_of(folder) == before


@pytest.mark.parametrize("form", [*FORMS, "checks.csv"])
def test_a_damaged_form_is_noticed_and_made_again(folder: Path, work: Work, form: str) -> None:
    before = octets_of(folder)
    (folder / form).write_text("other\n")
    make_report(folder)
    assert work.figures == []
    assert octets_of(folder) == before


@pytest.mark.parametrize("notes", ["", "[1]", "{", '{"figures/tlsrpt.csv": 3}'])
def test_notes_that_cannot_be_read_cost_time_alone(folder: Path, work: Work, few: None, notes: str) -> None:
    before = octets_of(folder)
    (folder / "figures" / "made.json").write_text(notes)
    compute_figures(folder)
    assert work.figures == list(FEW)
    assert octets_of(folder) == before


def test_violations_are_told_again_when_nothing_changed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [Violation("domains_once", "twice.test", "stands there twice")]
    (folder / "checks.csv").unlink()
    monkeypatch.setattr("analysis.report.run_checks", lambda *_: found)
    assert make_report(folder).violations == found
    monkeypatch.setattr("analysis.report.run_checks", None)
    assert make_report(folder).violations == found


def test_violations_are_read_as_written(tmp_path: Path) -> None:
    found = [Violation("one", 'a "quoted", subject', "two\nlines")]
    write_violations(tmp_path / "checks.csv", found)
    assert read_violations(tmp_path / "checks.csv") == found
