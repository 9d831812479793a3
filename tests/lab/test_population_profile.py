from pathlib import Path
from random import Random
from typing import Any

import pytest

from crawler.lab.profile import (
    PROFILES,
    RATE_TABLES,
    Profile,
    ProfileError,
    Wheel,
    load_profile,
    profile_from,
)

PROVIDER = {"domain": "bigmail.test", "share": 0.5, "labels": ["mx"], "preferences": [10]}


def test_the_profile_that_comes_with_the_lab_is_read() -> None:
    profile = load_profile(PROFILES / "dotgov.toml")
    assert sum(provider.share for provider in profile.providers) + profile.small_hosters.share < 1
    assert set(profile.rates) == set(RATE_TABLES)


def test_an_empty_profile_is_everything_sound_and_self_hosted() -> None:
    assert profile_from({}) == Profile()


def test_what_a_rate_table_leaves_goes_to_its_first_word() -> None:
    wheel = profile_from({"rates": {"sessions": {"no_starttls": 0.25}}}).wheel("sessions")
    rng = Random(1)
    drawn = [wheel.draw(rng) for _ in range(2000)]
    assert set(drawn) == {"good", "no_starttls"}
    assert 400 < drawn.count("no_starttls") < 600


def test_rates_that_sum_to_one_leave_nothing() -> None:
    wheel = Wheel({"a": 0.5, "b": 0.5}, "c")
    rng = Random(1)
    assert {wheel.draw(rng) for _ in range(200)} == {"a", "b"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colour": 1}, "profile.colour: there is no such entry"),
        ({"signed": 1.5}, "profile.signed: 1.5 is no number from 0 to 1"),
        ({"signed": True}, "profile.signed: True is no number"),
        ({"addresses_per_behaviour": 0}, "profile.addresses_per_behaviour: 0 is not above zero"),
        ({"addresses_per_behaviour": "3"}, "is not of type int"),
        ({"rates": []}, "rates: not a table"),
        ({"rates": {"weather": {}}}, "rates.weather: there is no such table"),
        ({"rates": {"mail": {"rain": 0.1}}}, "rates.mail.rain: there is no such scenario"),
        ({"rates": {"mail": {"nxdomain": -0.1}}}, "rates.mail.nxdomain: -0.1 is no number"),
        ({"rates": {"mail": {"nxdomain": 0.6, "servfail": 0.6}}}, "rates.mail: the rates sum to 1.2000"),
        ({"rates": {"mail": 3}}, "rates.mail: not a table"),
        ({"providers": {}}, "providers: not an array of tables"),
        ({"providers": [3]}, r"providers\[0\]: not a table"),
        ({"providers": [{"domain": "a.test"}]}, r"providers\[0\].share: missing"),
        ({"providers": [PROVIDER | {"labels": "mx"}]}, "not a list of str"),
        ({"providers": [PROVIDER | {"labels": []}]}, "as many preferences as labels"),
        ({"providers": [PROVIDER | {"labels": ["a", "b"]}]}, "as many preferences as labels"),
        ({"providers": [PROVIDER | {"preferences": [70000]}]}, "out of range"),
        ({"providers": [PROVIDER | {"tls": "ssl3"}]}, "'ssl3' is no scenario"),
        ({"providers": [PROVIDER | {"key": "dsa"}]}, "'dsa' is neither of"),
        ({"providers": [PROVIDER | {"tlsa": "ee"}]}, "does not go with signed = False"),
        ({"providers": [PROVIDER | {"ipv6": True, "session": "not_smtp"}]}, "ipv6 needs session 'good'"),
        ({"providers": [PROVIDER | {"odd": 0.1}]}, "odd needs per_customer"),
        ({"hostile": 2}, "profile.hostile: 2 is no number from 0 to 1"),
        ({"providers": [PROVIDER | {"per_customer": 1}]}, "is not of type bool"),
        ({"providers": [PROVIDER, PROVIDER]}, "two providers have the same domain"),
        ({"providers": [PROVIDER], "small_hosters": {"share": 0.6}}, "sum to 1.1000"),
        ({"small_hosters": {"size": 3}}, "small_hosters.size: there is no such entry"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        profile_from(values)


@pytest.mark.parametrize("content", [b"signed = ", b"\xff\xfe", b"signed = 7\n"])
def test_an_unreadable_file_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=str(path)):
        load_profile(path)
    with pytest.raises(ProfileError, match="profile"):
        load_profile(tmp_path)
