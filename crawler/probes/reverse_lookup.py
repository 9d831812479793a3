"""The names of an address, by PTR records (RFC 1035 s3.5): asked by `doctor` alone."""

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.reversename
import trio

from crawler.outcomes import Failure
from crawler.probes.failures import name_failure


async def pointer_names(
    address: str, resolver: tuple[str, int], *, timeout_seconds: float
) -> tuple[str, ...] | Failure:
    """Return the names that an address leads to, lower case and without a final dot; if that failed, why."""
    query = dns.message.make_query(dns.reversename.from_address(address), dns.rdatatype.PTR)
    where, port = resolver
    try:
        reply, _ = await dns.asyncquery.udp_with_fallback(query, where, port=port, timeout=timeout_seconds)
    except dns.exception.Timeout:
        return Failure.TIMEOUT
    except dns.exception.DNSException:
        return Failure.MALFORMED_REPLY
    except EOFError:
        return Failure.CLOSED
    except (OSError, trio.BrokenResourceError) as error:
        return name_failure(error)[0]
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return Failure.LOOKUP_FAILED
    return tuple(
        sorted(
            record.target.to_text(omit_final_dot=True).lower()
            for records in reply.answer
            if records.rdtype == dns.rdatatype.PTR
            for record in records
        )
    )
