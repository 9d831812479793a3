"""What `check` says in words of DANE and MTA-STS."""

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from crawler.check import CheckedDomain, CheckedHost, to_json
from crawler.explain import explain
from crawler.outcomes import DaneStatus, DnssecStatus, Failure, SessionStage
from crawler.records import Session, StsPolicy
from crawler.verdicts.domain import SeenRoute, judge_domain
from crawler.verdicts.pkix import PkixJudge, RootStore
from crawler.verdicts.routes import Route
from crawler.verdicts.session import Endpoint, SessionFacts, judge_session
from tests.session_rows import host
from tests.verdicts.authority import Issued, issue, pem
from tests.verdicts.test_dane_verdict import lookup, record
from tests.verdicts.test_domain_verdict import BODY, DOMAIN, mx, policy_of
from tests.verdicts.test_session_verdict import UNREACHABLE, addresses, with_tls

ROOT = issue("Root", is_ca=True)
LEAF = issue("mx", ROOT, dns_names=["mx.example.org", "mta-sts.example.org"])
JUDGE = PkixJudge(RootStore(pem(ROOT)), {issued.sha256: issued.record for issued in (LEAF, ROOT)})


def checked(session: Session, policy: StsPolicy | None) -> CheckedDomain:
    """Judge a domain with one MX host, at one address, secure all the way."""
    verdict = judge_session(Endpoint.of(session, addresses()), SessionFacts.of(session), JUDGE)
    route = Route(
        mx_host=session.mx_host,
        address=session.address,
        preference=10,
        is_primary=True,
        outcome=verdict.outcome,
        pkix_ok=verdict.pkix_ok,
        reason=verdict.reason,
        dane=verdict.dane,
        dane_reason=verdict.dane_reason,
    )
    domain = replace(DOMAIN, mx=mx(DnssecStatus.SECURE))
    judged = judge_domain(domain, policy, [SeenRoute(route, LEAF.sha256)], JUDGE)
    sessions = ((session, verdict),)
    hosts = (CheckedHost(host(session.mx_host, session.address), 10, True, sessions),)
    return CheckedDomain(domain, policy, hosts, {LEAF.sha256: LEAF.record}, judged)


def said(found: CheckedDomain) -> str:
    written = io.StringIO()
    Console(file=written, width=500).print(explain(found))
    return written.getvalue()


ENFORCED = policy_of((LEAF, ROOT))
TESTED = replace(ENFORCED, body=BODY.replace(b"enforce", b"testing"))
ELSEWHERE = replace(ENFORCED, body=BODY.replace(b"mx.example.org", b"mx.example.net"))


AUTHENTICATED = """
a usable record authenticates the server; a sender that does DANE would deliver here
DANE: every primary MX host is authenticated, and the MX records are secure
a sender that does DANE: deliver to a primary MX host, as the policy demands (RFC 7672 s2.2)
the policy names this host; a sender that enforces it would deliver here
step 6 of 6 is reached
a sender that does MTA-STS: deliver to a primary MX host, as the policy demands (RFC 8461 s5)
authenticated: DANE at every primary MX host, and an MTA-STS policy
"""
REFUSED = """
no record matches any certificate sent; a sender that does DANE would not deliver here
(validation-failure, RFC 8460 s4.3)
a sender that does DANE: keep the mail, and in the end return it: no MX host meets the policy
the policy does not name this host; a sender that enforces it would not deliver here
(sts-policy-invalid, RFC 8460 s4.3)
does not name: mx.example.org
a sender that does MTA-STS: keep the mail
authenticated: neither
"""
NOT_KNOWN = """
TLSA records, and no session showed whether the server has TLS
a sender that does DANE: hosts that decide it did not answer, or lookups failed
a sender that does MTA-STS: no policy applies: deliver, with TLS if there is any
"""
TIMEOUT = {"stage": SessionStage.GREETING, "failure": Failure.TIMEOUT, "tls": None}


@pytest.mark.parametrize(
    ("of", "changes", "policy", "sentences"),
    [
        (LEAF, {}, ENFORCED, AUTHENTICATED),
        (ROOT, {}, ELSEWHERE, REFUSED),
        (LEAF, TIMEOUT, TESTED, NOT_KNOWN),
    ],
)
def test_what_senders_would_do_is_said_with_the_section_that_says_so(
    of: Issued, changes: dict[str, Any], policy: StsPolicy, sentences: str
) -> None:
    session = replace(with_tls(LEAF, ROOT), tlsa=lookup(record(3, 1, 1, of)))
    text = said(checked(replace(session, **changes), policy))
    assert [sentence for sentence in sentences.strip().splitlines() if sentence not in text] == []


def test_where_there_is_no_policy_nothing_is_said_of_one() -> None:
    found = checked(replace(UNREACHABLE, tlsa=lookup()), None)
    text = said(found)
    assert "the policy" not in text.replace("MTA-STS policy", "")
    assert "DANE (RFC 7672): TLSA records are denied" in text


def test_the_same_is_in_the_json() -> None:
    found = checked(replace(with_tls(LEAF, ROOT), tlsa=lookup(record(3, 1, 1, LEAF))), ENFORCED)
    value = json.loads(to_json(found))
    (session,) = value["mx_hosts"][0]["sessions"]
    assert session["verdict"]["dane"] == DaneStatus.MATCHED
    assert session["verdict"]["tlsa_records"][0]["is_matched"] is True
    verdict = value["domain_verdict"]
    assert (verdict["dane_action"], verdict["sts_action"], verdict["sts_step"]) == ("deliver", "deliver", 6)
    assert verdict["routes"][0]["meets_sts"] is True
