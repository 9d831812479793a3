"""Which sessions are judged, what is inferred, and that judging again gives the same."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import certifi
import pytest

from crawler.endpoint_lists import list_endpoints, list_remainder, list_retries, list_unsettled
from crawler.engine import Interruption
from crawler.judging import judge
from crawler.outcomes import (
    Basis,
    DaneReason,
    DaneStatus,
    DnssecStatus,
    Failure,
    LookupStatus,
    MxKind,
    Outcome,
    SessionStage,
    UnusableExchange,
)
from crawler.preparing import list_domains
from crawler.protocol.certificate import read_certificate
from crawler.records import (
    Domain,
    DomainVerdict,
    MxHost,
    MxLookup,
    MxRecord,
    Session,
    SessionVerdict,
    TlsaLookup,
)
from crawler.settings import Settings
from crawler.stage import read_work, shard_sizes
from crawler.storing.run_folder import RunFolder
from crawler.verdicts.pkix import RootStoreError
from crawler.watching.feedback import Feedback
from tests.listing import listed_domains
from tests.session_rows import ENCRYPTED, NOW, host, session
from tests.verdicts.authority import Issued, issue, pem
from tests.verdicts.test_dane_verdict import lookup, record

SETTINGS = Settings(hello_name="scan.example", sample_size=3)
LISTS = {
    "probe": list_endpoints,
    "remainder": list_remainder,
    "retry": list_retries,
    "settle": list_unsettled,
}
AT = "192.0.2.1"
CERTIFICATE = read_certificate(b"not a certificate")
TLS = ENCRYPTED | {"tls": replace(ENCRYPTED["tls"], chain=(CERTIFICATE.sha256,))}


@dataclass(frozen=True)
class Judgeable:
    """A run whose observations are complete."""

    run: RunFolder
    root_store: Path


TIMEOUT = {"stage": SessionStage.GREETING, "failure": Failure.TIMEOUT}


class Counts(Feedback):
    """A Feedback that counts."""

    total = done = 0

    def begin(self, stage: str, total: int, done: int, least_seconds: float = 0.0) -> None:
        self.total = total

    def advance(self, done: int, failures: Mapping[str, int]) -> None:
        self.done += done


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Return a run with ten names of one provider at one address, and one beside them."""
    run = RunFolder(tmp_path)
    run.write_manifest({"run_id": "1"})
    list_domains(run, listed_domains([]), SETTINGS)
    hosts = [host(f"c{n}.big.example", AT, provider="big.example") for n in range(10)]
    run.write_part("mx_hosts", 0, [*hosts, host("one.example", AT, provider="one.example")])
    for table in ("domains", "sts_policies"):
        run.write_part(table, 0, [])
    run.write_part("certificates", 0, [CERTIFICATE])
    return run


def judged(run: RunFolder, *seen: dict[str, dict[str, Any]]) -> dict[str, SessionVerdict]:
    """Have each stage see what is given for its names, by what they begin with; else TLS. Then judge."""
    for number, stage in enumerate(LISTS):
        LISTS[stage](run, SETTINGS)
        for shard in shard_sizes(run, stage):
            rows = read_work(run, stage, shard)
            sessions = [_session(row, seen[number] if number < len(seen) else {}) for row in rows]
            run.write_part("sessions", shard, sessions)
    counts = Counts()
    judge(run, certifi.where(), counts, Interruption())
    verdicts = [
        v for shard in run.shards("session_verdicts") for v in run.read_part("session_verdicts", shard)
    ]
    assert len(verdicts) == len({v.mx_host for v in verdicts}) == counts.done == counts.total == 11
    return {verdict.mx_host: verdict for verdict in verdicts}


def _session(row: Mapping[str, Any], seen: dict[str, dict[str, Any]]) -> Any:
    columns = seen.get(row["mx_host"], seen.get(row["provider"], TLS))
    if row["withheld"]:
        columns = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure.SAMPLED}
    return session(row["mx_host"], row["address"], **{**columns, "attempt": row["attempt"]})


def bases(verdicts: dict[str, SessionVerdict]) -> dict[Basis, set[str]]:
    return {basis: {name for name, v in verdicts.items() if v.basis is basis} for basis in Basis}


def test_what_was_not_asked_is_inferred_from_the_sample(run: RunFolder) -> None:
    verdicts = judged(run)
    found = bases(verdicts)
    assert (len(found[Basis.DIRECT]), len(found[Basis.INFERRED])) == (4, 7)
    sample = sorted(found[Basis.DIRECT] - {"one.example"})
    for name in found[Basis.INFERRED]:
        verdict = verdicts[name]
        assert (verdict.sample_mx_host, verdict.sample_size, verdict.sample_bound) == (sample[0], 3, 1.0)
        assert (verdict.outcome, verdict.pkix_ok, verdict.attempt) == (Outcome.TLS_OK, False, 1)


def test_the_last_attempt_is_judged_and_stands_for_the_others(run: RunFolder) -> None:
    verdicts = judged(run, {"big.example": TIMEOUT, "one.example": TIMEOUT}, {}, {"one.example": TIMEOUT})
    assert (verdicts["one.example"].attempt, verdicts["one.example"].outcome) == (2, Outcome.UNREACHABLE)
    found = bases(verdicts)
    assert len(found[Basis.INFERRED]) == 7
    assert {verdicts[name].attempt for name in found[Basis.INFERRED]} == {2}
    assert {verdicts[name].outcome for name in found[Basis.INFERRED]} == {Outcome.TLS_OK}


def test_where_the_sample_agrees_no_more_each_stands_for_itself(run: RunFolder) -> None:
    odd = {f"c{n}.big.example": TLS | {"hello_code": 240 + n} for n in range(10)}
    verdicts = judged(run, {"big.example": TIMEOUT}, {}, odd)
    assert bases(verdicts)[Basis.INFERRED] == set()
    attempts = [verdict.attempt for verdict in verdicts.values()]
    assert sorted(attempts) == [1] + [2] * 10


def test_where_no_sample_was_ever_asked_nothing_is_inferred(run: RunFolder) -> None:
    backed_off = {"stage": SessionStage.NOT_ATTEMPTED, "failure": Failure.BACKED_OFF}
    verdicts = judged(run, {"big.example": backed_off}, {}, {"big.example": backed_off})
    assert bases(verdicts)[Basis.INFERRED] == set()
    assert {v.outcome for name, v in verdicts.items() if name != "one.example"} == {Outcome.NOT_ATTEMPTED}


# --- a whole run ---------------------------------------------------------------------------------------

SECURE = DnssecStatus.SECURE


def domain(name: str, *records: tuple[int, str], kind: MxKind = MxKind.EXPLICIT) -> Domain:
    mx_records = tuple(
        MxRecord(preference=p, exchange=e, unusable=UnusableExchange.ROOT if e == "." else None)
        for p, e in records
    )
    status = LookupStatus.NOERROR if records else LookupStatus.NODATA
    return Domain(
        domain=name,
        position=1,
        rank=None,
        mx_kind=kind,
        mx=MxLookup(status=status, dnssec_status=SECURE, records=mx_records),
        sts_txt=None,
        tlsrpt_txt=None,
        resolved_at=NOW,
    )


def secure_host(name: str, *addresses: str) -> MxHost:
    own = host(name, *addresses, provider=name)
    return replace(own, a=replace(own.a, dnssec_status=SECURE), aaaa=replace(own.aaaa, dnssec_status=SECURE))


def with_tls(name: str, address: str, chain: Sequence[Issued], tlsa: TlsaLookup) -> Session:
    tls = replace(ENCRYPTED["tls"], chain=tuple(issued.sha256 for issued in chain))
    started_at = datetime(2025, 7, 1, tzinfo=UTC)
    return session(name, address, **ENCRYPTED | {"tls": tls, "tlsa": tlsa, "started_at": started_at})


@pytest.fixture
def judgeable(tmp_path: Path) -> Judgeable:
    """Return a run of five domains with two certificates, and its root store."""
    root = issue("Root", is_ca=True)
    leaf = issue("mx1", root, dns_names=["mx1.example", "a.example"])
    anchored = lookup(record(2, 0, 1, root))
    run = RunFolder(tmp_path / "run")
    names = ["a.example", "b.example", "c.example", "d.example", "e.example"]
    list_domains(run, listed_domains(names), replace(SETTINGS, shard_size=2))
    domains = [
        domain("a.example", (10, "mx1.example"), (20, "mx2.example"), (30, "mx1.example"), (0, ".")),
        domain("b.example", (5, "lost.example"), (10, "mx2.example"), (20, "192.0.2.9")),
        domain("c.example", kind=MxKind.NO_MX),
        domain("d.example", kind=MxKind.NO_DOMAIN),
        domain("e.example", (0, "."), kind=MxKind.NULL_MX),
    ]
    for shard in range(3):
        run.write_part("domains", shard, domains[2 * shard : 2 * shard + 2])
        run.write_part("sts_policies", shard, [])
    hosts = [
        secure_host("mx1.example", "192.0.2.2", "192.0.2.1", "2001:db8::1"),
        secure_host("mx2.example", "192.0.2.3"),
        secure_host("lost.example"),
        secure_host("c.example", "192.0.2.4"),
    ]
    run.write_part("mx_hosts", 0, hosts)
    run.write_part(
        "sessions",
        0,
        [
            with_tls("mx1.example", "192.0.2.1", (leaf, root), anchored),
            with_tls("mx1.example", "192.0.2.2", (leaf,), anchored),
            with_tls("mx1.example", "2001:db8::1", (leaf, root), lookup(record(3, 1, 1, root))),
            with_tls("mx2.example", "192.0.2.3", (leaf, root), anchored),
            session("c.example", "192.0.2.4", tlsa=lookup(), stage=SessionStage.CONNECT),
        ],
    )
    run.write_part("certificates", 0, sorted((leaf.record, root.record), key=lambda each: each.sha256))
    store = tmp_path / "root.pem"
    store.write_bytes(pem(root))
    return Judgeable(run, store)


def verdicts_of(judgeable: Judgeable, **options: Any) -> tuple[list[SessionVerdict], list[DomainVerdict]]:
    run = judgeable.run
    judge(run, str(judgeable.root_store), Counts(), Interruption(), **options)
    sessions, domains = (
        [verdict for shard in run.shards(table) for verdict in run.read_part(table, shard)]
        for table in ("session_verdicts", "domain_verdicts")
    )
    return sessions, domains


def octets(run: RunFolder) -> dict[str, bytes]:
    return {
        f"{table}/{part.name}": part.read_bytes()
        for table in ("session_verdicts", "domain_verdicts")
        for part in run.table_folder(table).iterdir()
    }


def test_each_endpoint_is_held_against_its_own_records(judgeable: Judgeable) -> None:
    sessions, _ = verdicts_of(judgeable)
    assert {(v.mx_host, v.address): (v.dane, v.dane_reason) for v in sessions} == {
        ("mx1.example", "192.0.2.1"): (DaneStatus.MATCHED, None),
        ("mx1.example", "192.0.2.2"): (DaneStatus.MISMATCHED, DaneReason.NO_MATCH),
        ("mx1.example", "2001:db8::1"): (DaneStatus.MISMATCHED, DaneReason.NO_MATCH),
        ("mx2.example", "192.0.2.3"): (DaneStatus.MISMATCHED, DaneReason.NAME_MISMATCH),
        ("c.example", "192.0.2.4"): (DaneStatus.ABSENT, None),
    }


def test_the_routes_of_a_domain_are_all_its_mx_hosts_in_a_senders_order(judgeable: Judgeable) -> None:
    _, domains = verdicts_of(judgeable)
    routes = {
        domain.domain: [(r.mx_host, r.address, r.preference, r.is_primary, r.dane) for r in domain.routes]
        for domain in domains
    }
    assert routes == {
        "a.example": [
            ("mx1.example", "192.0.2.1", 10, True, DaneStatus.MATCHED),
            ("mx1.example", "192.0.2.2", 10, True, DaneStatus.MISMATCHED),
            ("mx1.example", "2001:db8::1", 10, True, DaneStatus.MISMATCHED),
            ("mx2.example", "192.0.2.3", 20, False, DaneStatus.MATCHED),  # for the next hop's name
        ],
        "b.example": [
            ("lost.example", None, 5, True, DaneStatus.UNKNOWN),
            ("mx2.example", "192.0.2.3", 10, False, DaneStatus.MISMATCHED),
            ("192.0.2.9", None, 20, False, DaneStatus.UNKNOWN),
        ],
        "c.example": [("c.example", "192.0.2.4", 0, True, DaneStatus.ABSENT)],
        "d.example": [],
        "e.example": [],
    }
    assert [(d.domain, d.name_domain_ok, d.primary_pkix_ok) for d in domains[:2]] == [
        ("a.example", True, True),
        ("b.example", None, None),
    ]


def test_judging_again_gives_the_same_octets_whoever_works(
    judgeable: Judgeable, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts_of(judgeable)
    first = octets(judgeable.run)
    judgeable.run.write_part("session_verdicts", 7, [])  # of another division into shards
    monkeypatch.setattr("crawler.judging._ROWS_BEFORE_PROCESSES", 0)
    verdicts_of(judgeable, workers=2)
    assert octets(judgeable.run) == first
    with ThreadPoolExecutor(2) as executor:  # as a cluster's
        verdicts_of(judgeable, executor=executor)
    assert octets(judgeable.run) == first


def test_another_date_changes_only_what_hangs_on_dates(judgeable: Judgeable) -> None:
    at = datetime(2030, 1, 1, tzinfo=UTC)
    sessions, domains = verdicts_of(judgeable)
    later_sessions, later_domains = verdicts_of(judgeable, at=at)
    assert {v.time_used for v in later_sessions} == {at} == {v.time_used for v in later_domains}
    assert changed(sessions, later_sessions) == {
        *("time_used", "time_ok", "pkix_ok", "reason", "dane", "dane_reason", "dane_usage", "tlsa_records")
    }
    assert changed(domains, later_domains) == {"time_used", "primary_pkix_ok", "dane_action", "routes"}


def changed(before: Sequence[Any], after: Sequence[Any]) -> set[str]:
    assert len(before) == len(after)
    pairs = [(asdict(one), asdict(other)) for one, other in zip(before, after, strict=True)]
    return {name for one, other in pairs for name in one if one[name] != other[name]}


def test_another_root_store_changes_only_what_hangs_on_it(judgeable: Judgeable) -> None:
    sessions, domains = verdicts_of(judgeable)
    judgeable.root_store.write_bytes(pem(issue("Other Root", is_ca=True)))
    other_sessions, other_domains = verdicts_of(judgeable)
    pkix = {"path_ok", "pkix_ok", "reason", "verify_code"}
    assert changed(sessions, other_sessions) == {"root_store_sha256", *pkix}
    assert changed(domains, other_domains) == {"root_store_sha256", "primary_pkix_ok", "routes"}


def test_a_root_store_that_cannot_be_read_leaves_the_verdicts_as_they_are(judgeable: Judgeable) -> None:
    verdicts_of(judgeable)
    before = octets(judgeable.run)
    judgeable.root_store.write_bytes(b"nothing")
    with pytest.raises(RootStoreError):
        verdicts_of(judgeable)
    assert octets(judgeable.run) == before
