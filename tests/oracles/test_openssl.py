"""Paths, times and names are judged as `openssl verify` does, but for what tests/oracles.md lists."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from crawler.outcomes import PkixReason
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.verify_codes import REASONS
from tests.oracles.chain_world import Chain
from tests.oracles.chains import make_chains
from tests.oracles.crafting import pem
from tests.oracles.disagreements import Disagreement, listed
from tests.oracles.openssl_verify import PROGRAMS, UNREADABLE, verify
from tests.servers.namespace import cannot_run, missing_programs

STRENGTH = ("-auth_level", "2")
"""What the crawler asks of keys and digests."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "as it is": STRENGTH,
    "-x509_strict": (*STRENGTH, "-x509_strict"),
    "-partial_chain": (*STRENGTH, "-partial_chain"),
    "-auth_level 0": ("-auth_level", "0"),
}
_AS_IT_IS, _STRICT, _PARTIAL, _WEAK = OPTIONS
OPTIONS_OF_PART = {
    "path": (_AS_IT_IS, _STRICT, _PARTIAL),
    "time": (_AS_IT_IS,),
    "authority": (_AS_IT_IS, _STRICT),
    "server": (_AS_IT_IS, _STRICT),
    "strength": (_AS_IT_IS, _STRICT, _WEAK),
    "encoding": (_AS_IT_IS, _STRICT),
    "name": (_AS_IT_IS,),
    "odd name": (_AS_IT_IS, _STRICT),
}
_ORDER = list(PkixReason)

Answers = Mapping[tuple[str, str], frozenset[int]]
"""Codes by name of the chain and option."""


@pytest.fixture(scope="module")
def chains() -> dict[str, dict[str, Chain]]:
    return make_chains()


@pytest.fixture(scope="module")
def answers(chains: dict[str, dict[str, Chain]], tmp_path_factory: pytest.TempPathFactory) -> Answers:
    if missing := missing_programs(PROGRAMS):
        cannot_run(missing)
    asked = {
        (name, option): chain
        for part, named in chains.items()
        for name, chain in named.items()
        for option in OPTIONS_OF_PART[part]
    }

    def ask(name: str, option: str) -> frozenset[int]:
        return verify(asked[name, option], tmp_path_factory.mktemp("chain"), *OPTIONS[option])

    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip(asked, pool.map(ask, *zip(*asked, strict=True)), strict=True))


def reason_here(chain: Chain) -> PkixReason | None:
    records = [certificate.record for certificate in chain.sent]
    judge = PkixJudge(RootStore(pem(chain.roots)), {record.sha256: record for record in records})
    return judge.judge(tuple(record.sha256 for record in records), chain.host, chain.at).reason


def reason_there(codes: frozenset[int]) -> PkixReason | None:
    """Return the first reason, in the order of this project, that a set of codes stands for."""
    reasons = [PkixReason.UNPARSABLE if code == UNREADABLE else REASONS[code] for code in codes]
    return min(reasons, key=_ORDER.index, default=None)


def written(codes: frozenset[int]) -> str:
    return " ".join(map(str, sorted(codes))) or "ok"


def test_at_least_forty_chains_are_asked_about(chains: dict[str, dict[str, Chain]]) -> None:
    names = [name for named in chains.values() for name in named]
    assert len(names) == len(set(names)) > 150


def test_openssl_disagrees_where_it_is_listed_and_nowhere_else(
    chains: dict[str, dict[str, Chain]], answers: Answers
) -> None:
    here = {name: reason_here(chain) for named in chains.values() for name, chain in named.items()}
    found: set[Disagreement] = set()
    for (name, option), codes in answers.items():
        repeats = option != _AS_IT_IS and codes == answers[name, _AS_IT_IS]
        if not repeats and reason_there(codes) is not here[name]:
            found.add((name, option, written(codes), here[name] or "ok"))
    assert found == listed("Certificates: openssl verify")
