"""Judge one SMTP session, or the sample that was asked in its place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self

from crawler.outcomes import Basis, DaneStatus, DnssecStatus, Failure, Outcome, SessionStage
from crawler.records import AddressLookup, JudgedTlsaRecord, Session, SessionVerdict, TlsaLookup
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.dane import DaneVerdict, RecordVerdict, judge_dane, order_bases
from crawler.verdicts.outcome import read_outcome
from crawler.verdicts.pkix import PkixJudge, PkixVerdict

_RULE_OF_THREE = 3.0
"""Where none of n random draws differs, fewer than 3 / n of all do, with 95 % confidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What of a session its verdict stands on."""

    mx_host: Annotated[str, "the MX host that the session was held with"]
    attempt: Annotated[int, "as in the session"]
    stage: Annotated[SessionStage, "as in the session"]
    failure: Annotated[Failure | None, "as in the session"]
    starttls_offered: Annotated[bool | None, "as in the session"]
    chain: Annotated[tuple[str, ...], "digests of the certificates, as sent; empty without a handshake"]
    started_at: Annotated[datetime, "as in the session"]

    @classmethod
    def of(cls, session: Session) -> Self:
        """Take the facts from a session's row."""
        return cls(
            mx_host=session.mx_host,
            attempt=session.attempt,
            stage=session.stage,
            failure=session.failure,
            starttls_offered=session.starttls_offered,
            chain=session.tls.chain if session.tls else (),
            started_at=session.started_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An MX host at one address, and what the DNS says of it."""

    mx_host: str
    address: str
    looked_up: AddressLookup | None
    """The lookup that gave the address; None: it is not known."""
    tlsa: TlsaLookup | None
    tlsa_expanded: TlsaLookup | None

    @classmethod
    def of(cls, session: Session, looked_up: AddressLookup | None) -> Self:
        """Take the endpoint of a session's row."""
        return cls(
            mx_host=session.mx_host,
            address=session.address,
            looked_up=looked_up,
            tlsa=session.tlsa,
            tlsa_expanded=session.tlsa_expanded,
        )


def judge_session(
    endpoint: Endpoint,
    facts: SessionFacts,
    judge: PkixJudge,
    *,
    sample_size: int | None = None,
    at: datetime | None = None,
) -> SessionVerdict:
    """Judge an endpoint by its session, with its MX host as reference identifier, no next-hop name with it.

    sample_size: so many sessions with names of the same provider agreed, and `facts` are of one of those:
    nothing was asked of this endpoint itself (None: it was). at: judge validity at that time, not at the
    session's own. The judge must know every certificate of the chain (KeyError).
    """
    at = at or facts.started_at
    outcome = read_outcome(facts.stage, facts.failure, facts.starttls_offered)
    pkix: PkixVerdict | None = None
    if outcome is Outcome.TLS_OK:
        pkix = judge.judge(facts.chain, endpoint.mx_host, at)
    dane = _judge_dane(endpoint, outcome, facts.chain, judge, at)
    is_inferred = sample_size is not None
    return SessionVerdict(
        mx_host=endpoint.mx_host,
        address=endpoint.address,
        attempt=facts.attempt,
        basis=Basis.INFERRED if is_inferred else Basis.DIRECT,
        sample_mx_host=facts.mx_host if is_inferred else None,
        sample_size=sample_size,
        sample_bound=None if sample_size is None else min(1.0, _RULE_OF_THREE / sample_size),
        rule_version=RULE_VERSION,
        root_store_sha256=judge.store.sha256,
        time_used=at,
        outcome=outcome,
        path_ok=pkix and pkix.path_ok,
        time_ok=pkix and pkix.time_ok,
        name_mx_ok=pkix and pkix.name_ok,
        pkix_ok=pkix and pkix.is_valid,
        cn_only_match=pkix and pkix.cn_only_match,
        self_signed=pkix and pkix.self_signed,
        reason=pkix and pkix.reason,
        verify_code=pkix and pkix.verify_code,
        tlsa_present=endpoint.tlsa.status.have_records if endpoint.tlsa else None,
        tlsa_dnssec_status=endpoint.tlsa.dnssec_status if endpoint.tlsa else None,
        dane=dane.status,
        dane_base_domain=dane.base_domain,
        dane_reason=dane.reason,
        dane_usage=dane.usage,
        tlsa_records=tuple(map(_judged_record, dane.records)),
    )


def _judge_dane(
    endpoint: Endpoint, outcome: Outcome, chain: tuple[str, ...], judge: PkixJudge, at: datetime
) -> DaneVerdict:
    """Judge the chain by the TLSA records of this endpoint's own name, whoever sent it."""
    looked_up = endpoint.looked_up
    if looked_up is None or endpoint.tlsa is None:
        return DaneVerdict(status=DaneStatus.NOT_ATTEMPTED)
    if looked_up.dnssec_status is DnssecStatus.UNVALIDATED:
        return DaneVerdict(status=DaneStatus.WITHHELD)
    bases = order_bases(endpoint.mx_host, looked_up, endpoint.tlsa, endpoint.tlsa_expanded)
    sent = judge.certificates_of(chain) if outcome is Outcome.TLS_OK else ()
    return judge_dane(bases, outcome, sent, (), at)


def _judged_record(verdict: RecordVerdict) -> JudgedTlsaRecord:
    return JudgedTlsaRecord(
        usage=verdict.record.usage,
        selector=verdict.record.selector,
        matching_type=verdict.record.matching_type,
        problem=verdict.problem,
        is_passed_over=verdict.is_passed_over,
        is_matched=verdict.is_matched,
        reason=verdict.reason,
    )
