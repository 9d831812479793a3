"""Figures over runs that asked some twice, some in the place of others, and some not at all."""

from pathlib import Path

import pytest

from analysis.figures import FigureRow, compute_figures, run_checks
from tests.analysis.figure_rows import counts, row_of
from tests.analysis.paced_run import PACED, paced_run
from tests.analysis.small_run import SmallRun


@pytest.fixture(scope="module")
def paced_rows(tmp_path_factory: pytest.TempPathFactory) -> list[FigureRow]:
    return compute_figures(paced_run().write(tmp_path_factory.mktemp("paced")))


@pytest.mark.parametrize("key", PACED, ids=" ".join)
def test_what_was_sampled_or_asked_twice_or_not_at_all_counts_as_it_was_counted_by_hand(
    key: tuple[str, str, str], paced_rows: list[FigureRow]
) -> None:
    numerator, denominator, unknown, *inferred = PACED[key]
    row = row_of(paced_rows, *key)
    assert counts(row) == (numerator, denominator)
    assert (row.unknown, row.never) == (unknown, 0)
    assert (row.inferred, row.inference_bound) == (tuple(inferred) or (0, 0))


@pytest.mark.parametrize("failure", ["permanent_reply", "temporary_reply", "service_closing"])
def test_a_refusal_that_is_about_this_scanner_is_not_known(tmp_path: Path, failure: str) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", "starttls_refused", failure, pushed_back=True)
    row = row_of(compute_figures(run.write(tmp_path)), "starttls_by_domain", "all")
    assert (counts(row), row.unknown) == ((0, 0), 1)


@pytest.mark.parametrize("why", ["opted_out", "session_cap", "backed_off", "sampled"])
def test_a_host_that_nobody_asked_is_not_passed_over_as_one_that_is_out_of_reach(
    tmp_path: Path, why: str
) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.good.test", "10 mx.other.test")
    run.host("mx.good.test", "192.0.2.1")
    run.session("mx.good.test", "192.0.2.1")
    run.host("mx.other.test", "192.0.2.2")
    run.session("mx.other.test", "192.0.2.2", "not_attempted", why)
    rows = compute_figures(run.write(tmp_path))
    row = row_of(rows, "starttls_by_domain", "all")
    assert (counts(row), row.unknown) == ((0, 0), 1)
    assert counts(row_of(rows, "nonresponse", f"class: not asked, {why}", "(D2)")) == (1, 1)
    assert counts(row_of(rows, "starttls_by_domain_rule", "any reachable MX host")) == (0, 0)


def test_a_second_attempt_never_counts_twice(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", "hello_failed", "timeout", last=False)
    run.session("mx.test", "192.0.2.1")
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "populations", "I reached")) == (1, 1)
    assert counts(row_of(rows, "cipher_suites", "TLS_AES_256_GCM_SHA384")) == (1, 1)
    assert counts(row_of(rows, "nonresponse", "hour: 14 UTC")) == (0, 1)
    assert counts(row_of(rows, "pushed_back", "last attempt")) == (0, 1)


def test_the_bound_of_inferred_names_is_that_of_a_sample_whatever_its_size(tmp_path: Path) -> None:
    run = SmallRun()
    for number in range(1000):
        host = f"mx{number}.big.test"
        run.host(host, "192.0.2.1")
        run.domain(f"d{number}.test", f"10 {host}")
        if number < 200:
            run.session(host, "192.0.2.1")
        else:
            run.inferred(host, "192.0.2.1", "mx0.big.test", 200)
    rows = compute_figures(run.write(tmp_path))
    headline = row_of(rows, "starttls_by_domain", "all")
    assert (counts(headline), headline.inferred, headline.inference_bound) == ((1000, 1000), 800, 12)
    assert row_of(rows, "inferred_share", "provider: big.test", "largest bound").estimate == 0.015


def test_an_inferred_group_falls_with_the_first_attempts_of_its_whole_sample(tmp_path: Path) -> None:
    run = SmallRun()
    for number in range(4):
        host = f"mx{number}.big.test"
        run.host(host, "192.0.2.1")
        run.domain(f"d{number}.test", f"10 {host}")
        if number < 2:
            run.session(host, "192.0.2.1", "unreachable", last=False)
            run.session(host, "192.0.2.1")
        else:
            run.inferred(host, "192.0.2.1", "mx0.big.test", 2)
    rows = compute_figures(run.write(tmp_path))
    row = row_of(rows, "second_attempt", "headline, attempt 1 alone")
    assert (counts(row), row.unknown) == ((0, 0), 4)
    assert counts(row_of(rows, "second_attempt", "headline, as judged")) == (4, 4)
    assert run_checks(tmp_path) == []


def test_a_host_with_an_inferred_address_stands_on_inference_once(tmp_path: Path) -> None:
    run = SmallRun()
    for address in ("192.0.2.1", "192.0.2.2"):
        run.session("mx0.big.test", address)
        run.inferred("mx1.big.test", address, "mx0.big.test", 4)
    for number in range(2):
        run.host(f"mx{number}.big.test", "192.0.2.1", "192.0.2.2")
        run.domain(f"d{number}.test", f"10 mx{number}.big.test")
    row = row_of(compute_figures(run.write(tmp_path)), "starttls_by_host", "TLS handshake completed")
    assert (counts(row), row.inferred, row.inference_bound) == ((2, 2), 1, 1)
