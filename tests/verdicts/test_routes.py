"""What the routes of a domain come to together."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import (
    AuthenticatedBy,
    DaneDomain,
    DaneReason,
    DaneStatus,
    DnssecStatus,
    Outcome,
    PkixReason,
    ResultType,
    SenderAction,
    StsMode,
)
from crawler.protocol.mta_sts import Policy
from crawler.verdicts.routes import (
    Route,
    authenticated_by,
    dane_action,
    dane_result,
    judge_dane_domain,
    meets_policy,
    sts_action,
    sts_result,
)

SECURE, INSECURE = DnssecStatus.SECURE, DnssecStatus.INSECURE
GOOD = Route(
    mx_host="mx1.example.org",
    address="192.0.2.1",
    preference=10,
    is_primary=True,
    outcome=Outcome.TLS_OK,
    pkix_ok=True,
    reason=None,
    dane=DaneStatus.MATCHED,
    dane_reason=None,
)
BROKEN = replace(GOOD, dane=DaneStatus.MISMATCHED, dane_reason=DaneReason.NO_MATCH)
PLAIN = replace(GOOD, dane=DaneStatus.ABSENT)
DEAD = replace(GOOD, outcome=Outcome.UNREACHABLE, dane=DaneStatus.UNKNOWN, pkix_ok=None)
NO_TLS = replace(GOOD, outcome=Outcome.NO_STARTTLS, dane=DaneStatus.NO_TLS, pkix_ok=None)
NOT_LOOKED_UP = replace(DEAD, dane=DaneStatus.LOOKUP_FAILED)
NOWHERE = replace(DEAD, address=None, outcome=Outcome.NOT_ATTEMPTED)
LOST = replace(NOWHERE, may_have_address=True)
UNTRUSTED = replace(PLAIN, pkix_ok=False, reason=PkixReason.SELF_SIGNED)
POLICY = Policy(
    version="STSv1", mode=StsMode.ENFORCE, max_age=86400, mx_patterns=("mx1.example.org", "*.backup.example")
)


def backup(route: Route) -> Route:
    return replace(route, mx_host="mx.backup.example", preference=20, is_primary=False)


DOMAINS = [
    (SECURE, [GOOD], DaneDomain.FULL),
    (INSECURE, [GOOD], DaneDomain.HOSTED),
    (SECURE, [GOOD, GOOD, DEAD], DaneDomain.FULL),
    (SECURE, [GOOD, backup(BROKEN)], DaneDomain.FULL),
    (SECURE, [GOOD, PLAIN], DaneDomain.PARTIAL),
    (SECURE, [GOOD, BROKEN], DaneDomain.BROKEN),
    (SECURE, [GOOD, NO_TLS], DaneDomain.BROKEN),
    (SECURE, [replace(GOOD, dane=DaneStatus.LOOKUP_FAILED)], DaneDomain.BROKEN),
    (SECURE, [replace(GOOD, dane=DaneStatus.UNUSABLE), GOOD], DaneDomain.UNAUTHENTICATED),
    (SECURE, [PLAIN, replace(GOOD, dane=DaneStatus.NOT_APPLICABLE)], DaneDomain.ABSENT),
    (SECURE, [DEAD], DaneDomain.UNKNOWN),
    (SECURE, [], DaneDomain.UNKNOWN),
    (SECURE, [replace(GOOD, dane=DaneStatus.WITHHELD)], DaneDomain.WITHHELD),
]


@pytest.mark.parametrize(("mx_status", "routes", "verdict"), DOMAINS)
def test_dane_of_a_domain_is_that_of_its_primaries_that_answered(
    mx_status: DnssecStatus, routes: list[Route], verdict: DaneDomain
) -> None:
    assert judge_dane_domain(mx_status, routes) is verdict


DANE_ACTIONS = [
    (SECURE, [GOOD], SenderAction.DELIVER),
    (SECURE, [BROKEN, GOOD], SenderAction.DELIVER),
    (SECURE, [BROKEN, backup(GOOD)], SenderAction.FALL_BACK),
    (SECURE, [BROKEN, backup(PLAIN)], SenderAction.FALL_BACK),
    (SECURE, [BROKEN, NO_TLS, backup(BROKEN)], SenderAction.REFUSE),
    (SECURE, [BROKEN, DEAD, backup(GOOD)], SenderAction.UNKNOWN),
    (SECURE, [BROKEN, backup(DEAD)], SenderAction.UNKNOWN),
    (SECURE, [PLAIN, backup(PLAIN)], SenderAction.OPPORTUNISTIC),
    (INSECURE, [BROKEN], SenderAction.OPPORTUNISTIC),
    (DnssecStatus.BOGUS, [GOOD], SenderAction.UNKNOWN),
    (DnssecStatus.UNVALIDATED, [GOOD], SenderAction.UNKNOWN),
    (SECURE, [], SenderAction.OPPORTUNISTIC),
    (SECURE, [NOT_LOOKED_UP, backup(GOOD)], SenderAction.FALL_BACK),
    (SECURE, [NOT_LOOKED_UP], SenderAction.REFUSE),
    (SECURE, [NOWHERE], SenderAction.OPPORTUNISTIC),
    (SECURE, [LOST], SenderAction.UNKNOWN),
    (SECURE, [LOST, backup(PLAIN)], SenderAction.OPPORTUNISTIC),
    (SECURE, [NOWHERE, GOOD], SenderAction.DELIVER),
]


@pytest.mark.parametrize(("mx_status", "routes", "action"), DANE_ACTIONS)
def test_a_sender_that_does_dane_tries_the_primaries_and_then_the_others(
    mx_status: DnssecStatus, routes: list[Route], action: SenderAction
) -> None:
    assert dane_action(mx_status, routes) is action


STS_ACTIONS: list[tuple[Policy | None, Sequence[Route], SenderAction]] = [
    (POLICY, [PLAIN], SenderAction.DELIVER),
    (POLICY, [UNTRUSTED, backup(PLAIN)], SenderAction.FALL_BACK),
    (POLICY, [UNTRUSTED, backup(UNTRUSTED)], SenderAction.REFUSE),
    (POLICY, [NO_TLS], SenderAction.REFUSE),
    (POLICY, [replace(PLAIN, mx_host="mx2.example.org")], SenderAction.REFUSE),
    (POLICY, [replace(DEAD, mx_host="mx2.example.org")], SenderAction.REFUSE),
    (POLICY, [DEAD], SenderAction.UNKNOWN),
    (POLICY, [], SenderAction.UNKNOWN),
    (replace(POLICY, mode=StsMode.TESTING), [UNTRUSTED], SenderAction.OPPORTUNISTIC),
    (replace(POLICY, mode=StsMode.NONE), [UNTRUSTED], SenderAction.OPPORTUNISTIC),
    (None, [UNTRUSTED], SenderAction.OPPORTUNISTIC),
]


@pytest.mark.parametrize(("policy", "routes", "action"), STS_ACTIONS)
def test_a_sender_that_does_mta_sts_delivers_only_to_what_the_policy_names_and_trusts(
    policy: Policy | None, routes: Sequence[Route], action: SenderAction
) -> None:
    assert sts_action(policy, routes) is action


def test_a_host_that_the_policy_does_not_name_fails_it_whether_or_not_it_answers() -> None:
    assert meets_policy(POLICY, replace(DEAD, mx_host="mx.elsewhere.example")) is False
    assert meets_policy(POLICY, DEAD) is None
    assert meets_policy(POLICY, PLAIN) is True


AUTHENTICATED = [
    (DaneDomain.FULL, True, AuthenticatedBy.BOTH),
    (DaneDomain.FULL, None, AuthenticatedBy.DANE),
    (DaneDomain.FULL, False, AuthenticatedBy.DANE),
    (DaneDomain.HOSTED, True, AuthenticatedBy.STS),
    (DaneDomain.UNKNOWN, True, AuthenticatedBy.STS),
    (DaneDomain.UNKNOWN, False, AuthenticatedBy.UNKNOWN),
    (DaneDomain.HOSTED, None, AuthenticatedBy.UNKNOWN),
    (DaneDomain.BROKEN, False, AuthenticatedBy.NONE),
]


@pytest.mark.parametrize(("dane", "sts", "answer"), AUTHENTICATED)
def test_what_is_not_known_is_never_taken_for_no(
    dane: DaneDomain, sts: bool | None, answer: AuthenticatedBy
) -> None:
    assert authenticated_by(dane, sts) is answer


RESULTS = [
    (GOOD, None, None),
    (BROKEN, ResultType.VALIDATION_FAILURE, None),
    (replace(BROKEN, dane_reason=DaneReason.NAME_MISMATCH), ResultType.CERTIFICATE_HOST_MISMATCH, None),
    (replace(BROKEN, dane_reason=DaneReason.NO_PATH), ResultType.CERTIFICATE_NOT_TRUSTED, None),
    (replace(BROKEN, dane_reason=DaneReason.EXPIRED), ResultType.CERTIFICATE_EXPIRED, None),
    (NO_TLS, ResultType.STARTTLS_NOT_SUPPORTED, ResultType.STARTTLS_NOT_SUPPORTED),
    (
        replace(NO_TLS, outcome=Outcome.TLS_FAILED),
        ResultType.VALIDATION_FAILURE,
        ResultType.VALIDATION_FAILURE,
    ),
    (replace(GOOD, dane=DaneStatus.LOOKUP_FAILED), ResultType.DNSSEC_INVALID, None),
    (replace(GOOD, dane=DaneStatus.UNUSABLE), ResultType.TLSA_INVALID, None),
    (UNTRUSTED, None, ResultType.CERTIFICATE_NOT_TRUSTED),
    (replace(UNTRUSTED, reason=PkixReason.EXPIRED), None, ResultType.CERTIFICATE_EXPIRED),
    (replace(UNTRUSTED, reason=PkixReason.NAME_MISMATCH), None, ResultType.CERTIFICATE_HOST_MISMATCH),
    (replace(PLAIN, mx_host="mx2.example.org"), None, ResultType.STS_POLICY_INVALID),
    (DEAD, None, None),
]


@pytest.mark.parametrize(("route", "by_dane", "by_sts"), RESULTS)
def test_a_failure_has_the_registered_word(
    route: Route, by_dane: ResultType | None, by_sts: ResultType | None
) -> None:
    assert dane_result(route) is by_dane
    assert sts_result(POLICY, route) is by_sts


ROUTES = st.lists(
    st.builds(
        Route,
        mx_host=st.sampled_from(["mx1.example.org", "mx.backup.example", "elsewhere.example"]),
        address=st.none() | st.just("192.0.2.1"),
        preference=st.integers(0, 3),
        is_primary=st.booleans(),
        outcome=st.sampled_from(Outcome),
        pkix_ok=st.none() | st.booleans(),
        reason=st.none() | st.sampled_from(PkixReason),
        dane=st.sampled_from(DaneStatus),
        dane_reason=st.none() | st.sampled_from(DaneReason),
    ),
    max_size=4,
)


@given(mx_status=st.sampled_from(DnssecStatus), routes=ROUTES)
def test_every_combination_has_an_answer(mx_status: DnssecStatus, routes: list[Route]) -> None:
    assert judge_dane_domain(mx_status, routes) in DaneDomain
    assert dane_action(mx_status, routes) in SenderAction
    assert sts_action(POLICY, routes) in SenderAction
    for route in routes:
        assert isinstance(dane_result(route), ResultType | None)
        assert isinstance(sts_result(POLICY, route), ResultType | None)
