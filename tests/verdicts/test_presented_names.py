"""Names found by index are those that the rule finds one by one."""

from hypothesis import given
from hypothesis import strategies as st

from crawler.protocol.dns_id import matches_dns_id
from crawler.verdicts.names import PresentedNames

labels = st.sampled_from(["a", "B", "mx", "example", "org", "*", "m*", "\\x2A", ""])
names = st.lists(labels, max_size=4).map(".".join)


@given(st.lists(names), names)
def test_the_index_finds_what_the_rule_finds_one_by_one(presented: list[str], reference: str) -> None:
    found = PresentedNames(presented).match(reference)
    assert found == any(matches_dns_id(name, reference) for name in presented)


def test_a_name_with_a_final_dot_does_not_hide_the_one_without() -> None:
    assert PresentedNames(["mx.example.org", "MX.example.org."]).match("mx.example.org")
    assert not PresentedNames(["mx.example.org."]).match("mx.example.org")
