"""Judge one listed domain: its MTA-STS, its TLSRPT, and its primary MX hosts together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crawler.records import Domain, DomainVerdict, StsPolicy
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.pkix import PkixJudge
from crawler.verdicts.sts import judge_policy, judge_record
from crawler.verdicts.tlsrpt import judge_tlsrpt


@dataclass(frozen=True, slots=True)
class PrimaryTls:
    """A primary MX host at one of its addresses, where the session judged completed the TLS handshake."""

    leaf: str | None
    """Digest of the server's own certificate, the first it sent; None if it sent none."""
    pkix_ok: bool
    """As in that session's verdict."""


def judge_domain(
    domain: Domain, fetched: StsPolicy | None, primaries: Sequence[PrimaryTls], judge: PkixJudge
) -> DomainVerdict:
    """Judge a domain with its policy fetch, if there was one, and its primary MX hosts that completed TLS.

    The judge must know the chain of the policy host and the leaf of every primary (KeyError).
    """
    sts_record, sts_id = judge_record(domain.sts_txt)
    sts = judge_policy(fetched, judge)
    policy = sts.policy
    tlsrpt, tlsrpt_ruas = judge_tlsrpt(domain.tlsrpt_txt)
    return DomainVerdict(
        domain=domain.domain,
        rule_version=RULE_VERSION,
        root_store_sha256=judge.store.sha256,
        sts_record=sts_record,
        sts_id=sts_id,
        sts_policy=sts.verdict,
        sts_policy_syntax=sts.syntax,
        sts_mode=policy.mode if policy else None,
        sts_max_age=policy.max_age if policy else None,
        sts_mx_patterns=policy.mx_patterns if policy else None,
        tlsrpt=tlsrpt,
        tlsrpt_ruas=tlsrpt_ruas,
        name_domain_ok=_every(
            primary.leaf is not None and judge.matches_dns_id(primary.leaf, domain.domain)
            for primary in primaries
        ),
        primary_pkix_ok=_every(primary.pkix_ok for primary in primaries),
    )


def _every(claims: Iterable[bool]) -> bool | None:
    """Return whether all hold; None if there are none, which proves nothing."""
    claims = list(claims)
    return all(claims) if claims else None
