"""One domain judged with its primary MX hosts."""

import pytest

from crawler.outcomes import (
    DnssecStatus,
    LookupStatus,
    MxKind,
    StsPolicyVerdict,
    StsRecordVerdict,
    TlsrptVerdict,
)
from crawler.records import Domain, DomainVerdict, MxLookup, TxtLookup
from crawler.verdicts import RULE_VERSION
from crawler.verdicts.domain import PrimaryTls, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from tests.verdicts.authority import NOW, Issued, issue


def txt(text: str) -> TxtLookup:
    return TxtLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE, texts=(text,))


DOMAIN = Domain(
    domain="example.org",
    position=1,
    rank=None,
    mx_kind=MxKind.EXPLICIT,
    mx=MxLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.INSECURE),
    sts_txt=txt("v=STSv1; id=1"),
    tlsrpt_txt=txt("v=TLSRPTv1; rua=mailto:tls@example.org"),
    resolved_at=NOW,
)


@pytest.fixture(scope="module")
def own(intermediate: Issued) -> Issued:
    """A certificate that names the mail domain as well as the host."""
    return issue("mx", intermediate, dns_names=["mx.example.org", "example.org"])


@pytest.fixture
def judge(store: RootStore, own: Issued, leaf: Issued) -> PkixJudge:
    return PkixJudge(store, {issued.sha256: issued.record for issued in (own, leaf)})


def test_a_domain_without_tls_is_judged_in_every_column(judge: PkixJudge, store: RootStore) -> None:
    assert judge_domain(DOMAIN, None, [], judge) == DomainVerdict(
        domain="example.org",
        rule_version=RULE_VERSION,
        root_store_sha256=store.sha256,
        sts_record=StsRecordVerdict.VALID,
        sts_id="1",
        sts_policy=StsPolicyVerdict.NOT_ATTEMPTED,
        sts_policy_syntax=None,
        sts_mode=None,
        sts_max_age=None,
        sts_mx_patterns=None,
        tlsrpt=TlsrptVerdict.VALID,
        tlsrpt_ruas=("mailto:tls@example.org",),
        name_domain_ok=None,
        primary_pkix_ok=None,
    )


def test_every_primary_that_completed_tls_must_be_valid(judge: PkixJudge, own: Issued) -> None:
    good, bad = PrimaryTls(own.sha256, pkix_ok=True), PrimaryTls(own.sha256, pkix_ok=False)
    assert judge_domain(DOMAIN, None, [good, good], judge).primary_pkix_ok is True
    assert judge_domain(DOMAIN, None, [good, bad], judge).primary_pkix_ok is False


def test_every_primary_that_completed_tls_must_name_the_domain(
    judge: PkixJudge, own: Issued, leaf: Issued
) -> None:
    naming, other = PrimaryTls(own.sha256, pkix_ok=True), PrimaryTls(leaf.sha256, pkix_ok=True)
    assert judge_domain(DOMAIN, None, [naming], judge).name_domain_ok is True
    assert judge_domain(DOMAIN, None, [naming, other], judge).name_domain_ok is False


def test_a_primary_that_sent_no_certificate_names_nothing(judge: PkixJudge) -> None:
    verdict = judge_domain(DOMAIN, None, [PrimaryTls(None, pkix_ok=False)], judge)
    assert (verdict.name_domain_ok, verdict.primary_pkix_ok) == (False, False)
