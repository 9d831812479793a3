"""Every word of OpenSSL for a path has a reason, chosen on purpose."""

import pytest
from cryptography.hazmat.bindings.openssl.binding import Binding

from crawler.outcomes import PkixReason
from crawler.verdicts.verify_codes import REASONS, reason_of

_UNKNOWN = "unknown certificate verification error"
CODES = range(1, 1000)


def openssl_words() -> dict[int, str]:
    """Return what the library that the crawler is linked to has a word for."""
    binding = Binding()
    text = binding.lib.X509_verify_cert_error_string
    words = {code: binding.ffi.string(text(code)).decode() for code in CODES}
    return {code: word for code, word in words.items() if word != _UNKNOWN}


def test_every_code_that_openssl_has_a_word_for_has_a_reason() -> None:
    words = openssl_words()
    assert len(words) > 90
    assert {code: word for code, word in words.items() if code not in REASONS} == {}


def test_no_reason_is_given_to_a_code_that_is_none() -> None:
    # 101, a certificate unknown to OCSP, is a code without a word.
    assert set(REASONS) - set(openssl_words()) <= {101}


def test_reasons_found_without_openssl_have_no_code() -> None:
    assert set(PkixReason) - set(REASONS.values()) == {PkixReason.NO_CERTIFICATE, PkixReason.UNPARSABLE}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (0, None),
        (1, PkixReason.OTHER_PATH),
        (2, PkixReason.INCOMPLETE_CHAIN),
        (6, PkixReason.BAD_SIGNATURE),
        (18, PkixReason.SELF_SIGNED),
        (25, PkixReason.NOT_A_CA),
        (34, PkixReason.OTHER_PATH),
        (9999, PkixReason.OTHER_PATH),
    ],
)
def test_a_code_is_translated(code: int, reason: PkixReason | None) -> None:
    assert reason_of(code) is reason
