"""The address that this machine sends from."""

import pytest

from crawler.probes.outward import outward_address


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_towards_loopback_it_is_loopback(address: str) -> None:
    assert outward_address(address) == address


@pytest.mark.parametrize("nowhere", ["255.255.255.255", "fe80::1"])
def test_where_no_packet_can_go_there_is_none(nowhere: str) -> None:
    assert outward_address(nowhere) is None
