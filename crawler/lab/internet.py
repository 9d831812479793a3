"""The model of the loopback internet: what is out there, as plain values, before any socket is open.

`population` fills it from a list of names and a profile, `servers` serves it, `truth` says what a correct
survey must find in it. Nothing here knows the crawler.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Optional

from crawler.lab.script import Script

Rcode = Literal["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"]

EHLO_KEYWORDS = ("SIZE 36700160", "8BITMIME", "ENHANCEDSTATUSCODES")
"""What every server offers, in the clear and inside TLS, before the keywords below."""
STARTTLS_KEYWORD = "STARTTLS"
STRIPPED_KEYWORD = "XXXXXXXA"
REQUIRETLS_KEYWORD = "REQUIRETLS"
MASKED_GREETING = "*" * 40
NOT_SMTP_GREETING = "SSH-2.0-OpenSSH_9.2"
REFUSED_GREETINGS = {
    "421": "4.3.2 too many connections, try again later",
    "450": "4.3.2 mailbox server busy",
    "554": "5.7.1 no SMTP service here for you",
    "550": "5.7.1 Service unavailable; Client host [127.0.0.1] blocked using bl.lab.test",
}
"""Reply code to text. After 421 (here and to any command) the connection is closed at once and nothing more
is answered; after the others the server waits for QUIT and answers it (RFC 5321 s3.1)."""
STARTTLS_READY = "2.0.0 ready to start TLS"
REFUSED_STARTTLS = {
    "454": "4.7.0 TLS not available due to temporary reason",
    "502": "5.5.1 command not implemented",
    "554": "5.7.0 refused",
    "421": "4.3.2 closing",
    "250": "2.0.0 ok",
}
"""Reply code to text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """What the lab's resolver says to one question (owner name, type)."""

    records: tuple[tuple[str, str, str], ...] = ()
    """Answer section: owner, type, RDATA in presentation form. Empty with NOERROR = NODATA."""
    rcode: Rcode = "NOERROR"
    secure: bool = False
    """Answered with AD."""
    bogus: bool = False
    """SERVFAIL, but answered as above when CD is set."""
    extended_error: int | None = None
    silent: bool = False
    """Never answered."""


ANY_ATTEMPT = None
"""In place of an attempt's number in the truth: there are sessions, and nobody can say how many."""

KeyKind = Literal["ecdsa", "rsa", "rsa1024", "ed25519"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOrder:
    """A certificate to be issued, by what is right or wrong with it."""

    common_name: str
    dns_names: tuple[str, ...]
    """As a reader must find them: octets outside printable ASCII as \\xHH."""
    names_der: tuple[str, ...] = ()
    """The elements of the subject alternative name as DER in hexadecimal, where they are not `dns_names`."""
    key: KeyKind = "ecdsa"
    signature: Literal["sha256", "sha1"] = "sha256"
    """sha1: with issuer self and an RSA key alone."""
    issuer: Literal["lab_ca", "unknown_root", "self"] = "lab_ca"
    """lab_ca and unknown_root issue through an intermediate."""
    validity: Literal["current", "expired", "not_yet_valid"] = "current"
    chain_sent: Literal["leaf", "leaf_intermediate", "leaf_intermediate_root", "strangers"] = (
        "leaf_intermediate"
    )
    """What the server sends; a self-signed certificate is always sent alone ('leaf'). strangers: behind leaf
    and intermediate come 98 certificates that have nothing to do with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """One address that answers (or not) on the lab's SMTP port."""

    address: str
    connect: Literal["accept", "refuse", "drop"] = "accept"
    """drop: SYN packets vanish, so the connection times out."""
    greeting: Literal[
        "normal", "masked", "421", "450", "550", "554", "not_smtp", "endless", "close", "reset", "silent"
    ] = "normal"
    """masked: 220 with stars, as some middleboxes make it. not_smtp: another protocol's first line, then the
    connection is closed. endless: lines that begin '220-', without end. close, reset: the connection ends
    before any greeting. silent: nothing is ever said."""
    greeting_delay_seconds: float = 0.0
    hello: Literal["normal", "helo_only", "421", "450", "502", "close", "reset", "silent"] = "normal"
    """helo_only: 502 to EHLO, 250 to HELO. 502: to EHLO and HELO. 421, 450, close, reset and silent: in
    answer to EHLO; silent = nothing is said any more, to QUIT neither."""
    starttls: Literal[
        "offered", "absent", "stripped", "454", "554", "502", "421", "250", "close", "reset", "silent"
    ] = "offered"
    """stripped: XXXXXXXA in the keyword's place. 454, 554, 502, 421, 250: offered, then answered with that
    code and no TLS. close, reset, silent: offered, and so in answer to the command."""
    plaintext_after_220: bytes = b""
    """Sent in the same segment as the 220 to STARTTLS, before TLS begins: what an injection looks like."""
    handshake: Literal["normal", "garbage", "close", "reset", "silent", "alert"] = "normal"
    """Once the ClientHello has been read. garbage: octets that are not TLS. alert: handshake_failure to every
    ClientHello."""
    hello_tls: Literal["normal", "close"] = "normal"
    """close: TLS stands, and the connection is closed in answer to EHLO inside it."""
    tls_min: Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] = "TLSv1.2"
    tls_max: Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] = "TLSv1.3"
    post_quantum: bool = True
    """False: only secp256r1 is accepted as group."""
    require_tls: bool = False
    """REQUIRETLS among the EHLO keywords inside TLS (RFC 8689)."""
    script: Script | None = None
    """Said and done in place of all that stands above."""
    first: Optional["MailServer"] = None
    """What the first connection meets, in place of this server."""
    sessions_per_second: int | None = None
    """More are pushed back: with 421, for one second."""
    server_name: str = "mx.lab.test"
    """What the greeting and the EHLO reply call this server."""
    default_certificate: str | None = None
    """Certificate order (by id) for every server name not below."""
    certificates: Mapping[str, str] = field(default_factory=dict)
    """Server name (SNI) to certificate order id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyServer:
    """One MTA-STS policy host: an HTTPS server, found by address and server name."""

    host: str
    address: str
    connect: Literal["accept", "refuse", "drop"] = "accept"
    handshake: Literal["normal", "alert", "close"] = "normal"
    """alert: unrecognized_name (112) for this server name."""
    certificate: str | None = None
    response: Literal["normal", "silent", "close", "cut_short", "garbage"] = "normal"
    """silent: the request is never answered. cut_short: less body than Content-Length says."""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/plain"),)
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Internet:
    """All of it. Names are A-labels, lower case, no final dot; addresses are loopback."""

    answers: dict[tuple[str, str], DnsAnswer] = field(default_factory=dict)
    """(owner, type) to answer, CNAME chains already expanded into the records; the CNAME record of an alias
    stands beside them by itself, as (owner, 'CNAME'). TLSA owners are written
    _25._tcp.<host>; the lab's mail servers listen elsewhere, so its resolver answers for their port too.
    TLSA RDATA may end in '@<order id>/<n>/<selector>/<matching type>' in place of hexadecimal digits: it
    stands for what these say of the n-th certificate, from 0, of that order's path to its root, sent or not
    (`associations.find_associations`)."""
    secure_zones: set[str] = field(default_factory=set)
    """Zones whose denials carry AD. The closest zone above a name decides; every other denial is insecure.
    A question not in `answers` is NODATA if an answer's owner is or lies below that name, else NXDOMAIN."""
    mail_servers: dict[str, MailServer] = field(default_factory=dict)
    policy_servers: dict[str, PolicyServer] = field(default_factory=dict)
    certificates: dict[str, CertificateOrder] = field(default_factory=dict)
    """By order id."""
    truth: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Table to rows: what a correct survey must find, declared by each scenario, in the run folder's own
    column names and nesting; only columns with a known truth stand in a row. A chain is a tuple of
    certificate order ids until the certificates are issued, when digests take their place."""
    odd_hosts: list[tuple[str, str]] = field(default_factory=list)
    """MX host and address of the customers that a provider treats unlike the others at the same address."""


def greeting_line(server: MailServer) -> str:
    """Return the server's opening line, without its end; empty if it says nothing."""
    if server.greeting in REFUSED_GREETINGS:
        return f"{server.greeting} {REFUSED_GREETINGS[server.greeting]}"
    if server.greeting == "normal":
        return f"220 {server.server_name} ESMTP"
    return {"masked": f"220 {MASKED_GREETING}", "not_smtp": NOT_SMTP_GREETING}.get(server.greeting, "")


def ehlo_keywords(server: MailServer, *, inside_tls: bool) -> tuple[str, ...]:
    """Return the EHLO keywords with their parameters, in the order sent (RFC 5321 s4.1.1.1)."""
    if inside_tls:
        return (*EHLO_KEYWORDS, REQUIRETLS_KEYWORD) if server.require_tls else EHLO_KEYWORDS
    if server.starttls == "absent":
        return EHLO_KEYWORDS
    return (*EHLO_KEYWORDS, STRIPPED_KEYWORD if server.starttls == "stripped" else STARTTLS_KEYWORD)
