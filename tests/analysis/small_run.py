"""A run folder made by hand, row by row, so that every figure of it is known beforehand."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq

from crawler import outcomes as words
from crawler.records import (
    TABLES,
    AddressLookup,
    Alert,
    Certificate,
    CnameStep,
    Domain,
    DomainVerdict,
    MxHost,
    MxLookup,
    MxRecord,
    Reply,
    Session,
    SessionVerdict,
    StsPolicy,
    TlsHandshake,
    TxtLookup,
)
from crawler.schema import to_table
from tests.analysis.small_dane import Tlsa, with_routes

STARTED_AT = datetime(2026, 8, 22, 14, 30, tzinfo=UTC)
ROOT_STORE = "ab" * 32

_STAGE_AND_FAILURE: dict[str, tuple[words.SessionStage, words.Failure | None]] = {
    "not_attempted": (words.SessionStage.NOT_ATTEMPTED, words.Failure.SPECIAL_PURPOSE_ADDRESS),
    "unreachable": (words.SessionStage.CONNECT, words.Failure.TIMEOUT),
    "refused_greeting": (words.SessionStage.GREETING, words.Failure.PERMANENT_REPLY),
    "not_smtp": (words.SessionStage.GREETING, words.Failure.MALFORMED_REPLY),
    "hello_failed": (words.SessionStage.HELLO, words.Failure.CLOSED),
    "no_starttls": (words.SessionStage.HELLO, None),
    "starttls_refused": (words.SessionStage.STARTTLS, words.Failure.PERMANENT_REPLY),
    "tls_failed": (words.SessionStage.HANDSHAKE, words.Failure.TLS_ALERT),
    "tls_ok": (words.SessionStage.HELLO_TLS, None),
}
_POLICY_FAILURE = {
    "dns": words.Failure.LOOKUP_FAILED,
    "tcp": words.Failure.TIMEOUT,
    "tls": words.Failure.TLS_ALERT,
    "timeout": words.Failure.TIMEOUT,
    "http": words.Failure.MALFORMED_REPLY,
}
_UNGREETED = {"not_attempted", "unreachable", "refused_greeting", "not_smtp"}
_UNHEARD = {*_UNGREETED, "hello_failed"}


V = TypeVar("V", bound=words.Vocabulary)


def word(vocabulary: type[V], value: str) -> V:
    """Return the word of a vocabulary that is spelt so."""
    return next(member for member in vocabulary if member.value == value)


class SmallRun:
    """Collects rows; `write` makes the run folder."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Any]] = {table: [] for table in TABLES}
        self.named: dict[str, tuple[str, ...]] = {}
        """Domain to MX hosts whose certificate is for it, where a trust anchor of DANE signed that."""

    def domain(
        self,
        name: str,
        *mx: str,
        kind: str | None = None,
        status: str = "noerror",
        dnssec: str = "insecure",
        rank: int | None = None,
        policy: str = "not_attempted",
        policy_failure: str | None = None,
        **verdict: Any,
    ) -> None:
        """Add a domain; mx as "10 mx.example.org", "10 localhost unusable" or "0 ."."""
        records = tuple(_mx_record(text) for text in mx)
        lookup_status = word(words.LookupStatus, "nodata" if not mx and status == "noerror" else status)
        fallback = {
            "nodata": "no_mx",
            "nxdomain": "no_domain",
            "noerror": "explicit",
            "opted_out": "opted_out",
        }.get(lookup_status, "unknown")
        txt = None
        if lookup_status not in ("nxdomain", "opted_out"):
            txt = TxtLookup(
                status=words.LookupStatus.NODATA, dnssec_status=words.DnssecStatus.INSECURE, texts=()
            )
        self.tables["domains"].append(
            Domain(
                domain=name,
                position=len(self.tables["domains"]) + 1,
                rank=rank,
                mx_kind=word(words.MxKind, kind or fallback),
                mx=MxLookup(
                    status=lookup_status,
                    dnssec_status=word(words.DnssecStatus, dnssec),
                    attempts=0 if lookup_status == "opted_out" else 1,
                    records=records,
                ),
                sts_txt=txt,
                tlsrpt_txt=txt,
                resolved_at=STARTED_AT,
            )
        )
        if policy != "not_attempted":
            failure = word(words.Failure, policy_failure) if policy_failure else _POLICY_FAILURE.get(policy)
            self.tables["sts_policies"].append(_sts_policy(name, failure, has_body=policy == "valid"))
        self.tables["domain_verdicts"].append(_domain_verdict(name, policy=policy, **verdict))

    def host(
        self,
        name: str,
        *addresses: str,
        provider: str | None = None,
        status: str = "nodata",
        dnssec: str = "insecure",
        alias: str | None = None,
    ) -> None:
        """Add an MX host; `status` is that of a lookup without addresses, made or not."""
        security = word(words.DnssecStatus, dnssec)
        chain = (CnameStep(target=alias, dnssec_status=security),) if alias else ()
        is_asked = status not in ("opted_out", "over_limit")
        by_family = [
            AddressLookup(
                status=words.LookupStatus.NOERROR if found else word(words.LookupStatus, status),
                dnssec_status=security if is_asked else words.DnssecStatus.NOT_ATTEMPTED,
                cname_chain=chain,
                attempts=int(is_asked),
                addresses=tuple(found),
            )
            for found in ([a for a in addresses if ":" not in a], [a for a in addresses if ":" in a])
        ]
        self.tables["mx_hosts"].append(
            MxHost(
                mx_host=name,
                provider=provider or ".".join(name.split(".")[-2:]),
                a=by_family[0],
                aaaa=by_family[1],
                resolved_at=STARTED_AT,
            )
        )

    def session(
        self,
        host: str,
        address: str,
        outcome: str = "tls_ok",
        failure: str | None = None,
        *,
        version: str = "TLSv1.3",
        cipher_suite: str = "TLS_AES_256_GCM_SHA384",
        group: str | None = "X25519MLKEM768",
        chain: tuple[str, ...] = (),
        keywords_tls: tuple[str, ...] | None = ("PIPELINING",),
        started_at: datetime = STARTED_AT,
        pushed_back: bool = False,
        masked: bool = False,
        overwritten: bool = False,
        alert: Alert | None = None,
        tlsa: Tlsa | None = None,
        last: bool = True,
        **verdict: Any,
    ) -> None:
        """Add a session, and the verdict on it if it is the last attempt: the next call makes the next."""
        stage, usual = _STAGE_AND_FAILURE[outcome]
        tlsa = tlsa or Tlsa()
        attempt = 1 + sum((s.mx_host, s.address) == (host, address) for s in self.tables["sessions"])
        accepted = outcome in ("tls_failed", "tls_ok")
        completed = outcome == "tls_ok"
        handshake = TlsHandshake(version=version, cipher_suite=cipher_suite, group=group, chain=chain)
        self.tables["sessions"].append(
            Session(
                mx_host=host,
                address=address,
                family=6 if ":" in address else 4,
                port=25,
                attempt=attempt,
                stage=stage,
                failure=word(words.Failure, failure) if failure else usual,
                failure_detail=None,
                greeting=None if outcome in _UNGREETED else Reply(code=220, lines=("hello",)),
                greeting_masked=None if outcome in _UNGREETED else masked,
                hello_command=None if outcome in _UNGREETED else "EHLO",
                hello_code=None if outcome in _UNHEARD else 250,
                ehlo_keywords=None if outcome in _UNHEARD else ("PIPELINING",),
                starttls_offered=None if outcome in _UNHEARD else outcome != "no_starttls",
                starttls_overwritten=None if outcome in _UNHEARD else overwritten,
                starttls_reply=Reply(code=220, lines=("go",)) if accepted else None,
                plaintext_after_220=0 if accepted else None,
                tls=handshake if completed else (TlsHandshake(alert=alert) if accepted else None),
                hello_tls_code=250 if completed and keywords_tls is not None else None,
                ehlo_keywords_tls=keywords_tls if completed else None,
                quit_code=None,
                pushed_back=None if outcome == "not_attempted" else pushed_back,
                tlsa=None if failure == "opted_out" else tlsa.own_lookup,
                tlsa_expanded=tlsa.lookup if tlsa.alias else None,
                started_at=started_at,
                connect_seconds=None,
                greeting_seconds=None,
                hello_seconds=None,
                starttls_seconds=None,
                handshake_seconds=None,
                total_seconds=1.0,
            )
        )
        if last:
            dane = {} if failure == "opted_out" else tlsa.columns(host)
            self.tables["session_verdicts"].append(
                replace(_session_verdict(host, address, attempt, outcome, started_at, **verdict), **dane)
            )

    def inferred(
        self, host: str, address: str, sample: str, size: int, tlsa: Tlsa | None = None, **verdict: Any
    ) -> None:
        """Add what there is of a name left to a sample: a session that was not held, an inferred verdict.

        `sample` names the MX host of the sample, already judged, whose session stands for this one.
        """
        tlsa = tlsa or Tlsa()
        self.session(host, address, "not_attempted", "sampled", tlsa=tlsa, last=False)
        judged = next(
            v for v in self.tables["session_verdicts"] if (v.mx_host, v.address) == (sample, address)
        )
        own = _session_verdict(
            host, address, judged.attempt, str(judged.outcome), judged.time_used, **verdict
        )
        self.tables["session_verdicts"].append(
            replace(
                own,
                basis=words.Basis.INFERRED,
                sample_mx_host=sample,
                sample_size=size,
                sample_bound=min(1.0, 3 / size),
                **tlsa.columns(host),
            )
        )

    def certificate(self, name: str, *, days_left: float = 60, **fields: Any) -> str:
        """Add a certificate and return its digest."""
        digest = hashlib.sha256(name.encode()).hexdigest()
        certificate = Certificate(
            sha256=digest,
            der=name.encode(),
            parse_failure=None,
            subject=f"CN={name}",
            issuer="CN=Issuing CA,O=Example Trust,C=CH",
            serial_number="01",
            not_before=STARTED_AT - timedelta(days=30),
            not_after=STARTED_AT + timedelta(days=days_left),
            key_type="ec",
            key_bits=256,
            signature_algorithm="ecdsa-with-SHA256",
            dns_names=(name,),
            common_names=(name,),
            is_ca=False,
            self_signed=False,
            spki_sha256=digest,
        )
        self.tables["certificates"].append(replace(certificate, **fields))
        return digest

    def write(self, folder: Path, *, parts: int = 1, lab: dict[str, Any] | None = None, **run: Any) -> Path:
        """Write the run folder in so many part files per table, and return it."""
        tables = self.tables | {"domain_verdicts": self.routed()}
        for table, record in TABLES.items():
            (folder / table).mkdir(parents=True, exist_ok=True)
            rows = tables[table]
            for part in range(parts):
                pq.write_table(
                    to_table(record, rows[part::parts]), folder / table / f"part-{part:05}.parquet"
                )
        content = {
            "run_id": "2026-08-22-small",
            "list": {
                "name": "small.csv",
                "sha256": "cd" * 32,
                "listed": len(self.tables["domains"]),
                "rejected": 2,
            },
            "started_at": STARTED_AT.isoformat(),
            "finished_at": (STARTED_AT + timedelta(minutes=3)).isoformat(),
            "settings": {"smtp_port": 25, "hello_name": "scanner.example.org", "seed": 1},
            "root_store": {"sha256": ROOT_STORE, "source": "certifi 2026.1.1", "anchors": 120},
            "versions": {"starttls-survey": "0.1.0", "duckdb": "2.0.0"},
            "lab": lab,
        }
        (folder / "run.json").write_text(json.dumps(content | run))
        return folder

    def routed(self) -> list[DomainVerdict]:
        """Return the verdicts on domains, with routes to every MX host at every address."""
        domains = {row.domain: row for row in self.tables["domains"]}
        endpoints: dict[str, list[SessionVerdict]] = {}
        for row in sorted(self.tables["session_verdicts"], key=lambda row: row.address):
            endpoints.setdefault(row.mx_host, []).append(row)
        return [
            verdict
            if verdict.routes or verdict.domain not in domains
            else with_routes(verdict, domains[verdict.domain], endpoints, self.named.get(verdict.domain, ()))
            for verdict in self.tables["domain_verdicts"]
        ]


def _mx_record(text: str) -> MxRecord:
    preference, exchange, *unusable = text.split()
    reason = words.UnusableExchange.LOCALHOST if unusable else None
    if exchange == ".":
        reason = words.UnusableExchange.ROOT
    return MxRecord(preference=int(preference), exchange=exchange, unusable=reason)


def _sts_policy(domain: str, failure: words.Failure | None, *, has_body: bool) -> StsPolicy:
    lookup = AddressLookup(status=words.LookupStatus.NODATA, dnssec_status=words.DnssecStatus.INSECURE)
    return StsPolicy(
        domain=domain,
        policy_host=f"mta-sts.{domain}",
        a=lookup,
        aaaa=lookup,
        address=None,
        stage=words.FetchStage.BODY,
        failure=failure,
        failure_detail=None,
        tls=None,
        http_status=None,
        content_type=None,
        location=None,
        body=b"version: STSv1" if has_body else None,
        fetched_at=STARTED_AT,
        connect_seconds=None,
        handshake_seconds=None,
        total_seconds=1.0,
    )


def _domain_verdict(
    name: str,
    sts: str = "absent",
    policy: str = "not_attempted",
    mode: str | None = None,
    tlsrpt: str = "absent",
    name_domain_ok: bool | None = None,
    uncovered: tuple[str, ...] = (),
    consistent: bool | None = True,
    sts_action: str | None = None,
    dane: str = "absent",
    dane_action: str = "opportunistic",
) -> DomainVerdict:
    """Judge a domain; `uncovered` and `consistent` count where the policy is valid."""
    is_valid = policy == "valid"
    is_enforcing = (sts, policy, mode) == ("valid", "valid", "enforce")
    usual = (
        {True: "deliver", False: "refuse", None: "unknown"}[consistent] if is_enforcing else "opportunistic"
    )
    return DomainVerdict(
        domain=name,
        rule_version=1,
        root_store_sha256=ROOT_STORE,
        time_used=None,
        sts_record=word(words.StsRecordVerdict, sts),
        sts_id="1" if sts == "valid" else None,
        sts_policy=word(words.StsPolicyVerdict, policy),
        sts_policy_syntax=words.StsPolicySyntax.MISSING_MX if policy == "syntax" else None,
        sts_mode=word(words.StsMode, mode) if mode else None,
        sts_max_age=86400 if mode else None,
        sts_mx_patterns=() if mode else None,
        sts_policy_result=None,
        sts_step=_sts_step(sts, policy, mode, uncovered, consistent),
        sts_uncovered=uncovered if is_valid else None,
        sts_consistent=(consistent and mode != "none") if is_valid else None,
        sts_action=word(words.SenderAction, sts_action or usual),
        dane=word(words.DaneDomain, dane),
        dane_action=word(words.SenderAction, dane_action),
        authenticated_by=_authenticated_by(dane, is_enforced=consistent if is_enforcing else False),
        routes=(),
        tlsrpt=word(words.TlsrptVerdict, tlsrpt),
        tlsrpt_ruas=("mailto:tls@example.org",) if tlsrpt == "valid" else None,
        name_domain_ok=name_domain_ok,
        primary_pkix_ok=None,
    )


def _authenticated_by(dane: str, *, is_enforced: bool | None) -> words.AuthenticatedBy:
    if dane == "full":
        return words.AuthenticatedBy.BOTH if is_enforced else words.AuthenticatedBy.DANE
    if is_enforced:
        return words.AuthenticatedBy.STS
    is_known = dane not in ("unknown", "withheld") and is_enforced is False
    return words.AuthenticatedBy.NONE if is_known else words.AuthenticatedBy.UNKNOWN


def _sts_step(
    sts: str, policy: str, mode: str | None, uncovered: tuple[str, ...], consistent: bool | None
) -> int | None:
    if sts in ("absent", "lookup_failed", "not_attempted"):
        return None
    if sts != "valid":
        return 0
    if policy != "valid":
        return {
            "http_status": 2,
            "redirect": 2,
            "content_type": 2,
            "too_large": 2,
            "http": 2,
            "syntax": 3,
        }.get(policy, 1)
    if mode == "none" or uncovered:
        return 4
    return 6 if consistent else 5


def _session_verdict(
    host: str,
    address: str,
    attempt: int,
    outcome: str,
    time_used: datetime,
    *,
    reason: str | None = None,
    self_signed: bool = False,
    cn_only: bool = False,
) -> SessionVerdict:
    """Judge as the reason says: a path reason leaves time and name right."""
    tls = outcome == "tls_ok"
    late, other_name = reason in ("expired", "not_yet_valid"), reason == "name_mismatch"
    return SessionVerdict(
        mx_host=host,
        address=address,
        attempt=attempt,
        basis=words.Basis.DIRECT,
        sample_mx_host=None,
        sample_size=None,
        sample_bound=None,
        rule_version=1,
        root_store_sha256=ROOT_STORE,
        time_used=time_used,
        outcome=word(words.Outcome, outcome),
        path_ok=(reason is None or late or other_name) if tls else None,
        time_ok=(not late) if tls else None,
        name_mx_ok=(not other_name) if tls else None,
        pkix_ok=(reason is None) if tls else None,
        cn_only_match=cn_only if tls else None,
        self_signed=self_signed if tls else None,
        reason=word(words.PkixReason, reason) if reason and tls else None,
        verify_code=0 if tls else None,
        tlsa_present=None,
        tlsa_dnssec_status=None,
        dane=words.DaneStatus.NOT_ATTEMPTED,
        dane_base_domain=None,
        dane_reason=None,
        dane_usage=None,
        tlsa_records=(),
    )


def shuffled(rows: Iterable[Any]) -> list[Any]:
    """Return the rows in another, fixed order."""
    return sorted(rows, key=lambda row: hashlib.sha256(repr(row).encode()).digest())
