"""One call serves a whole panel: lives do not touch, warm-up is exact, the future and the unit of prices are unseen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_assets.features import channels, moving_averages, oscillators
from tests.quant_assets.features.indicator_table import INDICATORS, stacked, synthetic_bars

NAMES = sorted(INDICATORS)


def flat(bars: int, price: float = 0.1) -> SimpleNamespace:
    level = np.full(bars, price)
    return SimpleNamespace(high=level, low=level.copy(), close=level.copy(), volume=np.ones(bars))


def unknown_volume(bars: int) -> SimpleNamespace:
    part = synthetic_bars(bars, 9)
    part.volume = np.full(bars, np.nan)
    return part


# Lives of many lengths, around the kernels' blocks of 1,024 rows, with the troublesome ones among them.
LIVES = [
    synthetic_bars(1500, 1),
    flat(260),
    synthetic_bars(1, 2),
    synthetic_bars(300, 3, 1e9),
    unknown_volume(230),
    synthetic_bars(300, 4, 1e-9),
    synthetic_bars(27, 5),
    synthetic_bars(260, 6),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_panel_gives_each_life_what_it_has_alone_to_the_last_bit(name: str) -> None:
    bars, first = stacked(LIVES)
    together = INDICATORS[name].compute(bars, first)
    starts = np.unique(first)
    for part, start in zip(LIVES, starts, strict=True):
        for whole, alone in zip(together, INDICATORS[name].compute(part, None), strict=True):
            np.testing.assert_array_equal(whole[start : start + len(alone)], alone)


@pytest.mark.parametrize("name", NAMES)
def test_the_warm_up_is_exactly_as_long_as_stated_in_every_life(name: str) -> None:
    bars, first = stacked([synthetic_bars(90, 1), synthetic_bars(1100, 2), synthetic_bars(230, 3)])
    age = np.arange(len(first)) - first
    for output, warm_up in zip(INDICATORS[name].compute(bars, first), INDICATORS[name].warm_up, strict=True):
        np.testing.assert_array_equal(np.isnan(output), age < warm_up)


@pytest.mark.parametrize("name", NAMES)
def test_bars_to_come_change_nothing(name: str) -> None:
    bars, n, cut = synthetic_bars(1300, 7), 1300, 1100
    whole = INDICATORS[name].compute(bars, None)
    shorter = SimpleNamespace(**{k: v[:cut].copy() for k, v in vars(bars).items()})
    other = SimpleNamespace(**{k: np.append(v[:cut], 3.0 * v[cut:][::-1]) for k, v in vars(bars).items()})
    for future in (shorter, other):
        for a, b in zip(whole, INDICATORS[name].compute(future, None), strict=True):
            np.testing.assert_array_equal(a[:cut], b[:cut])
    assert all(len(output) == n for output in whole)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [2.0**30, 1e9, 1e-9])
def test_the_unit_of_prices_scales_prices_and_nothing_else(name: str, scale: float) -> None:
    entry, bars = INDICATORS[name], synthetic_bars(300, 8)
    scaled = SimpleNamespace(high=bars.high * scale, low=bars.low * scale, close=bars.close * scale, volume=bars.volume)
    for a, b in zip(entry.compute(bars, None), entry.compute(scaled, None), strict=True):
        size = scale**entry.power
        np.testing.assert_allclose(b, a * size, rtol=1e-9, atol=1e-9 * size * (50 if entry.power else 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_too_few_bars_are_all_warm_up_and_never_an_error(name: str, count: int) -> None:
    outputs = INDICATORS[name].compute(synthetic_bars(count, 1), None)
    for output, warm_up in zip(outputs, INDICATORS[name].warm_up, strict=True):
        assert len(output) == count
        assert np.isnan(output[:warm_up]).all()


def test_threads_do_not_change_a_bit() -> None:
    bars, first = stacked(LIVES)
    names = ["sma_200", "bollinger", "cci", "ultimate", "adx_di", "macd"]
    alone = [INDICATORS[n].compute(bars, first) for n in names]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda n: INDICATORS[n].compute(bars, first), names * 3))
    for again, before in zip(at_once, alone * 3, strict=True):
        for a, b in zip(again, before, strict=True):
            np.testing.assert_array_equal(a, b)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(0, 400), st.integers(0, 2**32 - 1))
def test_windows_by_doubling_are_the_plain_windows(length: int, bars: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(1e6, 1.0, bars)
    plain = np.lib.stride_tricks.sliding_window_view(values, length) if bars >= length else np.empty((0, length))
    lead = min(length - 1, bars)
    mean, spread = channels.deviation(values, length)
    for result, expected in (
        (moving_averages.sma(values, length), plain.mean(axis=1)),
        (mean, plain.mean(axis=1)),
        (channels.donchian(values, values, length)[0], plain.max(axis=1)),
        (channels.donchian(values, values, length)[1], plain.min(axis=1)),
    ):
        assert np.isnan(result[:lead]).all()
        np.testing.assert_allclose(result[lead:], expected, rtol=1e-14)
    np.testing.assert_allclose(spread[lead:], plain.std(axis=1), rtol=1e-8, atol=1e-9)


def test_a_huge_price_leaves_no_trace_once_it_has_left_the_window() -> None:
    values = np.full(3000, 0.1)
    values[500] = 1e300
    assert (moving_averages.sma(values, 20)[520:] == moving_averages.sma(np.full(3000, 0.1), 20)[520:]).all()
    assert (channels.deviation(values, 20)[1][520:] == 0.0).all()


def test_an_unknown_value_is_unknown_for_its_window_and_no_longer() -> None:
    bars = synthetic_bars(400, 3)
    holed = bars.close.copy()
    holed[200] = np.nan
    for name, output in (
        ("sma", moving_averages.sma(holed, 20)),
        ("deviation", channels.deviation(holed, 20)[1]),
        ("donchian", channels.donchian(holed, holed, 20)[0]),
        ("cci", oscillators.channel_index(holed, 20)),
        ("wma", moving_averages.wma(holed, 20)),
    ):
        np.testing.assert_array_equal(np.flatnonzero(np.isnan(output)), [*range(19), *range(200, 220)], err_msg=name)


def test_a_recursion_steps_over_an_unknown_value() -> None:
    values = synthetic_bars(60, 3).close
    holed = np.insert(values, [0, 0, 30], np.nan)
    known = ~np.isnan(holed)
    assert np.isnan(moving_averages.ema(holed, 9)[~known]).all()
    np.testing.assert_array_equal(moving_averages.ema(holed, 9)[known], moving_averages.ema(values, 9))


def test_flat_prices_have_values_only_where_something_is_defined() -> None:
    bars = flat(260)
    values = {name: entry.compute(bars, None) for name, entry in INDICATORS.items()}
    for undefined in ("rsi", "stochastic", "stochastic_rsi", "cci", "williams_r", "ultimate", "adx_di", "correlation"):
        assert all(np.isnan(v).all() for v in values[undefined]), undefined
    assert np.isnan(values["bollinger_percent"][0]).all() and np.isnan(values["chande_momentum"][0]).all()
    for zero in ("momentum", "rate_of_change", "true_range", "atr", "bollinger_width"):
        assert np.nanmax(np.abs(values[zero][0])) == 0.0, zero
    assert np.nanmax(np.abs(np.concatenate(values["macd"]))) < 1e-15
    assert (values["recommend_ma"][0][199:] == 0.0).all()


def test_arguments_that_do_not_fit_are_refused() -> None:
    values = np.ones(5)
    with pytest.raises(UsageError, match="equal length"):
        channels.donchian(values, np.ones(4))
    with pytest.raises(UsageError, match="at least 1"):
        moving_averages.ema(values, 0)
    with pytest.raises(UsageError, match=r"whole number of bars, not 2\.5"):
        oscillators.rsi(values, 2.5)
    for first in ([0, 0, 1, 1, 1], [0, 0, 2, 2, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0]):
        with pytest.raises(UsageError, match="where its life begins"):
            moving_averages.sma(values, 2, np.array(first))
    with pytest.raises(UsageError, match="not 'typical'"):
        channels.keltner(values, values, values, reach="typical")
