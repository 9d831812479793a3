from random import Random
from typing import Any

import pytest

from crawler.lab.population import populate
from crawler.lab.profile import PROFILES, ProfileError, load_profile, profile_from
from crawler.lab.reservations import reserve

NAMES = [(f"d{n:04}.example", None) for n in range(1000)]


def plans_of(quotas: list[dict[str, Any]], names: int) -> list[str]:
    """Return the session of each name, sorted."""
    reserved = reserve([False] * names, profile_from({"quotas": quotas}), Random(1))
    return sorted(plan.wish.session or "" for plan in reserved.values())


def test_quotas_say_how_many_names_are_of_a_kind() -> None:
    quotas = [{"names": 3, "session": "good"}, {"names": 2, "session": "no_starttls"}]
    assert plans_of(quotas, 5) == ["good"] * 3 + ["no_starttls"] * 2


@pytest.mark.parametrize("names", [1, 7, 837])
def test_a_list_of_another_length_is_divided_alike_and_to_the_last_name(names: int) -> None:
    quotas = [{"names": count, "session": "good"} for count in (7038, 1031, 301)]
    assert len(plans_of(quotas, names)) == names


def test_a_tenth_of_a_list_has_a_tenth_of_each_quota() -> None:
    plans = reserve([True] * 837, load_profile(PROFILES / "dane-2019.toml"), Random(1)).values()
    words = [plan.wish.tlsa for plan in plans]
    assert [words.count(word) for word in ("ee_key", "rollover", "mismatch")] == [704, 103, 30]


@pytest.mark.parametrize(
    ("quota", "message"),
    [
        ({}, r"quotas\[0\].names: missing"),
        ({"names": 0}, r"quotas\[0\].names: 0 is not above zero"),
        ({"names": 1, "tlsa": "odd"}, r"quotas\[0\]: 'odd' is no scenario"),
        ({"names": 1, "hoster": "nobody.test"}, "quotas: 'nobody.test' is no provider"),
        ({"names": 1, "colour": "red"}, r"quotas\[0\].colour: there is no such entry"),
    ],
)
def test_a_quota_that_cannot_be_used_is_refused_by_name(quota: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        profile_from({"quotas": [quota]})


@pytest.mark.parametrize("seed", [1, 2])
def test_the_profile_of_2018_has_the_studys_hosts_whatever_the_seed(seed: int) -> None:
    truth = populate(NAMES, load_profile(PROFILES / "top-1000-2018.toml"), seed, ipv6=True).truth
    hosts = {row["mx_host"]: row for row in truth["session_verdicts"]}
    with_tls = [row for row in hosts.values() if row["outcome"] == "tls_ok"]
    assert (len(truth["mx_hosts"]), len(hosts), len(with_tls)) == (421, 421, 336)
    assert sum(not row["pkix_ok"] for row in with_tls) == 121
