"""A paired test of the panel that knows that domains of one provider change together.

McNemar's test weighs gains against losses as if every domain had decided for itself. Here it does not: a
provider that switches STARTTLS on changes thousands of domains by one decision. So the unit is the cluster
(`compare/clusters.sql`). Without a change of the world, a cluster's net change is as likely up as down; the
test flips the sign of every cluster's net change, and asks how often the sum is then as far from zero as the
one observed. With clusters of one domain each this is McNemar's exact test. It needs no normal
approximation, which would fail where one provider is larger than all others together, and no bootstrap, which
would resample clusters that mostly did not change.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from random import Random

REPLICATES = 20_000
"""Of the random signs, where there are too many ways to count them all; p is then good to about 0.004."""
SEED = 1
_MOST_COUNTED = 500
"""Largest sum of sizes for which every way is counted: half a million steps at most."""


@dataclass(frozen=True, slots=True)
class ClusterGroup:
    """The clusters whose gains and losses differ by the same number of domains."""

    size: int
    clusters: int
    rising: int
    """Of these: more gains than losses."""


@dataclass(frozen=True, slots=True)
class SignTest:
    """How surprising the panel's net change is, if nothing but chance turned clusters up or down."""

    clusters: int
    """Clusters with a net change; the others say nothing."""
    net: int
    """Gains less losses, in domains."""
    p: float | None
    """Two-sided; None: no cluster has a net change."""
    is_exact: bool
    """Every way was counted; else `REPLICATES` random ones, by a fixed seed."""


def sign_test(groups: Sequence[ClusterGroup]) -> SignTest:
    """Return the clustered test of a panel. The same groups give the same result."""
    clusters = sum(group.clusters for group in groups)
    net = sum(group.size * (2 * group.rising - group.clusters) for group in groups)
    if not clusters:
        return SignTest(0, 0, None, is_exact=True)
    if sum(group.size * group.clusters for group in groups) <= _MOST_COUNTED:
        return SignTest(clusters, net, _exact(groups, clusters, net), is_exact=True)
    return SignTest(clusters, net, _sampled(groups, net), is_exact=False)


def _exact(groups: Sequence[ClusterGroup], clusters: int, net: int) -> float:
    ways = {0: 1}
    for group in groups:
        grown: dict[int, int] = {}
        for rising in range(group.clusters + 1):
            step, weight = group.size * (2 * rising - group.clusters), comb(group.clusters, rising)
            for total, count in ways.items():
                grown[total + step] = grown.get(total + step, 0) + count * weight
        ways = grown
    as_far: int = sum(count for total, count in ways.items() if abs(total) >= abs(net))
    # Whole numbers are divided at once: 2 to the power of the clusters may be beyond any float.
    return as_far / (1 << clusters)


def _sampled(groups: Sequence[ClusterGroup], net: int) -> float:
    rng = Random(SEED)
    as_far = 0
    for _ in range(REPLICATES):
        # Each random bit is the sign of one cluster.
        total = sum(
            group.size * (2 * rng.getrandbits(group.clusters).bit_count() - group.clusters)
            for group in groups
        )
        as_far += abs(total) >= abs(net)
    # The world as observed is one of the ways, so p is never zero.
    return (1 + as_far) / (1 + REPLICATES)
