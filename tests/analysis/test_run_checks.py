"""Each check finds the faults it is there for."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.figures import SQL_FOLDER, FigureRow, compute_figures, run_checks
from crawler.outcomes import (
    AuthenticatedBy,
    Basis,
    DaneDomain,
    DaneStatus,
    DnssecStatus,
    Failure,
    LookupStatus,
    Outcome,
)
from crawler.records import AddressLookup, TlsaLookup, TxtLookup
from tests.analysis.known_run import known_run
from tests.analysis.paced_run import paced_run
from tests.analysis.small_run import SmallRun
from tests.analysis.trusted_run import trusted_run


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[FigureRow]]:
    folder = known_run().write(tmp_path_factory.mktemp("known"))
    return folder, compute_figures(folder)


Fault = Callable[[SmallRun], None]
NODATA = AddressLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)
TXT = TxtLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)
TLSA = TlsaLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)
LISTED = {row.domain: place for place, row in enumerate(paced_run().tables["domains"])}


def repeat(table: str) -> Fault:
    return lambda run: run.tables[table].append(run.tables[table][0])


def drop(table: str, place: int) -> Fault:
    def fault(run: SmallRun) -> None:
        del run.tables[table][place]

    return fault


def change(table: str, place: int, **fields: object) -> Fault:
    def fault(run: SmallRun) -> None:
        run.tables[table][place] = replace(run.tables[table][place], **fields)

    return fault


# Faults that do not hide each other share a run. The first row of a table is a.test or mx.good.test.
BATCHES: list[dict[str, tuple[Fault, tuple[str, str]]]] = [
    {
        "twice listed": (repeat("domains"), ("domains_once", "stands 2 times in domains")),
        "verdict lost": (drop("domain_verdicts", 1), ("domain_verdicts_match", "0 domain verdicts")),
        "host lost": (drop("mx_hosts", -1), ("exchanges_resolved", "0 rows in mx_hosts")),
        "session twice": (repeat("sessions"), ("sessions_once", "attempt 1 stands 2 times")),
        "certificate lost": (drop("certificates", 0), ("chains_kept", "0 rows in certificates")),
        "rules mixed": (
            change("session_verdicts", 0, rule_version=2),
            ("one_rule", "root store " + "ab" * 32),
        ),
    },
    {
        "position wrong": (
            change("domains", 0, position=77),
            ("domains_once", "last position, but 19 domains"),
        ),
        "verdict twice": (repeat("domain_verdicts"), ("domain_verdicts_match", "2 domain verdicts")),
        "host twice": (repeat("mx_hosts"), ("exchanges_resolved", "2 rows in mx_hosts")),
        "session lost": (drop("sessions", 2), ("addresses_asked", "0 first attempts")),
        "verdict without session": (
            drop("sessions", 2),
            ("session_verdicts_match", "judged, but no session"),
        ),
        "certificate twice": (repeat("certificates"), ("chains_kept", "stands 2 times in certificates")),
        "session unjudged": (drop("session_verdicts", 0), ("session_verdicts_match", "0 session verdicts")),
    },
    {
        "domain lost": (drop("domains", 0), ("domain_verdicts_match", "judged, but not listed")),
        "host unnamed": (drop("domains", 5), ("exchanges_resolved", "in mx_hosts, but no exchange")),
        "address of nobody": (
            change("sessions", 0, address="198.51.100.1"),
            ("addresses_asked", "session with an address the MX host does not have"),
        ),
        "outcome misread": (
            change("session_verdicts", 1, outcome=Outcome.NO_STARTTLS),
            ("session_verdicts_match", "outcome no_starttls at stage hello_tls"),
        ),
        "certificate of nobody": (
            change("session_verdicts", 2, path_ok=True),
            ("session_verdicts_match", "certificate judged without a TLS handshake"),
        ),
        "booleans contradict": (
            change("session_verdicts", 5, pkix_ok=False),
            ("session_verdicts_match", "pkix_ok is not path and time and name"),
        ),
        "old attempt judged": (
            change("session_verdicts", 4, attempt=1),
            ("session_verdicts_match", "judged on attempt 1, the last is 2"),
        ),
    },
    {
        "host of a session lost": (
            drop("mx_hosts", 0),
            ("sessions_have_hosts", "session without a row in mx_hosts"),
        ),
        "host of a verdict lost": (
            drop("mx_hosts", 0),
            ("sessions_have_hosts", "session verdict without a row in mx_hosts"),
        ),
        "failed without a word": (
            change("sessions", 2, failure=Failure.UNKNOWN),
            ("unknown_failures", "1 of 13 failed for an unknown reason"),
        ),
    },
]


def place_of(table: str, host: str, attempt: int = 1) -> int:
    """Return the place of a row of the paced run."""
    rows = paced_run().tables[table]
    return next(
        i for i, row in enumerate(rows) if row.mx_host == host and getattr(row, "attempt", 1) == attempt
    )


def of_host(table: str, host: str, attempt: int = 1, /, **fields: object) -> Fault:
    return change(table, place_of(table, host, attempt), **fields)


PACED_BATCH: dict[str, tuple[Fault, tuple[str, str]]] = {
    "second attempt lost": (
        of_host("sessions", "mx.again.test", 2, attempt=3),
        ("second_attempts", "failed for now, and has no second attempt"),
    ),
    "third attempt": (lambda run: None, ("second_attempts", "attempt 3")),
    "second attempt for nothing": (
        of_host("sessions", "mx.turn.test", failure=Failure.PERMANENT_REPLY, pushed_back=False),
        (
            "second_attempts",
            "second attempt without a first one that failed for now, or to connect, or was sampled",
        ),
    ),
    "no reason": (
        of_host("sessions", "mx.capped.test", failure=None),
        ("second_attempts", "not attempted, without a reason"),
    ),
    "heard of nobody": (
        of_host("sessions", "mx.private.test", pushed_back=True),
        ("second_attempts", "not attempted, but there was a conversation"),
    ),
    "asked in spite of an opt-out": (
        of_host("sessions", "mx.out.test", tlsa=TLSA),
        ("second_attempts", "opted out, but its TLSA records were looked up"),
    ),
    "sample not asked": (
        of_host("session_verdicts", "mx5.big.test", 2, sample_mx_host="mx6.big.test"),
        ("inferred_verdicts", "inferred from a session that was not held"),
    ),
    "sample elsewhere": (
        of_host("mx_hosts", "mx1.plain.test", provider="other.test"),
        ("inferred_verdicts", "inferred from another provider"),
    ),
    "sample too large": (
        of_host("session_verdicts", "mx6.big.test", 2, sample_size=5, sample_bound=0.6),
        ("inferred_verdicts", "sample of 5, but 4 names asked"),
    ),
    "old attempt of the sample": (
        of_host("session_verdicts", "mx7.big.test", 2, attempt=1),
        ("inferred_verdicts", "inferred from a session that is not the one judged"),
    ),
    "not what the sample says": (
        of_host("session_verdicts", "mx8.big.test", 2, path_ok=False),
        ("inferred_verdicts", "inferred, but says something else than its sample"),
    ),
    "bound wrong": (
        of_host("session_verdicts", "mx9.big.test", 2, sample_bound=0.2),
        ("inferred_verdicts", "bound 0.2 of a sample of 4"),
    ),
    "not sampled": (
        of_host("sessions", "mx10.big.test", failure=Failure.SESSION_CAP),
        ("inferred_verdicts", "inferred, but was not left to a sample"),
    ),
    "sample of its own": (
        of_host("session_verdicts", "mx12.plain.test", basis=Basis.DIRECT),
        ("inferred_verdicts", "asked itself, and yet has a sample"),
    ),
    "outcome of nothing": (
        of_host("session_verdicts", "mx.capped.test", outcome=Outcome.UNREACHABLE),
        ("session_verdicts_match", "outcome unreachable at stage not_attempted"),
    ),
    "inferred outcome misread": (
        of_host("session_verdicts", "mx11.plain.test", outcome=Outcome.TLS_OK),
        ("session_verdicts_match", "outcome tls_ok at stage hello"),
    ),
    "opted-out domain asked": (
        change("domains", LISTED["silent.test"], tlsrpt_txt=TXT),
        ("opted_out", "opted out, but something was looked up"),
    ),
    "opted-out host asked": (
        of_host("mx_hosts", "mx.hidden.test", aaaa=NODATA),
        ("opted_out", "not looked up (opted_out), but in part it was"),
    ),
}


TRUSTED_ROWS = trusted_run().tables


def of_server(name: str, /, **fields: object) -> Fault:
    """Change the session verdict on a host of the trusted run."""
    rows = TRUSTED_ROWS["session_verdicts"]
    place = next(i for i, row in enumerate(rows) if row.mx_host == f"mx.{name}.test")
    return change("session_verdicts", place, **fields)


def looked_up(name: str, tlsa: TlsaLookup | None) -> Fault:
    """Change what was looked up for a host of the trusted run."""
    rows = TRUSTED_ROWS["sessions"]
    return change(
        "sessions", next(i for i, r in enumerate(rows) if r.mx_host == f"mx.{name}.test"), tlsa=tlsa
    )


def of_domain(name: str, /, table: str = "domain_verdicts", **fields: object) -> Fault:
    """Change a row of a domain of the trusted run."""
    place = next(i for i, row in enumerate(TRUSTED_ROWS[table]) if row.domain == f"{name}.test")
    return change(table, place, **fields)


def reroute(name: str, host: str, **fields: Any) -> Fault:
    """Give a domain of the trusted run one route, as judged for another host, and then changed."""

    def fault(run: SmallRun) -> None:
        place = next(i for i, r in enumerate(run.tables["domain_verdicts"]) if r.domain == f"{name}.test")
        verdict = run.routed()[place]
        route = next(route for route in verdict.routes if route.mx_host == f"mx.{host}.test")
        run.tables["domain_verdicts"][place] = replace(verdict, routes=(replace(route, **fields),))

    return fault


INSECURE = TlsaLookup(status=LookupStatus.NODATA, dnssec_status=DnssecStatus.INSECURE)
TRUSTED_BATCH: dict[str, tuple[Fault, tuple[str, str]]] = {
    "DANE without lookup": (
        looked_up("plain", None),
        ("dane_verdicts_match", "DANE verdict absent without a TLSA lookup"),
    ),
    "looked up otherwise": (
        looked_up("roll", INSECURE),
        ("dane_verdicts_match", "TLSA answer secure, but looked up as insecure"),
    ),
    "records out of nowhere": (
        lambda run: None,
        ("dane_verdicts_match", "2 TLSA records judged, which no secure answer holds"),
    ),
    "match without records": (
        of_server("mix", tlsa_records=()),
        ("dane_verdicts_match", "DANE verdict matched with 0 TLSA records"),
    ),
    "match without TLS": (
        of_server("bare", dane=DaneStatus.MATCHED),
        ("dane_verdicts_match", "DANE verdict matched, but the outcome is no_starttls"),
    ),
    "mismatch without reason": (
        of_server("late", dane_reason=None),
        ("dane_verdicts_match", "DANE verdict mismatched, reason none, usage none"),
    ),
    "route lost": (
        reroute("j", "ee"),
        ("routes_match", "1 routes, but 2 MX hosts and addresses"),
    ),
    "route to nowhere": (
        reroute("m", "plain", address="192.0.2.99"),
        ("routes_match", "route to mx.plain.test at 192.0.2.99, which has no verdict"),
    ),
    "route that says another thing": (
        reroute("v", "mix", dane=DaneStatus.ABSENT),
        ("routes_match", "route to mx.mix.test at 192.0.2.10 says something else than its verdict"),
    ),
    "record without lookup": (
        of_domain("s", "domains", sts_txt=None),
        ("policy_verdicts_match", "MTA-STS record valid without a lookup"),
    ),
    "report record without lookup": (
        of_domain("t", "domains", tlsrpt_txt=None),
        ("policy_verdicts_match", "TLSRPT record absent without a lookup"),
    ),
    "policy without fetch": (
        of_domain("y", "sts_policies", domain="stranger.test"),
        ("policy_verdicts_match", "policy tcp without a fetch"),
    ),
    "policy without text": (
        of_domain("c", "sts_policies", body=None),
        ("policy_verdicts_match", "policy valid without a text"),
    ),
    "policy without mode": (
        of_domain("d", sts_mode=None),
        ("policy_verdicts_match", "policy valid, mode none known"),
    ),
    "step too high": (
        of_domain("bb", sts_step=6),
        ("policy_verdicts_match", "step 6 with record valid, policy valid"),
    ),
    "two classes of DANE": (
        of_domain("p", dane=DaneDomain.FULL),
        ("one_class", "DANE full, but its MX records are insecure"),
    ),
    "authenticated by nothing": (
        of_domain("r", authenticated_by=AuthenticatedBy.STS),
        ("one_class", "authenticated by sts, but DANE is absent, and its policy not"),
    ),
    "judged twice": (
        lambda run: run.tables["domain_verdicts"].append(
            replace(run.tables["domain_verdicts"][8], dane=DaneDomain.ABSENT)
        ),
        ("one_class", "30 rows, but 29 mail-capable domains"),
    ),
}


@pytest.mark.parametrize(
    ("make_run", "batch"),
    [
        *((known_run, batch) for batch in BATCHES),
        (paced_run, PACED_BATCH),
        (trusted_run, TRUSTED_BATCH),
    ],
    ids=["first", "second", "third", "fourth", "paced", "trusted"],
)
def test_faults_are_found(
    make_run: Callable[[], SmallRun], batch: dict[str, tuple[Fault, tuple[str, str]]], tmp_path: Path
) -> None:
    run = make_run()
    for fault, _ in batch.values():
        fault(run)
    found = {(violation.check, violation.violation) for violation in run_checks(run.write(tmp_path), [])}
    assert {name for name, (_, expected) in batch.items() if expected not in found} == set()


def test_a_list_counted_differently_is_found(tmp_path: Path) -> None:
    listed = {"name": "small.csv", "sha256": "cd" * 32, "listed": 20, "rejected": 0}
    violations = run_checks(known_run().write(tmp_path, list=listed), [])
    assert [(v.check, v.violation) for v in violations] == [("domains_listed", "19 rows, but 20 listed")]


def test_verdicts_of_another_root_store_are_found(tmp_path: Path) -> None:
    store = {"sha256": "ef" * 32, "source": "roots.pem", "anchors": 120}
    violations = run_checks(known_run().write(tmp_path, root_store=store), [])
    assert [(v.check, v.violation) for v in violations] == [("one_rule", "root store " + "ab" * 32)]


@pytest.mark.parametrize(
    "fields",
    [
        {"numerator": 10},
        {"unknown": -1},
        {"estimate": 0.5},
        {"estimate": None},
        {"low": 0.1},
        {"high": 0.99},
        {"inferred": -1},
        {"inferred": 10, "inference_bound": 1},
        {"inferred": 1},
        {"inferred": 1, "inference_bound": 2},
        {"denominator": 13, "unknown": 0, "estimate": 5 / 13},
        {"unknown": 6, "never": 2, "low": 5 / 17, "high": 11 / 17},
    ],
    ids=str,
)
def test_a_figure_row_whose_numbers_do_not_fit_is_found(
    fields: dict[str, Any], known: tuple[Path, list[FigureRow]]
) -> None:
    folder, rows = known
    place = next(
        i for i, row in enumerate(rows) if (row.figure, row.stratum) == ("starttls_by_domain", "all")
    )
    broken = [*rows[:place], replace(rows[place], **fields), *rows[place + 1 :]]
    violations = run_checks(folder, broken)
    assert [(v.check, v.subject) for v in violations] == [
        ("figures_add_up", "starttls_by_domain: all (reachable mail domain, determined (of D3))")
    ]


def test_a_figure_row_that_stands_twice_is_found(known: tuple[Path, list[FigureRow]]) -> None:
    folder, rows = known
    violations = run_checks(folder, [*rows, rows[0]])
    assert [(v.check, v.violation) for v in violations] == [("figure_rows_once", "2 rows")]


def test_parts_that_do_not_add_up_are_found(known: tuple[Path, list[FigureRow]]) -> None:
    folder, rows = known
    place = next(i for i, row in enumerate(rows) if row.figure == "by_provider")
    violations = run_checks(folder, [*rows[:place], *rows[place + 1 :]])
    assert [(v.check, v.subject) for v in violations] == [("parts_add_up", "by_provider: STARTTLS")]


@pytest.mark.parametrize(
    ("figure", "stratum", "subject"),
    [
        ("populations", "not in D1: MX lookup servfail", "listed domain (D0): not in D1"),
        ("populations", "H determined", "reached MX host (H): not determined"),
        ("dane_correct", "class: absent", "class, mail-capable domain with secure MX records (D2)"),
        ("authenticated_transport", "DANE no: MTA-STS no, PKIX no", "DANE x MTA-STS x PKIX"),
    ],
)
def test_a_unit_in_no_class_or_in_two_is_found(
    figure: str, stratum: str, subject: str, tmp_path: Path, known: tuple[Path, list[FigureRow]]
) -> None:
    folder, rows = known
    if figure != "populations":
        folder = trusted_run().write(tmp_path)
        rows = compute_figures(folder)
    place = next(i for i, row in enumerate(rows) if (row.figure, row.stratum) == (figure, stratum))
    twice = replace(rows[place], numerator=rows[place].numerator + 1)
    for broken in ([*rows[:place], *rows[place + 1 :]], [*rows[:place], twice, *rows[place + 1 :]]):
        subjects = [(v.check, v.subject) for v in run_checks(folder, broken)]
        assert ("parts_add_up", f"{figure}: {subject}") in subjects


@pytest.mark.parametrize(
    ("interval", "fields"),
    [
        ("wilson", {"low": 0.5}),
        ("cluster", {"low": 0.9, "high": 0.8}),
        ("cluster", {"low": 0.1, "high": None}),
    ],
    ids=str,
)
def test_an_interval_that_does_not_fit_is_found(
    interval: str, fields: dict[str, Any], known: tuple[Path, list[FigureRow]]
) -> None:
    folder, rows = known
    place = next(i for i, row in enumerate(rows) if row.interval == interval)
    violations = run_checks(folder, [*rows[:place], replace(rows[place], **fields), *rows[place + 1 :]])
    assert [v.check for v in violations] == ["figures_add_up"]


def test_rows_as_they_were_computed_are_sound(known: tuple[Path, list[FigureRow]]) -> None:
    assert run_checks(*known) == []


def test_every_check_opens_with_its_invariant_and_those_on_tables_are_tested() -> None:
    tested = {check for batch in [*BATCHES, PACED_BATCH, TRUSTED_BATCH] for _, (check, _) in batch.values()}
    files = {path.stem: path.read_text() for path in (SQL_FOLDER / "checks").glob("*.sql")}
    assert all(text.startswith("-- ") for text in files.values())
    assert set(files) - tested == {"domains_listed", "figures_add_up", "figure_rows_once", "parts_add_up"}
