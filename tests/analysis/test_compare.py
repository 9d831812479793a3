"""What changed between runs: every class known by hand, and the classes add up to the whole difference."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pytest

from analysis.compare import compare_runs
from analysis.compare_page import render_comparison, summary
from analysis.compare_result import Change, Comparison, Run, are_vantages
from analysis.compare_tables import COLUMNS
from analysis.figures import SQL_FOLDER, Violation, read_run
from crawler.cli import USAGE, main
from tests.analysis.known_run import KNOWN, known_run
from tests.analysis.small_dane import Tlsa
from tests.analysis.small_run import STARTED_AT, SmallRun
from tests.analysis.test_report_page import page_of

DAY = timedelta(days=1)
CLASSES = {
    # domains, before: yes, no, after: yes, no, gains, losses
    "same provider": (5, 2, 3, 3, 2, 2, 1),
    "provider move": (3, 2, 1, 2, 1, 1, 1),
    "not determined": (3, 1, 0, 1, 1, 0, 0),
    "population": (2, 1, 0, 0, 1, 0, 0),
    "list churn": (2, 1, 0, 0, 1, 0, 0),
}
"""Of STARTTLS by domain, for `before` and `after`."""


def hosts(run: SmallRun, **outcomes: str) -> None:
    """Add mx.<name>.test for each name, with the outcome of its only session."""
    for number, (name, outcome) in enumerate(outcomes.items(), 1):
        run.host(f"mx.{name}.test", f"192.0.2.{number}")
        run.session(f"mx.{name}.test", f"192.0.2.{number}", outcome)


def before() -> SmallRun:
    """Return a run of an older world."""
    run = SmallRun()
    good, plain = "10 mx.good.test", "10 mx.plain.test"
    run.domain("stays-yes.test", good)
    run.domain("stays-no.test", plain)
    run.domain("gains-1.test", "10 mx.rise.test")
    run.domain("gains-2.test", "10 mx.rise.test")
    run.domain("loses.test", "10 mx.fall.test")
    run.domain("moves-up.test", plain)
    run.domain("moves-down.test", good)
    run.domain("moves-aside.test", good)
    run.domain("falls-silent.test", "10 mx.hush.test")
    run.domain("is-heard.test", "10 mx.wake.test")
    run.domain("is-found.test", status="servfail")
    run.domain("retires.test", good)
    run.domain("opens.test", "0 .", kind="null_mx")
    run.domain("leaves-the-list.test", good)
    hosts(run, good="tls_ok", plain="no_starttls", rise="no_starttls", fall="tls_ok", hush="tls_ok")
    hosts_from(run, 10, wake="unreachable")
    return run


def after() -> SmallRun:
    """Return a run of the same world, changed in one way of each kind."""
    run = SmallRun()
    good, plain = "10 mx.good.test", "10 mx.plain.test"
    run.domain("stays-yes.test", good, tlsrpt="valid")
    run.domain("stays-no.test", plain)
    run.domain("gains-1.test", "10 mx.rise.test")
    run.domain("gains-2.test", "10 mx.rise.test")
    run.domain("loses.test", "10 mx.fall.test")
    run.domain("moves-up.test", good)
    run.domain("moves-down.test", plain)
    run.domain("moves-aside.test", "10 mx.other.test")
    run.domain("falls-silent.test", "10 mx.hush.test")
    run.domain("is-heard.test", "10 mx.wake.test")
    run.domain("is-found.test", good)
    run.domain("retires.test", "0 .", kind="null_mx")
    run.domain("opens.test", plain)
    run.domain("joins-the-list.test", plain)
    run.domain("joins-in-silence.test", "10 mx.hush.test")
    hosts(run, good="tls_ok", plain="no_starttls", rise="tls_ok", fall="no_starttls", hush="unreachable")
    hosts_from(run, 10, wake="no_starttls", other="tls_ok")
    return run


def hosts_from(run: SmallRun, number: int, **outcomes: str) -> None:
    """Add hosts at addresses from this number on."""
    for name, outcome in outcomes.items():
        run.host(f"mx.{name}.test", f"192.0.2.{number}")
        run.session(f"mx.{name}.test", f"192.0.2.{number}", outcome)
        number += 1


def written(run: SmallRun, folder: Path, *, days: float = 0, **entries: Any) -> Path:
    """Write a run that began so many days after the first."""
    started_at = STARTED_AT + days * DAY
    identity = {
        "run_id": folder.name,
        "started_at": started_at.isoformat(),
        "finished_at": (started_at + timedelta(minutes=3)).isoformat(),
    }
    return run.write(folder, **(identity | entries))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    return written(before(), folder / "old"), written(after(), folder / "new", days=30)


@pytest.fixture(scope="module")
def comparison(folders: tuple[Path, Path]) -> Comparison:
    return compare_runs(folders)


def change_of(comparison: Comparison, figure: str, pair: int = 0) -> Change:
    return next(c for c in comparison.pairs[pair].changes if c.measure.figure == figure)


def counts(change: Change) -> dict[str, tuple[int, ...]]:
    return {
        row.name: (row.members, row.old_yes, row.old_no, row.new_yes, row.new_no, row.gains, row.losses)
        for row in change.classes
    }


def test_every_domain_falls_into_its_class(comparison: Comparison) -> None:
    change = change_of(comparison, "starttls_by_domain")
    assert counts(change) == CLASSES
    assert (change.old.numerator, change.old.denominator) == (7, 11)
    assert (change.new.numerator, change.new.denominator) == (6, 12)
    assert change.panel == (8, 4, 5)


def test_the_effects_are_those_counted_by_hand_and_sum_to_the_difference_exactly(
    comparison: Comparison,
) -> None:
    change = change_of(comparison, "starttls_by_domain")
    old, new = Fraction(4, 8), Fraction(5, 8)
    outside = (0 - new) / 12 - (1 - old) / 11
    assert [row.effect for row in change.classes] == [
        Fraction(1, 8),
        0,
        (1 - 2 * new) / 12 - (1 - old) / 11,
        outside,
        outside,
    ]
    for each in comparison.pairs[0].changes:
        assert sum(row.effect or 0 for row in each.classes) == each.difference
    assert comparison.violations == []


def test_a_change_of_one_figure_is_none_of_another(comparison: Comparison) -> None:
    change = change_of(comparison, "tlsrpt")
    assert counts(change)["same provider"][-2:] == (1, 0)
    assert [(row.of, row.gains, row.losses) for row in change.providers] == [(("good.test",), 1, 0)]
    assert counts(change_of(comparison, "dnssec_mx"))["same provider"][-2:] == (0, 0)


def trusting(folder: Path, days: float, **changed: str) -> Path:
    """Write a run of six domains, each with secure MX records; `changed` says what DANE or MTA-STS came to.

    By host: ee, off, both: "matched" or "mismatched"; mute: "heard" or "silent". By domain: enforced.
    """
    run = SmallRun()
    for number, name in enumerate(("ee", "off", "both", "mute")):
        is_matched = changed.get(name, "matched") in ("matched", "heard")
        record, dane = ("matched", "matched") if is_matched else ("no_match", "mismatched no_match")
        outcome = "unreachable" if changed.get(name) == "silent" else "tls_ok"
        run.host(f"mx.{name}.test", f"192.0.2.{number}", dnssec="secure")
        tlsa = Tlsa(dane, f"3 1 1 {record}", dnssec="secure")
        if outcome != "tls_ok":
            tlsa = Tlsa("unknown", "3 1 1 untried", dnssec="secure")
        run.session(f"mx.{name}.test", f"192.0.2.{number}", outcome, tlsa=tlsa)
        verdict = {"tls_ok": "full" if is_matched else "broken"}.get(outcome, "unknown")
        run.domain(f"{name}-1.test", f"10 mx.{name}.test", dnssec="secure", dane=verdict)
    # Insecure MX records: DANE never, MTA-STS if the policy enforces.
    mode = changed.get("enforced", "testing")
    run.domain(
        "sts.test", "10 mx.ee.test", dane="hosted", sts="valid", policy="valid", mode=mode, dnssec="insecure"
    )
    run.domain("plain.test", "10 mx.ee.test", dane="hosted", dnssec="insecure")
    return written(run, folder, days=days)


def test_what_dane_and_mta_sts_gained_and_lost_is_counted(tmp_path: Path) -> None:
    old = trusting(tmp_path / "old", 0, off="mismatched", mute="heard")
    new = trusting(tmp_path / "new", 30, both="mismatched", mute="silent", enforced="enforce")
    comparison = compare_runs([old, new])
    dane, transport = (change_of(comparison, f) for f in ("dane_correct", "authenticated_transport"))
    # Members, then yes and no before, yes and no after, gains and losses.
    assert counts(dane)["same provider"] == (5, 2, 3, 2, 3, 1, 1)
    assert counts(dane)["not determined"] == (1, 1, 0, 0, 0, 0, 0)
    assert [(row.of, row.gains, row.losses) for row in dane.providers] == [
        (("both.test",), 0, 1),
        (("off.test",), 1, 0),
    ]
    assert counts(transport)["same provider"] == (5, 2, 3, 3, 2, 2, 1)
    assert counts(transport)["not determined"] == (1, 1, 0, 0, 0, 0, 0)
    assert comparison.violations == []


def test_a_host_that_gave_no_answer_is_still_a_mail_domain_of_the_record_figures(
    comparison: Comparison,
) -> None:
    classes = counts(change_of(comparison, "mta_sts_record"))
    assert classes["same provider"][0] == 7
    assert classes["not determined"] == (1, 0, 0, 0, 1, 0, 0)


def test_a_domain_that_mail_cannot_be_delivered_to_any_more_is_out_of_the_population(
    tmp_path: Path,
) -> None:
    old, new = SmallRun(), SmallRun()
    for run in (old, new):
        run.domain("a.test", "10 mx.good.test")
    hosts(old, good="tls_ok")
    new.host("mx.good.test", status="nxdomain")
    comparison = compare_runs([written(old, tmp_path / "old"), written(new, tmp_path / "new", days=30)])
    assert counts(change_of(comparison, "starttls_by_domain"))["population"] == (1, 1, 0, 0, 0, 0, 0)
    assert counts(change_of(comparison, "tlsrpt"))["same provider"] == (1, 0, 1, 0, 1, 0, 0)


def test_real_change_and_moves_are_named_by_provider(comparison: Comparison) -> None:
    change = change_of(comparison, "starttls_by_domain")
    assert [(row.of, row.members, row.gains, row.losses) for row in change.providers] == [
        (("rise.test",), 2, 2, 0),
        (("fall.test",), 1, 0, 1),
    ]
    assert [(row.of, row.members, row.gains, row.losses) for row in change.moves] == [
        (("good.test", "plain.test"), 1, 0, 1),
        (("plain.test", "good.test"), 1, 1, 0),
        (("good.test", "other.test"), 1, 0, 0),
    ]


def test_the_paired_test_is_over_providers_and_pairs_of_them(comparison: Comparison) -> None:
    test = change_of(comparison, "starttls_by_domain").test
    assert (test.clusters, test.net, test.p, test.is_exact) == (4, 1, 1.0, True)
    assert change_of(comparison, "dnssec_mx").test.p is None


def test_addresses_that_answered_otherwise_are_flips(comparison: Comparison) -> None:
    flips = {(row.figure, row.of[0]): row for row in comparison.pairs[0].flips}
    address = flips["starttls_by_address", "MX host address"]
    assert (address.members, address.gains, address.losses) == (4, 1, 1)
    domain = flips["starttls_by_domain", "domain on the same provider"]
    assert (domain.members, domain.gains, domain.losses) == (5, 2, 1)


def test_moves_to_one_provider_from_two_are_two_decisions_and_from_one_are_one(tmp_path: Path) -> None:
    old, new = SmallRun(), SmallRun()
    for name, host in (("a", "plain"), ("b", "plain"), ("c", "bare")):
        old.domain(f"{name}.test", f"10 mx.{host}.test")
        new.domain(f"{name}.test", "10 mx.good.test")
    hosts(old, plain="no_starttls", bare="no_starttls")
    hosts(new, good="tls_ok")
    comparison = compare_runs([written(old, tmp_path / "old"), written(new, tmp_path / "new", days=30)])
    test = change_of(comparison, "starttls_by_domain").test
    assert (test.clusters, test.net) == (2, 3)


def test_an_address_is_held_against_itself_and_no_other_of_its_host(tmp_path: Path) -> None:
    folders = []
    for days, outcome in ((0, "tls_ok"), (1, "no_starttls")):
        run = SmallRun()
        run.domain("a.test", "10 mx.test")
        run.host("mx.test", "192.0.2.1", "192.0.2.2")
        run.session("mx.test", "192.0.2.1")
        run.session("mx.test", "192.0.2.2", outcome)
        folders.append(written(run, tmp_path / f"{days}", days=days))
    flip = next(row for row in compare_runs(folders).pairs[0].flips if row.figure == "starttls_by_address")
    assert (flip.members, flip.gains, flip.losses) == (2, 0, 1)


def test_a_run_beside_its_own_copy_of_another_day_has_not_changed(tmp_path: Path) -> None:
    comparison = compare_runs(
        [written(known_run(), tmp_path / "a"), written(known_run(), tmp_path / "b", days=1)]
    )
    assert comparison.violations == []
    for change in comparison.pairs[0].changes:
        assert change.difference == 0
        assert change.test.p is None
        assert all(row.members == 0 for row in change.classes[1:])
    assert (change_of(comparison, "starttls_by_domain").old.numerator, 9, 4, 2) == KNOWN[
        "starttls_by_domain", "all", ""
    ]


def test_without_a_panel_nothing_is_taken_apart(tmp_path: Path) -> None:
    old, new, empty = SmallRun(), SmallRun(), SmallRun()
    old.domain("a.test", "10 mx.good.test")
    new.domain("b.test", "10 mx.good.test")
    for run in (old, new):
        hosts(run, good="tls_ok")
    folders = [
        written(run, tmp_path / name, days=n)
        for n, (name, run) in enumerate({"old": old, "new": new, "empty": empty}.items())
    ]
    comparison = compare_runs(folders)
    assert comparison.violations == []
    churned, emptied = (
        change_of(comparison, "starttls_by_domain"),
        change_of(comparison, "starttls_by_domain", 1),
    )
    assert churned.difference == 0
    assert emptied.difference is None
    assert {row.effect for row in [*churned.classes, *emptied.classes]} == {None}
    page = page_of(render_comparison(comparison, tmp_path / "out"))
    assert "No domain is determined in both runs" in page.text
    assert "No estimate" in page.text
    assert any("no difference" in line for line in summary(comparison))


@pytest.mark.parametrize("name", ["answers_are_the_figures", "decomposition_adds_up"])
def test_a_sum_that_does_not_come_out_is_named(name: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE old = 1; SET VARIABLE new = 2")
        connection.execute(
            "CREATE TABLE answers AS SELECT * FROM (VALUES "
            "(1, 'a.test', [{figure: 'f', state: 'yes'}]), (2, 'a.test', [{figure: 'f', state: 'no'}])) "
            "AS rows(run, domain, states)"
        )
        connection.execute(
            "CREATE TABLE decomposition AS SELECT 'f' AS figure, 'same provider' AS class, 1 AS members, "
            "1 AS old_yes, 0 AS old_no, 0 AS new_yes, 1 AS new_no, -1 AS effect_numerator"
        )
        connection.execute(
            "CREATE TABLE cross_sections AS SELECT * FROM (VALUES (1, 'f', 1, 1), (2, 'f', 0, 1)) "
            "AS rows(run, figure, numerator, denominator)"
        )
        check = (SQL_FOLDER / "compare" / "checks" / f"{name}.sql").read_text()
        assert connection.execute(check).fetchall() == []
        connection.execute("UPDATE cross_sections SET numerator = 1 WHERE run = 2")
        found = connection.execute(check).fetchall()
    assert found
    assert all(subject.startswith("f") for subject, _ in found)


def test_the_panel_of_all_runs_is_of_the_same_domains_throughout(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    third = written(after(), tmp_path / "third", days=60)
    comparison = compare_runs([*folders, third])
    assert [
        (row.run, row.numerator, row.denominator)
        for row in comparison.trend
        if row.figure == "starttls_by_domain"
    ] == [(1, 4, 8), (2, 5, 8), (3, 5, 8)]
    assert len(comparison.pairs) == 2
    assert change_of(comparison, "starttls_by_domain", 1).difference == 0
    page = page_of(render_comparison(comparison, tmp_path / "out"))
    assert "Line chart, STARTTLS at every reachable primary MX host. panel of all runs" in page.html


def vantage_run(outcome: str, *, is_marked: bool = False) -> SmallRun:
    run = SmallRun()
    run.domain("a.test", "10 mx.way.test")
    hosts(run, way=outcome, fine="tls_ok")
    sessions = run.tables["sessions"]
    sessions[0] = replace(sessions[0], starttls_overwritten=is_marked)
    return run


def vantages(tmp_path: Path, *runs: tuple[str, SmallRun, float]) -> Comparison:
    return compare_runs(
        [
            written(run, tmp_path / f"{n}", days=days, settings={"hello_name": name})
            for n, (name, run, days) in enumerate(runs)
        ]
    )


def test_two_vantages_of_one_day_that_disagree_name_the_address(tmp_path: Path) -> None:
    seen, hidden = vantage_run("tls_ok"), vantage_run("no_starttls")
    once = vantages(tmp_path / "once", ("one", seen, 0), ("other", hidden, 0.5))
    assert [(s.mx_host, s.address, s.disagreements, s.compared) for s in once.suspects] == [
        ("mx.way.test", "192.0.2.1", 1, 1)
    ]
    assert not once.suspects[0].is_suspect
    assert once.suspects[0].runs_without == (2,)
    page = page_of(render_comparison(once, tmp_path / "out"))
    assert "two vantages of one day" in page.text
    assert "1 more disagreed once" in page.text
    assert "mx.way.test" in page.text


def test_a_sign_of_stripping_or_a_second_disagreement_makes_a_suspect(tmp_path: Path) -> None:
    seen, hidden = vantage_run("tls_ok"), vantage_run("no_starttls")
    marked = vantage_run("no_starttls", is_marked=True)
    by_mark = vantages(tmp_path / "marked", ("one", seen, 0), ("other", marked, 0.5))
    assert [s.is_suspect for s in by_mark.suspects] == [True]
    twice = vantages(
        tmp_path / "twice", ("one", seen, 0), ("other", hidden, 0.5), ("one", seen, 7), ("other", hidden, 7.5)
    )
    assert twice.vantage_pairs == [(1, 2), (3, 4)]
    assert [(s.is_suspect, s.disagreements, s.compared) for s in twice.suspects] == [(True, 2, 2)]


def test_another_day_or_the_same_scanner_is_no_second_vantage(tmp_path: Path) -> None:
    seen, hidden = vantage_run("tls_ok"), vantage_run("no_starttls")
    later = vantages(tmp_path / "later", ("one", seen, 0), ("other", hidden, 1))
    same = vantages(tmp_path / "same", ("one", seen, 0), ("one", hidden, 0.5))
    assert (later.vantage_pairs, later.suspects, same.vantage_pairs, same.suspects) == ([], [], [], [])
    assert "nothing can be told here" in page_of(render_comparison(same, tmp_path / "out")).text


def test_two_scanners_of_one_name_are_told_apart_by_where_they_send_from(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    def surveyed_from(*sources: str, number: int) -> Run:
        run = Run(folders[0], read_run(folders[0]))
        vantage = {"ipv4_sources": list(sources), "ipv6_sources": None}
        return replace(run, folder=tmp_path / f"{number}", document={**run.document, "vantage": vantage})

    first, moved = surveyed_from("192.0.2.1", number=1), surveyed_from("192.0.2.1", "192.0.2.2", number=2)
    other, unknown = surveyed_from("198.51.100.1", number=3), surveyed_from(number=4)
    assert are_vantages(first, other)
    assert not any(map(are_vantages, (first, first, unknown), (moved, unknown, other)))


def test_the_page_says_what_changed_needs_nothing_else_and_is_the_same_octets(
    comparison: Comparison, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    path = render_comparison(comparison, tmp_path / "one")
    page = page_of(path)
    opening = page.text.partition("The runs")[0]
    assert "−14 percentage points" in opening
    assert "went from 64 % to 50 %" in opening
    assert "2 gained, 1 lost" in opening
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed"}
    assert all(target.startswith("#") for target in page.values("href"))
    names = page.values("id")
    assert len(set(names)) == len(names)
    assert {target[1:] for target in page.values("href")} <= set(names)
    again = render_comparison(compare_runs(folders), tmp_path / "two")
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (again.parent / file.name).read_bytes()


def test_every_table_stands_as_csv(comparison: Comparison, tmp_path: Path) -> None:
    render_comparison(comparison, tmp_path)
    for table, columns in COLUMNS.items():
        with (tmp_path / f"{table}.csv").open(newline="") as file:
            reader = csv.DictReader(file)
            assert reader.fieldnames == columns.split()
            assert all(None not in row and None not in row.values() for row in reader)
    with (tmp_path / "changes.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["figure"] == "starttls_by_domain"]
    assert [(row["class"], row["gains"], row["losses"]) for row in rows[:2]] == [
        ("same provider", "2", "1"),
        ("provider move", "1", "1"),
    ]
    assert sum(float(row["effect"]) for row in rows) == pytest.approx(6 / 12 - 7 / 11)


def test_the_terminal_gets_a_line_for_each_figure(comparison: Comparison) -> None:
    lines = summary(comparison)
    assert lines[0] == "old -> new"
    assert lines[1].startswith("starttls_by_domain   64 % -> 50 %  -14 points: real change +12, ")
    assert lines[1].endswith("panel 4 -> 5 of 8, p = 1.00 over 4 clusters")
    assert len(lines) == 1 + len(comparison.pairs[0].changes)


def test_what_a_name_says_is_text_on_the_page(tmp_path: Path) -> None:
    old, new = SmallRun(), SmallRun()
    for run, outcome in ((old, "no_starttls"), (new, "tls_ok")):
        run.domain("a.test", "10 mx.test")
        run.host("mx.test", "192.0.2.1", provider="<script>alert(1)</script>")
        run.session("mx.test", "192.0.2.1", outcome)
    comparison = compare_runs([written(old, tmp_path / "old"), written(new, tmp_path / "new", days=30)])
    page = page_of(render_comparison(comparison, tmp_path / "out"))
    assert "<script>" not in page.html
    assert "<script>alert(1)</script>" in page.text


def test_a_failed_check_stands_on_the_page(comparison: Comparison, tmp_path: Path) -> None:
    broken = replace(comparison, violations=[Violation("decomposition_adds_up", "tlsrpt", "1 too many")])
    assert "Check failed: decomposition_adds_up." in page_of(render_comparison(broken, tmp_path)).text


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["starttls-survey", "compare", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        status = ended.value.code
        return (status if isinstance(status, int) else 0), capsys.readouterr().err

    return run


LAB = {"profile": "dotgov", "profile_sha256": "00", "seed": 1}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({}, {"format_version": 2}, "of format version 2, but"),
        ({}, {"finished_at": None}, "the run is not finished"),
        ({}, {"lab": LAB}, "a run of the lab of seed 1, but"),
        ({"lab": LAB}, {"lab": LAB | {"seed": 2}}, "a run of the lab of seed 2, but"),
        ({}, {"days": -1}, "name the oldest run first"),
        ({"run_id": "x"}, {"run_id": "x", "days": 0}, "the same run as"),
    ],
)
def test_runs_that_do_not_go_together_end_in_one_line(
    command: Callable[..., tuple[int, str]],
    tmp_path: Path,
    first: dict[str, Any],
    second: dict[str, Any],
    message: str,
) -> None:
    old = written(SmallRun(), tmp_path / "old", **({"format_version": 1} | first))
    new = written(SmallRun(), tmp_path / "new", **({"format_version": 1, "days": 30} | second))
    status, said = command(old, new, "--out", tmp_path / "out")
    assert status == USAGE
    assert message in said
    assert str(new) in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_one_run_and_a_run_folder_as_output_are_refused(
    command: Callable[..., tuple[int, str]], folders: tuple[Path, Path], tmp_path: Path
) -> None:
    status, said = command(folders[0], "--out", tmp_path / "out")
    assert (status, said) == (
        USAGE,
        "starttls-survey: two runs or more are compared, the oldest first\n",
    )
    status, said = command(*folders, "--out", folders[0])
    assert status == USAGE
    assert "holds a run" in said
    assert not (folders[0] / "compare.html").exists()
    assert command(*folders, "--out", tmp_path / "out") == (0, "")


def test_a_lab_of_another_profile_is_the_same_world_changed(tmp_path: Path) -> None:
    changed = LAB | {"profile": "other", "profile_sha256": "11"}
    comparison = compare_runs(
        [
            written(before(), tmp_path / "old", lab=LAB),
            written(after(), tmp_path / "new", lab=changed, days=1),
        ]
    )
    page = page_of(render_comparison(comparison, tmp_path / "out"))
    assert "A simulated internet." in page.text
    assert "its world was changed on purpose" in page.text
