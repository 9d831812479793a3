"""Matching of DNS names that a certificate presents (RFC 9525 s6.3)."""

from crawler.protocol.hostname import is_hostname


def matches_dns_id(presented: str, reference: str) -> bool:
    """Whether a presented identifier matches a reference identifier, both DNS names in A-labels, in any case.

    A wildcard is the whole left-most label and matches exactly one label; any other use of '*' makes the
    presented identifier invalid, which matches nothing. How many labels follow it is not restricted (s7.1
    leaves '*.com' to issuers). One final dot of the reference is dropped; a presented identifier may not
    have one (RFC 5280 s4.2.1.6). A reference that is no host name, such as an IP address, matches nothing.
    """
    # str.lower would turn the Kelvin sign into a k, and other letters into more than one.
    if not presented.isascii():
        return False
    reference = reference.removesuffix(".").lower()
    if not is_hostname(reference):
        return False
    presented = presented.lower()
    if presented.startswith("*."):
        _, dot, parent = reference.partition(".")
        return dot != "" and presented[2:] == parent
    return presented == reference
