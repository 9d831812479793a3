"""Sessions with real mail servers: Postfix in every mood, and the others that Debian has.

With RECORD_TRANSCRIPTS=1 in the environment, what they say is recorded anew.
"""

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crawler.outcomes import AlertSide, Failure, SessionStage
from crawler.probes.session import ObservedSession
from crawler.protocol.certificate import read_certificate
from crawler.records import Alert, Session, TlsHandshake
from tests.probes.peers import lab_settings
from tests.probes.readings import OPENSMTPD_WITH_TLS, POSTFIX, READINGS, Reading, reading_of
from tests.probes.transcript import Transcript, constant_events, load, save
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
    issue_served,
)
from tests.servers.mail_packages import PACKAGES, missing_trees
from tests.servers.mail_servers import (
    ADDRESSES,
    servers_that_run,
    start_servers,
    visit,
    visit_beside_another,
)
from tests.servers.namespace import Namespace, cannot_run, required_namespace
from tests.servers.postfix_servers import LISTENERS
from tests.servers.server_root import NoServerRootError
from tests.servers.transcribing import transcribe

pytestmark = pytest.mark.needs_network_namespace

SETTINGS = lab_settings()

COUNTING = {"connection-count", "connection-rate", "tls-rate"}
"""Cases whose first visitor sees nothing of them."""

TRANSCRIBED = {
    "plain": 1,
    "no-starttls": 1,
    "greeting-421": 1,
    "greeting-521": 1,
    "greeting-554": 1,
    "hello-450": 1,
    "hello-550": 1,
    "connection-rate": 2,
    "tls-rate": 3,
    "postscreen": 1,
    "postscreen-deep": 1,
    "nginx": 1,
    "exim": 1,
    "opensmtpd": 1,
    "courier": 1,
    "sendmail": 1,
}
"""Recorded cases, with the visits that it takes."""

NEW_GROUPS = {"x25519", "X25519MLKEM768"}
"""What is agreed on depends on the server's OpenSSL: 3.5 knows the second."""


def server_of(name: str) -> str:
    return "postfix" if name in LISTENERS else name


@dataclass(frozen=True)
class Lab:
    """The servers, and the first session with each, all held at the same time."""

    namespace: Namespace
    certificates: Mapping[str, Served]
    first: Mapping[str, ObservedSession]
    began_at: datetime
    servers: Sequence[str]

    def require(self, name: str) -> None:
        if server_of(name) not in self.servers:
            cannot_run([f"{server_of(name)} changes to users of its own, which takes root"])

    def seen(self, name: str) -> ObservedSession:
        """Return the first session with a server."""
        self.require(name)
        return self.first[name]

    def session(self, name: str) -> Session:
        return self.seen(name).session

    def again(self, name: str) -> Session:
        """Hold another session with it."""
        self.require(name)
        (seen,) = self.namespace.call(visit, [name], SETTINGS)
        return seen.session


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if missing := missing_trees():
        cannot_run(missing)
    folder: Path = tmp_path_factory.mktemp("mail")
    certificates = issue_served(datetime.now(UTC))
    with required_namespace({}, folder / "log", mounts=True) as namespace:
        servers = namespace.call(servers_that_run)
        try:
            namespace.call(start_servers, folder, certificates, servers)
        except NoServerRootError as error:
            cannot_run([str(error)])
        began_at = datetime.now(UTC)
        names = [name for name in ADDRESSES if server_of(name) in servers and name not in COUNTING]
        seen = namespace.call(visit, names, SETTINGS)
        yield Lab(namespace, certificates, dict(zip(names, seen, strict=True)), began_at, servers)


def digests(served: Served) -> tuple[str, ...]:
    return tuple(hashlib.sha256(der).hexdigest() for der in served.chain)


# --- what the servers say ---


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name not in COUNTING | {"opensmtpd"}])
def test_a_server_is_read_as_it_was_meant(lab: Lab, name: str) -> None:
    assert reading_of(lab.session(name)) == READINGS[name]


def test_a_server_whose_handshakes_fail_is_read_up_to_there_and_its_successor_to_the_end(lab: Lab) -> None:
    session = lab.session("opensmtpd")
    assert session.tls is not None
    works = session.tls.alert is None
    assert reading_of(session) == (OPENSMTPD_WITH_TLS if works else READINGS["opensmtpd"])
    assert session.tls.chain == digests(lab.certificates[RSA])
    if not works:
        assert session.tls.alert == Alert(side=AlertSide.SERVER, code=80, name="internal_error")


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name not in COUNTING])
def test_the_columns_about_time_and_place_are_right(lab: Lab, name: str) -> None:
    session = lab.session(name)
    assert (session.mx_host, session.address) == (f"{name}.{DOMAIN}", ADDRESSES[name])
    assert (session.family, session.port, session.attempt) == (6 if name == "ipv6" else 4, 25, 1)
    assert session.tlsa is None
    assert lab.began_at <= session.started_at <= datetime.now(UTC)
    seconds = {
        SessionStage.CONNECT: session.connect_seconds,
        SessionStage.GREETING: session.greeting_seconds,
        SessionStage.HELLO: session.hello_seconds,
        SessionStage.STARTTLS: session.starttls_seconds,
        SessionStage.HANDSHAKE: session.handshake_seconds,
    }
    order = list(SessionStage)
    for stage, taken in seconds.items():
        is_over = order.index(session.stage) > order.index(stage)
        has_reply = session.stage is stage is not SessionStage.HANDSHAKE
        assert (taken is not None) == (is_over or has_reply), stage
    known = [taken for taken in seconds.values() if taken is not None]
    assert min(known) >= 0
    assert sum(known) <= session.total_seconds < SETTINGS.session_timeout_seconds


@pytest.mark.parametrize(
    ("name", "seconds"), [("greeting-late", 2), ("postscreen", 6), ("postscreen-deep", 1)]
)
def test_a_greeting_that_takes_its_time_is_awaited(lab: Lab, name: str, seconds: float) -> None:
    greeting_seconds = lab.session(name).greeting_seconds
    assert greeting_seconds is not None
    assert greeting_seconds >= seconds


# --- TLS ---

FAST_1_3 = "TLS_AES_256_GCM_SHA384"


@pytest.mark.parametrize(
    ("name", "version", "cipher_suite", "kind"),
    [
        ("plain", "TLSv1.3", FAST_1_3, EC),
        ("ipv6", "TLSv1.3", FAST_1_3, EC),
        ("rsa", "TLSv1.3", FAST_1_3, RSA),
        ("rsa-1024", "TLSv1.3", FAST_1_3, RSA_1024),
        ("sha-1", "TLSv1.3", FAST_1_3, SHA_1),
        ("ed25519", "TLSv1.3", FAST_1_3, ED25519),
        ("expired", "TLSv1.3", FAST_1_3, EXPIRED),
        ("self-signed", "TLSv1.3", FAST_1_3, SELF_SIGNED),
        ("tls-1.0", "TLSv1", "ECDHE-RSA-AES256-SHA", RSA),
        ("tls-1.1", "TLSv1.1", "ECDHE-ECDSA-AES256-SHA", EC),
        ("tls-1.2", "TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", EC),
        ("tls-1.3", "TLSv1.3", FAST_1_3, EC),
        ("postscreen", "TLSv1.3", FAST_1_3, EC),
        ("postscreen-deep", "TLSv1.3", FAST_1_3, EC),
        ("nginx", "TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", RSA),
        ("exim", "TLSv1.3", FAST_1_3, RSA),
        ("courier", "TLSv1.3", FAST_1_3, RSA),
    ],
)
def test_the_handshake_is_recorded_as_it_was(
    lab: Lab, name: str, version: str, cipher_suite: str, kind: str
) -> None:
    seen = lab.seen(name)
    tls = seen.session.tls
    assert tls is not None
    assert tls.group in NEW_GROUPS
    assert tls == TlsHandshake(
        version=version,
        cipher_suite=cipher_suite,
        group=tls.group,
        chain=digests(lab.certificates[kind]),
    )
    assert seen.certificates == lab.certificates[kind].chain


@pytest.mark.parametrize(
    ("name", "version", "cipher_suite", "group"),
    [
        ("static-rsa", "TLSv1.2", "AES256-GCM-SHA384", None),
        ("sendmail", "TLSv1.3", FAST_1_3, "secp256r1"),
    ],
)
def test_another_key_exchange_is_recorded_by_its_name(
    lab: Lab, name: str, version: str, cipher_suite: str, group: str | None
) -> None:
    chain = digests(lab.certificates[RSA])
    assert lab.session(name).tls == TlsHandshake(
        version=version, cipher_suite=cipher_suite, group=group, chain=chain
    )


@pytest.mark.parametrize("name", ["no-common-cipher", "anonymous"])
def test_a_server_that_shares_no_cipher_or_has_no_certificate_refuses_by_alert(lab: Lab, name: str) -> None:
    tls = lab.session(name).tls
    assert tls is not None
    assert tls == TlsHandshake(
        alert=Alert(side=AlertSide.SERVER, code=40, name="handshake_failure"), error=tls.error
    )
    assert tls.error
    assert lab.seen(name).certificates == ()


@pytest.mark.parametrize(
    "name", ["no-starttls", "starttls-hidden", "greeting-421", "greeting-521", "greeting-554", "hello-450"]
)
def test_without_starttls_there_is_no_handshake(lab: Lab, name: str) -> None:
    assert lab.session(name).tls is None
    assert lab.seen(name).certificates == ()


@pytest.mark.parametrize(
    ("name", "key_type", "key_bits", "signature_algorithm"),
    [
        ("plain", "ec", 256, "sha256WithRSAEncryption"),
        ("rsa", "rsa", 2048, "sha256WithRSAEncryption"),
        ("rsa-1024", "rsa", 1024, "sha256WithRSAEncryption"),
        ("sha-1", "rsa", 2048, "sha1WithRSAEncryption"),
        ("ed25519", "ed25519", 256, "sha256WithRSAEncryption"),
    ],
)
def test_the_certificate_that_came_can_be_read(
    lab: Lab, name: str, key_type: str, key_bits: int, signature_algorithm: str
) -> None:
    certificate = read_certificate(lab.seen(name).certificates[0])
    assert certificate.parse_failure is None
    assert (certificate.key_type, certificate.key_bits) == (key_type, key_bits)
    assert certificate.signature_algorithm == signature_algorithm
    assert certificate.dns_names == (f"*.{DOMAIN}",)
    assert certificate.self_signed is False


def test_certificates_that_nobody_should_trust_come_whole(lab: Lab) -> None:
    expired = read_certificate(lab.seen("expired").certificates[0])
    assert expired.not_after is not None
    assert expired.not_after < lab.began_at
    (self_signed,) = map(read_certificate, lab.seen("self-signed").certificates)
    assert self_signed.self_signed is True


# --- Postfix counts its clients ---


def test_a_client_with_a_session_already_is_refused_by_421(lab: Lab) -> None:
    lab.require("connection-count")
    seen = lab.namespace.call(visit_beside_another, "connection-count", SETTINGS)
    assert reading_of(seen.session) == READINGS["connection-count"]


def test_a_client_that_comes_too_often_is_refused_by_421(lab: Lab) -> None:
    assert reading_of(lab.again("connection-rate")) == POSTFIX
    assert reading_of(lab.again("connection-rate")) == READINGS["connection-rate"]


def test_a_client_with_too_many_tls_sessions_is_refused_at_starttls(lab: Lab) -> None:
    assert reading_of(lab.again("tls-rate")) == POSTFIX
    # Postfix counts after the handshake: it says 421 and closes, which may overtake the 421 as a reset.
    one_too_many = lab.again("tls-rate")
    assert one_too_many.stage is SessionStage.HELLO_TLS
    assert (one_too_many.failure, one_too_many.hello_tls_code) in {
        (Failure.SERVICE_CLOSING, 421),
        (Failure.RESET, None),
    }
    assert one_too_many.tls is not None
    assert one_too_many.tls.chain == digests(lab.certificates[EC])
    assert (one_too_many.ehlo_keywords_tls, one_too_many.quit_code) == (None, None)
    refused = lab.again("tls-rate")
    assert reading_of(refused) == READINGS["tls-rate"]
    assert refused.tls is None


def test_postscreen_lets_a_client_that_waited_once_pass_at_once(lab: Lab) -> None:
    assert lab.session("postscreen").stage is SessionStage.HELLO_TLS
    again = lab.again("postscreen")
    assert reading_of(again) == POSTFIX
    assert again.greeting_seconds is not None
    assert again.greeting_seconds < 6


# --- the recordings ---


def release() -> str:
    system = platform.freedesktop_os_release()
    return f"{system['NAME']} {system.get('VERSION_ID', 'unstable')}"


@pytest.mark.parametrize("name", TRANSCRIBED)
def test_the_recording_of_a_server_is_what_it_says_today(lab: Lab, name: str) -> None:
    lab.require(name)
    origin = f"{release()}, {PACKAGES[server_of(name)]}: {name}"
    events = lab.namespace.call(transcribe, name, visits=TRANSCRIBED[name])
    said = Transcript(origin, tuple(events))
    if os.environ.get("RECORD_TRANSCRIPTS"):
        save(name, said)
    recorded = load(name)
    if recorded.origin != origin:
        pytest.skip(f"recorded on {recorded.origin}; this is {origin}")
    assert constant_events(said) == constant_events(recorded)


TIME_AND_PLACE = {
    *("mx_host", "address", "family", "port", "attempt", "tlsa", "tlsa_expanded", "started_at"),
    *("connect_seconds", "greeting_seconds", "hello_seconds", "starttls_seconds", "handshake_seconds"),
    "total_seconds",
}


def test_every_column_of_a_session_is_looked_at() -> None:
    columns = {field.name for field in fields(Session)}
    assert columns == {field.name for field in fields(Reading)} | TIME_AND_PLACE | {"tls"}


def test_every_case_has_a_reading() -> None:
    assert set(READINGS) == set(ADDRESSES)
