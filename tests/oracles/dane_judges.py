"""What judges the DANE cases: this crawler, posttls-finger and openssl s_client, called in a namespace."""

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import trio

from crawler.outcomes import DaneReason, DaneStatus, DnssecStatus
from crawler.probes.resolver import Resolver, open_resolver
from crawler.probes.session import observe_session
from crawler.protocol.certificate import read_certificate
from crawler.settings import Settings, settings_from
from crawler.verdicts.dane import DaneVerdict, judge_dane, order_bases
from crawler.verdicts.outcome import read_outcome
from tests.servers.dns_servers import start_dns
from tests.servers.dns_zones import Zones
from tests.servers.mail_certificates import Served
from tests.servers.mail_packages import TREES
from tests.servers.mail_servers import PORT, wait_for_listener
from tests.servers.namespace import program
from tests.servers.postfix_servers import Listener, start_postfix
from tests.servers.server_root import ServerRoot, mount_root

_DNS_PORT = 53
"""The resolver's: the file that says where it is has no place for another."""
_RESOLV_CONF = "nameserver 127.0.0.1\noptions trust-ad\n"
_AT_ONCE = 4
_LIMIT_SECONDS = 30.0

CRASHED = "crashed"
"""In place of an answer."""

_OF_CODE = {9: DaneReason.NOT_YET_VALID, 10: DaneReason.EXPIRED, 62: DaneReason.NAME_MISMATCH}
"""OpenSSL's words that the survey has too (x509_vfy.h, X509_V_ERR)."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Ours:
    """The crawler's verdict, and what another judge needs to be asked about the same server."""

    verdict: DaneVerdict
    address: str
    references: tuple[str, ...]
    """The names that the certificate may be for, the base domain first; none without TLSA records."""


def start_case_servers(
    folder: Path, zones: Zones, certificates: Mapping[str, Served], listeners: Sequence[Listener]
) -> ServerRoot:
    """Start DNS and Postfix; return where Postfix and its tools are."""
    start_dns(folder, zones, port=_DNS_PORT)
    root = mount_root(folder / "postfix", TREES / "postfix")
    start_postfix(root, certificates, listeners)
    root.write("etc/resolv.conf", _RESOLV_CONF)
    wait_for_listener(listeners[0].address)
    return root


# --- the crawler ---------------------------------------------------------------------------------------


def judge_domains(domains: Sequence[str]) -> list[Ours]:
    """Judge the only MX host of each domain as the crawler does."""
    settings = settings_from(
        {
            "resolver": f"127.0.0.1:{_DNS_PORT}",
            "hello_name": "scan.test",
            "allowed_ranges": ["127.0.0.0/8"],
        }
    )

    async def judge_all() -> list[Ours]:
        verdicts: dict[int, Ours] = {}
        limiter = trio.CapacityLimiter(_AT_ONCE * 2)

        async def judge(number: int, resolver: Resolver, domain: str) -> None:
            async with limiter:
                verdicts[number] = await _judge(domain, resolver, settings)

        async with open_resolver(settings) as resolver, trio.open_nursery() as nursery:
            for number, domain in enumerate(domains):
                nursery.start_soon(judge, number, resolver, domain)
        return [verdicts[number] for number in range(len(domains))]

    return trio.run(judge_all)


async def _judge(domain: str, resolver: Resolver, settings: Settings) -> Ours:
    mx = await resolver.mx(domain)
    (host,) = [record.exchange for record in mx.records]
    address = await resolver.a(host)
    own = await resolver.tlsa(host, PORT)
    expanded = None
    if address.cname_chain:
        expanded = await resolver.tlsa(address.cname_chain[-1].target, PORT)
    observed = await observe_session(host, address.addresses[0], own, settings)
    session = observed.session
    certificates = {record.sha256: record for record in map(read_certificate, observed.certificates)}
    next_hops = (domain,) if mx.dnssec_status is DnssecStatus.SECURE else ()
    verdict = judge_dane(
        order_bases(host, address, own, expanded),
        read_outcome(session.stage, session.failure, session.starttls_offered),
        [certificates[sha256] for sha256 in (session.tls.chain if session.tls else ())],
        next_hops,
        datetime.now(UTC),
    )
    references = () if verdict.base_domain is None else (verdict.base_domain, *next_hops)
    return Ours(verdict, address.addresses[0], references)


# --- posttls-finger ------------------------------------------------------------------------------------


def finger_domains(root: ServerRoot, domains: Sequence[str]) -> list[str]:
    """Return what posttls-finger makes of each domain, as a word of the survey."""
    options = ["-o", "inet_protocols=ipv4", "-c", "-l", "dane", "-L", "summary", "-v"]
    command = [program("chroot"), str(root.path), "/usr/sbin/posttls-finger", *options]
    return _at_once(lambda domain: read_finger(_run(*command, domain)), domains)


def read_finger(output: str) -> str:
    """Return what posttls-finger says. It does not tell why there is no DANE, nor why nothing matched."""
    if "panic: " in output:
        return CRASHED
    if "TLSA lookup error" in output:
        return DaneStatus.LOOKUP_FAILED
    if "no TLSA records found" in output:
        return DaneStatus.ABSENT
    found = re.search(r"(\w+) TLS connection established", output)
    if found is None:
        assert "connect_addr: trying" in output, output
        return DaneStatus.NO_TLS
    if "no usable TLSA records" in output or "all TLSA records unusable" in output:
        return DaneStatus.UNUSABLE
    verified = "Trusted" if "log verified as trusted" in output else "Verified"  # the MX records are insecure
    return DaneStatus.MATCHED if found[1] == verified else DaneStatus.MISMATCHED


# --- openssl s_client ----------------------------------------------------------------------------------


def connect_with_openssl(questions: Sequence[Ours]) -> list[str]:
    """Return what openssl s_client makes of each server and its records, as a word of the survey."""
    return _at_once(_connect, questions)


def _connect(ours: Ours) -> str:
    """Ask for one reference identifier after the other: the program takes one."""
    records = [verdict.record for verdict in ours.verdict.records]
    data = [f"{r.usage} {r.selector} {r.matching_type} {r.association_data}" for r in records]
    answers = []
    for reference in ours.references:
        output = _run(
            *(program("openssl"), "s_client", "-brief", "-starttls", "smtp", "-verify_return_error"),
            *("-connect", f"{ours.address}:{PORT}", "-dane_tlsa_domain", reference),
            *("-dane_ee_no_namechecks", *(word for each in data for word in ("-dane_tlsa_rrdata", each))),
        )
        answers.append(read_openssl(output))
        if answers[-1] != DaneReason.NAME_MISMATCH:
            return answers[-1]
    return answers[0]


def read_openssl(output: str) -> str:
    """Return what openssl s_client says."""
    if "s_client: Could not allocate" in output:
        return CRASHED
    if "Failed to import any TLSA records" in output:
        return DaneStatus.UNUSABLE
    if "Verification: OK" in output:
        assert "DANE TLSA" in output, output
        return DaneStatus.MATCHED
    found = re.search(r"verify error:num=(\d+):", output)
    assert found is not None, output
    return _OF_CODE.get(int(found[1]), DaneStatus.MISMATCHED)


def _at_once(function: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(function, items))


def _run(*command: str) -> str:
    ended = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_LIMIT_SECONDS,
        check=False,
    )
    return ended.stdout.decode("utf-8", "replace")
