"""One certificate authority for all tests of verdicts."""

import pytest

from crawler.verdicts.pkix import RootStore
from tests.verdicts.authority import Issued, issue, pem


@pytest.fixture(scope="session")
def root() -> Issued:
    return issue("Test Root", is_ca=True)


@pytest.fixture(scope="session")
def intermediate(root: Issued) -> Issued:
    return issue("Test Intermediate", root, is_ca=True)


@pytest.fixture(scope="session")
def leaf(intermediate: Issued) -> Issued:
    return issue("mx.example.org", intermediate, dns_names=["mx.example.org", "*.mail.example.org"])


@pytest.fixture(scope="session")
def store(root: Issued) -> RootStore:
    return RootStore(pem(root))
