"""Indicators against their published definitions, worked out bar by bar in plain Python, and by hand on tiny series."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from quant_assets.errors import UsageError
from quant_assets.features import channels, moving_averages, oscillators, trend, volume_indicators
from tests.quant_assets.features.indicator_table import synthetic_bars

NAN = math.nan


def smoothed(values: list[float], length: int, alpha: float) -> list[float]:
    """Recursive average, NaN until ``length`` known values gave the first one their mean."""
    out, known, state = [], [], NAN
    for v in values:
        if math.isnan(v):
            out.append(NAN)
            continue
        known.append(v)
        if len(known) == length:
            state = math.fsum(known) / length
        elif len(known) > length:
            state = alpha * v + (1 - alpha) * state
        out.append(state if len(known) >= length else NAN)
    return out


def wilder(values: list[float], length: int) -> list[float]:
    return smoothed(values, length, 1 / length)


def exponential(values: list[float], length: int) -> list[float]:
    return smoothed(values, length, 2 / (length + 1))


def mean(values: list[float], length: int) -> list[float]:
    return [NAN if i < length - 1 else math.fsum(values[i - length + 1 : i + 1]) / length for i in range(len(values))]


def ranges(b: SimpleNamespace, first: float) -> list[float]:
    """True range of each bar, with ``first`` for the first."""
    return [first] + [max(b.high[i], b.close[i - 1]) - min(b.low[i], b.close[i - 1]) for i in range(1, len(b.close))]


@pytest.fixture(params=[1, 2, 3])
def bars(request) -> SimpleNamespace:
    return synthetic_bars(220, request.param)


def same(result: np.ndarray, expected: list[float]) -> None:
    np.testing.assert_allclose(result, expected, rtol=1e-9, atol=1e-11, equal_nan=True)


def test_atr_is_wilders_average_of_ranges_that_begin_with_the_first_bars_own(bars) -> None:
    same(trend.atr(bars.high, bars.low, bars.close, 14), wilder(ranges(bars, bars.high[0] - bars.low[0]), 14))
    same(trend.true_range(bars.high, bars.low, bars.close, whole_first=False), ranges(bars, NAN))


def test_directional_index_with_smoothing_of_its_own(bars) -> None:
    up, down = [NAN], [NAN]
    for i in range(1, 220):
        rise, fall = round(bars.high[i] - bars.high[i - 1], 6), round(bars.low[i - 1] - bars.low[i], 6)
        up.append(rise if rise > max(fall, 0.0) else 0.0)
        down.append(fall if fall > max(rise, 0.0) else 0.0)
    reach = wilder(ranges(bars, NAN), 10)
    plus, minus = ([100 * m / r for m, r in zip(wilder(side, 10), reach, strict=True)] for side in (up, down))
    index = [100 * abs(p - m) / (p + m) for p, m in zip(plus, minus, strict=True)]
    adx, positive, negative = trend.adx_di(bars.high, bars.low, bars.close, 10, 6)
    same(positive, plus)
    same(negative, minus)
    same(adx, wilder(index, 6))


def test_equal_moves_both_ways_are_no_movement_whatever_rounding_says() -> None:
    high, low = np.array([1.1, 1.2, 1.2]), np.array([1.0, 0.9, 0.9])
    assert high[1] - high[0] != low[0] - low[1]
    _, plus, minus = trend.adx_di(high, low, (high + low) / 2, 2, 1)
    assert (plus[2], minus[2]) == (0.0, 0.0)


def test_a_pause_without_any_range_keeps_the_last_direction() -> None:
    high, low = np.array([1.0, 1.0, 1.0, 3.0, 5.0]), np.array([1.0, 1.0, 1.0, 2.0, 4.0])
    adx, plus, minus = trend.adx_di(high, low, high, 1, 1)
    np.testing.assert_array_equal(np.isnan(plus), [True, True, True, False, False])
    np.testing.assert_allclose(plus[3:], [100.0, 100.0])
    np.testing.assert_allclose(minus[3:], [0.0, 0.0])
    np.testing.assert_allclose(adx[3:], [100.0, 100.0])
    still = np.append(high, [5.0, 5.0])
    again = trend.adx_di(still, np.append(low, [5.0, 5.0]), still, 1, 1)
    # The close was 5 already, so the two last bars have no range at all: the DIs stand.
    np.testing.assert_allclose(again[1][3:], 100.0)


def test_macd_averages_are_seeded_one_by_one(bars) -> None:
    quick, slow = exponential(list(bars.close), 12), exponential(list(bars.close), 26)
    line = [a - b for a, b in zip(quick, slow, strict=True)]
    signal = exponential(line, 9)
    for result, expected in zip(
        trend.macd(bars.close), (line, signal, [a - b for a, b in zip(line, signal, strict=True)]), strict=True
    ):
        same(result, expected)


def test_stochastic_rsi_is_the_stochastic_of_the_rsi(bars) -> None:
    change = [NAN, *np.diff(bars.close)]
    up, down = (wilder([max(s * c, 0.0) if c == c else NAN for c in change], 14) for s in (1, -1))
    rsi = [100 - 100 / (1 + u / d) if u == u else NAN for u, d in zip(up, down, strict=True)]
    raw = [NAN] * 220
    for i in range(27, 220):
        window = rsi[i - 13 : i + 1]
        raw[i] = 100 * (rsi[i] - min(window)) / (max(window) - min(window))
    k = [NAN if i < 29 else math.fsum(raw[i - 2 : i + 1]) / 3 for i in range(220)]
    d = [NAN if i < 31 else math.fsum(k[i - 2 : i + 1]) / 3 for i in range(220)]
    result = oscillators.stochastic_rsi(bars.close)
    same(oscillators.rsi(bars.close), rsi)
    same(result[0], k)
    same(result[1], d)


def test_ultimate_oscillator_needs_the_bar_before_its_longest_window(bars) -> None:
    expected = [NAN] * 220
    for i in range(28, 220):
        total = 0.0
        for weight, length in ((4, 7), (2, 14), (1, 28)):
            rows = range(i - length + 1, i + 1)
            pressed = math.fsum(bars.close[j] - min(bars.low[j], bars.close[j - 1]) for j in rows)
            reached = math.fsum(
                max(bars.high[j], bars.close[j - 1]) - min(bars.low[j], bars.close[j - 1]) for j in rows
            )
            total += weight * pressed / reached
        expected[i] = 100 * total / 7
    same(oscillators.ultimate(bars.high, bars.low, bars.close), expected)


def test_ultimate_oscillator_of_lengths_that_are_no_multiples(bars) -> None:
    # One window length three times is the plain ratio; in another order the lengths only trade their weights.
    ratio = oscillators.ultimate(bars.high, bars.low, bars.close, 9, 9, 9)
    parts = [oscillators.ultimate(bars.high, bars.low, bars.close, n, n, n) for n in (5, 9, 11)]
    mixed = oscillators.ultimate(bars.high, bars.low, bars.close, 5, 9, 11)
    np.testing.assert_array_equal(parts[1], ratio)
    same(mixed[11:], list((4 * parts[0] + 2 * parts[1] + parts[2])[11:] / 7))


def test_elder_ray_and_awesome(bars) -> None:
    centre = exponential(list(bars.close), 13)
    bull, bear = trend.elder_ray(bars.high, bars.low, bars.close)
    same(bull, [h - c for h, c in zip(bars.high, centre, strict=True)])
    same(bear, [low - c for low, c in zip(bars.low, centre, strict=True)])
    middle = list((bars.high + bars.low) / 2)
    expected = [a - b for a, b in zip(mean(middle, 5), mean(middle, 34), strict=True)]
    same(oscillators.awesome(bars.high, bars.low), expected)


@pytest.mark.parametrize(
    ("reach", "span"),
    [
        ("atr", lambda b: wilder(ranges(b, b.high[0] - b.low[0]), 10)),
        ("true_range", lambda b: exponential(ranges(b, NAN), 20)),
        ("high_low", lambda b: exponential(list(b.high - b.low), 20)),
    ],
)
def test_keltner_channels_of_the_indicator_and_of_the_function(bars, reach: str, span) -> None:
    centre, width = exponential(list(bars.close), 20), span(bars)
    middle, upper, lower = channels.keltner(bars.high, bars.low, bars.close, reach=reach)
    same(middle, centre)
    same(upper, [c + 2 * w for c, w in zip(centre, width, strict=True)])
    same(lower, [c - 2 * w for c, w in zip(centre, width, strict=True)])


@pytest.mark.parametrize(("length", "factor"), [(10, 3.0), (7, 1.0)])
def test_supertrend_follows_pines_reference_bar_by_bar(bars, length: int, factor: float) -> None:
    reach = wilder(ranges(bars, bars.high[0] - bars.low[0]), length)
    line, direction = [NAN] * 220, [NAN] * 220
    upper = lower = 0.0
    turns = 0
    for i in range(length - 1, 220):
        middle = (bars.high[i] + bars.low[i]) / 2
        top, bottom, before = middle + factor * reach[i], middle - factor * reach[i], bars.close[i - 1]
        was_upper = upper
        lower = bottom if bottom > lower or before < lower else lower
        upper = top if top < upper or before > upper else upper
        if i == length - 1:
            direction[i] = 1
        elif line[i - 1] == was_upper:
            direction[i] = -1 if bars.close[i] > upper else 1
        else:
            direction[i] = 1 if bars.close[i] < lower else -1
        line[i] = lower if direction[i] == -1 else upper
        turns += i >= length and direction[i] != direction[i - 1]
    assert turns >= 1 or factor == 3.0
    result = trend.supertrend(bars.high, bars.low, bars.close, length, factor)
    same(result[0], line)
    same(result[1], direction)


def test_supertrend_turns_up_when_the_close_passes_the_upper_band() -> None:
    close = np.array([10.0, 10.0, 10.0, 20.0, 21.0, 5.0])
    line, direction = trend.supertrend(close + 1, close - 1, close, 1, 1.0)
    # Bar by bar: reach 2, 2, 2, 11, 2, 17; bands 12/8, 12/8, 12/8, 12/9, 23/19, 22/19 (an upper band only falls
    # until it has been passed, a lower one only rises).
    np.testing.assert_array_equal(direction, [1, 1, 1, -1, -1, 1])
    np.testing.assert_allclose(line, [12, 12, 12, 9, 19, 22])


def test_parabolic_stop_by_hand() -> None:
    high, low = np.array([10.0, 11.0, 12.0, 13.0, 11.0]), np.array([9.0, 10.0, 11.0, 12.0, 8.0])
    close = np.array([9.5, 10.5, 11.5, 12.5, 8.5])
    # Long from bar 2 at low 9 with extreme 11; held at the lows of the two bars before; 8 breaks it: back to the
    # extreme 13.
    np.testing.assert_allclose(trend.parabolic_sar(high, low, close), [NAN, 9.0, 9.0, 9.12, 13.0])


def test_small_series_by_hand() -> None:
    up = np.array([1.0, 2.0, 4.0, 7.0, 11.0])
    np.testing.assert_allclose(moving_averages.wma(up, 3), [NAN, NAN, 17 / 6, 31 / 6, 8.5])
    np.testing.assert_allclose(moving_averages.linear_regression(up, 3), [NAN, NAN, 23 / 6, 41 / 6, 65 / 6])
    np.testing.assert_allclose(moving_averages.ema(up, 3), [NAN, NAN, 7 / 3, 14 / 3, 47 / 6])
    np.testing.assert_allclose(moving_averages.rma(up, 3), [NAN, NAN, 7 / 3, 35 / 9, 169 / 27])
    np.testing.assert_allclose(moving_averages.vwma(up, np.array([1.0, 0, 0, 0, 1]), 2), [NAN, 1.0, NAN, NAN, 11.0])
    np.testing.assert_allclose(oscillators.rate_of_change(up, 2), [NAN, NAN, 300.0, 250.0, 175.0])
    np.testing.assert_allclose(oscillators.rsi(up, 2), [NAN, NAN, 100.0, 100.0, 100.0])
    np.testing.assert_allclose(channels.bollinger_percent(up, 2, 1.0), [NAN, 1, 1, 1, 1])
    np.testing.assert_allclose(channels.deviation(up, 2, 1)[1], [NAN, *(np.diff(up) / np.sqrt(2))])
    np.testing.assert_array_equal(channels.extreme_ages(np.array([3.0, 3.0, 1.0, 1.0]), 3)[0], [NAN, NAN, 2, 2])
    np.testing.assert_array_equal(channels.extreme_ages(np.array([3.0, 3.0, 1.0, 1.0]), 3)[1], [NAN, NAN, 0, 1])
    np.testing.assert_allclose(channels.correlation(up, -up, 3), [NAN, NAN, -1, -1, -1])


def test_volume_indicators_by_hand() -> None:
    close, volume = np.array([10.0, 11.0, 11.0, 9.0]), np.array([5.0, 4.0, 3.0, 2.0])
    np.testing.assert_allclose(volume_indicators.on_balance_volume(close, volume), [NAN, 4.0, 4.0, 2.0])
    np.testing.assert_allclose(volume_indicators.negative_volume_index(close, volume), [1.0, 1.1, 1.1, 0.9])
    # inflow 10*5 (a first bar is on both sides) + 11*4, outflow 10*5; then without the first bar nothing flows out
    np.testing.assert_allclose(
        volume_indicators.money_flow(close, volume, 2), [NAN, 100 - 100 / (1 + 94 / 50), 100.0, 0.0]
    )
    none = volume_indicators.intraday_intensity(close, close, close, volume)
    assert np.isnan(none).all()
    np.testing.assert_allclose(
        volume_indicators.intraday_intensity(close + 1, close - 1, close + 1, volume), 1 / volume
    )


def test_a_level_rsi_has_no_place_in_its_own_range_whatever_rounding_says(bars) -> None:
    """Equal closes from a bar on: the RSI stands still but for its last bits, and 0 / 0 is no overbought market."""
    close = bars.close.copy()
    close[120:] = close[120]
    assert 0 < np.ptp(oscillators.rsi(close, 14)[120:]) < 1e-12
    k, d = oscillators.stochastic_rsi(close)
    assert np.isnan(k[136:]).all() and np.isnan(d[138:]).all() and np.isfinite(k[40:120]).all()


def test_windows_that_do_not_move_have_no_place_in_a_range() -> None:
    still = np.full(40, 0.3)
    for result in (
        oscillators.place_in_range(still, still, still, 14),
        oscillators.cci(still, still, still, 20),
        channels.bollinger_percent(still),
        channels.correlation(still, np.arange(40.0), 7),
    ):
        assert np.isnan(result).all()
    assert (channels.deviation(still, 7)[1][6:] == 0.0).all()


def test_impossible_parameters_are_refused() -> None:
    x = np.ones(9)
    for call in (
        lambda: moving_averages.hma(x, 1),
        lambda: moving_averages.alma(x, 5, sigma=0.0),
        lambda: channels.deviation(x, 1, ddof=1),
        lambda: trend.supertrend(x, x, x, 3, 0.0),
        lambda: trend.parabolic_sar(x, x, x, 0.3, 0.02, 0.2),
        lambda: trend.ichimoku(x, x, displacement=-1),
    ):
        with pytest.raises(UsageError):
            call()
