"""Rows of the table `domains` made of plain replies, many at once: columns of Arrow made of arrays of numpy.

They are the very rows that `schema.to_table` makes of records built one by one (`stages.resolve_domain`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crawler.outcomes import DnssecStatus, LookupStatus, MxKind, UnusableExchange
from crawler.probes.plain_lookups import PlainLookups, plain_lookups
from crawler.protocol.dns_wire import QueryType
from crawler.protocol.hostname import classify_exchange
from crawler.protocol.plain_replies import PlainReplies
from crawler.records import Domain, Lookup, MxLookup, MxRecord, TxtLookup
from crawler.schema import SCALARS, arrow_schema, arrow_type

_Flags: TypeAlias = NDArray[np.bool_]
_Numbers: TypeAlias = NDArray[np.intp]
_Scalar = TypeVar("_Scalar", bound=np.generic)

_USABLE = r"^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,8}$"
"""What an exchange nearly always is: a host name, and none below `localhost`, which has 9 letters."""

_STATUSES = (LookupStatus.NOERROR, LookupStatus.NODATA, LookupStatus.NXDOMAIN)
_SECURITY = (DnssecStatus.INSECURE, DnssecStatus.SECURE)
_KINDS = (MxKind.EXPLICIT, MxKind.NO_MX, MxKind.NO_DOMAIN, MxKind.NULL_MX, MxKind.NULL_MX_WITH_OTHERS)
"""The first three by status."""
_NULL_MX, _NULL_MX_WITH_OTHERS = 3, 4
_UNUSABLE = (None, *UnusableExchange)
_NO_LOOKUPS = plain_lookups([], QueryType.TXT, is_trusted=False)


def domain_rows(
    rows: pa.Table,
    resolved_at: datetime,
    mx: PlainLookups,
    sts_txt: PlainLookups | None,
    tlsrpt_txt: PlainLookups | None,
) -> pa.Table:
    """Return the rows of `domains` for rows of the work list.

    mx: one lookup for each row. sts_txt, tlsrpt_txt: denials, one for each row whose domain exists; None: not
    looked up.
    """
    schema = arrow_schema(Domain)
    exists = ~mx.replies.is_nxdomain
    records, kind = _read_records(mx.replies)
    members = {
        "domain": rows["domain"],
        "position": rows["position"],
        "rank": rows["rank"],
        "mx_kind": _words(_KINDS, kind),
        "mx": _lookups(MxLookup, mx, np.ones_like(exists), records=records),
        "sts_txt": _denials(sts_txt, exists),
        "tlsrpt_txt": _denials(tlsrpt_txt, exists),
        "resolved_at": pa.repeat(pa.scalar(resolved_at, SCALARS[datetime]), rows.num_rows),
    }
    return pa.Table.from_arrays([members[name] for name in schema.names], schema=schema)


# --- lookups -------------------------------------------------------------------------------------------


def _denials(lookups: PlainLookups | None, exists: _Flags) -> pa.Array:
    """Return TXT lookups without texts, one for each domain that exists; for the others null."""
    if lookups is None:
        lookups, exists = _NO_LOOKUPS, np.zeros_like(exists)
    return _lookups(TxtLookup, lookups, exists, texts=_no_elements(TxtLookup, "texts", len(exists)))


def _lookups(record: type[Lookup], lookups: PlainLookups, places: _Flags, **found: pa.Array) -> pa.Array:
    """Return lookups, each in its place; null in all other places."""

    def spread(values: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Return values in their places; zeros between them, since members are never null."""
        if len(values) == len(places):
            return values
        everywhere = np.zeros(len(places), values.dtype)
        everywhere[places] = values
        return everywhere

    count = len(places)
    if lookups.is_trusted:
        dnssec_status = _words(_SECURITY, spread(lookups.replies.is_authentic))
    else:
        dnssec_status = pa.repeat(pa.scalar(DnssecStatus.UNVALIDATED, pa.string()), count)
    members = {
        "status": _words(_STATUSES, spread(_status(lookups.replies))),
        "dnssec_status": dnssec_status,
        "extended_error": pa.nulls(count, pa.int64()),
        "cname_chain": _no_elements(record, "cname_chain", count),
        "attempts": pa.array(spread(lookups.attempts)),
        "elapsed_seconds": pa.array(spread(lookups.elapsed_seconds)),
    }
    return _structs(record, members | found, None if places.all() else pa.array(~places))


def _status(replies: PlainReplies) -> _Numbers:
    """Return how lookups ended, as numbers in `_STATUSES`."""
    return np.where(replies.is_nxdomain, 2, replies.counts == 0)


# --- MX records ----------------------------------------------------------------------------------------


def _read_records(replies: PlainReplies) -> tuple[pa.Array, _Numbers]:
    """Return the records of each reply as `mx.sort_mx` does, and what they say as `mx.read_mx` does.

    The latter as numbers in `_KINDS`.
    """
    exchanges = pa.StringArray.from_buffers(
        len(replies.preferences), pa.py_buffer(replies.exchange_ends), pa.py_buffer(replies.exchange_octets)
    )
    reply = np.arange(len(replies.counts)).repeat(replies.counts)
    rank = pc.rank(exchanges, tiebreaker="dense").to_numpy().astype(np.int64)  # equal ones have equal ranks
    order = np.unique((reply << 16 | replies.preferences) * (len(rank) + 1) + rank, return_index=True)[1]
    reply, exchanges = reply[order], exchanges.take(pa.array(order))
    counts = np.bincount(reply, minlength=len(replies.counts))
    members = {
        "preference": pa.array(replies.preferences[order]),
        "exchange": exchanges,
        "unusable": _why_unusable(exchanges),
    }
    kind = _status(replies)
    of_the_root = reply[_flags(pc.equal(exchanges, "."))]
    kind[of_the_root] = np.where(counts[of_the_root] == 1, _NULL_MX, _NULL_MX_WITH_OTHERS)
    return _lists(MxLookup, "records", counts, _structs(MxRecord, members)), kind


def _why_unusable(exchanges: pa.Array) -> pa.Array:
    """Return what `classify_exchange` does of each."""
    is_usable = pc.match_substring_regex(exchanges, _USABLE)
    doubtful = exchanges.filter(pc.invert(is_usable)).to_pylist()
    reasons = np.zeros(len(exchanges), np.intp)
    reasons[~_flags(is_usable)] = [_UNUSABLE.index(classify_exchange(exchange)) for exchange in doubtful]
    return _words(_UNUSABLE, reasons)


# --- columns -------------------------------------------------------------------------------------------


def _words(vocabulary: Sequence[str | None], numbers: NDArray[Any]) -> pa.Array:
    """Return the words that have some numbers."""
    return pa.array(vocabulary, pa.string()).take(pa.array(numbers.astype(np.intp)))


def _flags(array: pa.Array) -> _Flags:
    flags: _Flags = array.to_numpy(zero_copy_only=False)
    return flags


def _structs(record: type, members: Mapping[str, pa.Array], mask: pa.Array | None = None) -> pa.Array:
    fields = list(arrow_type(record))
    return pa.StructArray.from_arrays([members[field.name] for field in fields], fields=fields, mask=mask)


def _no_elements(record: type, member: str, count: int) -> pa.Array:
    """Return empty lists, for a member of a record."""
    elements = pa.array([], arrow_type(record).field(member).type.value_type)
    return _lists(record, member, np.zeros(count, np.intp), elements)


def _lists(record: type, member: str, counts: _Numbers, elements: pa.Array) -> pa.Array:
    """Return lists of so many elements each, for a member of a record."""
    offsets = np.zeros(len(counts) + 1, np.int32)
    counts.cumsum(out=offsets[1:])
    kind = arrow_type(record).field(member).type
    return pa.ListArray.from_arrays(pa.array(offsets), elements, type=kind)
