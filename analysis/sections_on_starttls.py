"""Sections of the report on who supports STARTTLS, and on how well that is known."""

from analysis.section import DOMAINS, HEADLINE, Section

SECTIONS_ON_STARTTLS: tuple[Section, ...] = (
    Section(
        HEADLINE,
        "STARTTLS by domain",
        "all",
        DOMAINS,
        "At {share} of the reachable mail domains whose answer is known ({count}), every reachable primary "
        "MX host completes a TLS handshake after STARTTLS.",
        "This is the headline, apart for domains with MX records and domains that are their own mail host.",
    ),
    Section(
        "starttls_by_domain_rule",
        "What the rule changes",
        "any reachable MX host",
        "reachable mail domain, determined by all three rules (of D3)",
        "If one MX host with STARTTLS were enough, the share would be {share} ({count}).",
        "Surveys disagree on the rule, so all three are printed, over the domains that all three can judge. "
        "The others are left out, so the first row is not quite the headline.",
    ),
    Section(
        "starttls_by_host",
        "STARTTLS by MX host",
        "TLS handshake completed",
        "MX host, determined (of H)",
        "{share} of the MX hosts that answered ({count}) complete a TLS handshake at every answering "
        "address.",
        "Each host counts once, however many domains name it. An offer is not yet TLS: three facts, apart.",
    ),
    Section(
        "starttls_by_address",
        "IPv4 and IPv6",
        "same answer over both",
        "MX host with addresses of both families, determined over both",
        "{share} of the MX hosts that answer over both families ({count}) say the same of STARTTLS over "
        "IPv4 and over IPv6.",
        "Senders choose the family, so a host that is good over one alone is good for some senders alone. "
        "Here every address counts by itself; one that stands under two names was asked under each.",
    ),
    Section(
        "starttls_offered_but_fails",
        "Offered, and then it fails",
        "any reason",
        "MX host that offers STARTTLS, determined",
        "{share} of the MX hosts that offer STARTTLS ({count}) refuse it for good when asked, or fail in the "
        "handshake, at some address.",
        "A survey that reads the offer alone counts these as a yes. Replies for now, silence and refusals "
        "that are about this scanner are not counted as failures; they stand below as not known.",
    ),
    Section(
        "starttls_weighted",
        "Other weights",
        "provider-capped",
        "weight of reachable mail domains, determined (of D3), in 10^-12",
        "With no provider weighing more than one in a hundred domains, the headline would be {share}.",
        "Weights change what the share is a share of; none of them makes it a share of messages.",
        is_one_panel=True,
    ),
    Section(
        "by_rank",
        "By rank in the list",
        "STARTTLS: 1 to 1,000",
        "reachable mail domain of the class, determined (of D3)",
        "Among the first thousand of the list, {share} of the reachable mail domains whose answer is known "
        "({count}) have STARTTLS at every reachable primary MX host.",
        "Four answers in each class. A list without ranks has no such rows. Published shares differ by the "
        "part of a list they look at as much as by their year.",
        is_by_answer=True,
    ),
    Section(
        "by_tld",
        "By top-level domain",
        "",
        "reachable mail domain of the top-level domain, determined (of D3)",
        "The top-level domain with the most domains that have STARTTLS is {stratum}: {share} of its "
        "reachable mail domains whose answer is known ({count}).",
    ),
    Section(
        "beyond_the_list",
        "Beyond the list",
        "STARTTLS: drawn by provider",
        DOMAINS,
        "Were the providers of this list a random draw from a larger whole, {share} of its domains would "
        "have STARTTLS, give or take what chance does: with 95 % confidence, {bounds}.",
        "The list is surveyed whole, so nothing above has a sampling error. This is for who wants to say "
        "more: a claim on domains that are not in the list, which holds only as far as the list is like "
        "them. Domains of one provider share its configuration, so what is drawn is a provider with all of "
        "its domains (1,000 replicates of a bootstrap, with a fixed seed). As if each domain were drawn by "
        "itself, the interval would be the narrower one beside it, and wrong.",
        is_by_answer=True,
    ),
    Section(
        "nonresponse",
        "Who did not answer",
        "any class",
        "mail-capable domain (D2)",
        "From {share} of the mail-capable domains ({count}) came no answer to the headline's question.",
        "They are never counted as a no: they are the width of the bounds everywhere else. Classes are named "
        "after how far the conversation got and what ended it. Those that nobody asked have classes of their "
        "own: opted_out, by the wish of those who run them; over_limit, beyond the MX hosts asked of one "
        "domain; session_cap, beyond the sessions held with one address or provider; backed_off, after the "
        "provider kept sending this scanner away; sampled, where a sample did not agree. Domains that are "
        "not deliverable stand beside them: no primary MX host of theirs has a usable name and an address, "
        "so there was nobody to ask.",
    ),
    Section(
        "second_attempt",
        "What asking twice gained",
        "resolved",
        "MX host address that failed for now at first",
        "Of the addresses whose first attempt failed for now, {share} ({count}) gave an answer at the "
        "second.",
        "A timeout, a dropped connection or a reply such as 421 may be gone later, so these addresses are "
        "asked once more. The last rows say what the shares of hosts and domains with STARTTLS would have "
        "been without that.",
    ),
    Section(
        "pushed_back",
        "Who sent this scanner away",
        "first attempt",
        "MX host address asked",
        "{share} of the addresses asked ({count}) sent this scanner away at the first attempt.",
        "Such a reply, 421 or one that names a rate limit or a blocklist, tells how welcome the scanner is "
        "and nothing of STARTTLS: the answer of the address is not known.",
    ),
    Section(
        "inferred_share",
        "How much is inferred",
        "all",
        "MX host address",
        "{share} of the MX host addresses ({count}) were not asked themselves: a random sample of their "
        "provider's names at the same address was, and all of it agreed.",
        "Large hosts give each customer an MX name of its own, on a handful of addresses. If all of a sample "
        "of n names say the same, then, with 95 % confidence, at most 3/n of the others do not. That is the "
        "largest bound in the last rows; everywhere else it is counted in units, as the bound beside "
        "“inferred”, as if the names that differ were used no more than the others.",
    ),
    Section(
        "consistency",
        "Do repeated answers agree",
        "addresses differ: STARTTLS",
        "MX host with two or more answering addresses",
        "At {share} of the MX hosts with two or more answering addresses ({count}), one supports STARTTLS "
        "and another does not.",
        "Three tests: the addresses of one host, one address under several names, and the two attempts "
        "where there were two. A second attempt follows only on a first that failed for now, so its flips "
        "are those of addresses that are in trouble, not of any address asked twice.",
    ),
    Section(
        "stripping_suspects",
        "Signs of stripping",
        "any fingerprint",
        "reached MX host address (I), determined",
        "{share} of the reached addresses ({count}) bear a sign that something on the way overwrites "
        "STARTTLS.",
        "The signs are an EHLO keyword such as XXXXXXXA and a greeting of stars. They are suspicion, not "
        "proof: a firewall in front of the server leaves the same ones; and what removes the offer without "
        "a trace is not seen here. All addresses of a network bearing a sign points to the network.",
    ),
)
"""In the order of the report."""
