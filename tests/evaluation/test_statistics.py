import numpy as np
import pytest

from promptseg.evaluation.statistics import estimate


def names(count):
    return [f"{index}.png" for index in range(count)]


def test_mean_and_standard_deviation_are_those_of_the_objects():
    one = estimate([0.1, 0.5, 0.9], names(3))
    assert (one.mean, one.std, one.count) == (pytest.approx(0.5), pytest.approx(0.4), 3)


def test_the_interval_of_independent_objects_is_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(0.6, 0.2, 400)
    one = estimate(values, names(400))
    half = 1.96 * values.std() / 20
    assert one.ci95 == pytest.approx((values.mean() - half, values.mean() + half), abs=0.002)


def test_objects_of_one_image_do_not_narrow_the_interval():
    values = np.random.default_rng(1).normal(0.6, 0.2, 50)
    alone = estimate(values, names(50))
    copied = estimate(np.repeat(values, 20), np.repeat(names(50), 20).tolist())
    assert copied.ci95 == pytest.approx(alone.ci95, abs=1e-9)
    pretended = estimate(np.repeat(values, 20), names(1000))
    assert pretended.ci95[1] - pretended.ci95[0] < (alone.ci95[1] - alone.ci95[0]) / 3


def test_the_interval_holds_the_true_mean_in_about_95_of_100_samples():
    random = np.random.default_rng(7)
    held = 0
    for _ in range(120):
        of_images = random.normal(0.5, 0.1, 40)
        images = np.repeat(np.arange(40), 3)
        low, high = estimate(of_images[images] + random.normal(0, 0.05, 120), images.astype(str).tolist()).ci95
        held += low <= 0.5 <= high
    assert 104 <= held <= 119  # 114 expected, and 2.4 of standard deviation.


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly():
    values = np.linspace(0, 1, 30)
    first, again, other = (estimate(values, names(30), seed) for seed in (0, 0, 1))
    assert first == again
    assert first.ci95 != other.ci95
    assert first.ci95 == pytest.approx(other.ci95, abs=0.01)


def test_of_one_image_nothing_is_known_about_others():
    assert estimate([0.2, 0.4], ["a", "a"]).ci95 is None
    assert estimate([0.2], ["a"]).std is None


def test_the_interval_weighs_groups_by_their_objects():
    assert estimate([0.0] * 9 + [1.0], ["many"] * 9 + ["one"]).ci95 == (0.0, 1.0)
    values = [0.0] * 120 + [1.0] * 30  # Six groups of 20 objects with 0, and six of 5 objects with 1.
    groups = np.repeat(names(12), [20] * 6 + [5] * 6).tolist()
    low, high = estimate(values, groups).ci95
    # Of 12 drawn groups, 3 to 9 are of the second kind in 95 % of the resamples; the mean of the groups' means would be 0.25 to 0.75.
    assert low == pytest.approx(3 * 5 / (3 * 5 + 9 * 20))
    assert high == pytest.approx(9 * 5 / (9 * 5 + 3 * 20))
