"""Every figure, over runs small enough to count by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis.figures import (
    FigureRow,
    RunFolderError,
    compute_figures,
    figure_names,
    figure_sql,
    read_run,
    run_checks,
)
from tests.analysis.figure_rows import counts, row_of
from tests.analysis.known_run import KNOWN, known_run
from tests.analysis.paced_run import PACED, paced_run
from tests.analysis.parted_run import PARTED, parted_run
from tests.analysis.small_run import SmallRun, shuffled
from tests.analysis.trusted_run import TRUSTED, trusted_run


def octets(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / "figures").glob("*.csv"))}


@pytest.fixture(scope="module")
def known_rows(tmp_path_factory: pytest.TempPathFactory) -> list[FigureRow]:
    return compute_figures(known_run().write(tmp_path_factory.mktemp("known")))


@pytest.mark.parametrize("key", KNOWN, ids=" ".join)
def test_a_figure_counts_what_was_counted_by_hand(
    key: tuple[str, str, str], known_rows: list[FigureRow]
) -> None:
    numerator, denominator, unknown, *never = KNOWN[key]
    row = row_of(known_rows, *key)
    assert counts(row) == (numerator, denominator)
    assert (row.unknown, row.never) == (unknown, sum(never))
    assert row.estimate == numerator / denominator
    whole = denominator + unknown
    assert (row.low, row.high) == (numerator / whole, (numerator + unknown) / whole)
    assert (row.inferred, row.inference_bound) == (0, 0)


def test_every_figure_is_counted_by_hand_somewhere() -> None:
    assert {figure for figure, _, _ in [*KNOWN, *PACED, *PARTED, *TRUSTED]} == set(figure_names())


def test_every_row_has_its_interval_its_run_and_its_list(known_rows: list[FigureRow]) -> None:
    for row in known_rows:
        assert (row.run, row.list) == ("2026-08-22-small", "small.csv")
        assert row.figure == "beyond_the_list" or row.interval == "nonresponse"
        assert row.unit


def test_every_figure_file_opens_with_its_rule() -> None:
    for figure in figure_names():
        assert figure_sql(figure).startswith("-- "), figure
        assert "getvariable" not in figure_sql(figure)


def test_a_sound_run_has_no_violation(tmp_path: Path) -> None:
    assert run_checks(known_run().write(tmp_path / "known")) == []
    assert run_checks(paced_run().write(tmp_path / "paced")) == []


def test_reasons_add_up_to_the_hosts_with_tls(known_rows: list[FigureRow]) -> None:
    reasons = [row for row in known_rows if row.stratum.startswith("reason: ")]
    assert sum(row.numerator for row in reasons) == reasons[0].denominator


def test_shares_of_providers_add_up_to_one(known_rows: list[FigureRow]) -> None:
    shares = [r for r in known_rows if r.figure == "provider_share" and r.unit == "mail-capable domain (D2)"]
    assert sum(row.numerator for row in shares) == shares[0].denominator == 15


def test_no_provider_outweighs_its_cap(known_rows: list[FigureRow]) -> None:
    trillion = 10**12
    yes = 2 * (trillion // 4) + trillion + trillion + trillion // 3  # a and b; h; i; s
    no = trillion // 2 + trillion + trillion // 4 + trillion // 2  # c; g; p; q
    row = row_of(known_rows, "starttls_weighted", "provider-capped")
    assert counts(row) == (yes, yes + no)


def test_a_list_without_ranks_has_no_row_for_rank_weights(known_rows: list[FigureRow]) -> None:
    assert not [row for row in known_rows if row.stratum == "1/rank"]


def test_rank_weights_are_exact_and_leave_out_domains_without_rank(tmp_path: Path) -> None:
    run = SmallRun()
    run.host("mx.good.test", "192.0.2.1")
    run.session("mx.good.test", "192.0.2.1")
    run.host("mx.plain.test", "192.0.2.2")
    run.session("mx.plain.test", "192.0.2.2", "no_starttls")
    run.domain("a.test", "10 mx.good.test", rank=3)
    run.domain("b.test", "10 mx.plain.test", rank=7)
    run.domain("c.test", "10 mx.plain.test")
    row = row_of(compute_figures(run.write(tmp_path)), "starttls_weighted", "1/rank")
    assert counts(row) == (333_333_333_333, 333_333_333_333 + 142_857_142_857)


@pytest.mark.parametrize("make_run", [known_run, paced_run, parted_run, trusted_run])
def test_same_run_same_octets_however_its_rows_are_laid_out(
    tmp_path: Path, make_run: Callable[[], SmallRun]
) -> None:
    first, second = make_run(), make_run()
    second.tables = {table: shuffled(rows) for table, rows in second.tables.items()}
    compute_figures(first.write(tmp_path / "first"))
    compute_figures(second.write(tmp_path / "second", parts=3))
    compute_figures(tmp_path / "second")
    assert octets(tmp_path / "first") == octets(tmp_path / "second")
    assert set(octets(tmp_path / "first")) == {f"{figure}.csv" for figure in figure_names()}


def test_csv_has_the_published_columns_and_empty_fields_for_unknown(tmp_path: Path) -> None:
    compute_figures(SmallRun().write(tmp_path))
    lines = (tmp_path / "figures" / "starttls_by_domain.csv").read_text().splitlines()
    assert lines[0] == (
        "figure,stratum,numerator,denominator,unknown,never,inferred,inference_bound,unit,"
        "estimate,low,high,interval,run,list"
    )
    assert lines[1] == (
        'starttls_by_domain,all,0,0,0,0,0,0,"reachable mail domain, determined (of D3)",,,,nonresponse,'
        "2026-08-22-small,small.csv"
    )


def test_empty_tables_give_no_estimate_and_no_error(tmp_path: Path) -> None:
    rows = compute_figures(SmallRun().write(tmp_path))
    assert row_of(rows, "starttls_by_domain", "all").estimate is None
    assert all(row.estimate is row.low is row.high is None for row in rows if row.denominator == 0)
    assert run_checks(tmp_path) == []


def test_timeouts_are_never_a_no(tmp_path: Path) -> None:
    run = SmallRun()
    answers: list[tuple[str, str | None]] = [
        ("unreachable", None),
        ("refused_greeting", None),
        ("not_smtp", None),
        ("hello_failed", None),
    ]
    refused_for_now = [
        ("starttls_refused", f) for f in ("temporary_reply", "service_closing", "timeout", "reset", "closed")
    ]
    answers += [("not_attempted", None), ("tls_failed", "local_error")]
    refused_for_now += [("tls_failed", f) for f in ("timeout", "reset", "closed")]
    for number, (outcome, failure) in enumerate([*answers, *refused_for_now]):
        run.domain(f"d{number}.test", f"10 mx{number}.test")
        run.host(f"mx{number}.test", f"192.0.2.{number}")
        run.session(f"mx{number}.test", f"192.0.2.{number}", outcome, failure)
    rows = compute_figures(run.write(tmp_path))
    for figure, stratum in (("starttls_by_domain", "all"), ("starttls_by_host", "TLS handshake completed")):
        row = row_of(rows, figure, stratum)
        assert counts(row) == (0, 0)
        assert row.estimate is None
    assert counts(row_of(rows, "nonresponse", "any class", "(D2)")) == (14, 14)


@pytest.mark.parametrize("failure", ["permanent_reply", "unexpected_reply", "malformed_reply"])
def test_starttls_refused_for_good_is_a_no(tmp_path: Path, failure: str) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", "starttls_refused", failure)
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "starttls_by_domain", "all")) == (0, 1)


def test_a_handshake_that_is_no_tls_is_a_no(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", "tls_failed", "tls_error")
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "starttls_by_domain", "all")) == (0, 1)


def test_no_tls_at_all_gives_zero_not_nothing(tmp_path: Path) -> None:
    run = SmallRun()
    for number, outcome in enumerate(["no_starttls", "tls_failed"]):
        run.domain(f"d{number}.test", f"10 mx{number}.test")
        run.host(f"mx{number}.test", f"192.0.2.{number}")
        run.session(f"mx{number}.test", f"192.0.2.{number}", outcome)
    rows = compute_figures(run.write(tmp_path))
    headline = row_of(rows, "starttls_by_domain", "all")
    assert (counts(headline), headline.low, headline.high) == ((0, 2), 0.0, 0.0)
    assert counts(row_of(rows, "tls_versions", "no TLS")) == (2, 2)
    assert counts(row_of(rows, "certificate_ladder", "path", "(of D3)")) == (0, 2)
    assert not [row for row in rows if row.figure == "certificate_ladder" and "TLS" in row.unit]
    assert run_checks(tmp_path) == []


def test_a_host_once_greeted_is_reached_though_its_last_attempt_failed(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", "hello_failed", "reset", last=False)
    run.session("mx.test", "192.0.2.1", "unreachable")
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "populations", "D3 reachable")) == (1, 1)
    assert counts(row_of(rows, "starttls_by_domain", "all")) == (0, 0)


def test_the_root_beside_other_exchanges_decides_no_preference_but_unusable_hosts_do(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "0 .", "10 mx.test", kind="null_mx_with_others")
    run.domain("b.test", "0 .", "5 localhost unusable", "10 mx.test", kind="null_mx_with_others")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1")
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "populations", "D2 mail-capable")) == (2, 2)
    headline = row_of(rows, "starttls_by_domain", "all")
    assert (counts(headline), headline.unknown, headline.never) == ((1, 1), 0, 1)
    why = "not determined: not deliverable, no usable primary exchange"
    assert counts(row_of(rows, "populations", why, "(D3)")) == (1, 2)


def test_a_domain_that_no_mail_can_be_delivered_to_is_neither_a_no_nor_a_possible_yes(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", "no_starttls")
    run.domain("gone.test", "10 mx.gone.test")
    run.host("mx.gone.test", status="nxdomain")
    run.domain("long.test", "10 mx.long.test")
    run.host("mx.long.test", status="name_too_long")
    run.domain("local.test", "10 localhost unusable")
    rows = compute_figures(run.write(tmp_path))
    for figure in ("starttls_by_domain", "starttls_by_domain_rule", "certificate_ladder", "post_quantum"):
        for row in (r for r in rows if r.figure == figure and "(of D3)" in r.unit):
            assert (row.numerator, row.unknown, row.low) == (0, 0, row.high)
            assert (row.denominator, row.never) == ((0, 0) if row.stratum == "implicit MX" else (1, 3))
    assert counts(row_of(rows, "nonresponse", "any class", "(D2)")) == (0, 4)
    assert run_checks(tmp_path) == []


@pytest.mark.parametrize(
    ("policy", "failure", "is_known"),
    [
        ("dns", "no_address", True),
        ("dns", "lookup_failed", False),
        ("tcp", "special_purpose_address", False),
        ("tcp", "refused", True),
        ("tcp", "timeout", False),
        ("tcp", "unreachable", False),
        ("tcp", "local_error", False),
        ("tls", "tls_alert", True),
        ("tls", "tls_error", True),
        ("tls", "reset", False),
        ("tls", "closed", False),
        ("timeout", "timeout", False),
        ("http", "closed", False),
        ("http", "malformed_reply", True),
        ("certificate_name", "timeout", True),
        ("http_status", None, True),
        ("too_large", "reply_too_long", True),
    ],
)
def test_a_policy_that_gave_no_answer_is_not_known(
    tmp_path: Path, policy: str, failure: str | None, is_known: bool
) -> None:
    run = SmallRun()
    run.domain("a.test", sts="valid", policy=policy, policy_failure=failure)
    row = row_of(compute_figures(run.write(tmp_path)), "mta_sts_mode", "policy fetched and valid")
    assert (row.numerator, row.denominator, row.unknown) == (0, int(is_known), int(not is_known))


def test_a_handshake_without_a_group_is_named_by_its_cipher_suite(tmp_path: Path) -> None:
    run = SmallRun()
    suites = {
        "DHE-RSA-AES256-SHA": "no group: finite-field DHE",
        "AES128-SHA": "no group: static RSA",
        "ECDHE-RSA-AES128-SHA": "not known",
        "TLS_AES_128_GCM_SHA256": "not known",
    }
    for number, suite in enumerate(suites):
        run.domain(f"d{number}.test", f"10 mx{number}.test")
        run.host(f"mx{number}.test", f"192.0.2.{number}")
        run.session(
            f"mx{number}.test", f"192.0.2.{number}", version="TLSv1.2", cipher_suite=suite, group=None
        )
    rows = compute_figures(run.write(tmp_path))
    for stratum in suites.values():
        expected = 2 if stratum == "not known" else 1
        assert counts(row_of(rows, "key_exchange_groups", stratum)) == (expected, 4)
    assert counts(row_of(rows, "forward_secrecy", "forward secrecy", "TLS")) == (3, 4)
    assert counts(row_of(rows, "forward_secrecy", "forward secrecy", "(of D3)")) == (3, 4)


def test_one_exchange_listed_twice_is_one_primary_host(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test", "20 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1")
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "populations", "P primary")) == (1, 1)


def test_a_host_whose_address_lookup_failed_moves_the_bounds(tmp_path: Path) -> None:
    run = SmallRun()
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1")
    run.domain("b.test", "10 mx.lost.test")
    run.host("mx.lost.test", status="servfail")
    rows = compute_figures(run.write(tmp_path))
    row = row_of(rows, "starttls_by_host", "TLS handshake completed")
    assert (counts(row), row.low, row.high) == ((1, 1), 0.5, 1.0)
    assert counts(row_of(rows, "nonresponse", "class: address lookups failed")) == (1, 2)
    assert counts(row_of(rows, "populations", "not in D3: no answer, address lookups failed")) == (1, 2)


def test_what_peers_choose_to_call_things_is_bounded(tmp_path: Path) -> None:
    run = SmallRun()
    for number in range(20):
        chain = (run.certificate(f"c{number}", issuer=f"O={number:02}{'x' * 300}", key_bits=1000 + number),)
        run.domain(f"d{number}.test", f"10 mx{number}.test")
        run.host(f"mx{number}.test", f"192.0.2.{number}", provider=f"p{number:02}.test")
        run.session(
            f"mx{number}.test",
            f"192.0.2.{number}",
            chain=chain,
            cipher_suite=f"S{number:02}",
            group=f"G{number:02}",
        )
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "certificate_issuers", "all other issuers")) == (10, 20)
    assert counts(row_of(rows, "certificate_keys", "all other keys")) == (8, 20)
    assert counts(row_of(rows, "cipher_suites", "any other suite")) == (8, 20)
    assert counts(row_of(rows, "key_exchange_groups", "any other group")) == (8, 20)
    assert counts(row_of(rows, "provider_share", "all other providers")) == (5, 20)
    assert max(len(row.stratum) for row in rows) < 80


def test_a_certificate_that_cannot_be_read_is_counted_as_such(tmp_path: Path) -> None:
    run = SmallRun()
    nothing: dict[str, Any] = dict.fromkeys(("issuer", "not_after", "key_type", "key_bits", "self_signed"))
    chain = (run.certificate("junk", parse_failure="no ASN.1", **nothing),)
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", chain=chain, reason="unparsable")
    rows = compute_figures(run.write(tmp_path))
    for figure in ("certificate_issuers", "certificate_keys", "certificate_expiry"):
        assert counts(row_of(rows, figure, "unparsable")) == (1, 1)


def test_one_unreadable_part_does_not_hide_the_others_of_a_certificate(tmp_path: Path) -> None:
    run = SmallRun()
    chain = (run.certificate("odd", parse_failure="odd SAN", not_after=None),)
    run.domain("a.test", "10 mx.test")
    run.host("mx.test", "192.0.2.1")
    run.session("mx.test", "192.0.2.1", chain=chain)
    rows = compute_figures(run.write(tmp_path))
    assert counts(row_of(rows, "certificate_keys", "ec 256")) == (1, 1)
    assert counts(row_of(rows, "certificate_issuers", "issuer: Example Trust")) == (1, 1)
    assert counts(row_of(rows, "certificate_expiry", "unparsable")) == (1, 1)


def test_a_run_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's [1] * ? run"
    assert len(compute_figures(known_run().write(folder))) > 100


def test_a_folder_that_is_no_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"no readable run\.json"):
        compute_figures(_without(known_run().write(tmp_path / "a"), "run.json"))
    with pytest.raises(RunFolderError, match="table sessions has no part file"):
        compute_figures(_without(known_run().write(tmp_path / "b"), "sessions/part-00000.parquet"))


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ({"finished_at": None}, "the run is not finished"),
        ({"finished_at": "soon"}, r"finished_at in run\.json is no time"),
        ({"started_at": 3}, r"run\.json has no started_at, or not as str"),
        ({"list": None}, r"run\.json has no list, or not as dict"),
        ({"list": {"name": "a", "sha256": "", "rejected": 0}}, r"no list\.listed"),
        ({"settings": []}, "no settings"),
        ({"versions": None}, "no versions"),
        ({"root_store": None}, "no root_store"),
        ({"root_store": {"sha256": "ab", "source": "x"}}, r"no root_store\.anchors"),
        ({"lab": {"profile": "world"}}, r"no lab\.seed"),
    ],
)
def test_a_run_json_that_lacks_something_is_refused_by_name(
    tmp_path: Path, run: dict[str, Any], message: str
) -> None:
    folder = SmallRun().write(tmp_path, **run)
    for act in (compute_figures, run_checks):
        with pytest.raises(RunFolderError, match=message):
            act(folder)


def test_a_run_json_without_lab_is_that_of_a_real_survey(tmp_path: Path) -> None:
    folder = SmallRun().write(tmp_path)
    content = json.loads((folder / "run.json").read_text())
    del content["lab"]
    (folder / "run.json").write_text(json.dumps(content))
    assert read_run(folder)["lab"] is None


@pytest.mark.parametrize("octets_left", [0, 3, 400], ids=["none", "three", "without footer"])
def test_a_broken_part_file_is_refused_in_one_line(tmp_path: Path, octets_left: int) -> None:
    folder = known_run().write(tmp_path, parts=2)
    part = folder / "sessions" / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:octets_left])
    for act in (compute_figures, run_checks):
        with pytest.raises(RunFolderError, match="the tables cannot be read") as caught:
            act(folder)
        assert "part-00001.parquet" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_part_file_broken_inside_is_refused_too(tmp_path: Path) -> None:
    folder = known_run().write(tmp_path)
    part = folder / "domains" / "part-00000.parquet"
    content = part.read_bytes()
    part.write_bytes(content[:4] + b"\xff" * 600 + content[604:])
    with pytest.raises(RunFolderError, match="the tables cannot be read"):
        compute_figures(folder)


def test_a_table_of_another_make_is_refused(tmp_path: Path) -> None:
    folder = known_run().write(tmp_path)
    (folder / "sessions" / "part-00000.parquet").write_bytes(
        (folder / "mx_hosts" / "part-00000.parquet").read_bytes()
    )
    with pytest.raises(RunFolderError, match="the tables cannot be read"):
        compute_figures(folder)


def _without(folder: Path, name: str) -> Path:
    (folder / name).unlink()
    return folder
