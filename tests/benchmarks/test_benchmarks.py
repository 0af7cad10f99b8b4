"""The benchmarks do the work that they say they time, and never show a number that they did not measure."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from benchmarks import factors, shared_indicators, stored_bars, windows
from benchmarks.__main__ import main, names
from benchmarks.fresh import fresh
from benchmarks.measure import Comparison, LeftOut, Measurement
from benchmarks.page import page
from benchmarks.panel import accepted_bars
from quant_assets.features.series import build_series
from quant_assets.manifests import PUBLISHED, Ledger
from quant_assets.tables import OHLCV_TABLE
from quant_resources.lakehouse.store import Lakehouse


@pytest.fixture(scope="module")
def series():
    return build_series(accepted_bars(2, 420))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("stored")
    stored_bars.prepare(made, 3, 16)
    return made


def test_every_benchmark_can_be_started():
    assert names() == sorted(set(names()))
    assert {"features", "lakehouse", "market", "venue"} <= set(names())
    assert all(callable(importlib.import_module(f"benchmarks.bench_{name}").measurements) for name in names())


def test_an_unknown_benchmark_is_refused(capsys):
    assert main(["fetaures"]) == 2
    assert "no benchmark ['fetaures']" in capsys.readouterr().err


def test_the_panel_has_the_columns_of_accepted_bars():
    assert len(OHLCV_TABLE.to_arrow(OHLCV_TABLE.canonical(accepted_bars(2, 3)))) == 6


@pytest.mark.parametrize("name", shared_indicators.SHARED)
def test_a_shared_indicator_is_the_same_quantity_in_both_libraries(series, name):
    """Seeds differ and are forgotten by the last bar; the order of several outputs is each library's own."""
    talib = shared_indicators.library("talib")
    if talib is None:
        assert next(shared_indicators.comparisons(series, 1)) == LeftOut("shared indicators", "TA-Lib")
        return
    columns, work = shared_indicators.by_symbol(series, 2)[1], shared_indicators.SHARED[name]
    ours, theirs = (found if isinstance(found, tuple | list) else (found,) for found in (
        work.ours(series), work.talib(talib, columns)
    ))  # fmt: skip

    assert sorted(x[-1] for x in ours) == pytest.approx(sorted(x[-1] for x in theirs), rel=1e-6)


def test_a_library_that_is_absent_is_named_and_gets_no_number(series, monkeypatch):
    monkeypatch.setattr(shared_indicators, "library", lambda name: None)
    monkeypatch.setattr(windows.importlib.util, "find_spec", lambda name: None)

    found = [*shared_indicators.comparisons(series, 1), *windows.per_window(series, 1, 2)]
    text = page({"features": found})

    assert {type(f) for f in found} == {LeftOut}
    assert {f.library for f in found} == {"TA-Lib", "pandas-ta-classic", "antropy", "nolds"}
    assert text.count("*left out*") - 1 == len(found)


def test_windows_are_compared_at_equal_work(series):
    found = [*windows.per_window(series, 1, 3), *windows.rolling_apply(series, 1, 1)]

    assert all(f.ours > 0 and f.theirs > 0 and np.isfinite(f.times) for f in found if isinstance(f, Comparison))
    assert {f.library for f in found} == {"antropy", "nolds", "pandas rolling.apply"}


def test_stored_bars_are_published_features_on_every_day(folder):
    (told,) = stored_bars.publish(folder).told["assets"]
    states = Ledger(Lakehouse(folder / "lakehouse")).states("features_matrix")

    assert (told["asked"], told["published"], told["refused"]) == (10, 10, 0)
    assert {state.status for state in states.values()} == {PUBLISHED}


def test_factors_of_stored_bars_are_all_computed(folder):
    told = factors.run(folder / "lakehouse", factors.FOURTEEN, ("first",))

    assert (told["rows"], told["features"]) == (48, 14)


def test_a_process_that_fails_is_no_measurement():
    with pytest.raises(RuntimeError, match="ended with 1"):
        fresh("benchmarks.no_such_benchmark")


def test_the_page_marks_what_is_over_its_bar():
    slow = Measurement("slow", 2.0, 2.0, 1, 1.0)
    large = Measurement("large", 0.5, 0.5, 1, 1.0, memory=10.0, memory_bar=5.0)
    costly = Comparison("costly", "other", "bar", 3.0, 1.0, 0.5)

    text = page({"speed": [slow, large, costly, Measurement("fine", 0.5, 0.5, 1, 1.0)]})

    assert [line.count("**over**") for line in text.splitlines() if line.startswith("| ")] == [0, 0, 1, 1, 0, 0, 0, 1]
