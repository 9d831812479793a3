"""The zones of the lab: a signed root, three kinds of TLD, and one mail domain for each case.

Every mail domain has the same records unless its case is about them; what its TLD says of it (the
delegation) and what its authority serves are put side by side in `build_zones`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import dns.zone

from tests.servers.signing import (
    Key,
    Validity,
    around,
    make_key,
    read_zone,
    sign,
    sign_with_opt_out,
    spoil_signature,
    strip_denials,
)

ROOT_ADDRESS = "127.10.0.1"
TLD_ADDRESS = "127.10.1.1"
LEAF_ADDRESS = "127.10.2.1"
SILENT_ADDRESSES = ("127.10.3.1", "127.10.3.2")
"""A socket is bound at each, and never read."""
CLOSED_ADDRESS = "127.10.4.1"
"""Nothing listens here."""

MAIL_ADDRESS = "127.20.0.1"
TLSA = "3 1 1 " + "5a" * 32
MANY_MX = 50
LARGE_TEXTS = 12
"""TXT records of 200 octets: twice what a reply over UDP may hold (EDNS 1232)."""

SIGNED, OPT_OUT, UNSIGNED = "signed", "opt-out", "unsigned"
"""TLDs: NSEC; NSEC3 with opt-out; not signed at all."""

_WRONG_DS = "12345 13 2 " + "ab" * 32
_UNSUPPORTED_DS = "12345 200 2 " + "cd" * 32


@dataclass(frozen=True)
class Zones:
    """Master file text by zone, for each authority; and the DS record of the root."""

    root: Mapping[str, str]
    tld: Mapping[str, str]
    leaf: Mapping[str, str]
    trust_anchor: str


@dataclass
class World:
    """Zones that are being built, and what delegates to them."""

    now: datetime
    key: Key = field(default_factory=make_key)
    """Signs every zone: their DS records differ all the same, since they cover the owner's name."""
    delegations: dict[str, list[str]] = field(default_factory=lambda: {SIGNED: [], OPT_OUT: [], UNSIGNED: []})
    leaf: dict[str, str] = field(default_factory=dict)

    def delegate(self, domain: str, *, ds: str | None = None, to: str = LEAF_ADDRESS) -> None:
        lines = self.delegations[domain.rpartition(".")[2]]
        lines += [f"{domain}. NS ns.{domain}.", f"ns.{domain}. A {to}"]
        if ds is not None:
            lines.append(f"{domain}. DS {ds}")

    def signed_zone(self, domain: str, text: str, validity: Validity | None = None) -> dns.zone.Zone:
        zone = read_zone(f"{domain}.", text)
        sign(zone, self.key, validity or around(self.now))
        return zone

    def serve(self, domain: str, zone: dns.zone.Zone | str) -> None:
        self.leaf[domain] = zone if isinstance(zone, str) else _master_file(zone)

    def secure(self, domain: str, text: str) -> None:
        """Serve a signed zone whose parent vouches for it."""
        self.serve(domain, self.signed_zone(domain, text))
        self.delegate(domain, ds=self.key.ds(f"{domain}."))

    def insecure(self, domain: str, text: str) -> None:
        """Serve an unsigned zone whose parent says that it is unsigned."""
        self.serve(domain, _master_file(read_zone(f"{domain}.", text)))
        self.delegate(domain)

    def finish(self) -> Zones:
        """Make and sign the root and the TLDs."""
        return Zones(
            root={".": _root(self)},
            tld={tld: _tld(self, tld) for tld in self.delegations},
            leaf=self.leaf,
            trust_anchor=f". DS {self.key.ds('.')}",
        )


def build_zones(now: datetime) -> Zones:
    """Make and sign all zones, valid around `now`."""
    world = World(now)
    _add_islands_and_delegations(world)
    _add_broken_signatures(world)
    _add_broken_authorities(world)
    _add_boundaries(world)
    _add_answers(world)
    return world.finish()


def _add_islands_and_delegations(world: World) -> None:
    """Add every way to be, or not to be, vouched for by the parent."""
    world.secure("secure.signed", mail_domain("secure.signed"))
    world.insecure("insecure.signed", mail_domain("insecure.signed"))
    world.secure("secure.opt-out", mail_domain("secure.opt-out"))
    world.insecure("insecure.opt-out", mail_domain("insecure.opt-out"))
    world.insecure("insecure.unsigned", mail_domain("insecure.unsigned"))
    for domain, ds in (
        ("island.signed", None),
        ("wrong-ds.signed", _WRONG_DS),
        ("unsupported.signed", _UNSUPPORTED_DS),
    ):
        world.serve(domain, world.signed_zone(domain, mail_domain(domain)))
        world.delegate(domain, ds=ds)
    domain = "ds-but-unsigned.signed"
    world.serve(domain, _master_file(read_zone(f"{domain}.", mail_domain(domain))))
    world.delegate(domain, ds=world.key.ds(f"{domain}."))


def _add_broken_signatures(world: World) -> None:
    """Add zones that their parent vouches for, and that do not hold what it promises."""
    day = timedelta(days=1)
    for domain, validity in (
        ("expired.signed", Validity(world.now - 40 * day, world.now - 10 * day)),
        ("also-expired.signed", Validity(world.now - 40 * day, world.now - 10 * day)),
        ("not-yet-valid.signed", Validity(world.now + 10 * day, world.now + 40 * day)),
    ):
        world.serve(domain, world.signed_zone(domain, mail_domain(domain), validity))
        world.delegate(domain, ds=world.key.ds(f"{domain}."))
    domain = "spoiled-tlsa.signed"
    zone = world.signed_zone(domain, mail_domain(domain))
    spoil_signature(zone, f"_25._tcp.mx.{domain}.", "TLSA")
    world.serve(domain, zone)
    world.delegate(domain, ds=world.key.ds(f"{domain}."))
    domain = "stripped.signed"
    zone = world.signed_zone(domain, mail_domain(domain, tlsa=None))
    strip_denials(zone)
    world.serve(domain, zone)
    world.delegate(domain, ds=world.key.ds(f"{domain}."))


def _add_broken_authorities(world: World) -> None:
    """Add delegations to authorities that give no answer."""
    world.delegate("refusing.signed")  # the leaf server has no such zone: REFUSED
    world.delegate("lame.signed", to=ROOT_ADDRESS)  # refers back up to the TLD
    world.serve("servfail.signed", "this is no master file\n")
    world.delegate("servfail.signed")
    world.delegate("silent.signed", to=SILENT_ADDRESSES[0])
    world.delegate("also-silent.signed", to=SILENT_ADDRESSES[1])
    world.delegate("closed.signed", to=CLOSED_ADDRESS)


def _add_boundaries(world: World) -> None:
    """Add names that lead from a secure zone into an insecure one, and the other way."""
    domain = "into-insecure.signed"
    aliases = "alias CNAME mx.insecure.signed.\n_25._tcp.alias CNAME _25._tcp.mx.insecure.signed.\n"
    world.secure(domain, mail_domain(domain, mx="10 mx.insecure.signed.", more=aliases))
    domain = "into-secure.signed"
    aliases = "alias CNAME mx.secure.signed.\n_25._tcp.alias CNAME _25._tcp.mx.secure.signed.\n"
    world.insecure(domain, mail_domain(domain, mx="10 mx.secure.signed.", more=aliases))
    domain = "aliases.signed"
    world.secure(
        domain,
        mail_domain(
            domain,
            more="""
            one CNAME two
            two CNAME mx.secure.signed.
            winding CNAME alias.into-secure.signed.
            to-bogus CNAME mx.also-expired.signed.
            to-nothing CNAME nothing.secure.signed.
            to-nodata CNAME secure.signed.
            loop CNAME pool
            pool CNAME loop
            """,
        ),
    )


def _add_answers(world: World) -> None:
    """Add answers of unusual form or size."""
    world.secure("null-mx.signed", mail_domain("null-mx.signed", mx="0 ."))
    world.secure("no-mx.signed", mail_domain("no-mx.signed", mx=None))
    world.secure("wildcard.signed", mail_domain("wildcard.signed", more="*.below MX 10 mx"))
    many = "\n".join(f"@ MX {number} mx{number}" for number in range(MANY_MX))
    world.secure("many-mx.signed", mail_domain("many-mx.signed", mx=None, more=many))
    large = "\n".join(f'large TXT "{number:03}{"x" * 197}"' for number in range(LARGE_TEXTS))
    world.secure("large.signed", mail_domain("large.signed", more=large))
    world.insecure("large.unsigned", mail_domain("large.unsigned", more=large))


def mail_domain(domain: str, *, mx: str | None = "10 mx", tlsa: str | None = TLSA, more: str = "") -> str:
    """Return the records of a mail domain and its host, relative to it."""
    lines = [
        "@ SOA ns hostmaster 1 3600 600 86400 300",
        "@ NS ns",
        f"ns A {LEAF_ADDRESS}",
        f"mx A {MAIL_ADDRESS}",
        "mx AAAA 2001:db8::25",
        '_mta-sts TXT "v=STSv1; " "id=1"',
    ]
    if mx is not None:
        lines.append(f"@ MX {mx}")
    if tlsa is not None:
        lines.append(f"_25._tcp.mx TLSA {tlsa}")
    return "\n".join([*lines, *map(str.strip, more.splitlines())]) + "\n"


def _root(world: World) -> str:
    lines = [
        "@ SOA ns.root. hostmaster.root. 1 3600 600 86400 300",
        "@ NS ns.root.",
        f"ns.root. A {ROOT_ADDRESS}",
    ]
    for tld in world.delegations:
        lines += [f"{tld}. NS ns.{tld}.", f"ns.{tld}. A {TLD_ADDRESS}"]
        if tld != UNSIGNED:
            lines.append(f"{tld}. DS {world.key.ds(f'{tld}.')}")
    zone = read_zone(".", "\n".join(lines))
    sign(zone, world.key, around(world.now))
    return _master_file(zone)


def _tld(world: World, tld: str) -> str:
    apex = ["@ SOA ns hostmaster 1 3600 600 86400 300", "@ NS ns", f"ns A {TLD_ADDRESS}"]
    zone = read_zone(f"{tld}.", "\n".join([*apex, *world.delegations[tld]]))
    if tld == SIGNED:
        sign(zone, world.key, around(world.now))
    elif tld == OPT_OUT:
        sign_with_opt_out(zone, world.key, around(world.now))
    return _master_file(zone)


def _master_file(zone: dns.zone.Zone) -> str:
    return zone.to_text(relativize=False, want_origin=False)
