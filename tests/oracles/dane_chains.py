"""The certificates that the servers of the DANE cases send, and what TLSA records can be about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.servers.mail_certificates import Served
from tests.verdicts.authority import Issued, Key, issue, pem, reissue_with_sha1

HOSTS, INSECURE_HOSTS = "hosts.signed", "hosts.unsigned"
DOMAINS, INSECURE_DOMAINS = "domains.signed", "domains.unsigned"

_HOST_NAMES = (f"*.{HOSTS}", f"*.{INSECURE_HOSTS}")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Chain:
    """A server's certificate and those it sends after it."""

    leaf: Issued
    others: tuple[Issued, ...] = ()

    @property
    def served(self) -> Served:
        """As the server's files hold it."""
        key = self.leaf.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        sent = (self.leaf, *self.others)
        return Served(key, pem(*sent), tuple(issued.der for issued in sent))


@dataclass
class Certificates:
    """Everything issued for the cases, valid around `now` unless its name says otherwise."""

    now: datetime
    chains: dict[str, Chain] = field(default_factory=dict)
    authorities: dict[str, Issued] = field(default_factory=dict)

    def issue(
        self,
        name: str,
        issuer: Issued | None = None,
        *,
        dns_names: Sequence[str] = (),
        days: tuple[int, int] = (-30, 30),
        is_ca: bool = False,
        path_length: int | None = None,
        may_sign: bool | None = None,
        key: Key | None = None,
        for_clients: bool = False,
    ) -> Issued:
        """Issue a certificate valid from and until so many days after now."""
        first, last = (self.now + number * _DAY for number in days)
        return issue(
            name,
            issuer,
            dns_names=dns_names,
            is_ca=is_ca,
            path_length=path_length,
            may_sign=may_sign,
            key=key,
            first=first,
            last=last,
            usages=[ExtendedKeyUsageOID.CLIENT_AUTH] if for_clients else (),
        )

    @property
    def served(self) -> Mapping[str, Served]:
        return {name: chain.served for name, chain in self.chains.items()}

    def find(self, chain: str, whose: str) -> Issued:
        """Return the certificate that a TLSA record is about: a server's own, or an authority's."""
        return self.chains[chain].leaf if whose == "leaf" else self.authorities[whose]


def issue_chains(now: datetime) -> Certificates:
    """Issue a chain for each way to be right or wrong."""
    made = Certificates(now)
    root = made.issue("Root", is_ca=True)
    intermediate = made.issue("Intermediate", root, is_ca=True)
    stranger = made.issue("Stranger", is_ca=True)
    made.authorities |= {"root": root, "intermediate": intermediate, "stranger": stranger}
    leaf = made.issue("server", intermediate, dns_names=_HOST_NAMES)
    made.chains |= {
        "good": Chain(leaf, (intermediate,)),
        "no-starttls": Chain(leaf, (intermediate,)),
        "with-root": Chain(leaf, (intermediate, root)),
        "alone": Chain(leaf),
        "shuffled": Chain(leaf, (root, intermediate)),
        "with-stranger": Chain(leaf, (intermediate, stranger)),
        "another": Chain(made.issue("server", intermediate, dns_names=_HOST_NAMES), (intermediate,)),
    }
    _add_names(made, intermediate)
    _add_dates(made, root, intermediate)
    _add_issuers(made, root)
    _add_self_signed(made)
    _add_weak(made)
    return made


def _add_names(made: Certificates, intermediate: Issued) -> None:
    for chain, common_name, dns_names in (
        ("other-name", "server", ("mx.elsewhere.example",)),
        ("next-hop", "server", (f"*.{DOMAINS}", f"*.{INSECURE_DOMAINS}")),
        ("common-name", f"*.{HOSTS}", ()),
        ("partial-wildcard", "server", (f"ta-*.{HOSTS}",)),
        ("wide-wildcard", "server", ("*.signed",)),
        ("common-name-beside", f"*.{HOSTS}", ("mx.elsewhere.example",)),
        ("for-aliases", "server", (f"ta-alias-original.{HOSTS}", f"ta-alias-expanded.{HOSTS}")),
    ):
        made.chains[chain] = Chain(
            made.issue(common_name, intermediate, dns_names=dns_names), (intermediate,)
        )


def _add_dates(made: Certificates, root: Issued, intermediate: Issued) -> None:
    over, to_come = (-30, -1), (1, 30)
    for chain, days in (("expired-leaf", over), ("future-leaf", to_come)):
        leaf = made.issue("server", intermediate, dns_names=_HOST_NAMES, days=days)
        made.chains[chain] = Chain(leaf, (intermediate, root))
    for chain, days in (("expired-intermediate", over), ("future-intermediate", to_come)):
        issuer = made.issue(chain, root, is_ca=True, days=days)
        made.authorities[chain] = issuer
        made.chains[chain] = Chain(made.issue("server", issuer, dns_names=_HOST_NAMES), (issuer, root))
    expired_root = made.issue("Expired Root", is_ca=True, days=over)
    issuer = made.issue("Below", expired_root, is_ca=True)
    leaf = made.issue("server", issuer, dns_names=_HOST_NAMES)
    made.authorities |= {"expired-root": expired_root, "below-expired-root": issuer}
    made.chains["expired-root"] = Chain(leaf, (issuer, expired_root))
    made.chains["expired-root-not-sent"] = Chain(leaf, (issuer,))
    renewed = made.issue("Renewed", root, is_ca=True)
    before = made.issue("Renewed", root, is_ca=True, days=over, key=renewed.key)
    made.authorities |= {"renewed": renewed, "before-renewal": before}
    made.chains["renewed"] = Chain(made.issue("server", renewed, dns_names=_HOST_NAMES), (before, renewed))


def _add_issuers(made: Certificates, root: Issued) -> None:
    clerk = made.issue("Clerk", root, is_ca=False)
    made.authorities["clerk"] = clerk
    made.chains["not-a-ca"] = Chain(made.issue("server", clerk, dns_names=_HOST_NAMES), (clerk, root))
    mute = made.issue("Mute", root, is_ca=True, may_sign=False)
    made.authorities["mute"] = mute
    made.chains["may-not-sign"] = Chain(made.issue("server", mute, dns_names=_HOST_NAMES), (mute, root))
    short = made.issue("Short", is_ca=True, path_length=0)
    below = made.issue("Below Short", short, is_ca=True)
    made.authorities["short"] = short
    made.chains["too-long"] = Chain(made.issue("server", below, dns_names=_HOST_NAMES), (below, short))
    made.chains["for-clients"] = Chain(
        made.issue("server", root, dns_names=_HOST_NAMES, for_clients=True), (root,)
    )
    narrow = made.issue("Narrow", root, is_ca=True, for_clients=True)
    made.authorities["narrow"] = narrow
    made.chains["below-narrow"] = Chain(made.issue("server", narrow, dns_names=_HOST_NAMES), (narrow, root))


def _add_self_signed(made: Certificates) -> None:
    alone = made.issue("server", dns_names=_HOST_NAMES)
    authority = made.issue("server", dns_names=_HOST_NAMES, is_ca=True)
    made.chains |= {
        "self-signed": Chain(alone),
        "self-signed-twice": Chain(alone, (alone,)),
        "own-authority": Chain(authority),
        "own-authority-twice": Chain(authority, (authority,)),
    }


def _add_weak(made: Certificates) -> None:
    strong, weak = (rsa.generate_private_key(65537, bits) for bits in (2048, 1024))
    root = made.issue("RSA Root", is_ca=True, key=strong)
    leaf = made.issue("server", root, dns_names=_HOST_NAMES)
    made.chains["sha-1"] = Chain(reissue_with_sha1(leaf, root), (root,))
    made.chains["rsa-1024"] = Chain(made.issue("server", root, dns_names=_HOST_NAMES, key=weak), (root,))
    issuer = made.issue("RSA-1024", root, is_ca=True, key=weak)
    made.authorities |= {"rsa-root": root, "rsa-1024": issuer}
    made.chains["below-rsa-1024"] = Chain(made.issue("server", issuer, dns_names=_HOST_NAMES), (issuer, root))
