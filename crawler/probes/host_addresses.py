"""The addresses of a host, as far as nobody behind its name opted out."""

from dataclasses import replace

from crawler.opt_out import OptOut
from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.probes.resolver import Resolver
from crawler.records import AddressLookup


async def look_up_addresses(
    host: str, resolver: Resolver, opt_out: OptOut
) -> tuple[AddressLookup, AddressLookup]:
    """Return the A and AAAA lookups of a host. Both have status opted_out, or neither.

    A host that is opted out is not asked for. Whether it is an alias of one is known only from the answer:
    then the alias is kept, and no address that it led to, so that no later stage has anything to contact.
    """
    if opt_out.covers_name(host):
        return not_asked(LookupStatus.OPTED_OUT), not_asked(LookupStatus.OPTED_OUT)
    a = await resolver.a(host)
    if opt_out.covers_alias(a):
        return _without_addresses(a), not_asked(LookupStatus.OPTED_OUT)
    aaaa = await resolver.aaaa(host)
    if opt_out.covers_alias(aaaa):  # where the lookup of A failed
        return _without_addresses(a), _without_addresses(aaaa)
    return a, aaaa


def not_asked(status: LookupStatus) -> AddressLookup:
    """Return the lookup that was not made, for the reason that the status names."""
    return AddressLookup(status=status, dnssec_status=DnssecStatus.NOT_ATTEMPTED, attempts=0)


def _without_addresses(lookup: AddressLookup) -> AddressLookup:
    return replace(
        lookup,
        status=LookupStatus.OPTED_OUT,
        dnssec_status=DnssecStatus.NOT_ATTEMPTED,
        extended_error=None,
        addresses=(),
    )
