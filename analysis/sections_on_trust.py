"""Sections of the report on what STARTTLS is worth: certificates, TLS, policies; and on whom it hangs."""

from analysis.section import DOMAINS, HOSTS, Section

SECTIONS_ON_TRUST: tuple[Section, ...] = (
    Section(
        "certificate_ladder",
        "Certificates, step by step",
        "+ name of the MX host",
        DOMAINS,
        "{share} of the reachable mail domains whose answer is known ({count}) have primary MX hosts whose "
        "certificates have a path to the root store, are valid in time and name the MX host.",
        "A sender that does not authenticate does not look at any of this: it encrypts all the same.",
    ),
    Section(
        "certificate_failures",
        "Why certificates fail",
        "reason: none",
        HOSTS,
        "{share} of the MX hosts with TLS ({count}) send a certificate that is valid for their own name; the "
        "others fail for the reasons below, the first that applies.",
    ),
    Section(
        "name_mismatch_by_provider",
        "Whom wrong certificates name",
        "names: another provider",
        HOSTS,
        "{share} of the MX hosts with TLS ({count}) send a certificate that names another provider of this "
        "survey, and not themselves.",
        "Customers of a hosting provider who give its servers MX names of their own get certificates with "
        "the provider's name. A sender that authenticates refuses them, though the server is the one that "
        "was meant.",
    ),
    Section(
        "certificate_issuers",
        "Who issues them",
        "",
        "pair of MX host and certificate",
        "The largest class is {stratum} with {share} ({count}).",
        "An issuer's name is what the certificate says; only the ladder above tells whether it is true.",
    ),
    Section(
        "certificate_keys",
        "Keys",
        "",
        "pair of MX host and certificate",
        "The commonest key is {stratum}, in {share} of the cases ({count}).",
    ),
    Section(
        "certificate_expiry",
        "Days to expiry",
        "",
        "pair of MX host and certificate",
        "Most often there is this left when a certificate is seen: {stratum} ({share}, {count}).",
    ),
    Section(
        "tls_versions",
        "TLS versions",
        "TLSv1.3",
        HOSTS,
        "{share} of the MX hosts with TLS ({count}) choose TLS 1.3 at every address.",
        "The handshake offers TLS 1.0 to 1.3; a host or domain counts under the lowest version met.",
    ),
    Section(
        "forward_secrecy",
        "Forward secrecy",
        "forward secrecy",
        HOSTS,
        "{share} of the MX hosts with TLS ({count}) choose an ephemeral key exchange at every address.",
    ),
    Section(
        "cipher_suites",
        "Cipher suites",
        "",
        HOSTS,
        "The suite most hosts choose is {stratum}: {share} of the MX hosts with TLS ({count}).",
    ),
    Section(
        "key_exchange_groups",
        "Key-exchange groups",
        "",
        HOSTS,
        "The group most hosts choose is {stratum}: {share} of the MX hosts with TLS ({count}).",
    ),
    Section(
        "post_quantum",
        "Post-quantum key exchange",
        "hybrid group with ML-KEM",
        HOSTS,
        "{share} of the MX hosts with TLS ({count}) agree on a hybrid group with ML-KEM.",
        "Published counts are over all MX hosts, not only those with TLS.",
    ),
    Section(
        "dnssec_mx",
        "DNSSEC of the MX records",
        "secure",
        "mail-capable domain (D2), status known",
        "The MX answer is secure for {share} of the mail-capable domains whose status is known ({count}).",
        "Without DNSSEC, whoever forges the MX answer chooses the host, whatever its certificate.",
    ),
    Section(
        "dane_correct",
        "DANE",
        "DANE correct",
        "mail-capable domain with secure MX records (D2), determined",
        "{share} of the mail-capable domains with secure MX records whose answer is known ({count}) are "
        "authenticated by DANE at every reachable primary MX host.",
        "The published counts are over domains with DNSSEC, as this share is; that of all reachable domains "
        "is below. To publish no record is no fault: only the class broken is one.",
    ),
    Section(
        "dane_mismatch",
        "TLSA records that do not match",
        "mismatched",
        "TLSA RRset that counts, tried",
        "At {share} of the TLSA RRsets that senders would use ({count}), some server is not authenticated by "
        "any record.",
        "The same faults three times over, by record, by RRset and by domain. Published shares differ by "
        "orders of magnitude for this reason alone: 14 %, 3.6 % and 0.025 % are of the same data. A record "
        "of a key that is yet to come matches nothing, and is good practice; an RRset without any match is a "
        "fault; and most domains are at a few providers that make none. As in that study, domains whose own "
        "MX records are insecure count too, though no sender of their mail looks at the TLSA records: this "
        "is about servers and their records, not about who is protected.",
    ),
    Section(
        "dane_hosted",
        "TLSA records that protect nobody",
        "hosted",
        "mail-capable domain with TLSA records (of D2), determined",
        "{share} of the mail-capable domains with TLSA records at a primary MX host ({count}) would be "
        "authenticated, were their own MX records secure.",
        "A sender that finds insecure MX records asks for no TLSA records: whoever forges the one "
        "chooses the other. Records in a zone without DNSSEC cannot be validated by anybody; the published "
        "36 % is of TLSA records, not of domains.",
    ),
    Section(
        "mta_sts_record",
        "MTA-STS records",
        "valid record",
        "mail-capable domain (D2), lookup answered",
        "{share} of the mail-capable domains ({count}) publish one valid MTA-STS record.",
    ),
    Section(
        "mta_sts_ladder",
        "MTA-STS, step by step",
        "S6 MX hosts valid",
        "listed domain with a record (S0), step known",
        "{share} of the listed domains with an MTA-STS record ({count}) get all the way: a valid policy, "
        "not of mode none, that names every MX host, and MX hosts with valid certificates.",
        "Each step includes those before it. S4 is deployed, in whatever mode; S6 is consistent: a sender "
        "that obeys would deliver to every host that answered. The last rows say where the others stop. A "
        "published share of misconfigured domains is to be held against what is missing to the whole, at "
        "the step up to which its authors looked.",
    ),
    Section(
        "mta_sts_mode",
        "MTA-STS policies",
        "mode: enforce",
        "listed domain with a valid record and policy",
        "{share} of the valid policies behind a valid record ({count}) are in mode enforce.",
        "Mode none withdraws a policy and is no adoption.",
    ),
    Section(
        "mta_sts_enforce",
        "Policies that enforce, and hosts that fail",
        "an MX host fails",
        "listed domain that enforces, determined",
        "{share} of the domains whose policy enforces ({count}) have an MX host that their own policy "
        "forbids senders to use.",
        "The policy does not name it, or its certificate is not valid for its name. The rows on senders say "
        "what becomes of the mail.",
    ),
    Section(
        "tlsrpt",
        "TLS reporting",
        "valid record",
        "mail-capable domain (D2), lookup answered",
        "{share} of the mail-capable domains ({count}) ask for TLS reports with one valid record.",
    ),
    Section(
        "requiretls",
        "REQUIRETLS",
        "REQUIRETLS",
        "MX host, determined (of H)",
        "{share} of the MX hosts that answered ({count}) list REQUIRETLS inside TLS.",
    ),
    Section(
        "authenticated_transport",
        "Authenticated transport",
        "authenticated",
        DOMAINS,
        "{share} of the reachable mail domains whose answer is known ({count}) are authenticated by DANE or "
        "by an MTA-STS policy that enforces and is kept.",
        "Nobody seems to have published this share. It is given of all mail-capable domains too: there a "
        "domain that was never reached is a no if it publishes nothing that could make it a yes. The table "
        "crosses both with PKIX: certificates that are valid protect nobody while nothing tells senders to "
        "insist on them, and DANE needs none of them.",
        cross_unit="reachable mail domain (D3)",
    ),
    Section(
        "provider_share",
        "Providers",
        "effective number of providers",
        "number of providers",
        "The mail-capable domains are as concentrated as if {share} providers of equal size served them.",
        "A provider is the registrable domain of the MX host name, by the ICANN section of the public suffix "
        "list. Domains of one provider share its configuration: a change at one of them moves every figure "
        "above.",
    ),
    Section(
        "by_provider",
        "Four answers, by provider",
        "STARTTLS: all other providers",
        "reachable mail domain of the provider, determined (of D3)",
        "Away from the ten largest providers, {share} of the reachable mail domains whose answer is known "
        "({count}) have STARTTLS at every reachable primary MX host.",
        "The headline, valid certificates, post-quantum key exchange and the MTA-STS record, each as in its "
        "own section above. The first three are the provider's doing, the last is the domain's own.",
        is_by_answer=True,
    ),
    Section(
        "without_provider",
        "Without one of them",
        "STARTTLS: without these ten",
        "reachable mail domain of the others, determined (of D3)",
        "Without the ten largest providers, the headline would be {share} ({count}).",
        "The same four answers with one provider left out at a time: a share that moves far hangs on one "
        "provider's configuration.",
        is_by_answer=True,
    ),
)
"""In the order of the report."""
