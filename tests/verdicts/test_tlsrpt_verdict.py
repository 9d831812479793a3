"""The TLSRPT record, judged with its lookup."""

import pytest

from crawler.outcomes import DnssecStatus, LookupStatus, TlsrptVerdict
from crawler.records import TxtLookup
from crawler.verdicts.tlsrpt import judge_tlsrpt


def txt(*texts: str, status: LookupStatus = LookupStatus.NOERROR) -> TxtLookup:
    return TxtLookup(status=status, dnssec_status=DnssecStatus.INSECURE, texts=texts)


RUA = "mailto:tls@example.org"
RECORDS = [
    (None, TlsrptVerdict.NOT_ATTEMPTED, None),
    (txt(status=LookupStatus.REFUSED), TlsrptVerdict.LOOKUP_FAILED, None),
    (txt(status=LookupStatus.NODATA), TlsrptVerdict.ABSENT, None),
    (txt(status=LookupStatus.NXDOMAIN), TlsrptVerdict.ABSENT, None),
    (txt("v=spf1 -all"), TlsrptVerdict.ABSENT, None),
    (txt(f"v=TLSRPTv1; rua={RUA}"), TlsrptVerdict.VALID, (RUA,)),
    (txt(f"v=TLSRPTv1; rua={RUA}", "v=TLSRPTv1; rua=https://example.org/"), TlsrptVerdict.MULTIPLE, None),
    (txt("v=TLSRPTv1; rua=ftp://example.org/"), TlsrptVerdict.INVALID_RUA, None),
    (txt("v=TLSRPTv1;"), TlsrptVerdict.INVALID_RUA, None),
    (txt(f"v=TLSRPTv1; rua={RUA}; nothing"), TlsrptVerdict.MALFORMED, None),
]


@pytest.mark.parametrize(("lookup", "verdict", "ruas"), RECORDS)
def test_the_record_is_judged_with_its_lookup(
    lookup: TxtLookup | None, verdict: TlsrptVerdict, ruas: tuple[str, ...] | None
) -> None:
    assert judge_tlsrpt(lookup) == (verdict, ruas)


def test_every_tlsrpt_verdict_is_that_of_some_record() -> None:
    assert {verdict for _, verdict, _ in RECORDS} == set(TlsrptVerdict)
