"""Postfix: one master, one listener for each case, each at an address of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.servers.mail_certificates import (
    DOMAIN,
    EC,
    ED25519,
    EXPIRED,
    RSA,
    RSA_1024,
    SELF_SIGNED,
    SHA_1,
    Served,
)
from tests.servers.server_root import ServerRoot

WEAK = "tls_medium_cipherlist=ALL:@SECLEVEL=0"
"""Debian's OpenSSL signs nothing weak, and speaks nothing below TLS 1.2, at its own level."""

_COUNTED = "smtpd_client_event_limit_exceptions="
"""Loopback is among the networks that no limit holds for, unless this is empty."""

_AT_ONCE = "smtpd_delay_reject=no"
"""Refuse where the command is, and not at RCPT only."""


@dataclass(frozen=True)
class Listener:
    """One service of master.cf."""

    address: str
    certificate: str | None = EC
    options: Sequence[str] = ()
    command: str = "smtpd"


def _refusing(address: str, stage: str, reply: str) -> Listener:
    access = {"client": "check_client_access", "helo": "check_helo_access"}[stage]
    rule = f"smtpd_{stage}_restrictions = {access} static:{{{reply}}}"
    return Listener(address, options=(_AT_ONCE, rule))


LISTENERS = {
    "plain": Listener("127.25.1.1"),
    "ipv6": Listener("::1"),
    "rsa": Listener("127.25.1.2", RSA),
    "rsa-1024": Listener("127.25.1.3", RSA_1024, (WEAK,)),
    "sha-1": Listener("127.25.1.4", SHA_1, (WEAK,)),
    "ed25519": Listener("127.25.1.5", ED25519),
    "expired": Listener("127.25.1.6", EXPIRED),
    "self-signed": Listener("127.25.1.7", SELF_SIGNED),
    "tls-1.0": Listener("127.25.1.8", RSA, ("smtpd_tls_protocols=TLSv1", WEAK)),
    "tls-1.1": Listener("127.25.1.9", EC, ("smtpd_tls_protocols=TLSv1.1", WEAK)),
    "tls-1.2": Listener("127.25.1.10", EC, ("smtpd_tls_protocols=TLSv1.2",)),
    "tls-1.3": Listener("127.25.1.11", EC, ("smtpd_tls_protocols=TLSv1.3",)),
    "static-rsa": Listener("127.25.1.12", RSA, ("smtpd_tls_protocols=TLSv1.2", "tls_medium_cipherlist=kRSA")),
    "no-common-cipher": Listener(
        "127.25.1.13", EC, ("smtpd_tls_protocols=TLSv1.2", "tls_medium_cipherlist=kRSA")
    ),
    "anonymous": Listener("127.25.1.14", None, ("smtpd_tls_protocols=TLSv1.2",)),
    "no-starttls": Listener("127.25.1.15", options=("smtpd_tls_security_level=none",)),
    "starttls-hidden": Listener("127.25.1.16", options=("smtpd_discard_ehlo_keywords=starttls",)),
    "greeting-421": _refusing("127.25.1.17", "client", "421 4.7.0 Try again later"),
    "greeting-521": _refusing("127.25.1.18", "client", "521 5.7.1 Go away"),
    "greeting-554": Listener("127.25.1.19", options=(_AT_ONCE, "smtpd_client_restrictions=reject")),
    "greeting-late": Listener(
        "127.25.1.20", options=(_AT_ONCE, "smtpd_client_restrictions = sleep 2, permit")
    ),
    "hello-450": _refusing("127.25.1.21", "helo", "450 4.7.1 Try again later"),
    "hello-550": _refusing("127.25.1.22", "helo", "550 5.7.1 Not with that name"),
    "connection-count": Listener("127.25.1.23", options=(_COUNTED, "smtpd_client_connection_count_limit=1")),
    "connection-rate": Listener("127.25.1.24", options=(_COUNTED, "smtpd_client_connection_rate_limit=1")),
    "tls-rate": Listener("127.25.1.25", options=(_COUNTED, "smtpd_client_new_tls_session_rate_limit=1")),
    "postscreen": Listener("127.25.1.26", command="postscreen"),
    "postscreen-deep": Listener(
        "127.25.1.27",
        options=(
            "postscreen_greet_wait=1s",
            "postscreen_bare_newline_enable=yes",
            "postscreen_cache_map=btree:$data_directory/deep",
        ),
        command="postscreen",
    ),
}

_MAIN = f"""
compatibility_level = 3.6
maillog_file = /dev/stdout
myhostname = mx.{DOMAIN}
mydestination =
mynetworks = 192.0.2.1/32
inet_protocols = all
smtpd_peername_lookup = no
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/tls/{EC}.pem
smtpd_tls_mandatory_protocols =
smtpd_tls_protocols =
smtpd_tls_mandatory_ciphers = medium
alias_maps =
alias_database =
local_recipient_maps =
"""

_SERVICES = """
smtpd pass - - n - - smtpd
dnsblog unix - - n - 0 dnsblog
tlsproxy unix - - n - 0 tlsproxy
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
"""


def start_postfix(
    root: ServerRoot, certificates: Mapping[str, Served], listeners: Iterable[Listener] | None = None
) -> None:
    """Start Postfix with these listeners, or all there are.

    A listener names its certificate by its key in the mapping.
    """
    root.add_users({"postfix": ["postdrop"]})
    root.make_folder("var/spool/postfix")
    root.make_folder("var/lib/postfix", owner="postfix:postfix")
    for kind, served in certificates.items():
        root.write(f"etc/tls/{kind}.pem", served.key_pem + served.chain_pem)
    root.write("etc/postfix/dynamicmaps.cf", "")
    root.write("etc/postfix/main.cf", _MAIN)
    root.write(
        "etc/postfix/master.cf",
        _SERVICES + "".join(map(_service, LISTENERS.values() if listeners is None else listeners)),
    )
    root.start("/usr/sbin/postfix", "start-fg")


def _service(listener: Listener) -> str:
    endpoint = f"[{listener.address}]:25" if ":" in listener.address else f"{listener.address}:25"
    processes = "1" if listener.command == "postscreen" else "-"
    file = "none" if listener.certificate is None else f"/etc/tls/{listener.certificate}.pem"
    options = [f"smtpd_tls_chain_files = {file}", *listener.options]
    lines = [f"{endpoint} inet n - n - {processes} {listener.command}"]
    return "\n".join([*lines, *(f"  -o {{ {option} }}" for option in options), ""])
