"""An authority for the chains, and what a chain is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.oracles.crafting import NOW, Crafted, craft, dns

HOST = "mx.example.org"


@dataclass(frozen=True)
class Chain:
    """Certificates as sent, the server's first; and what they are to be judged by."""

    sent: tuple[Crafted, ...]
    roots: tuple[Crafted, ...]
    host: str = HOST
    at: datetime = NOW


class World:
    """One authority, and what it issues."""

    def __init__(self) -> None:
        self.root = craft("Test Root", ca=True)
        self.intermediate = craft("Test Intermediate", self.root, ca=True)
        self.rsa_key = rsa.generate_private_key(65537, 2048)
        self.small_key = rsa.generate_private_key(65537, 1024)

    def server(self, issuer: Crafted | None = None, **parts: Any) -> Crafted:
        """Return a certificate for HOST, by the intermediate unless said."""
        wanted = {"names": [dns(HOST)]} | parts
        return craft(HOST, issuer or self.intermediate, **wanted)

    def chain(self, *sent: Crafted, roots: Sequence[Crafted] = (), **by: Any) -> Chain:
        return Chain(sent, tuple(roots) or (self.root,), **by)

    def served(self, **parts: Any) -> Chain:
        """Return a good chain but for parts of the server's certificate."""
        return self.chain(self.server(**parts), self.intermediate)

    def named(self, *names: bytes, host: str = HOST, subject: str = "x") -> Chain:
        """Return a good chain of a certificate with these names, judged under a host name."""
        return self.chain(craft(subject, self.intermediate, names=names), self.intermediate, host=host)

    def below(self, subject: str = "Odd Intermediate", **parts: Any) -> Chain:
        """Return a good chain but for parts of an intermediate."""
        odd = craft(subject, self.root, **({"ca": True} | parts))
        return self.chain(self.server(odd), odd)
