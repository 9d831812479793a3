"""One question over TCP, which a survey asks only when a reply over UDP was truncated (RFC 7766 s5)."""

import dns.asyncquery
import dns.exception
import dns.message
import trio

from crawler.outcomes import Failure
from crawler.probes.failures import name_failure


async def ask_over_tcp(address: str, port: int, *, timeout_seconds: float) -> Failure | None:
    """Ask a resolver for the root's MX records; return why no reply came, or None if any did."""
    query = dns.message.make_query(".", "MX")
    try:
        await dns.asyncquery.tcp(query, address, port=port, timeout=timeout_seconds)
    except dns.exception.Timeout:
        return Failure.TIMEOUT
    except dns.exception.DNSException:
        return Failure.MALFORMED_REPLY
    except EOFError:
        return Failure.CLOSED
    except (OSError, trio.BrokenResourceError) as error:
        return name_failure(error)[0]
    return None
