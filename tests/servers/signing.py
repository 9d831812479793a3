"""DNSSEC signing of the lab's zones: one key per zone, P-256, NSEC or NSEC3 with opt-out."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import dns.dnssec
import dns.name
import dns.node
import dns.rdata
import dns.rdataset
import dns.rrset
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec
from dns.dnssectypes import Algorithm
from dns.rdataclass import RdataClass
from dns.rdataset import Rdataset
from dns.rdatatype import DS, NS, RdataType
from dns.rdtypes.ANY.DNSKEY import DNSKEY

TTL = 300
_SECURE_ENTRY_POINT = 257


@dataclass(frozen=True)
class Key:
    """A key that signs a whole zone, DNSKEY RRset included."""

    private: ec.EllipticCurvePrivateKey
    public: DNSKEY

    def ds(self, origin: str) -> str:
        """Return the data of the DS record for a zone signed with this key."""
        return dns.dnssec.make_ds(dns.name.from_text(origin), self.public, "SHA256").to_text()


@dataclass(frozen=True)
class Validity:
    """From when to when signatures are valid."""

    inception: datetime
    expiration: datetime


def around(now: datetime) -> Validity:
    """Return a validity that leaves a clock an hour's error, as signers do."""
    return Validity(now - timedelta(hours=1), now + timedelta(days=30))


def make_key() -> Key:
    """Make a key."""
    private = ec.generate_private_key(ec.SECP256R1())
    algorithm = Algorithm.ECDSAP256SHA256
    public = dns.dnssec.make_dnskey(private.public_key(), algorithm, flags=_SECURE_ENTRY_POINT)
    assert isinstance(public, DNSKEY)
    return Key(private, public)


def read_zone(origin: str, text: str) -> dns.zone.Zone:
    """Return a zone from master file text whose names are relative to the origin."""
    return dns.zone.from_text(f"$TTL {TTL}\n{text}", origin=origin, relativize=False, check_origin=False)


def sign(zone: dns.zone.Zone, key: Key, validity: Validity) -> None:
    """Sign a zone, with a chain of NSEC records (RFC 4035 s2.3)."""
    with zone.writer() as transaction:
        dns.dnssec.sign_zone(
            zone,
            transaction,
            keys=[(key.private, key.public)],
            inception=validity.inception,
            expiration=validity.expiration,
            dnskey_ttl=TTL,
        )


def sign_with_opt_out(zone: dns.zone.Zone, key: Key, validity: Validity) -> None:
    """Sign a zone, with NSEC3 records that leave insecure delegations out (RFC 5155 s6)."""
    origin = zone.origin
    assert origin is not None
    _add(zone, origin, "DNSKEY", key.public.to_text())
    _add(zone, origin, "NSEC3PARAM", "1 0 0 -")
    to_sign = _rrsets_to_sign(zone, origin)
    chain = sorted((dns.dnssec.nsec3_hash(name, None, 0, "SHA1"), name) for name in to_sign)
    for (digest, name), (following, _) in zip(chain, chain[1:] + chain[:1], strict=True):
        types = " ".join(rdataset.rdtype.name for rdataset in zone.nodes[name])
        hashed = dns.name.from_text(digest, origin)
        to_sign[hashed] = [_add(zone, hashed, "NSEC3", f"1 1 0 - {following} {types} RRSIG")]
    for name, rdatasets in to_sign.items():
        for rdataset in rdatasets:
            signature = dns.dnssec.sign(
                dns.rrset.from_rdata_list(name, rdataset.ttl, list(rdataset)),
                key.private,
                origin,
                key.public,
                inception=validity.inception,
                expiration=validity.expiration,
            )
            zone.find_rdataset(name, "RRSIG", rdataset.rdtype, create=True).add(signature, rdataset.ttl)


def _rrsets_to_sign(zone: dns.zone.Zone, origin: dns.name.Name) -> dict[dns.name.Name, list[Rdataset]]:
    """Return what a zone is the authority for: all but NS at delegations and glue below (RFC 4035 s2.2)."""
    cuts = {name for name, node in zone.nodes.items() if name != origin and _has(node, NS)}
    found = {}
    for name, node in zone.nodes.items():
        if name in cuts:
            if _has(node, DS):
                found[name] = [rdataset for rdataset in node if rdataset.rdtype == DS]
        elif not any(name.is_subdomain(cut) for cut in cuts):
            found[name] = list(node)
    return found


def _has(node: dns.node.Node, record_type: RdataType) -> bool:
    return node.get_rdataset(RdataClass.IN, record_type) is not None


def _add(zone: dns.zone.Zone, name: dns.name.Name, record_type: str, data: str) -> Rdataset:
    rdata = dns.rdata.from_text("IN", record_type, data)
    rdataset = zone.find_rdataset(name, record_type, create=True)
    rdataset.add(rdata, TTL)
    return rdataset


def spoil_signature(zone: dns.zone.Zone, name: str, record_type: str) -> None:
    """Replace the signature of one RRset by octets that sign nothing."""
    signatures = zone.find_rdataset(dns.name.from_text(name), "RRSIG", record_type)
    spoiled = [signature.replace(signature=bytes(64)) for signature in signatures]
    zone.replace_rdataset(name, dns.rdataset.from_rdata_list(TTL, spoiled))


def strip_denials(zone: dns.zone.Zone) -> None:
    """Remove all NSEC records: what does not exist can no longer be denied."""
    for name in list(zone.nodes):
        zone.delete_rdataset(name, "NSEC")
        zone.delete_rdataset(name, "RRSIG", "NSEC")
