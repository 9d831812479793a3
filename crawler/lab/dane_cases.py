"""Cases of DANE and of MTA-STS beside it that come at least once, with what they come to.

The rules of `dane_rules` and `delivery_rules` must come to the same.
"""

from dataclasses import dataclass
from typing import Any

from crawler.lab.tlsa_scenarios import TLSA_SCENARIOS


@dataclass(frozen=True, slots=True, kw_only=True)
class DaneCase:
    """A host below a domain, by words of the other tables, and what DANE comes to at it."""

    tlsa: str
    certificate: str = "good"
    session: str = "good"
    mail: str = "hosted"
    in_signed: bool | None = None
    """The domain must be signed, or must not be; None: as the TLSA records need it."""
    dane: str
    reason: str | None = None
    usage: int | None = None
    base: str | None = "own"
    """Where the records that count stand: at the host's own name or the expanded one."""
    tried: tuple[str | None, ...] = ()
    """Of each record that counts: 'matched', a problem, 'passed_over', why it does not match, or (None) that
    it was not tried; in the order of the scenario."""

    @property
    def needs_signed(self) -> bool | None:
        """Whether the domain must be signed, or must not be."""
        return TLSA_SCENARIOS[self.tlsa].needs_signed if self.in_signed is None else self.in_signed


def _matched(tlsa: str, usage: int, *tried: str, base: str = "own", **words: Any) -> DaneCase:
    return DaneCase(
        tlsa=tlsa,
        dane="matched",
        usage=usage,
        base=base,
        tried=tried or ("matched",),
        in_signed=True,
        **words,
    )


def _mismatched(tlsa: str, reason: str, *tried: str, base: str = "own", **words: Any) -> DaneCase:
    return DaneCase(
        tlsa=tlsa,
        dane="mismatched",
        reason=reason,
        base=base,
        tried=tried or (reason,),
        in_signed=True,
        **words,
    )


def _without_records(
    dane: str, tlsa: str, *, in_signed: bool | None = True, mail: str = "hosted"
) -> DaneCase:
    return DaneCase(tlsa=tlsa, mail=mail, dane=dane, base=None, in_signed=in_signed)


def _untried(dane: str, tlsa: str, *tried: str | None, session: str = "good") -> DaneCase:
    return DaneCase(tlsa=tlsa, session=session, dane=dane, tried=tried or (None,), in_signed=True)


DANE_CASES: tuple[DaneCase, ...] = (
    _without_records("absent", "none"),
    _without_records("not_applicable", "none", in_signed=False),
    _without_records("not_applicable", "insecure", in_signed=False),
    _without_records("absent", "unsigned"),
    _without_records("lookup_failed", "bogus"),
    _without_records("lookup_failed", "servfail"),
    _without_records("lookup_failed", "refused"),
    _without_records("lookup_failed", "timeout"),
    _matched("ee", 3),
    _matched("ee_key", 3),
    _matched("ee_sha512", 3),
    _matched("ee_full", 3),
    _matched("ee_full_key", 3),
    _matched("ee", 3, certificate="expired"),
    _matched("ee_key", 3, certificate="not_yet_valid"),
    _matched("ee_key", 3, certificate="wrong_name"),
    _matched("ee", 3, certificate="self_signed_localhost"),
    _matched("ta", 2),
    _matched("ta_key", 2),
    _matched("ta_of_root", 2, certificate="good_with_root"),
    _matched("ta_of_root", 2, certificate="unknown_root"),
    _matched("ta_full", 2, certificate="incomplete_chain"),
    _matched("ta_full_key", 2, certificate="incomplete_chain"),
    _matched("ta_full_of_root", 2),
    _matched("ta_full_key_of_root", 2),
    _matched("ta", 2, certificate="cn_only"),
    _matched("ta", 2, certificate="wildcard"),
    _matched("ta", 2, certificate="chain_of_100"),
    _mismatched("ta_of_root", "no_match"),
    _mismatched("ta", "no_match", certificate="incomplete_chain"),
    _mismatched("ta_full_of_root", "no_path", certificate="incomplete_chain"),
    _mismatched("ta_full_key_of_root", "no_match", certificate="incomplete_chain"),
    _mismatched("ta_of_leaf", "no_match"),
    _mismatched("ta_mismatch", "no_match"),
    _mismatched("ta", "expired", certificate="expired"),
    _mismatched("ta", "not_yet_valid", certificate="not_yet_valid"),
    _mismatched("ta", "name_mismatch", certificate="wrong_name"),
    _mismatched("ta", "expired", certificate="wrong_name_expired"),
    _mismatched("ta", "name_mismatch", certificate="domain_only"),
    _mismatched("ta", "name_mismatch", certificate="wildcard_two_labels"),
    _matched("ee_and_ta", 3, "matched", "matched"),
    _matched("ee_and_ta", 3, "name_mismatch", "matched", certificate="wrong_name"),
    _matched("ee_and_ta", 3, "no_match", "matched", certificate="incomplete_chain"),
    _matched("ee_and_ta", 3, "name_mismatch", "matched", certificate="wildcard_partial"),
    _matched("ee_and_ta", 3, "name_mismatch", "matched", certificate="name_with_nul"),
    *[
        _matched("ee_and_ta", 3, "matched", "matched", certificate=certificate)
        for certificate in (
            *(
                "good_upper_case",
                "good_with_domain",
                "good_with_root",
                "unknown_root",
                "unknown_root_not_sent",
            ),
            *("ten_thousand_names", "odd_uris", "rsa_1024", "ed25519"),
        )
    ],
    _matched("ee_wrong_ta_right", 2, "matched", "no_match"),
    _mismatched("ee_wrong_ta_right", "expired", "expired", "no_match", certificate="expired"),
    _matched("rollover", 3, "matched", "no_match"),
    _mismatched("mismatch", "no_match"),
    _mismatched("sha512_wrong", "no_match", "passed_over", "no_match"),
    _matched("sha512_right", 3, "passed_over", "matched"),
    _matched("sha512_of_other_selector", 3, "no_match", "matched"),
    _matched("sha512_unusable", 3, "matched", "malformed_data"),
    _untried("unusable", "unusable", "pkix_usage"),
    _untried("unusable", "usage_0", "pkix_usage"),
    _untried("unusable", "usage_4", "unknown_usage"),
    _untried("unusable", "selector_2", "unknown_selector"),
    _untried("unusable", "matching_type_3", "unknown_matching_type"),
    _untried("unusable", "empty_data", "malformed_data"),
    _untried("unusable", "short_data", "malformed_data"),
    _untried("unusable", "full_of_nothing", "malformed_data"),
    _untried("unusable", "full_key_of_nothing", "malformed_data"),
    _matched("unusable_beside_right", 3, "pkix_usage", "matched"),
    _mismatched("unusable_beside_wrong", "no_match", "pkix_usage", "no_match"),
    _matched("one_of_100", 3, *["no_match"] * 99, "matched"),
    _untried("no_tls", "mismatch", session="no_starttls"),
    _untried("no_tls", "mismatch", session="starttls_554"),
    _untried("no_tls", "mismatch", session="handshake_alert"),
    _untried("no_tls", "short_data", "malformed_data", session="no_starttls"),
    _untried("unknown", "mismatch", session="connect_refused"),
    _untried("unknown", "mismatch", session="greeting_554"),
    DaneCase(tlsa="servfail", session="connect_refused", in_signed=True, dane="lookup_failed", base=None),
    _matched("at_expanded", 3, mail="host_alias", base="expanded"),
    _matched("ee_key", 3, mail="host_alias"),
    _matched("at_both", 3, mail="host_alias", base="expanded"),
    _mismatched("at_both_expanded_wrong", "no_match", mail="host_alias", base="expanded"),
    DaneCase(
        tlsa="at_both_expanded_unusable",
        mail="host_alias",
        dane="unusable",
        base="expanded",
        tried=("pkix_usage",),
    ),
    _matched("at_both_expanded_unsigned", 3, mail="host_alias"),
    _mismatched("ta_at_expanded", "name_mismatch", mail="host_alias", base="expanded"),
    _without_records("lookup_failed", "expanded_servfail", mail="host_alias"),
    _matched("ee_key", 3, mail="host_alias_to_insecure"),
    _without_records("absent", "at_expanded", mail="host_alias_to_insecure"),
    _without_records("not_applicable", "at_expanded", in_signed=False, mail="host_alias_to_secure"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCase:
    """A domain with hosts of its own, and what senders make of it."""

    mail: str = "hosted"
    tlsa: str = "none"
    certificate: str = "good"
    sts_policy: str | None = None
    """Beside a valid record."""
    needs_signed: bool = True
    dane: str
    dane_action: str
    sts_action: str = "opportunistic"
    sts_step: int | None = None
    authenticated_by: str


def _sts(
    sts_policy: str,
    sts_step: int,
    sts_action: str,
    by: str,
    *,
    mail: str = "hosted",
    certificate: str = "good",
) -> DeliveryCase:
    return DeliveryCase(
        mail=mail, certificate=certificate, sts_policy=sts_policy, needs_signed=False, dane="absent",
        dane_action="opportunistic", sts_action=sts_action, sts_step=sts_step, authenticated_by=by,
    )  # fmt: skip


def _dane(dane: str, dane_action: str, by: str, **words: Any) -> DeliveryCase:
    return DeliveryCase(
        sts_policy="not_found", sts_step=2, dane=dane, dane_action=dane_action, authenticated_by=by, **words
    )


DELIVERY_CASES: tuple[DeliveryCase, ...] = (
    _dane("absent", "opportunistic", "none"),
    _dane("full", "deliver", "dane", tlsa="ee_key"),
    _dane("full", "deliver", "dane", tlsa="ta", certificate="domain_only"),
    _dane("full", "deliver", "dane", mail="alias_to_signed", tlsa="ta", certificate="domain_only"),
    _dane("broken", "opportunistic", "none", mail="alias_to_unsigned", tlsa="ta", certificate="domain_only"),
    _dane("hosted", "opportunistic", "none", mail="alias_to_unsigned", tlsa="ee_key"),
    _dane("broken", "refuse", "none", tlsa="ta", certificate="wrong_name"),
    _dane("broken", "refuse", "none", tlsa="mismatch"),
    _dane("broken", "refuse", "none", tlsa="bogus"),
    _dane("unauthenticated", "deliver", "none", tlsa="short_data"),
    _dane("broken", "fall_back", "none", mail="tlsa_at_backup"),
    _dane("partial", "deliver", "none", mail="tlsa_at_one_primary"),
    _dane("broken", "deliver", "none", mail="tlsa_wrong_at_one_primary"),
    _dane("full", "deliver", "dane", mail="tlsa_beside_dead_primary"),
    _dane("unknown", "unknown", "unknown", mail="tlsa_at_backup_of_dead"),
    _dane("unknown", "fall_back", "unknown", mail="tlsa_fails_at_dead"),
    _sts("enforce", 6, "deliver", "sts"),
    _sts("enforce", 5, "refuse", "none", certificate="expired"),
    _sts("testing", 6, "opportunistic", "none"),
    _sts("testing", 5, "opportunistic", "none", certificate="wrong_name"),
    _sts("none", 4, "opportunistic", "none"),
    _sts("wildcard", 6, "deliver", "sts"),
    _sts("wildcard_too_high", 4, "refuse", "none"),
    _sts("other_mx", 4, "refuse", "none"),
    _sts("some_mx", 4, "deliver", "none", mail="good_pair"),
    _sts("testing_some_mx", 4, "opportunistic", "none", mail="good_pair"),
    _sts("enforce", 5, "fall_back", "none", mail="plain_primary"),
    DeliveryCase(
        tlsa="ee_key", sts_policy="enforce", dane="full", dane_action="deliver", sts_action="deliver",
        sts_step=6, authenticated_by="both",
    ),
    DeliveryCase(
        tlsa="mismatch", sts_policy="enforce", dane="broken", dane_action="refuse", sts_action="deliver",
        sts_step=6, authenticated_by="sts",
    ),
)  # fmt: skip
