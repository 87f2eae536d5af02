import numpy as np
import pytest

from lib.analysis.tails import find_survival, threshold_of
from lib.core.blockwise import alone

NETWORKS = {
    "uniform": lambda rng, n: rng.uniform(0, 2, n),
    "gamma": lambda rng, n: rng.gamma(2, 0.5, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 1, n),
    "pareto": lambda rng, n: rng.pareto(2.5, n),
    "bounded pareto": lambda rng, n: np.minimum(rng.pareto(1.5, n), 20),
}


def network(name, n=20_000, seed=1):
    return NETWORKS[name](np.random.default_rng(seed), n)


def threshold(values, false_share, expected_share=None):
    return threshold_of(alone(find_survival(values)), false_share, expected_share)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_alone_has_no_threshold(name):
    assert threshold(network(name), 0.01) == np.inf


@pytest.mark.parametrize("name", NETWORKS)
def test_values_far_beyond_a_network_are_beyond_the_threshold(name):
    outages = np.geomspace(10_000, 100_000, 30)
    limit = threshold(np.concatenate((network(name), outages)), 0.01)
    assert network(name).max() < limit <= outages.min()


def test_a_single_value_far_out_is_found():
    assert threshold(np.append(network("gamma"), 1_000.0), 0.01) < 1_000


def test_a_smaller_share_of_false_ones_gives_a_higher_threshold():
    values = np.concatenate((network("pareto"), np.geomspace(100, 10_000, 50)))
    assert threshold(values, 0.001) > threshold(values, 0.1)


def test_what_is_known_to_be_expected_raises_the_threshold():
    values = np.concatenate((network("gamma"), np.full(20, 100.0), np.full(20, 10_000.0)))

    def known(points):
        return np.where(points < 500, 0.001, 0.0)

    assert threshold(values, 0.01) < 100
    assert 500 <= threshold(values, 0.01, known) < 10_000


def test_the_unit_does_not_matter():
    values = np.append(network("lognormal"), [900.0, 5_000.0])
    assert threshold(values * 1000, 0.01) == pytest.approx(1000 * threshold(values, 0.01))


def test_no_values_have_no_threshold():
    assert threshold(np.empty(0), 0.01) == np.inf
    assert threshold(np.zeros(5), 0.01) == np.inf
