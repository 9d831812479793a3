"""Exit statuses."""

DONE, FAILED, USAGE, STOPPED = 0, 1, 2, 3
"""Exit statuses: a check failed or the program did; bad usage or input, or a place that cannot be read or
written; stopped and resumable, also when the disk is full, or a run's object store fails it."""
