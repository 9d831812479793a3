"""Names reserved for scenarios: every rare one comes at least once when the list is long enough, or each as
often as the profile's quotas say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from crawler.lab.dane_cases import DANE_CASES, DELIVERY_CASES
from crawler.lab.hosting import ANYTHING, Wish
from crawler.lab.mail_scenarios import MAIL_SCENARIOS
from crawler.lab.profile import RATE_TABLES, Profile, Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a name is reserved for; None: drawn by the rates."""

    mail: str | None = None
    hoster: str | None = None
    is_odd: bool = False
    """Treated unlike the other customers of the hoster."""
    wish: Wish = ANYTHING
    sts_record: str | None = None
    sts_policy: str | None = None
    tlsrpt: str | None = None
    needs_signed: bool | None = None


UNPLANNED = Plan()


def reservations(profile: Profile) -> list[Plan]:
    """Return one plan for each scenario, whatever its rate."""
    sound = Wish(session="good", certificate="good", tls="classic", tlsa="none")
    mail = [Plan(mail=word, needs_signed=s.needs_signed) for word, s in MAIL_SCENARIOS.items()]
    hosted = [Plan(mail="hosted", hoster=provider.domain) for provider in profile.providers if provider.share]
    odd = [provider.domain for provider in profile.providers if provider.share and provider.odd]
    hosted += [Plan(mail="hosted", hoster=provider, is_odd=True) for provider in odd]
    if profile.small_hosters.share:
        hosted.append(Plan(mail="hosted", hoster="small"))
    wishes = [replace(sound, session=word) for word in RATE_TABLES["sessions"]]
    wishes += [replace(sound, certificate=word) for word in RATE_TABLES["certificates"]]
    wishes += [replace(sound, tls=word) for word in RATE_TABLES["tls"]]
    hosted += [Plan(mail="hosted", hoster="self", wish=wish) for wish in wishes]
    hosted += [
        Plan(
            mail=case.mail,
            hoster="self",
            wish=replace(sound, tlsa=case.tlsa, certificate=case.certificate, session=case.session),
            needs_signed=case.needs_signed,
        )
        for case in DANE_CASES
    ]
    hosted += [
        Plan(
            mail=case.mail,
            hoster="self",
            wish=replace(sound, tlsa=case.tlsa, certificate=case.certificate),
            sts_record="valid" if case.sts_policy else None,
            sts_policy=case.sts_policy,
            needs_signed=case.needs_signed,
        )
        for case in DELIVERY_CASES
    ]
    texts = [(word, Plan(sts_record=word, sts_policy="enforce")) for word in RATE_TABLES["sts_records"]]
    texts += [(word, Plan(sts_record="valid", sts_policy=word)) for word in RATE_TABLES["sts_policies"]]
    texts += [(word, Plan(tlsrpt=word)) for word in RATE_TABLES["tlsrpt"]]
    hosted += [
        replace(plan, mail="hosted", needs_signed=True if is_bogus(word) else None) for word, plan in texts
    ]
    return mail + hosted


def reserve(signed: Sequence[bool], profile: Profile, rng: Random) -> dict[int, Plan]:
    """Return position to plan; empty if the list is shorter than twice the number of plans.

    A plan that needs a signed zone waits for one, and is left out if there is none. With quotas, every
    position has a plan.
    """
    if profile.quotas:
        return _by_quota(len(signed), profile.quotas, rng)
    plans = reservations(profile)
    if len(signed) < 2 * len(plans):
        return {}
    order = list(range(len(signed)))
    rng.shuffle(order)
    free = {True: [n for n in order if signed[n]], False: [n for n in order if not signed[n]]}
    reserved: dict[int, Plan] = {}
    for plan in sorted(plans, key=lambda plan: plan.needs_signed is None):
        security = plan.needs_signed if plan.needs_signed is not None else not free[False]
        if free[security]:
            reserved[free[security].pop()] = plan
    return reserved


def _by_quota(names: int, quotas: Sequence[Quota], rng: Random) -> dict[int, Plan]:
    plans: list[Plan] = []
    total, so_far = sum(quota.names for quota in quotas), 0
    for quota in quotas:
        so_far += quota.names
        wish = Wish(session=quota.session, certificate=quota.certificate, tls=quota.tls, tlsa=quota.tlsa)
        plan = Plan(mail=quota.mail, hoster=quota.hoster, wish=wish)
        # What is rounded off one quota goes to the next: all together are always the whole list.
        plans += [plan] * (round(names * so_far / total) - len(plans))
    rng.shuffle(plans)
    return dict(enumerate(plans))


def is_bogus(word: str) -> bool:
    """Whether a scenario is about failed validation, which takes a signed zone."""
    return word.endswith("bogus")
