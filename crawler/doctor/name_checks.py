"""Can those who are asked tell who asks? Is the scanner's name its address's name, and is there its page?"""

from crawler.control import look_up_both
from crawler.doctor.subject import Finding, State, Subject
from crawler.doctor.wording import told
from crawler.outcomes import Failure
from crawler.probes.reverse_lookup import pointer_names
from crawler.probes.web_page import PageError
from crawler.protocol.addresses import is_special_purpose
from crawler.protocol.hostname import is_hostname
from crawler.records import AddressLookup
from crawler.settings import resolver_endpoint

_FAR_ADDRESSES = ("198.41.0.4", "2001:503:ba3e::2:30")
"""a.root-servers.net, to which nothing is sent: where no control host has an address, its routes will do."""

_CANNOT_TELL = "the addresses that others see cannot be told from here"
_ANSWER_FIRST = "make the resolver answer first (see there), then run this again"


async def outward_addresses(subject: Subject) -> list[str]:
    """Return this machine's addresses towards the control hosts, IPv4 before IPv6; at most one of each."""
    towards = list(_FAR_ADDRESSES)
    for host in subject.settings.control_hosts[:1]:
        for index, lookup in enumerate(await look_up_both(host, subject.resolver)):
            towards[index] = next(iter(lookup.addresses), towards[index])
    return [address for address in map(subject.machine.outward_address, towards) if address is not None]


async def hello_name_leads_here(subject: Subject) -> Finding:
    """Tell whether the EHLO name has the addresses that sessions come from (RFC 5321 s4.1.1.1)."""
    name, hello_name = "its name leads here", subject.settings.hello_name
    if not _is_full_name(hello_name):
        return Finding(
            name,
            State.FAILED,
            f"{hello_name} is no full host name: many servers refuse it, and nobody learns who asks",
            "give this scanner a name in the DNS, and set it: --hello-name",
        )
    known, failed = await _addresses_of(hello_name, subject)
    if failed is not None:
        return Finding(name, State.UNKNOWN, f"{hello_name}: {told(failed)}", _ANSWER_FIRST)
    if not known:
        remedy = f"give {hello_name} an A record (and AAAA) with this machine's address, or set --hello-name"
        return Finding(name, State.FAILED, f"{hello_name} has no address", remedy)
    here = await outward_addresses(subject)
    if not here:
        remedy = "connect this machine to a network, then run this again"
        return Finding(name, State.UNKNOWN, "this machine has no route to the world", remedy)
    strange = [address for address in here if address not in known and not is_special_purpose(address)]
    hidden = _hidden(here, known)
    if strange:
        return Finding(
            name,
            State.FAILED,
            f"{hello_name} has {', '.join(known)}, but sessions come from {', '.join(strange)}",
            f"add {', '.join(strange)} to the addresses of {hello_name}, or set another --hello-name",
        )
    if hidden:
        return Finding(
            name,
            State.UNKNOWN,
            f"this machine's address is {', '.join(hidden)}, behind address translation: {_CANNOT_TELL}",
            f"see from outside that sessions come from {', '.join(known)}, the addresses of {hello_name}",
        )
    used = ", ".join(address for address in here if address in known)
    return Finding(name, State.OK, f"{hello_name} has {used}, where sessions come from")


def _hidden(here: list[str], known: list[str]) -> list[str]:
    """Return the addresses that somebody on the way puts another for.

    An IPv6 address that is not global nearly always means that there is no IPv6, and not translation.
    """
    private = [address for address in here if is_special_purpose(address) and address not in known]
    ipv4 = [address for address in private if ":" not in address]
    return ipv4 or (private if private == here else [])


def _is_full_name(name: str) -> bool:
    return is_hostname(name) and "." in name


async def _addresses_of(host: str, subject: Subject) -> tuple[list[str], AddressLookup | None]:
    """Return the addresses of a host, and a lookup that failed, if one did."""
    lookups = await look_up_both(host, subject.resolver)
    failed = next((lookup for lookup in lookups if lookup.status.have_records is None), None)
    return [address for lookup in lookups for address in lookup.addresses], failed


async def address_leads_back(subject: Subject) -> Finding:
    """Tell whether each address that sessions come from has a PTR record that names the EHLO name."""
    name, hello_name = "its address leads back", subject.settings.hello_name.lower()
    if not _is_full_name(hello_name):
        return Finding(name, State.SKIPPED, f"{hello_name} is no full host name to lead back to")
    known, failed = await _addresses_of(hello_name, subject)
    if failed is not None:
        return Finding(name, State.UNKNOWN, f"{hello_name}: {told(failed)}", _ANSWER_FIRST)
    here = await outward_addresses(subject)
    asked = [address for address in here if not is_special_purpose(address) or address in known]
    if not asked:
        remedy = f"look up the PTR record of the address that others see (dig -x): it should be {hello_name}"
        return Finding(name, State.UNKNOWN, _CANNOT_TELL, remedy)
    resolver = resolver_endpoint(subject.settings.resolver)
    for address in asked:
        names = await pointer_names(address, resolver, timeout_seconds=subject.settings.dns_timeout_seconds)
        if isinstance(names, Failure):
            return Finding(name, State.UNKNOWN, f"PTR of {address}: {names.meaning}", _ANSWER_FIRST)
        if hello_name not in names:
            said = ", ".join(names) or "no PTR record"
            return Finding(
                name,
                State.WARNING,
                f"{address}: {said}, not {hello_name}: some servers turn such addresses away",
                f"have those who gave you the address set its PTR record to {hello_name}",
            )
    return Finding(name, State.OK, f"PTR of {', '.join(asked)}: {hello_name}")


async def says_who_asks(subject: Subject) -> Finding:
    """Tell whether the contact page is there."""
    name, url = "says who asks", subject.settings.contact_page
    if not url:
        return Finding(
            name,
            State.WARNING,
            "no contact page: those who are asked cannot tell who asks, nor how to opt out",
            "put up a page, best at the scanner's own name, that says who, why, how to opt out: contact_page",
        )
    remedy = "set contact_page to the https URL of a page that says who asks, why, and how to opt out"
    try:
        page = await subject.machine.fetch_page(url, subject.settings.root_store)
    except PageError as error:
        return Finding(name, State.FAILED, f"{url}: {error}", remedy)
    if page.status != 200 or not page.octets:
        said = f"status {page.status}" if page.octets else "an empty page"
        return Finding(name, State.FAILED, f"{url}: {said}", remedy)
    return Finding(name, State.OK, url)
