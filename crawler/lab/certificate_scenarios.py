"""What is right or wrong with a certificate: each scenario orders it and declares the verdict."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from crawler.lab.internet import CertificateOrder, KeyKind
from crawler.lab.lookups import Row
from crawler.lab.odd_certificates import dns_name, uri

MAX_COMMON_NAME = 64
"""Characters (RFC 5280, ub-common-name)."""

Key = Literal["ecdsa", "rsa"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateScenario:
    """One kind of certificate, for a host name below a domain."""

    order: dict[str, Any] = field(default_factory=dict)
    """Fields of CertificateOrder besides the names."""
    common_name: str = "{host}"
    dns_names: tuple[str, ...] = ("{host}",)
    """Both with {host}, {HOST} (upper case), {parent} (host without first label), {initial} and {domain}."""
    odd_names: Callable[[str], tuple[bytes, ...]] | None = None
    """From the host: what stands in the subject alternative name, element by element, where dns_names say
    only what is to be read there."""
    tls: str | None = None
    """Word of TLS_SCENARIOS, where the key works with that one."""
    host_label: str = ""
    """A label that must stand in the host name before the domain; empty: any."""
    hosting_provider: bool = False
    """The hosting provider's own certificate, in place of one for this host."""
    path_ok: bool = True
    time_ok: bool = True
    name_ok: bool = True
    cn_only_match: bool = False
    reason: str | None = None
    verify_code: int | None = 0
    """None: not declared."""

    @property
    def is_self_signed(self) -> bool:
        """Whether the server's certificate is its own issuer."""
        return self.order.get("issuer") == "self"

    def host_name(self, label: str, domain: str) -> str:
        """Return the name of a host below a domain that the verdict is right for."""
        return f"{label}.{self.host_label}.{domain}" if self.host_label else f"{label}.{domain}"

    def verdict(self) -> Row:
        """Return the columns of a session verdict that this certificate settles."""
        row: Row = {
            "path_ok": self.path_ok,
            "time_ok": self.time_ok,
            "name_mx_ok": self.name_ok,
            "pkix_ok": self.reason is None,
            "cn_only_match": self.cn_only_match,
            "self_signed": self.is_self_signed,
            "reason": self.reason,
        }
        if self.verify_code is not None:
            row["verify_code"] = self.verify_code
        return row

    def make_order(self, host: str, domain: str, key: Key) -> CertificateOrder:
        """Return the order for a host name below a domain."""
        names = {"host": host, "HOST": host.upper(), "domain": domain}
        names |= {"parent": host.partition(".")[2], "initial": host[0]}
        common_name = self.common_name.format(**names)
        fields: dict[str, Any] = {
            "common_name": common_name if len(common_name) <= MAX_COMMON_NAME else "too-long.lab.test",
            "dns_names": tuple([name.format(**names) for name in self.dns_names]),
            "key": key,
        }
        if self.odd_names:
            fields["names_der"] = tuple([element.hex() for element in self.odd_names(host)])
        return CertificateOrder(**fields | self.order)


NO_TLS_VERDICT: Row = {
    "path_ok": None,
    "time_ok": None,
    "name_mx_ok": None,
    "pkix_ok": None,
    "cn_only_match": None,
    "self_signed": None,
    "reason": None,
    "verify_code": None,
}
"""The same columns of a session without TLS."""

_SELF = {"issuer": "self", "chain_sent": "leaf"}

CERTIFICATE_SCENARIOS: dict[str, CertificateScenario] = {
    "good": CertificateScenario(),
    "good_with_domain": CertificateScenario(dns_names=("{host}", "{domain}")),
    "good_upper_case": CertificateScenario(dns_names=("{HOST}",)),
    "good_with_root": CertificateScenario(order={"chain_sent": "leaf_intermediate_root"}),
    "domain_only": CertificateScenario(
        common_name="{domain}", dns_names=("{domain}",), name_ok=False, reason="name_mismatch"
    ),
    "wildcard": CertificateScenario(
        common_name="{domain}",
        dns_names=("*.{parent}", "{domain}"),
    ),
    "wildcard_two_labels": CertificateScenario(
        host_label="east",
        common_name="www.{domain}",
        dns_names=("*.{domain}",),
        name_ok=False,
        reason="name_mismatch",
    ),
    "wildcard_partial": CertificateScenario(
        common_name="www.{domain}",
        dns_names=("{initial}*.{parent}",),
        name_ok=False,
        reason="name_mismatch",
    ),
    "expired": CertificateScenario(order={"validity": "expired"}, time_ok=False, reason="expired"),
    "not_yet_valid": CertificateScenario(
        order={"validity": "not_yet_valid"}, time_ok=False, reason="not_yet_valid"
    ),
    "self_signed": CertificateScenario(order=_SELF, path_ok=False, reason="self_signed", verify_code=18),
    "self_signed_expired": CertificateScenario(
        order=_SELF | {"validity": "expired"},
        path_ok=False,
        time_ok=False,
        reason="self_signed",
        verify_code=18,
    ),
    "self_signed_localhost": CertificateScenario(
        order=_SELF,
        common_name="localhost.localdomain",
        dns_names=("localhost.localdomain",),
        path_ok=False,
        name_ok=False,
        reason="self_signed",
        verify_code=18,
    ),
    "wrong_name": CertificateScenario(hosting_provider=True, name_ok=False, reason="name_mismatch"),
    "wrong_name_expired": CertificateScenario(
        order={"validity": "expired"},
        common_name="www.{domain}",
        dns_names=("www.{domain}", "webmail.{domain}"),
        time_ok=False,
        name_ok=False,
        reason="expired",
    ),
    "cn_only": CertificateScenario(dns_names=(), name_ok=False, cn_only_match=True, reason="name_mismatch"),
    "incomplete_chain": CertificateScenario(
        order={"chain_sent": "leaf"}, path_ok=False, reason="incomplete_chain", verify_code=None
    ),
    "unknown_root": CertificateScenario(
        order={"issuer": "unknown_root", "chain_sent": "leaf_intermediate_root"},
        path_ok=False,
        reason="unknown_issuer",
        verify_code=19,
    ),
    "unknown_root_not_sent": CertificateScenario(
        order={"issuer": "unknown_root"}, path_ok=False, reason="incomplete_chain", verify_code=None
    ),
    "chain_of_100": CertificateScenario(order={"chain_sent": "strangers"}),
    "ten_thousand_names": CertificateScenario(
        dns_names=(*[f"{n:04}.a" for n in range(9_999)], "{host}"),
    ),
    "name_with_nul": CertificateScenario(
        common_name="mx2.lab.test",
        dns_names=("{host}\\x00.evil.test", "mx2.lab.test"),
        odd_names=lambda host: (dns_name(host.encode() + b"\0.evil.test"), dns_name(b"mx2.lab.test")),
        name_ok=False,
        reason="name_mismatch",
    ),
    "odd_uris": CertificateScenario(
        odd_names=lambda host: (uri(b"http://[::g]:port/ \xff"), dns_name(host.encode()), uri(b"")),
    ),
    "name_longer_than_all": CertificateScenario(
        order=_SELF,
        odd_names=lambda host: (dns_name(host.encode()), b"\x82\x7fb.test"),
        tls="classic",  # below TLS 1.3 OpenSSL does not show such a certificate
        path_ok=False,
        reason="self_signed",
        verify_code=None,
    ),
    "rsa_1024": CertificateScenario(
        order={"key": "rsa1024"}, path_ok=False, reason="weak_key", verify_code=66
    ),
    "sha1": CertificateScenario(
        order=_SELF | {"key": "rsa", "signature": "sha1"},
        path_ok=False,
        reason="self_signed",
        verify_code=18,
    ),
    "ed25519": CertificateScenario(order={"key": "ed25519"}, tls="classic"),
}
"""Where a path fails, dates are those of the server's certificate alone."""


_KEYS: dict[KeyKind, tuple[str, int]] = {
    "ecdsa": ("ec", 256),
    "rsa": ("rsa", 2048),
    "rsa1024": ("rsa", 1024),
    "ed25519": ("ed25519", 256),
}
"""Type and bits."""


def certificate_truth(order_id: str, order: CertificateOrder) -> Row:
    """Return the certificates row of an order; its digest is known once it is issued."""
    key_type, key_bits = _KEYS[order.key]
    row: Row = {
        "sha256": order_id,
        "dns_names": list(order.dns_names),
        "common_names": [order.common_name],
        "key_type": key_type,
        "key_bits": key_bits,
        "is_ca": False,
        "self_signed": order.issuer == "self",
    }
    if order.signature == "sha1":
        row["signature_algorithm"] = "sha1WithRSAEncryption"
    # Octets that are no names may be a failure to parse or not: what is found beside them is what counts.
    return row if order.names_der else row | {"parse_failure": None}
