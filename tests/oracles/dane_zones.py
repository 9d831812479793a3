"""The zones of the DANE cases: mail domains and hosts, each in a signed zone or in one that is not."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

import dns.name
import dns.rdata
import dns.zone
from dns.rdataclass import RdataClass
from dns.rdatatype import RdataType

from tests.oracles.dane_cases import Case, Fault, Record, record_data
from tests.oracles.dane_chains import (
    DOMAINS,
    HOSTS,
    INSECURE_DOMAINS,
    INSECURE_HOSTS,
    Certificates,
)
from tests.servers.dns_zones import LEAF_ADDRESS, SILENT_ADDRESSES, TLD_ADDRESS, World, Zones
from tests.servers.postfix_servers import WEAK, Listener
from tests.servers.signing import TTL, around, read_zone, sign, spoil_signature

_APEX = f"@ SOA ns hostmaster 1 3600 600 86400 300\n@ NS ns\nns A {LEAF_ADDRESS}\n"
_OPTIONS = {"no-starttls": ("smtpd_tls_security_level=none",)}
_DELEGATED_TO: Final[dict[Fault, str]] = {"lame": TLD_ADDRESS, "silent": SILENT_ADDRESSES[0]}


def domain_of(case: Case) -> str:
    return f"{case.name}.{DOMAINS if case.has_secure_mx else INSECURE_DOMAINS}"


def host_of(case: Case) -> str:
    return f"{case.name}.{HOSTS if case.has_secure_host else INSECURE_HOSTS}"


def listeners_of(certificates: Certificates) -> dict[str, Listener]:
    """Return a listener for each chain, by its name."""
    return {
        name: Listener(f"127.26.1.{number}", name, _OPTIONS.get(name, (WEAK,)))
        for number, name in enumerate(certificates.chains, 1)
    }


def build_case_zones(
    now: datetime, cases: Collection[Case], certificates: Certificates, listeners: Mapping[str, Listener]
) -> Zones:
    """Make and sign all zones, valid around `now`."""
    world = World(now)
    texts = dict.fromkeys((HOSTS, INSECURE_HOSTS, DOMAINS, INSECURE_DOMAINS), _APEX)
    for case in cases:
        for owner, data in _records(case, listeners[case.chain].address):
            texts[_zone_of(owner)] += f"{owner}. {data}\n"
    zones = {domain: read_zone(f"{domain}.", text) for domain, text in texts.items()}
    for case in cases:
        for owner, records in _tlsa_records(case):
            for record in records:
                _add_tlsa(zones[_zone_of(owner)], owner, record_data(record, case.chain, certificates))
    for domain in (HOSTS, DOMAINS):
        sign(zones[domain], world.key, around(now))
    for case in cases:
        if case.fault == "spoiled":
            spoil_signature(zones[HOSTS], f"_25._tcp.{host_of(case)}.", "TLSA")
    for domain, zone in zones.items():
        world.serve(domain, zone)
        world.delegate(domain, ds=world.key.ds(f"{domain}.") if domain in (HOSTS, DOMAINS) else None)
    return world.finish()


def _records(case: Case, address: str) -> Iterator[tuple[str, str]]:
    """Give the owner and the rest of each record but TLSA."""
    names = [host_of(case), *_alias_targets(case)]
    yield domain_of(case), f"MX 10 {names[0]}."
    for alias, following in pairwise(names):
        yield alias, f"CNAME {following}."
    yield names[-1], f"A {address}"
    if case.tlsa_alias_into is not None:
        yield f"_25._tcp.{names[0]}", f"CNAME {_shared_of(case)}."
    if case.fault in _DELEGATED_TO:
        yield f"_tcp.{names[0]}", f"NS ns._tcp.{names[0]}."
        yield f"ns._tcp.{names[0]}", f"A {_DELEGATED_TO[case.fault]}"


def _tlsa_records(case: Case) -> Iterator[tuple[str, Sequence[Record]]]:
    """Give the names that have TLSA records."""
    targets = _alias_targets(case)
    yield f"_25._tcp.{host_of(case)}" if case.tlsa_alias_into is None else _shared_of(case), case.records
    if targets:
        yield f"_25._tcp.{targets[0]}", case.passed_records
        yield f"_25._tcp.{targets[-1]}", case.target_records


def _alias_targets(case: Case) -> list[str]:
    return [f"{'to-' * number}{case.name}.hosts.{zone}" for number, zone in enumerate(case.alias_into, 1)]


def _shared_of(case: Case) -> str:
    return f"shared-{case.name}.hosts.{case.tlsa_alias_into}"


def _zone_of(owner: str) -> str:
    return ".".join(owner.split(".")[-2:])


def _add_tlsa(zone: dns.zone.Zone, owner: str, data: str) -> None:
    """Add a record as octets: dnspython reads no digest of a wrong length."""
    usage, selector, matching_type, *association_data = data.split()
    octets = bytes(map(int, (usage, selector, matching_type))) + bytes.fromhex("".join(association_data))
    rdataset = zone.find_rdataset(dns.name.from_text(owner), "TLSA", create=True)
    rdataset.add(dns.rdata.GenericRdata(RdataClass.IN, RdataType.TLSA, octets), TTL)
