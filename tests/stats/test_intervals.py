"""Each interval against a definition, brute force, scipy or its own bootstrap."""

import numpy as np
import pytest
from scipy import stats

from dynconv.stats import effects, intervals
from dynconv.stats.bootstrap import fixed_interval, population_interval
from dynconv.stats.draws import Draws

NAN = float("nan")
TIED = np.array([0.2, 0.2, -0.1, 0.0, 0.3, -0.2, 0.5, 0.0, 0.1])


def _improvement(a, b, alpha):
    return intervals.improvement_interval(a, b, effects.dataset_deltas(a, b), alpha)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_signed_rank_distribution_counts_every_pattern(n):
    patterns = np.arange(2**n)[:, None] >> np.arange(n) & 1
    sums = patterns @ np.arange(1, n + 1)
    expected = [np.mean(sums <= t) for t in range(n * (n + 1) // 2 + 1)]
    assert intervals._signed_rank_cdf(n) == pytest.approx(expected)


@pytest.mark.parametrize("n", [6, 11, 50])
def test_hodges_lehmann_interval_holds_what_the_test_keeps(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    low, high = intervals.hodges_lehmann_interval(d, 0.05)
    for shift, kept in ((low + 1e-9, True), (low - 1e-9, False), (high - 1e-9, True), (high + 1e-9, False)):
        assert (stats.wilcoxon(d - shift, method="exact").pvalue > 0.05) == kept
    assert low < effects.hodges_lehmann(d) < high


def test_hodges_lehmann_interval_beyond_the_exact_table_goes_on_smoothly():
    d = np.random.default_rng(1).normal(0.3, 1, 51)
    low, high = intervals.hodges_lehmann_interval(d, 0.05)
    for shift, kept in ((low + 1e-9, True), (low - 1e-9, False), (high - 1e-9, True), (high + 1e-9, False)):
        assert (stats.wilcoxon(d - shift, method="exact").pvalue > 0.05) == kept


def test_hodges_lehmann_interval_needs_six_datasets():
    assert np.isnan(intervals.hodges_lehmann_interval(np.arange(5.0), 0.05)).all()
    assert intervals.hodges_lehmann_interval(np.arange(6.0), 0.05) == (0, 5)
    assert intervals.hodges_lehmann_interval(np.zeros(70), 0.05) == (0, 0)


@pytest.mark.parametrize("d", [TIED, np.array([0.3, -0.1]), np.array([1.0, 0, 0]), np.zeros(4), np.arange(-3.0, 9)])
def test_rank_biserial_left_out_is_brute_force(d):
    expected = [effects.rank_biserial(np.delete(d, i)) for i in range(len(d))]
    assert effects.rank_biserial_left_out(d) == pytest.approx(expected)


@pytest.mark.parametrize(("wins", "n"), [(0, 4), (3, 7), (20, 20)])
def test_share_of_wins_has_wilsons_interval(wins, n):
    d = np.where(np.arange(n) < wins, 0.1, -0.1)
    expected = stats.binomtest(wins, n).proportion_ci(0.9, method="wilson")
    assert intervals.prob_a_better_interval(d, 0.1) == pytest.approx(expected)


def test_shares_stay_inside_their_scale_and_never_shrink_to_a_point():
    for d in (np.full(3, 0.1), np.full(3, -0.1), np.zeros(3), TIED):
        for low, high in (
            intervals.prob_a_better_interval(d, 0.05),
            np.add(intervals.rank_biserial_interval(d, 0.05), 1) / 2,
            _improvement(d[:, None], np.zeros((len(d), 1)), 0.05),
            _improvement(d[None, :], np.zeros((1, 4)), 0.05),
        ):
            assert 0 <= low < high <= 1
            assert high - low > 0.2
    assert intervals.prob_a_better_interval(TIED, 0.05) < intervals.prob_a_better_interval(np.abs(TIED), 0.05)


def test_equal_datasets_narrow_a_share_and_unequal_ones_do_not():
    b = np.tile([0.0, 1.0], (40, 1))
    alike = np.full((40, 2), 0.5)  # wins half of its duels on every dataset
    split = np.repeat([[2.0, 2.0], [-1.0, -1.0]], 20, axis=0)  # wins all of half the datasets
    width = [np.ptp(_improvement(a, b, 0.05)) for a in (alike, split)]
    wilson = stats.binomtest(20, 40).proportion_ci(method="wilson")
    assert width[1] == pytest.approx(wilson.high - wilson.low, rel=1e-9)
    assert width[0] < width[1] / 3


def test_one_dataset_alone_says_nothing_of_others():
    one = np.array([0.1])
    assert np.isnan(intervals.prob_a_better_interval(one, 0.05)).all()
    assert np.isnan(intervals.rank_biserial_interval(one, 0.05)).all()
    assert np.isnan(population_interval(one, alpha=0.05, draws=Draws(100, 0))).all()
    assert np.isnan(_improvement(np.array([[0.1, NAN]]), np.array([[0.2, 0.3]]), 0.05)).all()


def test_a_single_dataset_that_differs_has_no_rank_biserial_interval():
    for d in (np.append(np.zeros(8), -5.0), np.array([0.0, 3.0])):  # left out, nothing differs: r is 0 / 0
        assert np.isnan(intervals.rank_biserial_interval(d, 0.05)).all()
    low, high = intervals.rank_biserial_interval(np.append(np.zeros(8), [-5.0, -4.0]), 0.05)
    assert low == -1 < high < 1


def test_fixed_interval_of_one_dataset_is_welchs():
    a, b = np.array([0.8, 0.82, 0.84, 0.86]), np.array([0.7, 0.72, 0.71])
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
    got = fixed_interval(a[None], np.append(b, NAN)[None], alpha=0.1)
    assert got == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_fixed_interval_has_the_spread_of_a_bootstrap_of_seeds():
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, [[1.0], [3.0], [0.1]], (3, 4)), rng.normal(0, 1, (3, 6))
    drawn = 0.0
    for values, sign in ((a, 1), (b, -1)):
        n, s = values.shape
        pick = rng.integers(s, size=(40_000, n, s))
        spread = values[np.arange(n)[:, None], pick].mean(axis=2) - values.mean(axis=1)
        drawn += sign * (spread * np.sqrt(s / (s - 1))).mean(axis=1)
    low, high = fixed_interval(a, b, alpha=0.05)
    cells = np.concatenate([a.var(axis=1, ddof=1) / 4, b.var(axis=1, ddof=1) / 6])
    freedom = cells.sum() ** 2 / (cells**2 / np.repeat([3, 5], 3)).sum()
    assert (high - low) / 2 / stats.t.ppf(0.975, freedom) == pytest.approx(drawn.std(), rel=0.02)


def test_fixed_interval_needs_two_runs_of_every_cell():
    a, b = np.array([[0.1, 0.2], [0.3, NAN]]), np.zeros((2, 2))
    assert np.isnan(fixed_interval(a, b, alpha=0.05)).all()
    assert fixed_interval(np.full((3, 2), 0.5), np.full((3, 2), 0.3), alpha=0.05) == pytest.approx((0.2, 0.2))


def test_population_interval_without_skewness_is_students():
    for d in (np.array([-1.0, 1.0]), np.array([1.0, 2.0, 3.0, 5.0])):  # too few to see skewness
        expected = stats.t.interval(0.95, len(d) - 1, loc=d.mean(), scale=stats.sem(d))
        assert population_interval(d, alpha=0.05, draws=Draws(200, 0)) == pytest.approx(expected)
    d = stats.norm.ppf((np.arange(200) + 0.5) / 200)
    expected = stats.t.interval(0.95, 199, scale=stats.sem(d))
    assert population_interval(d, alpha=0.05, draws=Draws(20_000, 0)) == pytest.approx(expected, rel=0.03)


def test_population_interval_reaches_further_into_the_long_tail():
    d = stats.expon.ppf((np.arange(20) + 0.5) / 20)
    low, high = population_interval(d, alpha=0.05, draws=Draws(5000, 0))
    student = stats.t.interval(0.95, 19, loc=d.mean(), scale=stats.sem(d))
    assert low == pytest.approx(student[0])  # never narrower
    assert high - d.mean() > 1.2 * (student[1] - d.mean())
    mirrored = population_interval(-d, alpha=0.05, draws=Draws(5000, 0))
    assert mirrored == pytest.approx((-high, -low), rel=0.01)


def test_population_interval_is_finite_where_most_resamples_have_no_spread():
    d = np.zeros(100)
    d[0] = 1.0
    low, high = population_interval(d, alpha=0.05, draws=Draws(1000, 0))
    assert -0.1 < low < 0.01 < high < 0.1
    assert population_interval(np.full(9, 0.1), alpha=0.05, draws=Draws(100, 0)) == (0.1, 0.1)


@pytest.mark.parametrize(
    ("n", "seeds", "interaction"), [(1, 3, 0.0), (3, 3, 1.0), (3, 3, 0.0), (8, 1, 1.0), (20, 3, 3.0)]
)
def test_intervals_cover(n, seeds, interaction):
    """1,000 tables each: 95 % intervals cover the truth within Monte-Carlo error of 93-97 %."""
    rng, draws = np.random.default_rng([n, seeds]), Draws(400, 0)
    population, fixed, tables = [], [], 1000
    for _ in range(tables):
        effect = rng.normal(0, interaction, n)
        a, b = rng.normal(effect[:, None], 1, (n, seeds)), rng.normal(0, 1, (n, seeds))
        if n > 1:
            low, high = population_interval((a.mean(1) - b.mean(1)), alpha=0.05, draws=draws)
            population.append(low <= 0 <= high)
        if seeds > 1:
            low, high = fixed_interval(a, b, alpha=0.05)
            fixed.append(low <= effect.mean() <= high)
    error = 3 * np.sqrt(0.05 * 0.95 / tables)
    for covered in (population, fixed):
        assert not covered or 0.93 - error < np.mean(covered) < 0.97 + error


def test_rank_biserial_interval_holds_its_estimate_and_stays_on_the_scale():
    rng = np.random.default_rng(5)
    for _ in range(2000):
        d = rng.integers(-2, 3, rng.integers(2, 10)).astype(float)
        d[rng.random(len(d)) < 0.4] = 0.0
        low, high = intervals.rank_biserial_interval(d, 0.05)
        if np.count_nonzero(d) == 1:  # without it there is no correlation
            assert np.isnan([low, high]).all()
            continue
        assert -1 <= low <= effects.rank_biserial(d) + 1e-12
        assert effects.rank_biserial(d) - 1e-12 <= high <= 1
