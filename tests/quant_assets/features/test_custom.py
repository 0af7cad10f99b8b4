"""A user's own features: declared by one decorated function, computed like any other, and caught when they leak."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quant_assets.errors import UsageError
from quant_assets.features.certifying import certify
from quant_assets.features.custom import custom_code, feature, import_custom, load_custom
from quant_assets.features.declaring import Declare
from quant_assets.features.matrix import features_frame
from quant_assets.features.rules import feature_verdicts
from quant_assets.features.series import build_series
from tests.quant_assets.features.conftest import synthetic_bars

DECLARE = Declare(memory_bars=250, max_missing_days=10, days_per_bar=1.0)
FIELDS = {"title": "Test", "formula": "a test", "source": "here", "unit": "ratio"}

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "own-feature.md"
MODULE = "\n\n".join(re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the features that the documentation shows, which can be imported by name."""
    (tmp_path / "my_test_features.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield "my_test_features"
    sys.modules.pop("my_test_features", None)


def single(function, **fields):
    return feature(**{**FIELDS, "id": "mine", "window": 20, **fields})(function).bound(DECLARE)


def broken(verdict) -> set[str]:
    return {r.rule for r in verdict.errors}


def test_features_of_a_module_are_computed_and_pass_every_rule(module, bars, days, config):
    features = load_custom([module], DECLARE)
    assert [f.id for f in features] == ["overnight_gap", "stretch"]
    assert features[0].inputs == ("open", "close") and features[0].parameters == {"length": 10}
    frame = features_frame(bars, days[-40:], config, 365.0, features=features)
    verdicts = feature_verdicts(frame, bars, days[-40:], config, 365.0, features=features)
    assert all(v.passed for v in verdicts.values()), [v.summary() for v in verdicts.values() if not v.passed][:1]
    for symbol, own in bars.groupby("symbol"):
        got = frame[frame["symbol"] == symbol].set_index("date")
        at = own["date"].isin(got.index).to_numpy()
        gap = (own["open"] / own["close"].shift() - 1).rolling(10).mean()
        line = own["close"] / own["close"].rolling(20).mean() - 1
        np.testing.assert_allclose(got["overnight_gap"], gap[at], rtol=1e-9, atol=1e-13)
        np.testing.assert_allclose(got["stretch"], line[at], rtol=1e-9, atol=1e-13)


def test_a_day_alone_and_in_a_range_has_the_same_values(module, bars, days, config):
    features = load_custom([module], DECLARE)
    whole = features_frame(bars, days, config, 365.0, features=features)
    alone = features_frame(bars, days[30:31], config, 365.0, features=features)
    same = whole[whole["date"] == days[30]].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same, check_exact=True)


LEAKS = {
    "tomorrow": lambda close: np.append(close[1:], np.nan) / close - 1,
    "centred": lambda close: np.append(np.full(1, np.nan), np.append((close[:-2] + close[2:]) / 2, np.nan)),
    "full-sample scaling": lambda close: (close - close.mean()) / close.std(),
    "backward fill": lambda close: pd.Series(np.where(close > np.median(close), close, np.nan)).bfill().to_numpy(),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_custom_feature_that_reads_later_bars_is_caught(leak, bars, days, config):
    leaking = single(LEAKS[leak], inputs=("close",), window=1)
    frame = features_frame(bars, days, config, 365.0, features=[leaking])
    verdicts = feature_verdicts(frame, bars, days, config, 365.0, features=[leaking])
    assert any("L2.PREFIX" in broken(v) for v in verdicts.values())
    result = certify(build_series(bars), days, [leaking], config, 365.0)
    assert not result.passed and result.figures[0].verdict == "fail" and result.figures[0].breaches > 0


def test_a_recursion_that_does_not_say_so_is_told_by_its_drift(config):
    old = synthetic_bars("SYN:OLD/USDT", 1300, seed=4)
    days = sorted(old["date"])[-10:]

    def forever(close):
        return np.cumsum(close) / np.arange(1, len(close) + 1)

    for fields, verdict in (({}, "fail"), ({"drift": 1e-3}, "warn"), ({"drift": 10.0}, "pass")):
        result = certify(build_series(old), days, [single(forever, window=1, **fields)], config, 365.0)
        assert result.figures[0].drift > 0.01 and result.figures[0].drift_probes > 0
        assert result.figures[0].verdict == verdict and result.passed is (verdict != "fail")


def test_a_life_with_too_few_bars_for_a_value_is_not_even_shown(bars, days, config):
    """A function may rely on its own warm-up: a coin listed yesterday must not break the day of all others."""
    fitted = single(lambda close: np.full(len(close), np.polyfit(np.arange(20), close[:20], 1)[0]), window=20)
    young = synthetic_bars("SYN:NEW/USDT", 1, seed=9, start=days[-1])
    frame = features_frame(pd.concat([bars, young]), days[-1:], config, 365.0, features=[fitted])
    values = frame.set_index("symbol")["mine"]
    assert np.isnan(values["SYN:NEW/USDT"]) and values.drop("SYN:NEW/USDT").notna().all()


def test_a_value_outside_the_declared_range_is_caught(bars, days, config):
    wild = single(lambda close: close, window=1, upper=1.0)
    frame = features_frame(bars, days[-5:], config, 365.0, features=[wild])
    verdicts = feature_verdicts(frame, bars, days[-5:], config, 365.0, features=[wild])
    assert all("L2.BOUNDS" in broken(v) for v in verdicts.values())


def test_lives_and_symbols_are_apart_and_nothing_can_be_written_through(bars, days, config):
    seen = []

    def position(close):
        seen.append(close.flags.writeable)
        return np.arange(1.0, len(close) + 1)

    late = bars[bars["symbol"] == "SYN:LATE/USDT"]
    counted = features_frame(bars, days[-1:], config, 365.0, features=[single(position, window=1)])
    assert counted.set_index("symbol")["mine"]["SYN:LATE/USDT"] == len(late)
    assert seen and not any(seen)


@pytest.mark.parametrize(
    ("function", "fields", "said"),
    [
        (lambda close: close[1:], {}, "shape"),
        (lambda close: np.array(["a"] * len(close)), {}, "return one"),
        (lambda close: 1 / 0, {}, "ZeroDivisionError"),
        (lambda price: price, {}, "price"),
        (lambda panel, parameters: panel.close, {}, "inputs"),
        (lambda close, length=3: close, {"inputs": ("open",)}, "columns"),
        (lambda close, length=3: close, {"parameters": {"n": 3}}, "parameters"),
        (lambda close, lags=(1, 2): close, {}, "must be numbers"),
        (lambda close: close, {"id": "My Feature"}, "My Feature"),
        (lambda close: close, {"min_bars": 30}, "min_bars"),
    ],
)
def test_a_declaration_or_output_that_is_wrong_is_one_clear_error(function, fields, said, bars, days, config):
    from quant_assets.features.registry import Registry

    with pytest.raises(UsageError, match=said):
        wrong = Registry([single(function, **fields)]).select(["mine"])
        features_frame(bars, days[-2:], config, 365.0, features=wrong)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("features/mine.py", "never a path"),
        ("no_such_package.mine", "no_such_package"),
        ("math", "declares no feature"),
    ],
)
def test_a_module_that_cannot_serve_is_one_clear_error(name, said):
    with pytest.raises(UsageError, match=said):
        load_custom([name], DECLARE)


def test_a_module_that_fails_on_import_is_explained_and_an_edit_changes_its_code(tmp_path, monkeypatch, module):
    (tmp_path / "failing_features.py").write_text("raise RuntimeError('no licence')", encoding="utf-8")
    with pytest.raises(UsageError, match="no licence"):
        import_custom("failing_features")
    before = custom_code([module])
    sys.modules.pop(module)
    path = tmp_path / f"{module}.py"
    path.write_text(MODULE.replace("length=10", "length=12"), encoding="utf-8")
    assert len(before[0]) == 12 and custom_code([module]) != before


def test_an_edit_of_what_the_module_imports_of_ones_own_changes_its_code_too(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "kit_of_test"
    package.mkdir()
    files = {
        "__init__.py": "", "mine.py": "import numpy\n\nfrom kit_of_test import scale\nimport far_of_test\n",
        "scale.py": "from .deep import N\n", "deep.py": "N = 1\n", "unused.py": "M = 1\n",
    }  # fmt: skip
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    (tmp_path / "far_of_test.py").write_text("K = 1\n", encoding="utf-8")
    code = custom_code(["kit_of_test.mine"])
    assert custom_code(["kit_of_test.mine"]) == code
    (package / "unused.py").write_text("M = 2\n", encoding="utf-8")
    assert custom_code(["kit_of_test.mine"]) == code, "nothing reads it"
    for edited in (package / "deep.py", tmp_path / "far_of_test.py", package / "mine.py"):
        edited.write_text(edited.read_text(encoding="utf-8") + "X = 2\n", encoding="utf-8")
        before, code = code, custom_code(["kit_of_test.mine"])
        assert code != before, edited.name


def test_a_masked_value_is_no_value(bars, days, config):
    masked = single(lambda close: np.ma.masked_greater(close, np.median(close)), window=1)
    frame = features_frame(bars, days[-1:], config, 365.0, features=[masked])
    assert frame["mine"].isna().any() and frame["mine"].notna().any()


def test_the_decorated_function_can_still_be_called():
    doubled = feature(**FIELDS, id="doubled", window=1)(lambda close, times=2.0: close * times)
    np.testing.assert_array_equal(doubled(np.array([1.0, 2.0])), [2.0, 4.0])
    bound = doubled.bound(DECLARE)
    assert (bound.lower, bound.upper, bound.min_bars, bound.memory) == (-math.inf, math.inf, 1, True)
    assert bound.window == 250 and bound.span_days == 260 and bound.tags == ("custom",)
