"""What the MX records of a domain say about where its mail goes (RFC 5321 s5.1, RFC 7505)."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from crawler.outcomes import LookupStatus, MxKind
from crawler.protocol.hostname import classify_exchange
from crawler.records import MxRecord


def sort_mx(pairs: Iterable[tuple[int, str]]) -> tuple[MxRecord, ...]:
    """Return MX records, each once, by preference and then exchange, with what makes an exchange unusable.

    The exchange "." is unusable in every case: alone it is a null MX, and never the name of a host.
    """
    return tuple([_mx_record(preference, exchange) for preference, exchange in sorted(set(pairs))])


@lru_cache(maxsize=1 << 14)
def _mx_record(preference: int, exchange: str) -> MxRecord:
    """Return the one record for these values: most domains share theirs with many others."""
    return MxRecord(preference=preference, exchange=exchange, unusable=classify_exchange(exchange))


def read_mx(status: LookupStatus, records: Sequence[MxRecord]) -> MxKind:
    """Return what an MX lookup says, by how it ended and the distinct records it gave.

    A null MX is one whatever its preference, which RFC 7505 s3 wants to be 0.
    """
    match status:
        case LookupStatus.NOERROR if records:
            if all(record.exchange != "." for record in records):
                return MxKind.EXPLICIT
            return MxKind.NULL_MX if len(records) == 1 else MxKind.NULL_MX_WITH_OTHERS
        case LookupStatus.NODATA:
            return MxKind.NO_MX
        case LookupStatus.NXDOMAIN:
            return MxKind.NO_DOMAIN
        case LookupStatus.OPTED_OUT:
            return MxKind.OPTED_OUT
        case _:
            return MxKind.UNKNOWN
