"""OpenSSL's words for what is wrong with a path (x509_vfy.h, X509_V_ERR), in the words of the survey."""

from crawler.outcomes import PkixReason

UNSPECIFIED = 1
SELF_SIGNED_LEAF = 18
SELF_SIGNED_IN_CHAIN = 19
INVALID_PURPOSE = 26
LEAF_KEY_TOO_SMALL = 66
CA_KEY_TOO_SMALL = 67
SIGNATURE_TOO_WEAK = 68

REASONS: dict[int, PkixReason] = {
    # A server sends its certificates with gaps: no issuer locally, none at all, none for the first of them.
    **dict.fromkeys((2, 20, 21), PkixReason.INCOMPLETE_CHAIN),
    SELF_SIGNED_LEAF: PkixReason.SELF_SIGNED,
    SELF_SIGNED_IN_CHAIN: PkixReason.UNKNOWN_ISSUER,
    # It cannot be deciphered, is wrong, or the issuer's key cannot be read or is of another kind.
    **dict.fromkeys((4, 6, 7, 24, 76, 77, 78), PkixReason.BAD_SIGNATURE),
    # A path too long for an issuer's constraint; no key usage for it; no authority by its basic constraints.
    **dict.fromkeys((25, 32, 79), PkixReason.NOT_A_CA),
    **dict.fromkeys((LEAF_KEY_TOO_SMALL, CA_KEY_TOO_SMALL), PkixReason.WEAK_KEY),
    SIGNATURE_TOO_WEAK: PkixReason.WEAK_SIGNATURE,
    9: PkixReason.NOT_YET_VALID,
    10: PkixReason.EXPIRED,
    62: PkixReason.NAME_MISMATCH,
    **dict.fromkeys(
        (
            UNSPECIFIED,
            *(13, 14),  # dates that cannot be read
            *(17, 69, 70),  # OpenSSL's own troubles
            *(22, 55),  # a path that is too long to follow, or a circle
            INVALID_PURPOSE,
            *(27, 28),  # rejected by the store
            *(29, 30, 31),  # names and key identifiers that do not fit: said while issuers are sought
            34,  # an unknown critical extension
            *(37, 41, 45, 80, 81, 82, 93, 94),  # inconsistent or unsupported extensions and key parameters
            *(42, 43),  # certificate policies
            *(46, 47, 48, 49, 51, 52, 53),  # outside an issuer's constraints
            # The rest is said only where it is asked for, which is never here.
            *(3, 5, 8, 11, 12, 15, 16, 23, 33, 35, 36, 44, 54),  # revocation lists
            *(38, 39, 40, 72),  # proxy certificates
            *(50, 63, 64, 65, 71, 95),  # the application's own, other identities, DANE, raw keys
            *range(56, 62),  # Suite B
            *(73, 74, 75, 96, 97, 98, 99, 100, 101),  # OCSP
            *(*range(83, 93), 102, 103),  # what issuers owe by RFC 5280, and paths do without
        ),
        PkixReason.OTHER_PATH,
    ),
}
"""By code. All known codes stand here: a test fails for one that a new OpenSSL adds."""


def reason_of(code: int) -> PkixReason | None:
    """Return the reason that a verify result stands for; None for 0."""
    return REASONS.get(code, PkixReason.OTHER_PATH) if code else None
