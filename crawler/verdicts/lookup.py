"""What a DNS lookup says about the existence of records."""

from crawler.records import Lookup


def have_records(lookup: Lookup | None) -> bool | None:
    """Return whether records of the type exist; None if the lookup failed or was not made: no absence."""
    return None if lookup is None else lookup.status.have_records
