"""TXT records of MTA-STS and TLSRPT: what stands in DNS, and what must be recorded and judged."""

from dataclasses import dataclass

STS_ID = "20260801T000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class StsRecordScenario:
    """The TXT RRset at _mta-sts.<domain> (RFC 8461 s3.1)."""

    records: tuple[tuple[str, ...], ...] = ()
    """Strings of each record; '%' stands for the domain."""
    failure: str | None = None
    """Word of FAILED_LOOKUPS, in place of an answer."""
    is_alias: bool = False
    """Found through a CNAME into another zone, as policy hosting works."""
    verdict: str = "valid"
    sts_id: str | None = None
    is_fetched: bool = True
    """Some text looks like a record, so that the policy is fetched."""


def _valid(*strings: str, sts_id: str = STS_ID) -> StsRecordScenario:
    return StsRecordScenario(records=(strings,), sts_id=sts_id)


def _faulty(verdict: str, *texts: str, is_fetched: bool = True) -> StsRecordScenario:
    return StsRecordScenario(records=tuple((text,) for text in texts), verdict=verdict, is_fetched=is_fetched)


def _failed(failure: str) -> StsRecordScenario:
    return StsRecordScenario(failure=failure, verdict="lookup_failed", is_fetched=False)


STS_RECORD_SCENARIOS: dict[str, StsRecordScenario] = {
    "none": StsRecordScenario(verdict="absent", is_fetched=False),
    "valid": _valid(f"v=STSv1; id={STS_ID};"),
    "valid_without_final_delimiter": _valid(f"v=STSv1;id={STS_ID}"),
    "valid_with_unknown_field": _valid("v=STSv1; id=7; lab_field=x.y:z;", sts_id="7"),
    "valid_longest_id": _valid(f"v=STSv1; id={'a1B2' * 8};", sts_id="a1B2" * 8),
    "valid_in_two_strings": _valid("v=STSv1; id=2026", "0801T000000;"),
    "valid_beside_other_text": StsRecordScenario(
        records=(("v=spf1 -all",), (f"v=STSv1; id={STS_ID};",)), sts_id=STS_ID
    ),
    "valid_alias": StsRecordScenario(records=((f"v=STSv1; id={STS_ID};",),), sts_id=STS_ID, is_alias=True),
    "other_text": _faulty("absent", "v=spf1 -all", is_fetched=False),
    "other_version": _faulty("absent", "v=STSv10; id=20260801;"),
    "multiple": _faulty("multiple", "v=STSv1; id=20260801;", "v=STSv1; id=20260802;"),
    "id_with_hyphens": _faulty("invalid_id", "v=STSv1; id=2026-08-01;"),
    "id_too_long": _faulty("invalid_id", f"v=STSv1; id={'7' * 33};"),
    "id_missing": _faulty("invalid_id", "v=STSv1; lab_field=1;"),
    "malformed": _faulty("malformed", "v=STSv1; id=20260801; no equals sign;"),
    "servfail": _failed("servfail"),
    "refused": _failed("refused"),
    "timeout": _failed("timeout"),
    "bogus": _failed("bogus"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsrptScenario:
    """The TXT RRset at _smtp._tls.<domain> (RFC 8460 s3)."""

    texts: tuple[str, ...] = ()
    """'%' stands for the domain."""
    failure: str | None = None
    verdict: str = "valid"
    ruas: tuple[str, ...] | None = None


TLSRPT_SCENARIOS: dict[str, TlsrptScenario] = {
    "none": TlsrptScenario(verdict="absent"),
    "valid": TlsrptScenario(texts=("v=TLSRPTv1; rua=mailto:tls-reports@%",), ruas=("mailto:tls-reports@%",)),
    "valid_https": TlsrptScenario(
        texts=("v=TLSRPTv1; rua=https://reports.proofing.example/v1/%;",),
        ruas=("https://reports.proofing.example/v1/%",),
    ),
    "valid_two": TlsrptScenario(
        texts=("v=TLSRPTv1;rua=mailto:postmaster@%,https://reports.proofing.example/%",),
        ruas=("mailto:postmaster@%", "https://reports.proofing.example/%"),
    ),
    "other_text": TlsrptScenario(texts=("v=spf1 -all",), verdict="absent"),
    "multiple": TlsrptScenario(
        texts=("v=TLSRPTv1; rua=mailto:a@%", "v=TLSRPTv1; rua=mailto:b@%"), verdict="multiple"
    ),
    "rua_missing": TlsrptScenario(texts=("v=TLSRPTv1; lab_field=1",), verdict="invalid_rua"),
    "rua_scheme": TlsrptScenario(texts=("v=TLSRPTv1; rua=ftp://reports.%/in",), verdict="invalid_rua"),
    "malformed": TlsrptScenario(
        texts=("v=TLSRPTv1; rua=mailto:tls-reports@%; no equals sign",), verdict="malformed"
    ),
    "servfail": TlsrptScenario(failure="servfail", verdict="lookup_failed"),
    "timeout": TlsrptScenario(failure="timeout", verdict="lookup_failed"),
    "bogus": TlsrptScenario(failure="bogus", verdict="lookup_failed"),
}
