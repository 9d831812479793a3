"""What postfix-mta-sts-resolver makes of records, policies and fetches.

It runs as it is, but for its DNS, which is given, and for where it connects to and whom it trusts.
"""

import asyncio
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from socket import AF_INET, AddressFamily
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from postfix_mta_sts_resolver import resolver as theirs
from postfix_mta_sts_resolver.internal_cache import InternalLRUCache
from postfix_mta_sts_resolver.resolver import STSFetchResult, STSResolver
from postfix_mta_sts_resolver.responder import STSSocketmapResponder
from postfix_mta_sts_resolver.utils import populate_cfg_defaults

from tests.oracles.policy_host import ADDRESS

_AT_ONCE = 8
_REQUEST = b"zone example.org"

Found = tuple[str, Mapping[str, Any]]
"""A record's id, and the fields of a policy."""


class _OneHost(AbstractResolver):
    """Every name is at one port on loopback."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(self, host: str, port: int = 0, family: AddressFamily = AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=ADDRESS, port=self._port, family=AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


class _GivenTexts:
    """In the place of aiodns: texts by name."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._texts = texts

    async def query(self, name: str, _: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(text=text.encode()) for text in self._texts[name]]


@contextmanager
def _surroundings(texts: Mapping[str, Sequence[str]], port: int, roots: bytes) -> Iterator[None]:
    trusted = ssl.create_default_context(cadata=roots.decode())

    def session(*, loop: object, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(resolver=_OneHost(port), ssl=trusted, force_close=True)
        return aiohttp.ClientSession(connector=connector, timeout=timeout)

    surroundings = SimpleNamespace(**vars(aiohttp) | {"ClientSession": session})
    names = SimpleNamespace(error=theirs.aiodns.error, DNSResolver=lambda **_: _GivenTexts(texts))
    with patch.object(theirs, "aiohttp", surroundings), patch.object(theirs, "aiodns", names):
        yield


async def resolve_all(
    texts: Mapping[str, Sequence[str]], domains: Iterable[str], port: int, roots: bytes
) -> dict[str, Found | None]:
    """Return what it finds for each domain, None where it finds no valid policy.

    texts: those of the TXT records at _mta-sts, by that name. port: of all policy hosts. roots: as PEM.
    """
    turns = asyncio.Semaphore(_AT_ONCE)
    with _surroundings(texts, port, roots):
        resolver = STSResolver(loop=asyncio.get_running_loop())

        async def one(domain: str) -> Found | None:
            async with turns:
                result, found = await resolver.resolve(domain)
            return found if result is STSFetchResult.VALID else None

        asked = list(domains)
        return dict(zip(asked, await asyncio.gather(*map(one, asked)), strict=True))


async def postfix_match(pattern: str) -> str:
    """Return the names that it tells Postfix to look for in a certificate, for a policy of one pattern."""
    policy = {"version": "STSv1", "mode": "enforce", "max_age": 1, "mx": [pattern]}

    async def resolve(domain: str, last_id: str | None) -> tuple[STSFetchResult, Found]:
        return STSFetchResult.VALID, ("1", policy)

    with _surroundings({}, 0, b""):
        settings = populate_cfg_defaults({})
        answers = STSSocketmapResponder(settings, asyncio.get_running_loop(), InternalLRUCache(1))
    with patch.object(STSResolver, "resolve", side_effect=resolve):
        reply: bytes = await answers.process_request(_REQUEST)
    words = reply.decode().partition(":")[2].split()
    return next(word.removeprefix("match=") for word in words if word.startswith("match="))
