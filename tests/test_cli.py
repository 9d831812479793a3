"""The command line: bad input ends in one line that says what and where, a status, and nothing written."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.cli import USAGE, main

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["starttls-survey", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        status = ended.value.code
        return (status if isinstance(status, int) else 0), capsys.readouterr().err

    return run


def test_a_list_that_cannot_be_used_leaves_no_run_folder(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "run"
    empty, junk = tmp_path / "empty.txt", tmp_path / "junk.bin"
    empty.write_bytes(b"")
    junk.write_bytes(bytes(range(256)) * 50)
    for source, message in (
        (tmp_path / "none.txt", "No such file"),
        (tmp_path, "is a folder"),
        (empty, "the list is empty"),
        (junk, "no usable domain"),
    ):
        status, said = command("run", str(source), "--out", str(out), "--resolver", "127.0.0.1:1")
        assert status == USAGE
        assert message in said
        assert str(source) in said
        assert said.count("\n") == 1
        assert not out.exists()


def test_a_wrong_setting_is_named_before_anything_is_written(command: Command, tmp_path: Path) -> None:
    names, settings = tmp_path / "names.txt", tmp_path / "settings.toml"
    names.write_text("example.com\n")
    settings.write_text("sped = 3\n")
    status, said = command("run", str(names), "--out", str(tmp_path / "run"), "--settings", str(settings))
    assert (status, said) == (USAGE, "starttls-survey: setting sped: there is no such setting\n")
    assert not (tmp_path / "run").exists()


def test_a_bad_opt_out_file_is_named_before_anything_is_written(command: Command, tmp_path: Path) -> None:
    names, settings, listed = (tmp_path / name for name in ("names.txt", "settings.toml", "opt-out.txt"))
    names.write_text("example.com\n")
    settings.write_text(f"opt_out = '{listed}'\n")
    listed.write_text("example.net\n192.0.2.1/24\n")
    for more in (("--resolver", "127.0.0.1:1"), ("--lab",)):
        status, said = command(
            "run", str(names), "--out", str(tmp_path / "run"), "--settings", str(settings), *more
        )
        assert status == USAGE
        assert said.startswith(f"starttls-survey: setting opt_out: {listed}:2: '192.0.2.1/24'")
        assert said.count("\n") == 1
        assert not (tmp_path / "run").exists()


def test_a_check_of_a_domain_that_opted_out_is_no_failure(command: Command, tmp_path: Path) -> None:
    settings, listed = tmp_path / "settings.toml", tmp_path / "opt-out.txt"
    settings.write_text(f"opt_out = '{listed}'\n")
    listed.write_text("example.com\n")
    check = ("check", "www.example.com", "--settings", str(settings), "--resolver", "127.0.0.1:1")
    assert command(*check) == (0, "")
    assert command(*check, "--json") == (0, "")


def test_a_folder_that_is_no_run_is_left_alone(command: Command, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("example.com\n")
    status, said = command("run", str(names), "--out", str(tmp_path), "--resolver", "127.0.0.1:1")
    assert status == USAGE
    assert "is no run folder" in said
    assert [path.name for path in tmp_path.iterdir()] == ["names.txt"]


@pytest.mark.parametrize(
    "arguments", [("report", "nowhere"), ("judge", "nowhere"), ("lab", "truth", "nowhere")]
)
def test_a_missing_run_folder_is_named(command: Command, arguments: tuple[str, ...]) -> None:
    status, said = command(*arguments)
    assert status == USAGE
    assert "nowhere" in said
    assert said.count("\n") == 1


def test_a_name_to_check_must_be_a_domain(command: Command) -> None:
    status, said = command("check", "postmaster@example.com")
    assert status == USAGE
    assert "holds an @" in said


@pytest.mark.parametrize("date", ["yesterday", "2026-13-01", "2026-11-22T10:00:00+02:00"])
def test_a_date_to_judge_at_must_be_a_date(command: Command, date: str) -> None:
    status, said = command("judge", "nowhere", "--at", date)
    assert status == USAGE
    assert "--at" in said


def test_a_port_that_is_taken_ends_a_run_before_anything_is_begun(command: Command, tmp_path: Path) -> None:
    names, out, log = tmp_path / "names.txt", tmp_path / "run", tmp_path / "log"
    names.write_text("example.com\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = ("run", str(names), "--out", str(out), "--resolver", "127.0.0.1:1", "--log-json", str(log))
        status, said = command(*run, "--metrics", str(port))
    assert (status, said) == (USAGE, f"starttls-survey: --metrics {port}: Address already in use\n")
    assert not out.exists()


def test_a_log_that_cannot_be_written_ends_a_run_before_anything_is_begun(
    command: Command, tmp_path: Path
) -> None:
    names, out, log = tmp_path / "names.txt", tmp_path / "run", tmp_path / "none" / "log"
    names.write_text("example.com\n")
    run = ("run", str(names), "--out", str(out), "--resolver", "127.0.0.1:1", "--log-json", str(log))
    assert command(*run) == (USAGE, f"starttls-survey: {log}: No such file or directory\n")
    assert not out.exists()


def test_the_log_tells_of_a_run_that_was_refused(command: Command, tmp_path: Path) -> None:
    names, out, log = tmp_path / "names.txt", tmp_path / "run", tmp_path / "log"
    names.write_text("example.com\n")
    out.mkdir()
    (out / "something").touch()
    run = ("run", str(names), "--out", str(out), "--resolver", "127.0.0.1:1", "--log-json", str(log))
    status, said = command(*run)
    assert status == USAGE
    told = json.loads(log.read_text())
    assert (told["event"], told["exit_status"], told["summary"]) == ("run_ended", USAGE, None)
    assert said == f"starttls-survey: {told['message']}\n"


def test_the_lab_brings_its_own_resolver(command: Command, tmp_path: Path) -> None:
    status, said = command("run", "x", "--out", str(tmp_path / "run"), "--lab", "--resolver", "127.0.0.1:1")
    assert status == USAGE
    assert "--resolver" in said


def test_a_reference_name_of_the_doctor_must_be_a_name(command: Command) -> None:
    status, said = command("doctor", "--resolver", "127.0.0.1:1", "--bogus-name", "a..b")
    assert status == USAGE
    assert "is no domain name" in said
