"""A window's value rests on its own bars alone: not on what else is computed, loaded, or wrong elsewhere."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quant_assets.features import rolling
from quant_assets.features.series import build_series
from tests.quant_assets.features.conftest import START, synthetic_bars
from tests.quant_assets.features.test_window_definitions import DEFINITIONS
from tests.quant_assets.features.window_panel import cut, panel, windows

ALL = {name: (function, parameters) for name, (function, _, parameters) in DEFINITIONS.items()}


def outputs(name, series, start, end):
    function, parameters = ALL[name]
    return np.array(function(series, start, end, parameters))


@pytest.mark.parametrize("name", ALL)
def test_any_choice_of_windows_in_any_order_gives_the_same_bits(name):
    series = panel()
    start, end = windows(series)
    everything = outputs(name, series, start, end)
    rng = np.random.default_rng(1)
    some = rng.permutation(len(end))[:300]
    one_day = np.flatnonzero(series.day[end] == series.day[200])

    for chosen in (some, one_day, np.arange(len(end))[::3]):
        np.testing.assert_array_equal(outputs(name, series, start[chosen], end[chosen]), everything[:, chosen])


@pytest.mark.parametrize("name", ALL)
def test_a_window_alone_gives_the_same_bits_as_inside_a_long_history(name):
    series = panel()
    start, end = windows(series, least=140)
    everything = outputs(name, series, start, end)

    for i in np.random.default_rng(2).choice(len(end), 12, replace=False):
        alone = cut(series, start[i], end[i])
        rows = np.array([0]), np.array([len(alone) - 1])
        np.testing.assert_array_equal(outputs(name, alone, *rows)[:, 0], everything[:, i])


def test_threads_change_nothing():
    series = panel()
    start, end = windows(series)
    parts = np.array_split(np.arange(len(end)), 7)
    with ThreadPoolExecutor(2) as pool:
        for name in ALL:
            together = outputs(name, series, start, end)
            pieces = pool.map(lambda p, name=name: outputs(name, series, start[p], end[p]), parts)
            np.testing.assert_array_equal(np.concatenate(list(pieces), axis=1), together)


@pytest.fixture(scope="module")
def with_bad_symbols():
    """The panel's bars and, after them by name, symbols with something wrong; and the panel itself."""
    good = pd.concat([synthetic_bars(f"SYN:A{k}/USDT", 200, seed=k) for k in range(2)], ignore_index=True)
    flat = synthetic_bars("SYN:B0/USDT", 200, seed=5).assign(open=7.0, high=7.0, low=7.0, close=7.0)
    silent = synthetic_bars("SYN:B1/USDT", 200, seed=6).assign(volume=np.nan, quote_volume=np.nan)
    prices = ["open", "high", "low", "close"]
    huge, tiny = (synthetic_bars(f"SYN:B{k}/USDT", 200, seed=k) for k in (2, 3))
    huge[prices] *= 1e9
    tiny[prices] *= 1e-11
    single = synthetic_bars("SYN:B4/USDT", 1, seed=9, start=START + pd.Timedelta(days=100))
    dead = synthetic_bars("SYN:B5/USDT", 200, seed=10).assign(volume=0.0, quote_volume=0.0)
    growing = synthetic_bars("SYN:B6/USDT", 200, seed=11)
    for name in prices:
        growing[name] = 1.01 ** np.arange(200)
    return build_series(pd.concat([good, flat, silent, huge, tiny, single, dead, growing])), build_series(good)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ALL)
def test_a_bad_symbol_neither_crashes_nor_changes_another(name, with_bad_symbols):
    series, good = with_bad_symbols
    start, end = windows(series, least=1)
    everything = outputs(name, series, start, end)
    alone = outputs(name, good, *windows(good, least=1))

    assert not np.isinf(everything).any()
    np.testing.assert_array_equal(everything[:, : alone.shape[1]], alone)


IN_QUOTE_CURRENCY = {"value_traded", "amihud", "execution_cost"}


@pytest.mark.parametrize("name", sorted(set(ALL) - IN_QUOTE_CURRENCY))
def test_scaling_a_price_changes_no_return_statistic(name, with_bad_symbols):
    _, good = with_bad_symbols
    scaled = replace(good, **{p: getattr(good, p) * 2.0**30 for p in ("open", "high", "low", "close")})
    start, end = windows(good, least=60)

    np.testing.assert_allclose(outputs(name, scaled, start, end), outputs(name, good, start, end), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "defined"),
    [("half_life", False), ("haar", False), ("entropy_3", True), ("drawdown", True), ("rescaled_range", False),
     ("variance_ratio", False), ("shape", False), ("spectral", False), ("unit_root_0", False), ("parkinson", True)],
)  # fmt: skip
def test_a_price_that_stands_still_is_undefined_unless_the_formula_has_a_value(name, defined, with_bad_symbols):
    series, _ = with_bad_symbols
    rows = np.flatnonzero(series.code == series.symbols.index("SYN:B0/USDT"))
    values = outputs(name, series, rows[[0]], rows[[-1]])[0]

    assert np.isfinite(values).all() == defined
    assert not defined or values[0] == 0.0


@pytest.mark.parametrize("name", ["rescaled_range", "variance_ratio", "shape", "spectral", "unit_root_0"])
def test_constant_growth_is_flat_returns_and_not_rounding_noise(name, with_bad_symbols):
    series, _ = with_bad_symbols
    rows = np.flatnonzero(series.code == series.symbols.index("SYN:B6/USDT"))

    assert np.isnan(outputs(name, series, rows[[0]], rows[[-1]])).all()


@pytest.mark.parametrize("name", ["value_traded", "amihud", "execution_cost", "volume_score"])
def test_without_a_known_volume_liquidity_is_unknown(name, with_bad_symbols):
    series, _ = with_bad_symbols
    for symbol in ("SYN:B1/USDT", "SYN:B5/USDT"):
        rows = np.flatnonzero(series.code == series.symbols.index(symbol))
        values = outputs(name, series, rows[[0]], rows[[-1]])
        assert np.isnan(values).all() or (name == "value_traded" and (values == 0.0).all())


def test_quote_value_is_close_times_volume_where_the_venue_reports_none():
    series = panel()
    start, end = windows(series)
    unknown = replace(series, quote_value=np.full(len(series), np.nan))

    np.testing.assert_allclose(
        rolling.value_traded(unknown, start, end, {}), rolling.value_traded(series, start, end, {}), rtol=1e-12
    )


@pytest.mark.parametrize(
    "name",
    ["shape", "tail", "drawdown", "autocorrelation", "half_life", "variance_ratio", "unit_root_0", "entropy_3",
     "rescaled_range", "haar", "spectral", "parkinson"],
)  # fmt: skip
def test_an_unknown_price_makes_the_windows_that_read_it_unknown_and_no_other(name):
    series = panel()
    start, end = windows(series, 129, 129)
    broken = replace(series, close=series.close.copy(), high=series.high.copy())
    broken.close[200] = broken.high[200] = np.nan
    got, before = outputs(name, broken, start, end), outputs(name, series, start, end)
    # Haar reads whole blocks of eight, the spectrum the newest 64 returns; all others every bar of these windows.
    newest = 64 if name == "spectral" else 128
    touched = (end >= 200) & (end - newest <= 200)

    assert touched.any() and np.isnan(got[:, touched]).all()
    np.testing.assert_array_equal(got[:, ~touched], before[:, ~touched])
