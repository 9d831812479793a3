"""The parts of the survey benchmarks that could make their numbers wrong without anybody noticing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.domain_name import normalize
from tests.benchmarks.survey_names import write_names
from tests.benchmarks.survey_usage import StageUsage, add, stage_of

STAND_IN = """#!{python}
import json, sys
from pathlib import Path
said = json.loads(Path({said!r}).read_text())
Path(sys.argv[sys.argv.index("-o") + 1]).write_text(said[sys.argv[1]])
"""
"""Says of each command what the program of that name would."""


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def mx(name: str, *exchanges: str) -> object:
    answers = [{"answer": f"{exchange}.", "preference": 10, "type": "MX"} for exchange in exchanges]
    return {"name": name, "results": {"MX": {"data": {"answers": answers}, "status": "NOERROR"}}}


def session(host: str, tls: object) -> object:
    result = {"banner": "220 mx ESMTP", "tls": tls}
    return {"ip": "127.0.0.2", "domain": host, "data": {"smtp": {"status": "success", "result": result}}}


def test_names_are_distinct_and_a_shorter_list_is_the_beginning_of_a_longer(tmp_path: Path) -> None:
    write_names(tmp_path / "long", 500)
    write_names(tmp_path / "short", 200)

    names = (tmp_path / "long").read_text().split()

    assert len({normalize(name) for name in names}) == 500
    assert (tmp_path / "short").read_text().split() == names[:200]


def test_the_stage_is_that_of_the_last_work_list(tmp_path: Path) -> None:
    stages = [stage_of(tmp_path)]
    (tmp_path / "work").mkdir()
    (tmp_path / "run.json").write_text('{"finished_at": null}')
    for name in ("resolve", "hosts", "probe", "judged"):
        (tmp_path / "work" / f"{name}.parquet").touch()
        stages.append(stage_of(tmp_path))
    (tmp_path / "run.json").write_text('{"finished_at": "2026-11-22"}')

    assert [*stages, stage_of(tmp_path)] == ["start", "resolve", "hosts", "probe", "judge", "report"]


def test_two_slices_of_a_survey_add_up_but_for_their_peaks() -> None:
    first = {"probe": StageUsage(seconds=1.0, cpu={"lab": 2.0}, peak={"lab": 7}, workers={"5": 1.0})}
    second = {"probe": StageUsage(seconds=2.0, cpu={"lab": 1.0}, peak={"lab": 6}, workers={"9": 3.0})}

    assert add(first, second) == {
        "probe": StageUsage(seconds=3.0, cpu={"lab": 3.0}, peak={"lab": 7}, workers={"5": 1.0, "9": 3.0})
    }


def test_the_pipeline_counts_domains_by_what_its_programs_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "MX": lines(mx("one.example", "mx1.example", "mx2.example"), mx("two.example", "mx1.example")),
        "A": lines(
            {
                "name": "mx1.example",
                "results": {"A": {"data": {"answers": [{"answer": "127.0.0.2", "type": "A"}]}}},
            },
            {
                "name": "mx2.example",
                "results": {"A": {"data": {"answers": [{"answer": "127.0.0.2", "type": "A"}]}}},
            },
        ),
        "smtp": lines(
            session("mx1.example", {"handshake_log": {"version": "TLSv1.3"}}), session("mx2.example", None)
        ),
    }
    (tmp_path / "said.json").write_text(json.dumps(said))
    for name in ("zdns", "zgrab2"):
        stand_in = tmp_path / name
        stand_in.write_text(STAND_IN.format(python=sys.executable, said=str(tmp_path / "said.json")))
        stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "list").write_text("one.example\ntwo.example\n")

    shown = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.json_pipeline", str(tmp_path / "list"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == "1 of 2 domains\n"
    assert sorted((tmp_path / "targets.csv").read_text().splitlines()) == [
        "127.0.0.2,mx1.example",
        "127.0.0.2,mx2.example",
    ]
