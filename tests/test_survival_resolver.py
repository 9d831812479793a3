"""A real resolver whose own network is gone for a while fails names, and the survey does not believe it."""

import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import trio

from crawler.outcomes import LookupStatus
from crawler.probes.resolver import Resolver, open_resolver
from crawler.settings import settings_from
from tests.servers.dns_servers import PACKAGES, RESOLVER, start_dns
from tests.servers.dns_zones import build_zones
from tests.servers.namespace import Namespace, program, required_namespace

pytestmark = pytest.mark.needs_network_namespace

NOERROR, NXDOMAIN, SERVFAIL = LookupStatus.NOERROR, LookupStatus.NXDOMAIN, LookupStatus.SERVFAIL

CONTROL_HOSTS = ("secure.signed", "insecure.unsigned")
ASKED_BEFORE = "secure.opt-out"
EXPECTED = {
    "insecure.signed": NOERROR,
    "insecure.opt-out": NOERROR,
    "no-such-name.signed": NXDOMAIN,
    "expired.signed": SERVFAIL,
    ASKED_BEFORE: NOERROR,
}
AWAY_SECONDS = 3.0


# --- called inside the namespace -----------------------------------------------------------------------


def _ip(*arguments: str) -> None:
    subprocess.run([program("ip"), *arguments], check=True)


def cut_off() -> None:
    """Leave the resolver its own address only: nothing behind it can be reached."""
    _ip("address", "del", "127.0.0.1/8", "dev", "lo")
    _ip("address", "add", "127.0.0.1/32", "dev", "lo")


def mend() -> None:
    """Put everything back in reach."""
    _ip("address", "del", "127.0.0.1/32", "dev", "lo")
    _ip("address", "add", "127.0.0.1/8", "dev", "lo")


def look_up_meanwhile(settings: dict[str, Any], control_hosts: tuple[str, ...]) -> dict[str, Any]:
    """Look names up while the network is gone; return how each ended and what was said to be wrong."""

    async def look_up_all() -> dict[str, Any]:
        found: dict[str, Any] = {}
        async with (
            open_resolver(
                settings_from({"resolver": RESOLVER, **settings}),
                outlasts_silence=True,
                control_hosts=control_hosts,
            ) as resolver,
            trio.open_nursery() as nursery,
        ):
            await resolver.mx(ASKED_BEFORE)

            async def look_up(name: str, resolver: Resolver) -> None:
                found[name] = (await resolver.mx(name)).status

            cut_off()
            try:
                for name in EXPECTED:
                    nursery.start_soon(look_up, name, resolver)
                until = time.monotonic() + AWAY_SECONDS
                while time.monotonic() < until or (control_hosts and resolver.problem is None):
                    await trio.sleep(0.05)
                found["meanwhile"] = (dict(found), resolver.problem)
            finally:
                mend()
        return found

    return trio.run(look_up_all)


# --- what came of it -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Namespace]:
    folder = tmp_path_factory.mktemp("cut-off")
    with required_namespace(PACKAGES, folder / "log") as namespace:
        namespace.call(start_dns, folder, build_zones(datetime.now(UTC)))
        yield namespace


def test_the_resolver_fails_names_while_its_network_is_gone(inside: Namespace) -> None:
    found = inside.call(look_up_meanwhile, {"dns_timeout_seconds": 1.0}, ())
    assert {name: found[name] for name in EXPECTED} == dict.fromkeys(EXPECTED, SERVFAIL) | {
        ASKED_BEFORE: NOERROR
    }


def test_with_control_hosts_no_name_is_said_to_fail_for_it(inside: Namespace) -> None:
    found = inside.call(look_up_meanwhile, {"dns_timeout_seconds": 1.0}, CONTROL_HOSTS)
    meanwhile, problem = found.pop("meanwhile")
    assert "its own network seems gone" in problem
    assert meanwhile == {ASKED_BEFORE: NOERROR}
    assert found == EXPECTED
