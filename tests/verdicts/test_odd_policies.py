"""What policy hosts answer, good and bad, fetched over TLS: each has its verdict, and none raises."""

import asyncio
from collections.abc import Mapping

import pytest
import trio

from crawler.outcomes import StsPolicySyntax, StsPolicyVerdict
from crawler.verdicts.pkix import RootStore
from crawler.verdicts.sts import PolicyJudgement
from tests.oracles.crafting import pem
from tests.oracles.policy_fetches import fetch_all
from tests.oracles.policy_host import Authority, serving
from tests.oracles.sts_cases import RESPONSES

GOOD = [
    "good",
    "line feeds",
    "last line without an end",
    "10,000 mx",
    "64 KiB",
    "max_age 0",
    "mode none without mx",
    "mode twice",
    "mode twice, the second unknown",
    "max_age twice, the second broken",
    "version twice, other",
    "UTF-8",
    "mx of A-labels",
    "HTTP/1.0",
    "HTTP/1.0 with a length",
    "to the end",
    "interim response first",
    "in chunks",
    "in chunks with extensions",
    "in chunks, one octet each",
    "length that cuts the last line end",
    "type with blanks",
    "certificate: for a wildcard",
]
BAD: dict[str, StsPolicyVerdict | StsPolicySyntax] = {
    "64 KiB and an octet": StsPolicyVerdict.TOO_LARGE,
    "200 KB to the end": StsPolicyVerdict.TOO_LARGE,
    "in chunks of 64 KiB and an octet": StsPolicyVerdict.TOO_LARGE,
    "gzip": StsPolicySyntax.NOT_TEXT,
    "coded by gzip": StsPolicySyntax.NOT_TEXT,
    "coded by gzip, a megabyte within": StsPolicySyntax.NOT_TEXT,
    "NUL inside": StsPolicySyntax.NOT_TEXT,
    "UTF-16": StsPolicySyntax.NOT_TEXT,
    "Latin-1": StsPolicySyntax.NOT_TEXT,
    "byte order mark": StsPolicySyntax.MALFORMED_LINE,
    "carriage returns": StsPolicySyntax.MALFORMED_LINE,
    "HTML": StsPolicySyntax.MALFORMED_LINE,
    "equals signs for colons": StsPolicySyntax.MALFORMED_LINE,
    "empty": StsPolicySyntax.MISSING_VERSION,
    "version twice, the first wrong": StsPolicySyntax.INVALID_VERSION,
    "mode report": StsPolicySyntax.INVALID_MODE,
    "no max_age": StsPolicySyntax.MISSING_MAX_AGE,
    "max_age 10^30": StsPolicySyntax.INVALID_MAX_AGE,
    "max_age of 5,000 digits": StsPolicySyntax.INVALID_MAX_AGE,
    "no mx": StsPolicySyntax.MISSING_MX,
    "mx of U-labels": StsPolicySyntax.INVALID_MX,
    "mx of a wildcard alone": StsPolicySyntax.INVALID_MX,
    "type text/html": StsPolicyVerdict.CONTENT_TYPE,
    "no type": StsPolicyVerdict.CONTENT_TYPE,
    "301": StsPolicyVerdict.REDIRECT,
    "204": StsPolicyVerdict.HTTP_STATUS,
    "206": StsPolicyVerdict.HTTP_STATUS,
    "404": StsPolicyVerdict.HTTP_STATUS,
    "HTTP/2 frames": StsPolicyVerdict.HTTP,
    "not HTTP": StsPolicyVerdict.HTTP,
    "no response": StsPolicyVerdict.HTTP,
    "status line alone": StsPolicyVerdict.HTTP,
    "field without a colon": StsPolicyVerdict.HTTP,
    "two lengths": StsPolicyVerdict.HTTP,
    "length in words": StsPolicyVerdict.HTTP,
    "length too long": StsPolicyVerdict.HTTP,
    "in chunks without the last": StsPolicyVerdict.HTTP,
    "in chunks of a size in words": StsPolicyVerdict.HTTP,
    "certificate: none for the name": StsPolicyVerdict.TLS,
    "certificate: for another name": StsPolicyVerdict.CERTIFICATE_NAME,
    "certificate: for the common name": StsPolicyVerdict.CERTIFICATE_NAME,
    "certificate: for a wildcard in a label": StsPolicyVerdict.CERTIFICATE_NAME,
    "certificate: expired": StsPolicyVerdict.CERTIFICATE_EXPIRED,
    "certificate: not yet valid": StsPolicyVerdict.CERTIFICATE_EXPIRED,
    "certificate: by itself": StsPolicyVerdict.CERTIFICATE_UNTRUSTED,
    "certificate: by an unknown root": StsPolicyVerdict.CERTIFICATE_UNTRUSTED,
    "certificate: for clients": StsPolicyVerdict.CERTIFICATE_UNTRUSTED,
}

Judgements = Mapping[str, PolicyJudgement]


@pytest.fixture(scope="module")
def judgements(tmp_path_factory: pytest.TempPathFactory) -> Judgements:
    return asyncio.run(fetch_each(tmp_path_factory))


async def fetch_each(folders: pytest.TempPathFactory) -> Judgements:
    authority = Authority()
    domains = {name: f"p{number}.test" for number, name in enumerate([*GOOD, *BAD])}
    served = {f"mta-sts.{domain}": RESPONSES[name] for name, domain in domains.items()}
    async with serving(served, authority, folders.mktemp("policies")) as port:
        store = RootStore(pem([authority.root]))
        judged = await asyncio.to_thread(trio.run, fetch_all, domains.values(), port, store)
    return {name: judged[domain] for name, domain in domains.items()}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_odd_and_no_error_is_valid(judgements: Judgements, name: str) -> None:
    assert judgements[name].verdict is StsPolicyVerdict.VALID


@pytest.mark.parametrize("name", BAD)
def test_what_is_an_error_has_its_verdict(judgements: Judgements, name: str) -> None:
    judgement = judgements[name]
    assert (judgement.syntax or judgement.verdict) is BAD[name]
