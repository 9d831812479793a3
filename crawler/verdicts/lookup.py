"""What a DNS lookup says about the existence of records."""

from crawler.outcomes import LookupStatus
from crawler.records import Lookup

_EXISTENCE = {
    LookupStatus.NOERROR: True,
    LookupStatus.NODATA: False,
    LookupStatus.NXDOMAIN: False,
    LookupStatus.NAME_TOO_LONG: False,
}


def have_records(lookup: Lookup | None) -> bool | None:
    """Return whether records of the type exist; None if the lookup failed or was not made: no absence."""
    return None if lookup is None else _EXISTENCE.get(lookup.status)
