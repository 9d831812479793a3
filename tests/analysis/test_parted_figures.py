"""Figures over parts of a run, and intervals for claims beyond its list."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from analysis.figures import FigureRow, compute_figures, open_tables, read_run, run_checks
from tests.analysis.figure_rows import counts, row_of
from tests.analysis.parted_run import PARTED, parted_run
from tests.analysis.small_run import SmallRun


@pytest.fixture(scope="module")
def parted_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parted_run().write(tmp_path_factory.mktemp("parted"))


@pytest.fixture(scope="module")
def parted_rows(parted_folder: Path) -> list[FigureRow]:
    return compute_figures(parted_folder)


@pytest.mark.parametrize("key", PARTED, ids=" ".join)
def test_a_part_counts_what_was_counted_by_hand(
    key: tuple[str, str, str], parted_rows: list[FigureRow]
) -> None:
    numerator, denominator, unknown, *never = PARTED[key]
    row = row_of(parted_rows, *key)
    assert (*counts(row), row.unknown, row.never) == (numerator, denominator, unknown, sum(never))
    if denominator == 0:
        assert row.estimate is row.low is row.high is None
    elif row.interval == "nonresponse":
        whole = denominator + unknown
        assert (row.low, row.high) == (numerator / whole, (numerator + unknown) / whole)


def test_a_run_in_parts_is_sound(parted_folder: Path, parted_rows: list[FigureRow]) -> None:
    assert run_checks(parted_folder, parted_rows) == []


def test_only_what_goes_beyond_the_list_has_another_interval(parted_rows: list[FigureRow]) -> None:
    others = {(row.figure, row.interval) for row in parted_rows if row.interval != "nonresponse"}
    assert others == {("beyond_the_list", "wilson"), ("beyond_the_list", "cluster")}


def test_reasons_and_stops_and_names_add_up(parted_rows: list[FigureRow]) -> None:
    def total(figure: str, prefix: str) -> int:
        return sum(r.numerator for r in parted_rows if r.figure == figure and r.stratum.startswith(prefix))

    assert total("starttls_offered_but_fails", "reason: ") == 3
    assert total("mta_sts_ladder", "stops ") == 10 - 1
    assert total("name_mismatch_by_provider", "names: ") == 5


@pytest.mark.parametrize(
    ("yes", "of", "low", "high"),
    [
        (965, 367190, "0.2468", "0.2799"),
        (85, 421, "16.63", "24.29"),
        (301, 8370, "3.22", "4.02"),
        (0, 1000, "0", "0.383"),
    ],
)
def test_wilson_intervals_are_those_worked_out_beforehand(
    parted_folder: Path, yes: int, of: int, low: str, high: str
) -> None:
    with open_tables(parted_folder, read_run(parted_folder)) as connection:
        row = connection.execute("SELECT unnest(wilson($1, $2))", [yes, of]).fetchone()
    assert row is not None
    for end, text in zip(row, (low, high), strict=True):
        assert f"{100 * end:.{len(text.partition('.')[2])}f}" == text


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1/48"),
        ("2001:db8::1", "2001:db8:0/48"),
        ("2001::1", "2001:0:0/48"),
        ("2001::3:4:5:6:7:8", "2001:0:3/48"),
        ("::1", "0:0:0/48"),
    ],
)
def test_a_network_is_the_first_24_or_48_bits(parted_folder: Path, address: str, network: str) -> None:
    with open_tables(parted_folder, read_run(parted_folder)) as connection:
        assert connection.execute("SELECT network_of($1)", [address]).fetchone() == (network,)


def run_of(providers: Sequence[tuple[int, int]]) -> SmallRun:
    """Return a run of providers with so many domains that have STARTTLS, and that do not."""
    run = SmallRun()
    for number, (yes, no) in enumerate(providers):
        for host, size, outcome in (("yes", yes, "tls_ok"), ("no", no, "no_starttls")):
            if size:
                name = f"{host}.p{number}.test"
                run.host(name, f"198.51.{number}.{len(host)}")
                run.session(name, f"198.51.{number}.{len(host)}", outcome)
                for place in range(size):
                    run.domain(f"{place}.{name}", f"10 {name}")
    return run


def interval(rows: Sequence[FigureRow], stratum: str) -> tuple[float, float]:
    row = row_of(rows, "beyond_the_list", stratum)
    assert row.low is not None
    assert row.high is not None
    return row.low, row.high


def plain_bootstrap(providers: Sequence[tuple[int, int]], replicates: int) -> tuple[float, float]:
    draw = random.Random(7)
    shares = []
    for _ in range(replicates):
        drawn = draw.choices(providers, k=len(providers))
        shares.append(sum(yes for yes, _ in drawn) / sum(yes + no for yes, no in drawn))
    shares.sort()
    return shares[int(0.025 * replicates)], shares[int(0.975 * replicates)]


def test_drawing_providers_agrees_with_a_plain_bootstrap(tmp_path: Path) -> None:
    # Sixty of one kind are drawn together by the normal approximation, twenty exactly, the rest one by one.
    providers = [(1, 0)] * 60 + [(0, 1)] * 20 + [(2 + number, number % 5) for number in range(15)]
    rows = compute_figures(run_of(providers).write(tmp_path))
    for ours, plain in zip(
        interval(rows, "STARTTLS: drawn by provider"), plain_bootstrap(providers, 4000), strict=True
    ):
        assert ours == pytest.approx(plain, abs=0.015)


def test_domains_of_one_provider_are_not_independent(tmp_path: Path) -> None:
    rows = compute_figures(run_of([(20, 0), (0, 20)] * 6).write(tmp_path))
    one_by_one = interval(rows, "STARTTLS: drawn one by one")
    by_provider = interval(rows, "STARTTLS: drawn by provider")
    assert one_by_one == pytest.approx((0.437, 0.563), abs=0.001)
    assert by_provider[0] < 0.3
    assert by_provider[1] > 0.7


def test_too_few_providers_give_no_interval_beyond_the_list(tmp_path: Path) -> None:
    rows = compute_figures(run_of([(3, 1)] * 9).write(tmp_path))
    row = row_of(rows, "beyond_the_list", "STARTTLS: drawn by provider")
    assert (counts(row), row.low, row.high) == ((27, 36), None, None)
    assert run_checks(tmp_path, rows) == []


def test_silence_widens_the_interval_beyond_the_list(tmp_path: Path) -> None:
    run = run_of([(2, 0), (0, 2)] * 6)
    run.domain("silent.test", "10 mx.silent.test")
    run.host("mx.silent.test", "192.0.2.1")
    run.session("mx.silent.test", "192.0.2.1", "unreachable")
    rows = compute_figures(run.write(tmp_path))
    low, high = interval(rows, "STARTTLS: drawn by provider")
    widest = interval(rows, "STARTTLS: drawn by provider, silence included")
    assert widest[0] < low
    assert widest[1] > high


def test_top_level_domains_and_providers_beyond_the_largest_stand_together(tmp_path: Path) -> None:
    run = SmallRun()
    for number in range(20):
        run.domain(f"a.t{number:02}", f"10 mx.p{number:02}.test")
        run.host(f"mx.p{number:02}.test", f"192.0.2.{number}")
        run.session(f"mx.p{number:02}.test", f"192.0.2.{number}")
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "by_tld", "all other top-level domains")) == (5, 5)
    assert counts(row_of(rows, "by_provider", "STARTTLS: all other providers")) == (10, 10)
    assert counts(row_of(rows, "without_provider", "STARTTLS: without these ten")) == (10, 10)
    assert not [row for row in rows if row.figure == "by_rank"]
    assert run_checks(tmp_path, rows) == []


def test_a_policy_without_an_mx_lookup_may_still_name_every_mx_host(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain(
        "a.test", status="servfail", sts="valid", policy="valid", mode="enforce", uncovered=("x.test",)
    )
    row = row_of(compute_figures(run.write(tmp_path)), "mta_sts_ladder", "S5 MX hosts named", "(S0)")
    assert (counts(row), row.unknown) == ((0, 0), 1)
