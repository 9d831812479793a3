"""MTA-STS is read as postfix-mta-sts-resolver reads it, but for what tests/oracles.md lists."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
import trio

from crawler.outcomes import StsRecordVerdict
from crawler.protocol.mta_sts import matches_mx_pattern, parse_records
from crawler.protocol.text import printable
from crawler.verdicts.pkix import RootStore
from crawler.verdicts.sts import PolicyJudgement
from tests.oracles.crafting import pem
from tests.oracles.disagreements import Disagreement, listed
from tests.oracles.policy_fetches import fetch_all
from tests.oracles.policy_host import Authority, serving
from tests.oracles.sts_cases import GOOD, MATCHES, RECORDS, RESPONSES, respond
from tests.oracles.sts_resolver import Found, postfix_match, resolve_all

_RECORD = "v=STSv1; id=1;"


@dataclass(frozen=True)
class Answers:
    """By name of the case: the id of the record set; the policy of the fetch, there and here."""

    records: Mapping[str, str | None]
    there: Mapping[str, Found | None]
    here: Mapping[str, PolicyJudgement]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return asyncio.run(ask(tmp_path_factory))


async def ask(folders: pytest.TempPathFactory) -> Answers:
    authority = Authority()
    roots = pem([authority.root])
    domains = {name: f"p{number}.test" for number, name in enumerate(RESPONSES)}
    holders = {name: f"r{number}.test" for number, name in enumerate(RECORDS)}
    texts: dict[str, tuple[str, ...]] = {f"_mta-sts.{domain}": (_RECORD,) for domain in domains.values()}
    texts |= {f"_mta-sts.{holders[name]}": records for name, records in RECORDS.items()}
    served = {f"mta-sts.{domains[name]}": response for name, response in RESPONSES.items()}
    served |= {f"mta-sts.{domain}": respond(GOOD) for domain in holders.values()}
    async with serving(served, authority, folders.mktemp("policies")) as port:
        found = await resolve_all(texts, [*domains.values(), *holders.values()], port, roots)
        judged = await asyncio.to_thread(trio.run, fetch_all, list(domains.values()), port, RootStore(roots))
    return Answers(
        records={name: policy[0] if (policy := found[domain]) else None for name, domain in holders.items()},
        there={name: found[domain] for name, domain in domains.items()},
        here={name: judged[domain] for name, domain in domains.items()},
    )


def there_in_words(found: Found | None) -> str:
    """Return the policy, or that there is none."""
    if found is None:
        return "invalid"
    fields = found[1]
    return in_words(fields["mode"], fields["max_age"], [name.lower() for name in fields["mx"]])


def here_in_words(judgement: PolicyJudgement) -> str:
    """Return the policy, or the reason why there is none."""
    policy = judgement.policy
    if policy is None:
        return judgement.syntax or judgement.verdict
    return in_words(policy.mode, policy.max_age, policy.mx_patterns)


def in_words(mode: str, max_age: int, patterns: Sequence[str]) -> str:
    """Return a policy as one text; further patterns are only counted."""
    more = [f"and {len(patterns) - 3} more"] if len(patterns) > 3 else []
    return " ".join((mode, str(max_age), *map(quoted, patterns[:3]), *more))


def quoted(text: str) -> str:
    return printable(text.encode()) or '""'


def test_enough_is_asked() -> None:
    assert len(RECORDS) >= 60
    assert len(RESPONSES) >= 150


def test_records_are_read_otherwise_where_it_is_listed_and_nowhere_else(answers: Answers) -> None:
    found: set[Disagreement] = set()
    for name, texts in RECORDS.items():
        verdict, record_id = parse_records([printable(text.encode()) for text in texts])
        if record_id != answers.records[name]:
            there = answers.records[name]
            assert (record_id is None) == (verdict is not StsRecordVerdict.VALID)
            found.add((name, "record", "none" if there is None else quoted(there), record_id or verdict))
    assert found == listed("MTA-STS records: postfix-mta-sts-resolver")


def test_policies_are_judged_otherwise_where_it_is_listed_and_nowhere_else(answers: Answers) -> None:
    found: set[Disagreement] = set()
    for name in RESPONSES:
        there, here = there_in_words(answers.there[name]), here_in_words(answers.here[name])
        is_valid = answers.here[name].policy is not None
        if there != here and (there != "invalid" or is_valid):
            found.add((name, "fetch", there, here))
    assert found == listed("MTA-STS policies: postfix-mta-sts-resolver")


def test_patterns_match_otherwise_where_it_is_listed_and_nowhere_else() -> None:
    found: set[Disagreement] = set()
    for name, (pattern, host) in MATCHES.items():
        there = matched_by_postfix(asyncio.run(postfix_match(pattern)), host)
        here = matches_mx_pattern(pattern, host)
        if there != here:
            found.add((name, "mx", "match" if there else "no match", "match" if here else "no match"))
    assert found == listed("MTA-STS patterns: postfix-mta-sts-resolver and Postfix")


def matched_by_postfix(name: str, host: str) -> bool:
    """Return what Postfix makes of a name to match: one with a leading dot stands for all names below."""
    if name.startswith("."):
        return host.lower().endswith(name.lower())
    return name.lower() == host.lower()
