"""The limit of open files."""

import math
import resource

import pytest

from crawler.file_limit import file_limits, files_needed, raise_file_limit
from tests.probes.peers import lab_settings


class Limits:
    """Stands in for the system's."""

    def __init__(self, soft: int, hard: int, *, is_granted: bool = True) -> None:
        self.limits = soft, hard
        self._is_granted = is_granted

    def get(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.limits

    def set(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        if not self._is_granted:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


def given(monkeypatch: pytest.MonkeyPatch, limits: Limits) -> Limits:
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    return limits


def test_the_soft_limit_is_raised_to_the_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = given(monkeypatch, Limits(1024, 524288))
    raise_file_limit()
    assert limits.limits == (524288, 524288)


def test_a_limit_that_is_not_granted_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = given(monkeypatch, Limits(256, resource.RLIM_INFINITY, is_granted=False))
    raise_file_limit()
    assert limits.limits == (256, resource.RLIM_INFINITY)
    assert file_limits() == (256, math.inf)


def test_this_very_machine_tells_its_limits() -> None:
    soft, hard = file_limits()
    assert 0 < soft <= hard


def test_what_is_needed_grows_with_what_is_in_flight() -> None:
    few = files_needed(lab_settings(sessions_in_flight=10, domains_in_flight=20))
    assert files_needed(lab_settings(sessions_in_flight=2000, domains_in_flight=20)) == few + 1980
    assert 20 < few < 200
