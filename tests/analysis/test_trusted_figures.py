"""Figures on DANE, on MTA-STS policies that enforce, and on what both come to."""

from pathlib import Path
from typing import Any

import pytest

from analysis.figures import FigureRow, compute_figures, run_checks
from tests.analysis.figure_rows import counts, row_of
from tests.analysis.small_dane import Tlsa
from tests.analysis.small_run import SmallRun
from tests.analysis.trusted_run import TRUSTED, trusted_run

SECURE = "with secure MX records (D2), determined"


@pytest.fixture(scope="module")
def trusted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trusted_run().write(tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="module")
def trusted_rows(trusted_folder: Path) -> list[FigureRow]:
    return compute_figures(trusted_folder)


@pytest.mark.parametrize("key", TRUSTED, ids=" ".join)
def test_what_authenticates_counts_as_it_was_counted_by_hand(
    key: tuple[str, str, str], trusted_rows: list[FigureRow]
) -> None:
    numerator, denominator, unknown, *never = TRUSTED[key]
    row = row_of(trusted_rows, *key)
    assert (*counts(row), row.unknown, row.never) == (numerator, denominator, unknown, sum(never))
    assert row.interval == "nonresponse"
    assert (row.inferred, row.inference_bound) == (0, 0)


def test_a_run_with_dane_is_sound(trusted_folder: Path, trusted_rows: list[FigureRow]) -> None:
    assert run_checks(trusted_folder, trusted_rows) == []


def test_the_table_has_every_class_once(trusted_rows: list[FigureRow]) -> None:
    cells = [r for r in trusted_rows if r.figure == "authenticated_transport" and ": " in r.stratum]
    assert len({row.stratum for row in cells}) == len(cells) == 27
    assert sum(row.numerator for row in cells) == cells[0].denominator


def test_without_a_trusted_resolver_nothing_is_a_no(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test", dnssec="unvalidated", dane="withheld")
    run.host("mx.test", "192.0.2.1", dnssec="unvalidated")
    run.session("mx.test", "192.0.2.1", tlsa=Tlsa("withheld", dnssec="unvalidated"))
    rows = compute_figures(run.write(tmp_path))
    for figure, stratum in (("dane_correct", "DANE correct"), ("authenticated_transport", "by DANE")):
        row = row_of(rows, figure, stratum, "(of D3)")
        assert (counts(row), row.unknown, row.estimate) == ((0, 0), 1, None)


FAILING = [
    Tlsa("no_tls", "3 1 1 untried", dnssec="secure"),
    Tlsa("lookup_failed", dnssec="bogus"),
    Tlsa("mismatched no_match", "3 1 1 no_match", dnssec="secure"),
]


@pytest.mark.parametrize(
    ("cases", "is_known"),
    [
        (
            [
                ("no_starttls", None, FAILING[0]),
                ("starttls_refused", None, FAILING[0]),
                ("tls_failed", None, FAILING[0]),
                ("tls_ok", None, FAILING[1]),
                ("tls_ok", None, FAILING[2]),
            ],
            True,
        ),
        (
            [
                ("starttls_refused", "temporary_reply", FAILING[0]),
                ("tls_failed", "timeout", FAILING[0]),
                ("tls_ok", None, Tlsa("lookup_failed", dnssec="indeterminate")),
                ("hello_failed", None, Tlsa("unknown", "3 1 1 untried", dnssec="secure")),
            ],
            False,
        ),
    ],
    ids=["known", "not known"],
)
def test_only_what_is_known_to_fail_is_a_no(
    tmp_path: Path, cases: list[tuple[str, str | None, Tlsa]], is_known: bool
) -> None:
    run = SmallRun()
    for number, (outcome, failure, tlsa) in enumerate(cases):
        dane = "unknown" if outcome == "hello_failed" else "broken"
        run.domain(f"d{number}.test", f"10 mx{number}.test", dnssec="secure", dane=dane)
        run.host(f"mx{number}.test", f"192.0.2.{number}", dnssec="secure")
        run.session(f"mx{number}.test", f"192.0.2.{number}", outcome, failure, tlsa=tlsa)
    row = row_of(compute_figures(run.write(tmp_path)), "dane_correct", "DANE correct", SECURE)
    known, unknown = (len(cases), 0) if is_known else (0, len(cases))
    assert (counts(row), row.unknown) == ((0, known), unknown)


DENIED = [
    Tlsa("absent", dnssec="secure"),
    Tlsa("absent"),
    Tlsa("absent", "3 1 1 untried"),
    Tlsa("not_applicable", "3 1 1 untried", dnssec="secure"),
    Tlsa("unknown", "0 0 1 pkix_usage", dnssec="secure"),
    Tlsa("lookup_failed", dnssec="bogus"),
]
"""What is known from the DNS alone to authenticate nobody."""
MAY_BE_DANE = [
    Tlsa("unknown", "3 1 1 untried", dnssec="secure"),
    Tlsa("unknown", "0 0 1 pkix_usage", "3 1 1 untried", dnssec="secure"),
    Tlsa("lookup_failed", dnssec="indeterminate"),
]


def silent_domains(outcome: str) -> SmallRun:
    """Return a run with a domain for each, whose only MX host gave no answer, and as secure as can be."""
    run = SmallRun()
    for number, tlsa in enumerate([*DENIED, *MAY_BE_DANE]):
        run.domain(f"d{number}.test", f"10 mx{number}.test", dnssec="secure", dane="unknown")
        run.host(f"mx{number}.test", f"192.0.2.{number}", dnssec="secure")
        for is_last in (False, True):  # what failed for now was asked twice
            run.session(f"mx{number}.test", f"192.0.2.{number}", outcome, tlsa=tlsa, last=is_last)
    return run


@pytest.mark.parametrize(("outcome", "never"), [("unreachable", len(DENIED)), ("hello_failed", 0)])
def test_a_silent_host_that_publishes_nothing_to_match_cannot_be_dane(
    tmp_path: Path, outcome: str, never: int
) -> None:
    rows = compute_figures(silent_domains(outcome).write(tmp_path))
    row = row_of(rows, "dane_correct", "DANE correct", SECURE)
    assert (counts(row), row.unknown, row.never) == ((0, len(DENIED)), len(MAY_BE_DANE), 0)
    for figure, stratum in (("dane_correct", "DANE correct"), ("authenticated_transport", "by DANE")):
        row = row_of(rows, figure, stratum, "(of D3)")
        assert (counts(row), row.unknown, row.never) == ((0, len(DENIED) - never), len(MAY_BE_DANE), never)
    assert run_checks(tmp_path, rows) == []


def test_one_primary_host_that_may_be_dane_is_enough_while_no_other_is_reached(tmp_path: Path) -> None:
    run = SmallRun()
    for name in ("a", "b", "c"):
        second = {"a": "mx.may", "b": "mx.lost", "c": "mx.open"}[name]
        run.domain(f"{name}.test", "10 mx.none.test", f"10 {second}.test", dnssec="secure", dane="unknown")
    for number, (name, outcome, tlsa) in enumerate(
        [
            ("none", "unreachable", DENIED[0]),
            ("may", "unreachable", MAY_BE_DANE[0]),
            ("open", "hello_failed", DENIED[0]),
        ]
    ):
        run.host(f"mx.{name}.test", f"192.0.2.{number}", dnssec="secure")
        run.session(f"mx.{name}.test", f"192.0.2.{number}", outcome, tlsa=tlsa)
    run.host("mx.lost.test", status="servfail")
    row = row_of(compute_figures(run.write(tmp_path)), "dane_correct", "DANE correct", SECURE)
    assert (counts(row), row.unknown) == ((0, 1), 2)


def test_what_rests_on_a_sample_says_so_and_what_the_dns_says_does_not(tmp_path: Path) -> None:
    run = SmallRun()
    matched = Tlsa("matched", "3 1 1 matched", dnssec="secure")
    for number in range(6):
        host = f"mx{number}.big.test"
        run.host(host, "192.0.2.1", dnssec="secure")
        if number < 4:
            run.session(host, "192.0.2.1", tlsa=matched)
        else:
            run.inferred(host, "192.0.2.1", "mx0.big.test", 4, tlsa=matched)
        secure, dane = ("insecure", "hosted") if number == 5 else ("secure", "full")
        run.domain(f"d{number}.test", f"10 {host}", dnssec=secure, dane=dane)
    rows = compute_figures(run.write(tmp_path))
    row = row_of(rows, "dane_correct", "DANE correct", "(of D3)")
    assert (counts(row), row.inferred, row.inference_bound) == ((5, 6), 1, 1)
    row = row_of(rows, "dane_mismatch", "mismatched", "TLSA RRset")
    assert (counts(row), row.inferred, row.inference_bound) == ((0, 6), 2, 2)
    assert run_checks(tmp_path, rows) == []


def test_a_record_that_matches_somewhere_is_none_that_matches_nowhere(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test", dnssec="secure", dane="full")
    run.host("mx.test", "192.0.2.1", "192.0.2.2", "192.0.2.3", dnssec="secure")
    one = Tlsa("matched", "3 1 1 matched", "3 1 1 no_match", dnssec="secure")
    other = Tlsa("matched", "3 1 1 no_match", "3 1 1 matched", dnssec="secure")
    run.session("mx.test", "192.0.2.1", tlsa=one)
    run.session("mx.test", "192.0.2.2", tlsa=other)
    silent = Tlsa("unknown", "3 1 1 untried", "3 1 1 untried", dnssec="secure")
    run.session("mx.test", "192.0.2.3", "unreachable", tlsa=silent)
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "dane_mismatch", "mismatched", "TLSA record that")) == (0, 2)
    assert counts(row_of(rows, "dane_mismatch", "mismatched", "TLSA RRset")) == (0, 1)
    assert counts(row_of(rows, "dane_correct", "DANE correct", SECURE)) == (1, 1)


def test_a_policy_that_no_mx_host_answered_to_is_not_known_to_fail(tmp_path: Path) -> None:
    run = SmallRun()
    enforce: dict[str, Any] = {"sts": "valid", "policy": "valid", "mode": "enforce"}
    run.domain("a.test", "10 mx.good.test", "20 mx.mute.test", **enforce)
    run.domain("b.test", "10 mx.mute.test", consistent=None, **enforce)
    run.host("mx.good.test", "192.0.2.1")
    run.session("mx.good.test", "192.0.2.1")
    run.host("mx.mute.test", "192.0.2.2")
    run.session("mx.mute.test", "192.0.2.2", "unreachable")
    rows = compute_figures(run.write(tmp_path))
    row = row_of(rows, "mta_sts_enforce", "an MX host fails")
    assert (counts(row), row.unknown) == ((0, 1), 1)
    row = row_of(rows, "authenticated_transport", "by MTA-STS", "(of D3)")
    assert (counts(row), row.unknown, row.never) == ((1, 1), 1, 0)


def test_a_policy_of_a_domain_without_a_mail_host_is_neither_kept_nor_broken(tmp_path: Path) -> None:
    run = SmallRun()
    enforce: dict[str, Any] = {"sts": "valid", "policy": "valid", "mode": "enforce", "consistent": None}
    run.domain("good.test", "10 mx.good.test", **enforce)
    run.host("mx.good.test", "192.0.2.1")
    run.session("mx.good.test", "192.0.2.1")
    run.domain("null.test", "0 .", kind="null_mx", **enforce)
    run.domain("bare.test", **enforce)
    run.host("bare.test")
    run.domain("other.test", uncovered=("other.test",), **enforce)
    run.host("other.test")
    run.domain("dead.test", "10 mx.dead.test", uncovered=("mx.dead.test",), **enforce)
    run.host("mx.dead.test")
    run.domain("lost.test", **enforce)
    run.host("lost.test", status="servfail")
    run.domain("mute.test", status="timeout", **enforce)
    rows = compute_figures(run.write(tmp_path))
    for stratum in ("enforce, and an MX host fails", "an MX host fails", "reason: sts-policy-invalid"):
        row = row_of(rows, "mta_sts_enforce", stratum)
        assert (counts(row), row.unknown, row.never) == ((0, 1), 2, 4)
    assert counts(row_of(rows, "mta_sts_enforce", "sender: undeliverable")) == (4, 7)
    assert counts(row_of(rows, "mta_sts_enforce", "sender: unknown")) == (3, 7)
    assert run_checks(tmp_path, rows) == []


def test_a_backup_counts_for_mta_sts_and_not_for_dane_and_who_was_not_asked_is_not_known(
    tmp_path: Path,
) -> None:
    run = SmallRun()
    enforce: dict[str, Any] = {"sts": "valid", "policy": "valid", "mode": "enforce"}
    full: dict[str, Any] = {"dnssec": "secure", "dane": "full", "dane_action": "deliver"}
    run.domain("a.test", "10 mx.ee.test", "20 mx.off.test", consistent=False, **full, **enforce)
    run.domain("b.test", "10 mx.ee.test", "20 mx.skip.test", **full, **enforce)
    run.host("mx.ee.test", "192.0.2.1", dnssec="secure")
    run.session("mx.ee.test", "192.0.2.1", tlsa=Tlsa("matched", "3 1 1 matched", dnssec="secure"))
    run.host("mx.off.test", "192.0.2.2", dnssec="secure")
    off = Tlsa("mismatched no_match", "3 1 1 no_match", dnssec="secure")
    run.session("mx.off.test", "192.0.2.2", tlsa=off, reason="self_signed")
    run.host("mx.skip.test", "192.0.2.3", dnssec="secure")
    run.session(
        "mx.skip.test", "192.0.2.3", "not_attempted", "session_cap", tlsa=Tlsa("absent", dnssec="secure")
    )
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "dane_correct", "DANE correct", SECURE)) == (2, 2)
    assert counts(row_of(rows, "dane_mismatch", "mismatched", "mail domain")) == (0, 2)
    row = row_of(rows, "mta_sts_enforce", "an MX host fails")
    assert (counts(row), row.unknown) == ((1, 1), 1)
    assert run_checks(tmp_path, rows) == []
