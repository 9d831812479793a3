"""What MX records say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.outcomes import LookupStatus, MxKind, UnusableExchange
from crawler.protocol.mx import read_mx, sort_mx


def test_records_are_sorted_by_preference_then_exchange_and_each_stands_once() -> None:
    records = sort_mx([(20, "b.example"), (10, "z.example"), (10, "a.example"), (20, "b.example")])
    assert [(record.preference, record.exchange) for record in records] == [
        (10, "a.example"),
        (10, "z.example"),
        (20, "b.example"),
    ]


def test_unusable_exchanges_are_kept_with_their_reason() -> None:
    records = sort_mx([(0, "."), (1, "192.0.2.1"), (2, "mx.example")])
    assert [record.unusable for record in records] == [
        UnusableExchange.ROOT,
        UnusableExchange.IP_LITERAL,
        None,
    ]


@pytest.mark.parametrize(
    ("pairs", "kind"),
    [
        ([(10, "mx.example")], MxKind.EXPLICIT),
        ([(10, "192.0.2.1")], MxKind.EXPLICIT),
        ([(0, ".")], MxKind.NULL_MX),
        ([(10, ".")], MxKind.NULL_MX),
        ([(0, "."), (0, ".")], MxKind.NULL_MX),
        ([(0, "."), (10, ".")], MxKind.NULL_MX_WITH_OTHERS),
        ([(0, "."), (10, "mx.example")], MxKind.NULL_MX_WITH_OTHERS),
    ],
)
def test_a_null_mx_is_one_only_alone(pairs: list[tuple[int, str]], kind: MxKind) -> None:
    assert read_mx(LookupStatus.NOERROR, sort_mx(pairs)) is kind


@pytest.mark.parametrize("status", list(LookupStatus))
def test_without_records_only_nodata_means_implicit_mx(status: LookupStatus) -> None:
    expected = {
        LookupStatus.NODATA: MxKind.NO_MX,
        LookupStatus.NXDOMAIN: MxKind.NO_DOMAIN,
        LookupStatus.OPTED_OUT: MxKind.OPTED_OUT,
    }
    assert read_mx(status, ()) is expected.get(status, MxKind.UNKNOWN)


@given(st.lists(st.tuples(st.integers(0, 65535), st.text(max_size=10))))
def test_the_order_of_arrival_does_not_matter(pairs: list[tuple[int, str]]) -> None:
    assert sort_mx(pairs) == sort_mx(reversed(pairs))
