"""The paired test: one decision of a large provider is one decision, however many domains it changes."""

from itertools import product
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare_sign_test import ClusterGroup, sign_test


def test_a_single_provider_proves_nothing_however_large() -> None:
    for size in (1, 400, 10_000):
        test = sign_test([ClusterGroup(size, 1, 1)])
        assert (test.clusters, test.net, test.p) == (1, size, 1.0)


def test_domains_that_decide_for_themselves_are_mcnemars_exact_test() -> None:
    gains, losses = 12, 3
    tail = sum(comb(15, k) for k in range(losses + 1)) / 2**15
    test = sign_test([ClusterGroup(1, gains + losses, gains)])
    assert test.p == pytest.approx(2 * tail)
    assert test.is_exact


def test_a_large_provider_drowns_what_small_ones_do() -> None:
    small = sign_test([ClusterGroup(1, 12, 12)])
    drowned = sign_test([ClusterGroup(1, 12, 12), ClusterGroup(1000, 1, 1)])
    assert small.p is not None
    assert drowned.p is not None
    assert small.p < 0.001
    assert drowned.p > 0.0002


def test_without_a_net_change_there_is_no_test() -> None:
    assert sign_test([]).p is None


def test_many_clusters_are_sampled_near_what_counting_gives_and_always_alike() -> None:
    groups = [ClusterGroup(1, 600, 330)]
    exact = 2 * sum(comb(600, k) for k in range(330, 601)) / 2**600
    test = sign_test(groups)
    assert not test.is_exact
    assert test.p == pytest.approx(exact, abs=0.005)
    assert sign_test(groups) == test


@given(
    st.dictionaries(
        st.integers(1, 6), st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4
    )
)
def test_it_is_the_share_of_all_signs_that_are_as_far_from_zero(sizes: dict[int, tuple[int, int]]) -> None:
    groups = [ClusterGroup(size, up + down, up) for size, (up, down) in sizes.items() if up + down]
    nets = [group.size for group in groups for _ in range(group.clusters)]
    observed = abs(sum(size * (up - down) for size, (up, down) in sizes.items()))
    sums = [
        abs(sum(s * n for s, n in zip(signs, nets, strict=True)))
        for signs in product((1, -1), repeat=len(nets))
    ]
    expected = sum(total >= observed for total in sums) / len(sums) if nets else None
    assert sign_test(groups).p == expected
