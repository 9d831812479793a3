"""Is this machine itself fit for a survey: its limit of open files, and its clock?"""

import ipaddress
import math
from urllib.parse import urlsplit

from crawler.control import look_up_both
from crawler.doctor.name_checks import outward_addresses
from crawler.doctor.subject import Finding, State, Subject
from crawler.file_limit import files_needed
from crawler.probes.web_page import PageError
from crawler.protocol.hostname import is_hostname

_CLOCK_LIMIT_SECONDS = 60
"""What a slow page takes is less; what spoils a validity date or a signature's time is more."""

_CLOCK_REMEDY = (
    "compare `date -u` with a clock that you trust; have it set by NTP (systemd-timesyncd, chrony)"
)


async def has_enough_files(subject: Subject) -> Finding:
    """Tell whether a worker process may have as many sockets open as the settings say."""
    name, needed = "has enough files", files_needed(subject.settings)
    soft, hard = subject.machine.file_limits()
    if soft >= needed:
        return Finding(name, State.OK, f"{_number(soft)} may be open at once, {needed:,} are needed")
    if hard >= needed:
        return Finding(
            name, State.OK, f"each worker raises its limit from {_number(soft)} to {_number(hard)}"
        )
    return Finding(
        name,
        State.FAILED,
        f"a worker may have {_number(hard)} files open, and needs {needed:,}: sessions would fail here",
        f"raise the limit (`ulimit -Hn {needed}` as root, or LimitNOFILE=), or lower sessions_in_flight",
    )


def _number(limit: float) -> str:
    return "any number" if math.isinf(limit) else f"{limit:,.0f}"


async def tells_the_time(subject: Subject) -> Finding:
    """Tell whether this machine's clock agrees with that of the contact page's server, if that is another."""
    name, url = "tells the time", subject.settings.contact_page
    if not url:
        detail = "no clock to compare with: there is no contact page"
        return Finding(name, State.UNKNOWN, detail, _CLOCK_REMEDY)
    if await _is_here(url, subject):
        detail = "no clock to compare with: the contact page is on this machine"
        return Finding(name, State.UNKNOWN, detail, _CLOCK_REMEDY)
    try:
        page = await subject.machine.fetch_page(url, subject.settings.root_store)
    except PageError as error:
        return Finding(name, State.UNKNOWN, f"no clock to compare with: {url}: {error}", _CLOCK_REMEDY)
    if page.sent_at is None:
        detail = "no clock to compare with: the contact page comes without a date"
        return Finding(name, State.UNKNOWN, detail, _CLOCK_REMEDY)
    seconds = abs((page.came_at - page.sent_at).total_seconds())
    if seconds > _CLOCK_LIMIT_SECONDS:
        detail = f"{seconds:,.0f} s from the clock of the contact page's server: one of the two is wrong"
        return Finding(name, State.WARNING, detail, _CLOCK_REMEDY)
    return Finding(name, State.OK, f"as the contact page's server, within {_CLOCK_LIMIT_SECONDS} s")


async def _is_here(url: str, subject: Subject) -> bool:
    """Return whether this very machine serves a page, as far as addresses tell."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    addresses = [host]
    if is_hostname(host):
        lookups = await look_up_both(host, subject.resolver)
        addresses = [address for lookup in lookups for address in lookup.addresses]
    here = await outward_addresses(subject)
    return any(address in here or _is_loopback(address) for address in addresses)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
