"""Each rule of redaction, by itself."""

from dataclasses import replace
from typing import Annotated, get_args, get_origin, get_type_hints

import hypothesis.strategies as st
import pytest
from hypothesis import given

from crawler.dataset.content import CONTENTS, Content, rewrite_texts, text_columns
from crawler.dataset.redaction import (
    REDACTED,
    SIGNS_OF_STRIPPING,
    Redaction,
    Redactor,
    without_addresses,
    without_attributes,
    without_greeting,
    without_mailboxes,
    without_people,
    without_signs,
)
from crawler.outcomes import DnssecStatus, LookupStatus
from crawler.records import TABLES, Certificate, Reply, Session, TlsaLookup, TlsaRecord
from tests.dataset.published import STRIPPED, TALKATIVE
from tests.session_rows import ENCRYPTED, session

CERTIFICATE = Certificate(
    sha256="aa",
    der=b"0\x82",
    parse_failure=None,
    subject="CN=Jane Doe,O=Doe\\, Jane,C=DE",
    issuer="CN=mail.example.org,emailAddress=jane@example.org",
    serial_number="01",
    not_before=None,
    not_after=None,
    key_type="rsa",
    key_bits=2048,
    signature_algorithm="sha256WithRSAEncryption",
    dns_names=("*.example.org", "janes-laptop", "jane@example.org"),
    common_names=("Jane Doe", "mail.example.org"),
    is_ca=False,
    self_signed=True,
    spki_sha256="bb",
)


@pytest.mark.parametrize("table", TABLES)
def test_it_is_known_what_every_column_of_text_holds(table: str) -> None:
    assert [name for name in text_columns(TABLES[table]) if name not in CONTENTS] == []


def test_no_content_is_entered_for_a_column_that_is_none() -> None:
    assert set(CONTENTS) == {name for record in TABLES.values() for name in text_columns(record)}


def test_every_column_that_speaks_of_stripping_is_a_sign_of_it() -> None:
    described = {
        (name, get_args(hint)[1])
        for record in TABLES.values()
        for name, hint in get_type_hints(record, include_extras=True).items()
        if get_origin(hint) is Annotated
    }
    assert {name for name, text in described if "stripping" in text} == set(SIGNS_OF_STRIPPING)


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("ask jane.doe+x@example.org.", f"ask {REDACTED}@example.org."),
        (
            "mailto:a@example.org,mailto:b@c.example",
            f"mailto:{REDACTED}@example.org,mailto:{REDACTED}@c.example",
        ),
        ("v=TLSRPTv1; rua=mailto:a@b.example", f"v=TLSRPTv1; rua=mailto:{REDACTED}@b.example"),
        ("@example.org is no mailbox, nor is a@b", "@example.org is no mailbox, nor is a@b"),
    ],
)
def test_local_parts_of_mail_addresses_go_and_domains_stay(text: str, published: str) -> None:
    assert without_mailboxes(text)[0] == published


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("mail.example.org [192.0.2.1] ready", f"mail.example.org [{REDACTED}] ready"),
        ("5.7.1 client 192.0.2.1.", f"5.7.1 client {REDACTED}."),
        ("host 2001:db8::25, port 25", f"host {REDACTED}, port 25"),
        ("[IPv6:2001:db8::25]", f"[IPv6:{REDACTED}]"),
        ("::ffff:192.0.2.1", REDACTED),
        ("Exim 4.94.2, 300.1.2.3, 12:34:56 +0000, a::b:c:d:e", "Exim 4.94.2, 300.1.2.3, 12:34:56 +0000, {}"),
        ("Sendmail 8.14.4/8.14.4; 4.3.2 later", "Sendmail 8.14.4/8.14.4; 4.3.2 later"),
        ("ESMTP 15.20.8158.0", "ESMTP 15.20.8158.0"),
    ],
)
def test_addresses_go_and_versions_times_and_status_codes_stay(text: str, published: str) -> None:
    assert without_addresses(text)[0] == published.format(REDACTED)


@given(
    st.ip_addresses(), st.sampled_from(["[{}]", "client {} blocked", "{}", "({}):", "from {}, bye", "x {}."])
)
def test_no_address_stays(address: object, form: str) -> None:
    assert without_addresses(form.format(address)) == (form.format(REDACTED), 1)


def test_of_a_distinguished_name_hosts_and_countries_stay() -> None:
    assert without_attributes(CERTIFICATE.subject) == f"CN={REDACTED},O={REDACTED},C=DE"
    assert without_attributes(CERTIFICATE.issuer) == f"CN=mail.example.org,emailAddress={REDACTED}"
    assert (
        without_attributes("CN=x+2.5.4.99=#0C0141,OU=a\\+b\\,c")
        == f"CN={REDACTED}+2.5.4.99={REDACTED},OU={REDACTED}"
    )
    assert without_attributes("") == ""
    assert without_attributes(None) is None


@given(st.lists(st.text(alphabet='jane doe,+=\\#"<>;', min_size=1), min_size=1, max_size=4))
def test_no_value_of_a_distinguished_name_stays(values: list[str]) -> None:
    escaped = ["".join(f"\\{c}" if c in '\\,+"<>;= #' else c for c in value) for value in values]
    name = ",".join(f"O={value}" for value in escaped)
    assert without_attributes(name) == ",".join([f"O={REDACTED}"] * len(values))


def test_a_certificate_keeps_host_names_alone() -> None:
    published = without_people(CERTIFICATE)
    assert published.dns_names == ("*.example.org", REDACTED, REDACTED)
    assert published.common_names == (REDACTED, "mail.example.org")
    assert published.der == b""
    assert (published.sha256, published.spki_sha256) == ("aa", "bb")
    assert "ane" not in repr(published)


def test_a_certificate_is_published_whole_if_an_authority_stands_for_it() -> None:
    signed = replace(CERTIFICATE, self_signed=False)
    assert Redactor(frozenset({"aa"}))(signed) == signed
    for known, certificate in ((frozenset[str](), signed), (frozenset({"aa"}), CERTIFICATE)):
        redactor = Redactor(known)
        assert redactor(certificate) == without_people(certificate)
        assert redactor.counts == {Redaction.CERTIFICATE_NAMES: 1}


def test_a_stripped_session_looks_like_any_host_without_starttls() -> None:
    plain = replace(
        STRIPPED,
        greeting=Reply(code=220, lines=("mail.example.org ESMTP",)),
        greeting_masked=False,
        ehlo_keywords=("SIZE 1000",),
        starttls_overwritten=False,
    )
    redactor = Redactor(frozenset())
    assert redactor(STRIPPED) == redactor(plain)
    assert redactor.counts[Redaction.SIGNS_OF_STRIPPING] == 1
    assert redactor.counts[Redaction.GREETINGS] == 2


@pytest.mark.parametrize(
    ("greeting", "offered", "is_kept"),
    [
        (Reply(code=220, lines=("hello",)), True, True),
        (Reply(code=220, lines=("hello",)), False, False),
        (Reply(code=220, lines=("hello",)), None, False),
        (Reply(code=554, lines=("go away",)), None, True),
        (None, None, True),
    ],
)
def test_greetings_go_where_starttls_was_not_offered(
    greeting: Reply | None, offered: bool | None, is_kept: bool
) -> None:
    seen = session("mx.example.org", "192.0.2.1", greeting=greeting, starttls_offered=offered)
    assert (without_greeting(seen) == seen) is is_kept


def test_no_session_tells_whether_it_was_stripped() -> None:
    for seen in (STRIPPED, TALKATIVE):
        assert [getattr(without_signs(seen), sign) for sign in SIGNS_OF_STRIPPING] == [None, None]
    assert without_signs(TALKATIVE).ehlo_keywords == ("STARTTLS", "SIZE 1000")


def test_texts_of_a_session_are_redacted_and_counted() -> None:
    redactor = Redactor(frozenset())
    published = redactor(TALKATIVE)
    assert published.greeting == Reply(
        code=220, lines=(f"mail ESMTP [{REDACTED}] ask {REDACTED}@example.org",)
    )
    assert published.address == "192.0.2.77"
    assert redactor.counts[Redaction.ADDRESSES] == redactor.counts[Redaction.MAIL_ADDRESSES] == 1


def test_a_whole_certificate_in_a_tlsa_record_goes_too() -> None:
    records = tuple(
        TlsaRecord(usage=3, selector=0, matching_type=kind, association_data=data)
        for kind, data in ((0, "30" * 300), (1, "ab" * 32), (2, "cd" * 64))
    )
    lookup = TlsaLookup(status=LookupStatus.NOERROR, dnssec_status=DnssecStatus.SECURE, records=records)
    published = Redactor(frozenset())(session("a.test", "192.0.2.1", **ENCRYPTED | {"tlsa": lookup}))
    assert isinstance(published, Session)
    assert published.tlsa is not None
    assert [record.association_data for record in published.tlsa.records] == ["", "ab" * 32, "cd" * 64]


def test_rewriting_reaches_every_text_of_a_record_however_deep() -> None:
    seen: list[str] = []

    def note(content: Content, text: str) -> str:
        seen.append(text)
        return text

    assert rewrite_texts(TALKATIVE, note) == TALKATIVE
    assert {"192.0.2.77", "TLSv1.3", "aa", "bb", "EHLO", "SIZE 1000", "go"} <= set(seen)
