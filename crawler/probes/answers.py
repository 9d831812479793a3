"""What a reply to a question says: how the lookup ended, where aliases lead, and the data of its records."""

from typing import Any

from crawler.outcomes import LookupStatus
from crawler.probes.dns_exchange import Exchange
from crawler.protocol.dns_wire import DnsWireError, QueryType, answer_chain

_STATUS_OF_RCODE = {
    0: LookupStatus.NOERROR,
    1: LookupStatus.FORMERR,
    2: LookupStatus.SERVFAIL,
    3: LookupStatus.NXDOMAIN,
    4: LookupStatus.NOTIMP,
    5: LookupStatus.REFUSED,
}

ANSWERED = frozenset({LookupStatus.NOERROR, LookupStatus.NODATA, LookupStatus.NXDOMAIN})
"""Statuses that say something about the name; all others say something about the lookup."""


def read_answer(
    exchange: Exchange, name: str, query_type: QueryType
) -> tuple[LookupStatus, tuple[str, ...], list[Any]]:
    """Return how a question ended, where its CNAME records lead, and the data of its records, by type."""
    reply = exchange.reply
    if reply is None:
        return exchange.failure, (), []
    status = _STATUS_OF_RCODE.get(reply.rcode, LookupStatus.OTHER_RCODE)
    if status not in ANSWERED:
        return status, (), []
    try:
        targets, records = answer_chain(reply, name, query_type)
    except DnsWireError:
        return LookupStatus.MALFORMED, (), []
    if status is LookupStatus.NXDOMAIN:
        return status, targets, []
    return status if records else LookupStatus.NODATA, targets, [record.data for record in records]
