"""Judge the TXT RRset at _smtp._tls.<domain> (RFC 8460 s3)."""

from crawler.outcomes import TlsrptVerdict
from crawler.protocol.tlsrpt import parse_records
from crawler.records import TxtLookup


def judge_tlsrpt(lookup: TxtLookup | None) -> tuple[TlsrptVerdict, tuple[str, ...] | None]:
    """Return the verdict and, if the record is valid, its report addresses."""
    if lookup is None:
        return TlsrptVerdict.NOT_ATTEMPTED, None
    if lookup.status.have_records is None:
        return TlsrptVerdict.LOOKUP_FAILED, None
    verdict, ruas = parse_records(lookup.texts)
    return verdict, ruas or None
