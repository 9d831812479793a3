"""Serves a whole Internet on loopback: its resolver, mail servers and policy hosts, on one event loop."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from crawler.lab.authority import Authority, Issued
from crawler.lab.connections import IDLE_SECONDS, ConnectionPool
from crawler.lab.dns_server import start_dns_server
from crawler.lab.internet import Internet
from crawler.lab.listening import allow_descriptors, listen
from crawler.lab.policy_server import PolicyServers, connects
from crawler.lab.resolver import LabResolver
from crawler.lab.smtp_server import SmtpServers
from crawler.lab.tls import TlsServers
from crawler.lab.visits import Visits


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the lab listens."""

    dns: int
    """On 127.0.0.1, UDP and TCP."""
    smtp: int
    https: int


@asynccontextmanager
async def serve_internet(
    internet: Internet,
    authority: Authority,
    issued: Mapping[str, Issued],
    *,
    idle_seconds: float = IDLE_SECONDS,
    visits: Visits | None = None,
) -> AsyncIterator[Ports]:
    """Serve while the context lasts.

    issued: order id to certificate, for every order of the Internet. visits: those of earlier lives. Raises
    ListenError when the addresses cannot be listened on, OSError when the resolver's cannot.
    """
    mail = {server.address: server.connect for server in internet.mail_servers.values()}
    policy = connects(internet.policy_servers)
    allow_descriptors(len(mail) + len(policy))
    async with AsyncExitStack() as stack:
        pool = ConnectionPool(idle_seconds)
        stack.callback(pool.close)
        tls = TlsServers(authority, internet.certificates, issued)
        smtp_listeners = listen(mail)
        stack.callback(smtp_listeners.close)
        https_listeners = listen(policy)
        stack.callback(https_listeners.close)
        SmtpServers(internet.mail_servers, tls, pool, visits or Visits()).serve(smtp_listeners)
        PolicyServers(internet.policy_servers, tls, pool).serve(https_listeners)
        dns = await start_dns_server(LabResolver(internet, smtp_listeners.port))
        stack.callback(dns.close)
        yield Ports(dns.port, smtp_listeners.port, https_listeners.port)
