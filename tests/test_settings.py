"""Settings: from TOML and flags, refused with one line that names what is wrong."""

from pathlib import Path

import pytest

from crawler.settings import Settings, SettingsError, load_settings, plain, resolver_endpoint, settings_from


def test_flags_override_the_file_which_overrides_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('seed = 5\nworkers = 3\ndns_timeout_seconds = 2\nallowed_ranges = ["127.0.0.0/8"]\n')
    settings = load_settings(path, {"workers": 4, "resolver": None}, {"seed": 9, "dns_attempts": 7})
    assert (settings.seed, settings.workers, settings.dns_attempts) == (5, 4, 7)
    assert settings.dns_timeout_seconds == 2.0
    assert settings.allowed_ranges == ("127.0.0.0/8",)


def test_settings_come_back_from_their_plain_form() -> None:
    settings = Settings(hello_name="scan.example", allowed_ranges=("127.0.0.0/8", "::1/128"))
    assert settings_from(plain(settings)) == settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"speed": 3}, "setting speed: there is no such setting"),
        ({"workers": "two"}, "setting workers: 'two' is not of type int"),
        ({"workers": True}, "setting workers: True is not of type int"),
        ({"workers": -1}, "setting workers: -1 is below zero"),
        ({"hello_name": "a b"}, "setting hello_name: 'a b' is no host name"),
        ({"hello_name": "a\r\nMAIL FROM:<x>"}, "setting hello_name"),
        ({"hello_name": "mü.example"}, "setting hello_name"),
        ({"hello_name": ""}, "setting hello_name"),
        ({"dns_timeout_seconds": float("nan")}, "setting dns_timeout_seconds: nan is not above zero"),
        ({"dns_timeout_seconds": float("inf")}, "setting dns_timeout_seconds"),
        ({"dns_attempts": 0}, "setting dns_attempts: 0 is not above zero"),
        ({"policy_fetches_per_address": 0}, "setting policy_fetches_per_address: 0 is not above zero"),
        ({"smtp_port": 70000}, "setting smtp_port: 70000 is no port number"),
        ({"allowed_ranges": "127.0.0.0/8"}, "is no list of strings"),
        ({"allowed_ranges": ["127.0.0.1/8"]}, "has host bits set"),
        ({"trusted_resolvers": ["ns.example"]}, "setting trusted_resolvers"),
        ({"resolver": "ns.example:53"}, "setting resolver: 'ns.example:53' is no address:port"),
        ({"resolver": "127.0.0.1:0"}, "setting resolver: 0 is no port number"),
        ({"root_store": "/nowhere.pem"}, "setting root_store: /nowhere.pem is no file"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_from({"hello_name": "scan.example"} | values)


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    for octets in (b"seed = \n", b"\xff\xfe"):
        path.write_bytes(octets)
        with pytest.raises(SettingsError, match=r"settings\.toml"):
            load_settings(path, {})
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("[::1]:5353", ("::1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
    ],
)
def test_a_resolver_is_an_address_and_perhaps_a_port(text: str, endpoint: tuple[str, int]) -> None:
    assert resolver_endpoint(text) == endpoint
