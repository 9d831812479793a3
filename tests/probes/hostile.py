"""Every hostile server: those of the lab, its plain behaviours as scripts, and what only a test can serve."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL

from crawler.lab.authority import Authority, make_authority
from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS, CertificateScenario
from crawler.lab.internet import CertificateOrder, MailServer
from crawler.lab.lookups import Row
from crawler.lab.script import (
    EHLO_REPLY,
    GO_AHEAD,
    GREETING,
    HELLO,
    IN_TLS,
    TO_TLS,
    WITHOUT_FAULT,
    Close,
    Endless,
    Line,
    Octets,
    Reset,
    Script,
    Silence,
    Tls,
)
from crawler.lab.session_scenario import SmtpScenario
from crawler.lab.smtp_scenarios import HOSTILE_SCENARIOS, SMTP_SCENARIOS, TLS_SCENARIOS, session_truth
from crawler.lab.smtp_server import accept_tls
from crawler.lab.tls import TlsServers
from tests.probes.peers import ADDRESS, MX_HOST, issued, server_context

PLAIN_BEHAVIOURS: Mapping[str, Script] = {
    "greeting_silent": (Silence(),),
    "greeting_closed": (Close(),),
    "greeting_reset": (Reset(),),
    "greeting_endless": (Endless(b"220-more\r\n" * 100),),
    "hello_silent": (GREETING, Line(), Silence()),
    "hello_closed": (GREETING, Line(), Close()),
    "hello_reset": (GREETING, Line(), Reset()),
    "stripped": (GREETING, Line(), b"250-mx\r\n250 XXXXXXXA\r\n", Line(), b"221 Bye\r\n"),
    "starttls_closed": (*HELLO, Line(), Close()),
    "starttls_silent": (*HELLO, Line(), Silence()),
    "handshake_silent": (*TO_TLS, Octets(), Silence()),
    "handshake_closed": (*TO_TLS, Octets(), Close()),
    "handshake_reset": (*TO_TLS, Octets(), Reset()),
    "plaintext_after_220": (GREETING, Line(), EHLO_REPLY, Line(), GO_AHEAD + b"250 x\r\n", Tls(), *IN_TLS),
    "hello_tls_closed": (*TO_TLS, Tls(), Line(), Close()),
}  # fmt: skip
"""By their words in SMTP_SCENARIOS: the lab's own servers have them without a script."""

ODD_CERTIFICATES = (
    *("chain_of_100", "ten_thousand_names", "name_with_nul", "odd_uris", "name_longer_than_all"),
    *("rsa_1024", "sha1", "ed25519"),
)


@dataclass(frozen=True)
class HostileServer:
    """One server, and what the row of a session with it must say."""

    name: str
    script: Script
    scenario: SmtpScenario
    declared: Row
    """Columns of the session. A chain is a tuple of words of CERTIFICATE_SCENARIOS."""
    certificate: str = "good"
    """Word of CERTIFICATE_SCENARIOS."""


def hostile_servers() -> list[HostileServer]:
    """Return all of them."""
    servers = [_of_lab(word, scenario) for word, scenario in HOSTILE_SCENARIOS.items()]
    servers += [_plain(word, script) for word, script in PLAIN_BEHAVIOURS.items()]
    servers += [_with_certificate(word, "tls13_only") for word in ODD_CERTIFICATES]
    servers += [_with_certificate(word, "tls12_only") for word in ("sha1", "ed25519")]
    return servers + _only_in_tests()


def _of_lab(word: str, scenario: SmtpScenario) -> HostileServer:
    server = MailServer(address=ADDRESS, **scenario.server)
    assert server.script is not None
    versions = TLS_SCENARIOS[scenario.tls or "modern"]
    declared = session_truth(scenario, versions, server, ("good", "ecdsa"))
    return HostileServer(word, server.script, scenario, declared)


def _plain(word: str, script: Script) -> HostileServer:
    scenario = SMTP_SCENARIOS[word]
    return HostileServer(
        word,
        script,
        scenario,
        {"stage": scenario.stage, "failure": scenario.failure, "starttls_offered": scenario.offered},
    )


def _with_certificate(word: str, tls: str) -> HostileServer:
    scenario = SmtpScenario(server={"script": WITHOUT_FAULT}, tls=tls, columns={"quit_code": 221})
    certificate = word, order_of(CERTIFICATE_SCENARIOS[word]).key
    declared = session_truth(scenario, TLS_SCENARIOS[tls], MailServer(address=ADDRESS), certificate)
    return HostileServer(f"{word}_by_{tls}", WITHOUT_FAULT, scenario, declared, word)


def _only_in_tests() -> list[HostileServer]:
    anonymous = server_context("rsa", version=SSL.TLS1_2_VERSION, ciphers=b"aNULL:@SECLEVEL=0")
    failed = SmtpScenario(stage="handshake", failure="tls_alert", outcome="tls_failed", handshake=False)
    over = SmtpScenario(stage="handshake", failure="tls_error", outcome="tls_failed", handshake=False)
    alert = {"side": "server", "name": "handshake_failure"}
    return [
        HostileServer(
            "has_anonymous_suites_alone", (*TO_TLS, Tls(anonymous)), failed,
            {"stage": "handshake", "failure": "tls_alert", "tls": {"alert": alert, "chain": []}},
        ),
        HostileServer(
            "has_certificate_over_the_limit", (*TO_TLS, Tls(_with_unused(200_000))), over,
            {"stage": "handshake", "failure": "tls_error", "tls": {"alert": {"side": "client"}}},
        ),
    ]  # fmt: skip


def _with_unused(octets: int) -> SSL.Context:
    """Return the context of a server whose certificate has so many octets more than it needs."""
    usual = issued("ec")
    leaf = usual.chain[0]
    unused = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), bytes(octets))
    context = server_context()
    context.use_certificate(
        x509.CertificateBuilder(
            leaf.issuer, leaf.subject, leaf.public_key(), leaf.serial_number,
            leaf.not_valid_before_utc, leaf.not_valid_after_utc,
        ).add_extension(unused, critical=False).sign(usual.key, hashes.SHA256())
    )  # fmt: skip
    return context


def order_of(scenario: CertificateScenario) -> CertificateOrder:
    """Return the order of a certificate for MX_HOST."""
    return scenario.make_order(MX_HOST, "peer.test", "ecdsa")


@cache
def authority() -> Authority:
    return make_authority(datetime.now(UTC))


@cache
def _tls_servers() -> tuple[TlsServers, Mapping[str, tuple[str, ...]]]:
    orders = {word: order_of(CERTIFICATE_SCENARIOS[word]) for word in ("good", *ODD_CERTIFICATES)}
    issued_now = authority().issue(orders, datetime.now(UTC))
    chains = {word: certificate.digests for word, certificate in issued_now.items()}
    return TlsServers(authority(), orders, issued_now), chains


def chain_of(word: str) -> tuple[str, ...]:
    """Return the digests of the chain that a server with this certificate sends."""
    return _tls_servers()[1][word]


def accept_for(server: HostileServer) -> Callable[[Tls], SSL.Connection]:
    """Return what takes the server's side of TLS, as the lab does."""
    versions = TLS_SCENARIOS[server.scenario.tls or "modern"]
    mail_server = MailServer(
        address=ADDRESS,
        tls_min=versions.tls_min,  # type: ignore[arg-type]  # the scenario says str for it
        tls_max=versions.version,  # type: ignore[arg-type]
        post_quantum=versions.post_quantum,
        default_certificate=server.certificate,
    )

    def accept(action: Tls) -> SSL.Connection:
        if action.context is None:
            return accept_tls(_tls_servers()[0], mail_server)
        tls = SSL.Connection(action.context, None)
        tls.set_accept_state()
        return tls

    return accept
