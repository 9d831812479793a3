"""For all tests: hypothesis tries the same examples at every run, and is not timed."""

from hypothesis import settings

settings.register_profile("survey", derandomize=True, deadline=None)
settings.load_profile("survey")
