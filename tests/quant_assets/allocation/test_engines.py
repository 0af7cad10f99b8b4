"""Engines against independent solutions and published weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.allocation.bounds import clean, is_forced, project
from quant_assets.allocation.config import HrpConfig
from quant_assets.allocation.covariance import condition_number, shrunk_covariance
from quant_assets.allocation.hrp import hrp_weights
from quant_assets.allocation.min_variance import duality_gap, min_variance, objective_gap
from quant_assets.allocation.streams import atom_id, clipped_days, parse_atom, synthetic_longs
from quant_assets.errors import QuantError, UsageError
from quant_assets.universe.direction import Direction
from tests.quant_assets.allocation import books

Floats = npt.NDArray[np.float64]
LADDER = (0.0, 0.01, 0.1, 0.5)


def covariance(count: int, seed: int = 11, scale: float = 1.0) -> Floats:
    return shrunk_covariance(books.wide(count, seed=seed, scale=scale), 5000, LADDER).matrix


# ------------------------------------------------------------------------------------------------ minimum variance
def test_two_assets_have_the_closed_form_solution() -> None:
    s = np.array([[4.0, 1.0], [1.0, 2.0]]) * 1e-4
    weights, status = min_variance(s, 1.0)
    assert status == "optimal"
    np.testing.assert_allclose(weights, [0.25, 0.75], atol=1e-8)  # (s22 - s12) / (s11 + s22 - 2 s12)


def test_a_binding_cap_gives_the_solution_of_the_remaining_assets() -> None:
    variances = np.array([1.0, 4.0, 4.0, 8.0]) * 1e-4
    weights, _ = min_variance(np.diag(variances), 0.4)
    rest = 1 / variances[1:]
    np.testing.assert_allclose(weights, [0.4, *(0.6 * rest / rest.sum())], atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(2, 24),
    seed=st.integers(0, 9999),
    room=st.floats(1.05, 20.0),
    invested=st.sampled_from([1.0, 0.93]),
)
def test_optimality_is_certified_and_confirmed_by_an_independent_solver(
    count: int, seed: int, room: float, invested: float
) -> None:
    cap = min(1.0, room * invested / count)
    s = covariance(count, seed)
    weights, correction = clean(min_variance(s, cap, invested)[0], cap, invested)
    assert correction < 1e-8
    assert duality_gap(weights, s, cap, invested) <= 1e-6
    assert abs(objective_gap(weights, s, cap, invested)) <= 1e-6


def test_the_gaps_see_a_portfolio_that_is_not_optimal() -> None:
    s = covariance(8)
    best = min_variance(s, 0.5)[0]
    worse = 0.9 * best + 0.1 / 8
    true_gap = (worse @ s @ worse) / (best @ s @ best) - 1
    assert true_gap > 1e-4
    assert objective_gap(worse, s, 0.5) == pytest.approx(true_gap, rel=1e-4)
    assert duality_gap(worse, s, 0.5) * (worse @ s @ worse) / (best @ s @ best) >= true_gap


@pytest.mark.parametrize("scale", [0.1, 1e-3])
def test_scaling_returns_leaves_the_weights(scale: float) -> None:
    np.testing.assert_allclose(
        min_variance(covariance(10), 0.3)[0], min_variance(covariance(10, scale=scale), 0.3)[0], atol=1e-9
    )


def test_permutation_is_equivariant() -> None:
    s, order = covariance(12), np.random.default_rng(1).permutation(12)
    np.testing.assert_allclose(min_variance(s[np.ix_(order, order)], 0.2)[0], min_variance(s, 0.2)[0][order], atol=1e-6)


def test_a_solve_does_not_remember_earlier_ones() -> None:
    first = min_variance(covariance(9), 0.25)[0]
    min_variance(covariance(9, seed=5), 0.6)
    assert min_variance(covariance(9), 0.25)[0].tolist() == first.tolist()


def test_a_duplicate_shares_the_weight_of_its_twin_and_a_useless_asset_changes_nothing() -> None:
    s = covariance(6)
    base = min_variance(s, 1.0)[0]
    twin = np.pad(s, (0, 1))
    twin[6, :6], twin[:6, 6], twin[6, 6] = s[0], s[0], s[0, 0] * (1 + 1e-9)
    doubled = min_variance(twin, 1.0)[0]
    np.testing.assert_allclose(doubled[1:6], base[1:], atol=1e-6)
    assert doubled[0] + doubled[6] == pytest.approx(base[0], abs=1e-6)
    useless = np.pad(s, (0, 1))
    useless[6, 6] = s.trace()
    market = s @ base  # correlated with the optimum far above its variance: never held
    useless[6, :6] = useless[:6, 6] = 1.5 * market
    np.testing.assert_allclose(min_variance(useless, 1.0)[0], [*base, 0.0], atol=1e-6)


def test_an_infeasible_cap_and_a_broken_covariance_are_errors() -> None:
    with pytest.raises(QuantError, match="ended infeasible"):
        min_variance(covariance(4), 0.2)
    with pytest.raises(QuantError, match="not positive definite"):
        min_variance(-covariance(4), 1.0)


# ------------------------------------------------------------------------------------------------------------- HRP
def textbook_hrp(s: Floats, correlation: Floats) -> Floats:
    """Lopez de Prado (2016), written from the paper: single linkage, quasi-diagonal order, recursive bisection."""
    from scipy.cluster.hierarchy import linkage, to_tree
    from scipy.spatial.distance import squareform

    distance = np.sqrt(np.clip((1 - correlation) / 2, 0, 1))
    np.fill_diagonal(distance, 0)
    weights = np.ones(len(s))

    def spread(items: list[int]) -> float:
        inverse = 1 / np.diag(s)[items]
        inverse /= inverse.sum()
        return float(inverse @ s[np.ix_(items, items)] @ inverse)

    def split(items: list[int]) -> None:
        if len(items) > 1:
            left, right = items[: len(items) // 2], items[len(items) // 2 :]
            share = 1 - spread(left) / (spread(left) + spread(right))
            weights[left] *= share
            weights[right] *= 1 - share
            split(left)
            split(right)

    split(to_tree(linkage(squareform(distance, checks=False), "single")).pre_order())
    return weights


def test_hrp_is_the_textbook_one_that_reproduces_published_weights(shared_folder: Path) -> None:
    folder = shared_folder / "oracles" / "pyportfolioopt"
    prices = pd.read_csv(folder / "stock_prices.csv", index_col=0, parse_dates=True)
    published = pd.read_csv(folder / "weights_hrp.csv", index_col=0).iloc[:, 0]
    returns = prices.pct_change(fill_method=None).dropna(how="all")
    derived = pd.Series(textbook_hrp(returns.cov().to_numpy(), returns.corr().to_numpy().copy()), returns.columns)
    assert (derived - published).abs().max() < 1e-12  # the published ones use pairwise moments of incomplete rows

    complete = returns.dropna()  # ours refuses incomplete rows, hence the second step
    ours = hrp_weights(complete.cov().to_numpy(), books.names(20), 1.0, 1.0, HrpConfig())
    theirs = textbook_hrp(complete.cov().to_numpy(), complete.corr().to_numpy().copy())
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("config", [HrpConfig(), HrpConfig(linkage="ward", leaf_ordering=True)])
def test_hrp_keeps_caps_inside_its_splits(config: HrpConfig) -> None:
    free = hrp_weights(covariance(9), books.names(9), 1.0, 1.0, config)
    capped = hrp_weights(covariance(9), books.names(9), 0.15, 0.95, config)
    assert free.max() > 0.15
    assert capped.sum() == pytest.approx(0.95, abs=1e-12)
    assert capped.max() <= 0.15 + 1e-12 and capped.min() > 0


def test_hrp_refuses_an_order_that_is_not_by_name() -> None:
    with pytest.raises(QuantError, match="sorted by name"):
        hrp_weights(covariance(3), books.names(3)[::-1], 1.0, 1.0, HrpConfig())
    assert hrp_weights(covariance(1), books.names(1), 1.0, 0.9, HrpConfig()).tolist() == [0.9]


# ------------------------------------------------------------------------------------------------------ covariance
def test_shrinkage_is_ledoit_wolf_and_scale_free() -> None:
    found = shrunk_covariance(books.wide(6), 5000, LADDER)
    x = books.wide(6).to_numpy()
    x = x - x.mean(axis=0)
    sample, days = x.T @ x / len(x), len(x)
    mean = np.trace(sample) / 6
    dispersion = np.sum((sample - mean * np.eye(6)) ** 2)
    noise = sum(np.sum((np.outer(r, r) - sample) ** 2) for r in x) / days**2
    intensity = min(noise, dispersion) / dispersion  # Ledoit and Wolf (2004), lemma 3.2 ff.
    assert found.shrinkage == pytest.approx(intensity, rel=1e-9)
    expected = (1 - intensity) * sample + intensity * mean * np.eye(6)
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-9, atol=1e-18)
    assert (found.extra_shrinkage, found.observations) == (0.0, 130)
    assert found.condition == pytest.approx(np.linalg.cond(expected), rel=1e-6)


def test_extra_shrinkage_is_recorded_and_stops_at_the_first_sufficient_rung() -> None:
    twins = books.wide(3)
    twins["SYNTH:C03/USDT"] = twins.iloc[:, 0] * (1 + 1e-6)
    limit = 60.0
    found = shrunk_covariance(twins, limit, LADDER)
    assert found.extra_shrinkage in LADDER[1:] and found.condition <= limit
    before = LADDER[LADDER.index(found.extra_shrinkage) - 1]
    assert shrunk_covariance(twins, 1e12, (before,)).condition > limit
    assert condition_number(found.matrix) == pytest.approx(found.condition, rel=1e-6)
    with pytest.raises(QuantError, match=r"condition number .* exceeds 1\.01"):
        shrunk_covariance(twins, 1.01, LADDER)


def test_nan_and_flat_streams_are_refused_by_name() -> None:
    frame = books.wide(3)
    frame.iloc[:, 1] = 0.0
    with pytest.raises(QuantError, match="C01"):
        shrunk_covariance(frame, 5000, LADDER)
    frame.iloc[5, 1] = np.nan
    with pytest.raises(QuantError, match="NaN"):
        shrunk_covariance(frame, 5000, LADDER)


# -------------------------------------------------------------------------------------------------- bounds, streams
@settings(max_examples=150, deadline=None)
@given(
    raw=st.lists(st.floats(-2, 2), min_size=1, max_size=30),
    room=st.floats(1.0, 10.0),
    invested=st.floats(0.1, 1.0),
)
def test_projection_is_feasible_and_nearest(raw: list[float], room: float, invested: float) -> None:
    weights, cap = np.array(raw), room * invested / len(raw)
    found = project(weights, cap, invested)
    assert found.sum() == pytest.approx(invested, abs=1e-9)
    assert found.min() >= 0 and found.max() <= cap + 1e-12
    rng = np.random.default_rng(len(raw))
    for _ in range(5):  # variational inequality: no feasible point lies on the near side
        other = rng.random(len(raw))
        other = project(other / other.sum() * invested, cap, invested)
        assert (weights - found) @ (other - found) <= 1e-7


def test_noise_is_cleaned_and_reported_and_anything_larger_is_an_error() -> None:
    cleaned, correction = clean(np.array([0.5 + 3e-9, 0.5, -3e-9]), 0.5, 1.0)
    assert cleaned == pytest.approx([0.5, 0.5, 0.0], abs=1e-15) and cleaned.min() >= 0
    assert 1e-9 < correction < 1e-8
    with pytest.raises(QuantError, match="not solver noise"):
        clean(np.array([0.6, 0.4]), 0.5, 1.0)
    with pytest.raises(QuantError, match="NaN"):
        clean(np.array([np.nan, 1.0]), 1.0, 1.0)
    assert is_forced(4, 0.25, 1.0) and not is_forced(5, 0.25, 1.0)


def test_a_short_is_a_long_of_the_opposite_return_and_loses_at_most_its_stake() -> None:
    raw = pd.DataFrame({"A": [0.1, -0.2, 1.0, 9.0, np.nan]})
    assert synthetic_longs(raw, Direction.LONG)["A|LONG"].tolist()[:4] == [0.1, -0.2, 1.0, 9.0]
    short = synthetic_longs(raw, Direction.SHORT)
    assert short.columns.tolist() == ["A|SHORT"]
    assert short["A|SHORT"].tolist()[:4] == [-0.1, 0.2, -1.0, -1.0] and np.isnan(short.iloc[4, 0])
    assert (clipped_days(raw, Direction.SHORT), clipped_days(raw, Direction.LONG)) == (1, 0)


def test_atom_names_survive_any_symbol() -> None:
    symbol = "VENUE:A_B/USDT:USDT"
    for direction in Direction:
        assert parse_atom(atom_id(symbol, direction)) == (symbol, direction)
    for bad in ("A", "A|UP", "|LONG"):
        with pytest.raises(UsageError, match="not an atom"):
            parse_atom(bad)
