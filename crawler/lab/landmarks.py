"""What every lab has besides its population: hosts and names known beforehand, by which a survey and its
machine can be checked.
"""

from crawler.lab.certificate_scenarios import CERTIFICATE_SCENARIOS
from crawler.lab.internet import DnsAnswer, Internet, MailServer

LAB_ZONE = "lab.test"
"""Insecure; no listed domain is below it."""
CONTROL_HOSTS = (f"control-1.{LAB_ZONE}", f"control-2.{LAB_ZONE}")
"""Well-behaved mail hosts that no domain names as its own."""
BOGUS_NAME = "dnssec-failed.org"
"""Broken on purpose here as it is in the world."""
LARGE_NAME = f"large.{LAB_ZONE}"
"""Has TXT records that no datagram of 1,232 octets holds."""
SCANNER = f"scanner.{LAB_ZONE}"
"""The EHLO name of a survey of the lab."""
_SCANNER_ADDRESS = "127.0.0.1"
_CONTROL_NETWORK = "127.15.0"
_LARGE_RECORDS = 8
_LONGEST_STRING = 255


def place_landmarks(internet: Internet) -> None:
    """Put them in, before certificates are issued; a question that the population answers stays as it is."""
    for number, host in enumerate(CONTROL_HOSTS, start=1):
        address = f"{_CONTROL_NETWORK}.{number}"
        order = CERTIFICATE_SCENARIOS["good"].make_order(host, LAB_ZONE, "ecdsa")
        internet.certificates[host] = order
        internet.mail_servers[host] = MailServer(address=address, server_name=host, default_certificate=host)
        internet.answers[host, "A"] = DnsAnswer(records=((host, "A", address),))
    texts = [f'"{n}{"x" * (_LONGEST_STRING - 1)}"' for n in range(_LARGE_RECORDS)]
    large = tuple([(LARGE_NAME, "TXT", text) for text in texts])
    internet.answers.setdefault((LARGE_NAME, "TXT"), DnsAnswer(records=large))
    broken = ((BOGUS_NAME, "A", "192.0.2.1"),)
    internet.answers.setdefault((BOGUS_NAME, "A"), DnsAnswer(records=broken, bogus=True, extended_error=6))
    _place_scanner(internet)
    _place_root(internet)


def _place_scanner(internet: Internet) -> None:
    """The scanner's own name leads to its address, and back."""
    internet.answers[SCANNER, "A"] = DnsAnswer(records=((SCANNER, "A", _SCANNER_ADDRESS),))
    pointer = f"{'.'.join(reversed(_SCANNER_ADDRESS.split('.')))}.in-addr.arpa"
    internet.answers[pointer, "PTR"] = DnsAnswer(records=((pointer, "PTR", f"{SCANNER}."),))


def _place_root(internet: Internet) -> None:
    """The root is signed, its denials too: it has no MX records."""
    server = f"ns.{LAB_ZONE}."
    soa = f"{server} hostmaster.{LAB_ZONE}. 1 3600 600 86400 300"
    internet.secure_zones.add(".")
    for kind, data in (("NS", server), ("SOA", soa)):
        internet.answers[".", kind] = DnsAnswer(records=((".", kind, data),), secure=True)
