"""Judge one SMTP session, or the sample that was asked in its place."""

from dataclasses import dataclass

from crawler.outcomes import Basis, Outcome
from crawler.records import Session, SessionVerdict
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.outcome import read_outcome
from crawler.verdicts.pkix import PkixJudge, PkixVerdict

_RULE_OF_THREE = 3.0
"""Where none of n random draws differs, fewer than 3 / n of all do, with 95 % confidence."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Sessions with names of one provider at one address, which all agreed."""

    session: Session
    """The one that stands for all."""
    size: int

    @property
    def bound(self) -> float:
        """At most this share of the names that were not asked differs, with 95 % confidence."""
        return min(1.0, _RULE_OF_THREE / self.size)


def judge_session(session: Session, judge: PkixJudge, sample: Sample | None = None) -> SessionVerdict:
    """Judge a session at its own start time, with its MX host as reference identifier.

    With a sample: the session was not held, and the sample's is judged, for the MX host of this one.
    The judge must know every certificate of the chain (KeyError).
    """
    facts = sample.session if sample else session
    outcome = read_outcome(facts.stage, facts.failure, facts.starttls_offered)
    pkix: PkixVerdict | None = None
    if outcome is Outcome.TLS_OK:
        assert facts.tls is not None
        pkix = judge.judge(facts.tls.chain, session.mx_host, facts.started_at)
    return SessionVerdict(
        mx_host=session.mx_host,
        address=session.address,
        attempt=facts.attempt,
        basis=Basis.INFERRED if sample else Basis.DIRECT,
        sample_mx_host=sample.session.mx_host if sample else None,
        sample_size=sample.size if sample else None,
        sample_bound=sample.bound if sample else None,
        rule_version=RULE_VERSION,
        root_store_sha256=judge.store.sha256,
        time_used=facts.started_at,
        outcome=outcome,
        path_ok=pkix and pkix.path_ok,
        time_ok=pkix and pkix.time_ok,
        name_mx_ok=pkix and pkix.name_ok,
        pkix_ok=pkix and pkix.is_valid,
        cn_only_match=pkix and pkix.cn_only_match,
        self_signed=pkix and pkix.self_signed,
        reason=pkix and pkix.reason,
        verify_code=pkix and pkix.verify_code,
        tlsa_present=session.tlsa.status.have_records if session.tlsa else None,
        tlsa_dnssec_status=session.tlsa.dnssec_status if session.tlsa else None,
    )
