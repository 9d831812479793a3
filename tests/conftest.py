"""For all tests: hypothesis tries the same examples at every run, and is not timed; long files come first."""

import pytest
from hypothesis import settings

settings.register_profile("survey", derandomize=True, deadline=None)
settings.load_profile("survey")

_LONGEST = (
    "test_survival_link.py",
    "test_survival.py",
    "test_survival_outages.py",
    "test_stored_run.py",
    "test_lab_run.py",
    "test_cluster_run.py",
    "test_control_run.py",
    "test_compare_lab.py",
)
"""Files that take longest: begun first, lest one process is left with them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)
