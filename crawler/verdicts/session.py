"""Judge one SMTP session."""

from crawler.outcomes import Basis, Outcome
from crawler.records import Session, SessionVerdict
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.outcome import read_outcome
from crawler.verdicts.pkix import PkixJudge, PkixVerdict


def judge_session(session: Session, judge: PkixJudge) -> SessionVerdict:
    """Judge a session at its own start time, with its MX host as reference identifier.

    The judge must know every certificate of the session's chain (KeyError).
    """
    outcome = read_outcome(session.stage, session.failure, session.starttls_offered)
    pkix: PkixVerdict | None = None
    if outcome is Outcome.TLS_OK:
        assert session.tls is not None
        pkix = judge.judge(session.tls.chain, session.mx_host, session.started_at)
    return SessionVerdict(
        mx_host=session.mx_host,
        address=session.address,
        attempt=session.attempt,
        basis=Basis.DIRECT,
        rule_version=RULE_VERSION,
        root_store_sha256=judge.store.sha256,
        time_used=session.started_at,
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
