"""Where the tables of a run are kept while it is counted."""

import shutil
import tempfile
from pathlib import Path

import pytest

from analysis.figures import compute_figures, run_checks, shared_tables
from tests.analysis.known_run import known_run


def test_a_long_list_is_counted_in_a_file_with_the_same_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, aside = known_run().write(tmp_path / "run"), tmp_path / "aside"
    rows = compute_figures(folder)
    shutil.rmtree(folder / "figures")
    aside.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(aside))
    monkeypatch.setattr("analysis.database.LISTED_IN_MEMORY", 0)
    with shared_tables(folder) as tables:
        assert compute_figures(folder, tables) == rows
        assert len([*aside.glob("*/tables.duckdb")]) == 1
        assert run_checks(folder, rows, tables) == []
    assert [*aside.iterdir()] == []
