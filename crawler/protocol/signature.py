"""Signature algorithms of certificates, and whether a signature verifies with a key (RFC 5280 s4.1.1.2)."""

import warnings

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from crawler.protocol.der import (
    SEQUENCE,
    DerError,
    Element,
    elements,
    expect,
    read_element,
    read_integer,
    read_oid,
)

_PKCS1 = "1.2.840.113549.1.1"
_NIST = "2.16.840.1.101.3.4"
_RSASSA_PSS = f"{_PKCS1}.10"
_MGF1 = f"{_PKCS1}.8"

_MD5 = hashes.MD5()  # noqa: S303 (what a certificate was signed with is not our choice)
_SHA1 = hashes.SHA1()  # noqa: S303 (as above)

# The hashes of RSASSA-PSS.
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.113549.2.5": _MD5,
    "1.3.14.3.2.26": _SHA1,
    f"{_NIST}.2.4": hashes.SHA224(),
    f"{_NIST}.2.1": hashes.SHA256(),
    f"{_NIST}.2.2": hashes.SHA384(),
    f"{_NIST}.2.3": hashes.SHA512(),
    f"{_NIST}.2.7": hashes.SHA3_224(),
    f"{_NIST}.2.8": hashes.SHA3_256(),
    f"{_NIST}.2.9": hashes.SHA3_384(),
    f"{_NIST}.2.10": hashes.SHA3_512(),
}

# Name, kind, hash. Without a kind: cannot be verified here.
_ALGORITHMS: dict[str, tuple[str, str | None, hashes.HashAlgorithm | None]] = {
    f"{_PKCS1}.2": ("md2WithRSAEncryption", None, None),
    f"{_PKCS1}.3": ("md4WithRSAEncryption", None, None),
    f"{_PKCS1}.4": ("md5WithRSAEncryption", "rsa", _MD5),
    f"{_PKCS1}.5": ("sha1WithRSAEncryption", "rsa", _SHA1),
    "1.3.14.3.2.29": ("sha1WithRSAEncryption", "rsa", _SHA1),
    f"{_PKCS1}.14": ("sha224WithRSAEncryption", "rsa", hashes.SHA224()),
    f"{_PKCS1}.11": ("sha256WithRSAEncryption", "rsa", hashes.SHA256()),
    f"{_PKCS1}.12": ("sha384WithRSAEncryption", "rsa", hashes.SHA384()),
    f"{_PKCS1}.13": ("sha512WithRSAEncryption", "rsa", hashes.SHA512()),
    f"{_NIST}.3.13": ("rsassa-pkcs1-v1_5-with-sha3-224", "rsa", hashes.SHA3_224()),
    f"{_NIST}.3.14": ("rsassa-pkcs1-v1_5-with-sha3-256", "rsa", hashes.SHA3_256()),
    f"{_NIST}.3.15": ("rsassa-pkcs1-v1_5-with-sha3-384", "rsa", hashes.SHA3_384()),
    f"{_NIST}.3.16": ("rsassa-pkcs1-v1_5-with-sha3-512", "rsa", hashes.SHA3_512()),
    _RSASSA_PSS: ("RSASSA-PSS", "pss", None),
    "1.2.840.10045.4.1": ("ecdsa-with-SHA1", "ecdsa", _SHA1),
    "1.2.840.10045.4.3.1": ("ecdsa-with-SHA224", "ecdsa", hashes.SHA224()),
    "1.2.840.10045.4.3.2": ("ecdsa-with-SHA256", "ecdsa", hashes.SHA256()),
    "1.2.840.10045.4.3.3": ("ecdsa-with-SHA384", "ecdsa", hashes.SHA384()),
    "1.2.840.10045.4.3.4": ("ecdsa-with-SHA512", "ecdsa", hashes.SHA512()),
    f"{_NIST}.3.9": ("ecdsa-with-SHA3-224", "ecdsa", hashes.SHA3_224()),
    f"{_NIST}.3.10": ("ecdsa-with-SHA3-256", "ecdsa", hashes.SHA3_256()),
    f"{_NIST}.3.11": ("ecdsa-with-SHA3-384", "ecdsa", hashes.SHA3_384()),
    f"{_NIST}.3.12": ("ecdsa-with-SHA3-512", "ecdsa", hashes.SHA3_512()),
    "1.2.840.10040.4.3": ("dsa-with-SHA1", "dsa", _SHA1),
    f"{_NIST}.3.1": ("dsa-with-SHA224", "dsa", hashes.SHA224()),
    f"{_NIST}.3.2": ("dsa-with-SHA256", "dsa", hashes.SHA256()),
    f"{_NIST}.3.3": ("dsa-with-SHA384", "dsa", hashes.SHA384()),
    f"{_NIST}.3.4": ("dsa-with-SHA512", "dsa", hashes.SHA512()),
    "1.3.101.112": ("Ed25519", "ed25519", None),
    "1.3.101.113": ("Ed448", "ed448", None),
    f"{_NIST}.3.17": ("ML-DSA-44", None, None),
    f"{_NIST}.3.18": ("ML-DSA-65", None, None),
    f"{_NIST}.3.19": ("ML-DSA-87", None, None),
}


def algorithm_name(algorithm: Element) -> str:
    """Return the name of a signature AlgorithmIdentifier, or its OID in dotted form. Raises DerError."""
    oid = algorithm_oid(algorithm)
    return _ALGORITHMS[oid][0] if oid in _ALGORITHMS else oid


def algorithm_oid(algorithm: Element) -> str:
    """Return the OID of an AlgorithmIdentifier in dotted form. Raises DerError."""
    return read_oid(read_element(expect(algorithm, SEQUENCE))[0])


def verifies(algorithm: Element, public_key_info: bytes, signature: bytes, signed: bytes) -> bool | None:
    """Whether a signature over octets verifies with a key; None if key or algorithm cannot be read or used.

    False also where the algorithm is not one of the key's kind. Weak algorithms count like any other: MD5 and
    SHA-1 are verified. Raises DerError for a malformed algorithm.
    """
    _, kind, digest = _ALGORITHMS.get(algorithm_oid(algorithm), ("", None, None))
    if kind is None:
        return None
    try:
        with warnings.catch_warnings():
            # Small keys and old curves are deprecated for use; they are looked at here, not used.
            warnings.simplefilter("ignore")
            key = load_der_public_key(public_key_info)
        match key, kind, digest:
            case rsa.RSAPublicKey(), "pss", None:
                pss, pss_digest = _pss_parameters(algorithm)
                key.verify(signature, signed, pss, pss_digest)
            case rsa.RSAPublicKey(), "rsa", hashes.HashAlgorithm():
                key.verify(signature, signed, padding.PKCS1v15(), digest)
            case ec.EllipticCurvePublicKey(), "ecdsa", hashes.HashAlgorithm():
                key.verify(signature, signed, ec.ECDSA(digest))
            case dsa.DSAPublicKey(), "dsa", hashes.HashAlgorithm():
                key.verify(signature, signed, digest)
            case ed25519.Ed25519PublicKey(), "ed25519", None:
                key.verify(signature, signed)
            case ed448.Ed448PublicKey(), "ed448", None:
                key.verify(signature, signed)
            case _:
                return False
    except InvalidSignature:
        return False
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None
    return True


def _pss_parameters(algorithm: Element) -> tuple[padding.PSS, hashes.HashAlgorithm]:
    """Return the parameters of RSASSA-PSS and its hash (RFC 4055 s3.1). Raises DerError."""
    digest: hashes.HashAlgorithm = _SHA1
    mask_digest: hashes.HashAlgorithm = _SHA1
    salt_length = 20
    for parameters in list(elements(expect(algorithm, SEQUENCE)))[1:2]:
        for parameter in elements(expect(parameters, SEQUENCE)):
            value, _ = read_element(parameter.contents)
            if parameter.tag == 0xA0:
                digest = _digest(value)
            elif parameter.tag == 0xA1:
                if algorithm_oid(value) != _MGF1:
                    raise DerError("a mask generation function other than MGF1")
                mask_digest = _digest(list(elements(value.contents))[-1])
            elif parameter.tag == 0xA2:
                salt_length = read_integer(value)
    return padding.PSS(padding.MGF1(mask_digest), salt_length), digest


def _digest(algorithm: Element) -> hashes.HashAlgorithm:
    oid = algorithm_oid(algorithm)
    if oid not in _HASHES:
        raise DerError(f"unknown hash {oid}")
    return _HASHES[oid]
