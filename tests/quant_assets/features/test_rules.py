"""Level L2: a sound matrix passes every rule, and each rule can fail."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from quant_assets.contracts.verdict import RuleResult, Verdict
from quant_assets.features.catalogue import selected_features
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.custom import feature
from quant_assets.features.declaring import Declare
from quant_assets.features.engine import Columns, compute_features
from quant_assets.features.matrix import features_frame
from quant_assets.features.range_certificate import NOT_CERTIFIED, Known
from quant_assets.features.registry import Feature
from quant_assets.features.rules import RULES, feature_verdicts, judge_features
from quant_assets.features.series import BarSeries
from tests.quant_assets.features.conftest import synthetic_bars
from tests.quant_assets.features.leaks import LEAKS


@pytest.fixture(scope="module")
def frame(bars, days, config) -> pd.DataFrame:
    return features_frame(bars, days, config, 365.0)


def result(verdict: Verdict, rule: str) -> RuleResult:
    return next(r for r in verdict.results if r.rule == rule)


def broken(verdict: Verdict) -> set[str]:
    return {r.rule for r in verdict.errors}


def test_a_sound_matrix_passes_every_rule_on_every_day(frame, bars, days, config) -> None:
    verdicts = feature_verdicts(frame, bars, days, config, 365.0)
    assert list(verdicts) == days
    for day, verdict in verdicts.items():
        assert tuple(r.rule for r in verdict.results) == RULES
        assert verdict.passed and not verdict.warnings, verdict.summary()
        assert result(verdict, "L2.LAG").checked == (bars["date"] == day).sum()
        assert result(verdict, "L2.PREFIX").checked == 3 * 3 * len(config.features)


def test_a_day_is_judged_alike_alone_and_in_a_range(frame, bars, days, config) -> None:
    day = days[50]
    alone = feature_verdicts(frame[frame["date"] == day], bars, [day], config, 365.0)[day]
    within = feature_verdicts(frame, bars, days, config, 365.0)[day]
    assert alone.to_records() == within.to_records()


def test_only_the_spoiled_day_is_withheld(frame, bars, days, config) -> None:
    for column, value, rule in (
        ("rsi_14", 100.5, "L2.BOUNDS"),
        ("recommend_ma", -1.2, "L2.BOUNDS"),
        ("momentum", np.inf, "L2.BOUNDS"),
        ("sma_50", 1.0, "L2.PREFIX"),
    ):
        day = days[70]
        spoiled = frame.copy()
        spoiled.loc[(spoiled["date"] == day) & spoiled[column].notna(), column] = value
        verdicts = feature_verdicts(spoiled, bars, days, config, 365.0)
        assert {d for d, v in verdicts.items() if not v.passed} == {day}
        assert rule in broken(verdicts[day])
        assert result(verdicts[day], rule).offenders[0]["feature"] == column


def test_bounds_allow_rounding_and_no_more(frame, bars, days, config) -> None:
    day = days[0]
    for value, fine in ((1.0 + 1e-12, True), (1.0 + 1e-6, False)):
        spoiled = frame.copy()
        spoiled.loc[spoiled["date"] == day, "efficiency"] = value
        verdict = feature_verdicts(spoiled, bars, [day], config, 365.0)[day]
        assert result(verdict, "L2.BOUNDS").passed is fine


def test_undefined_values_after_the_warm_up_are_a_breach_beyond_one_symbol(frame, bars, days, config) -> None:
    day = days[10]
    today = np.flatnonzero(frame["date"] == day)
    for missing, fine in ((1, True), (2, False)):
        spoiled = frame.copy()
        spoiled.iloc[today[:missing], spoiled.columns.get_loc("vwma_20")] = np.nan
        verdict = feature_verdicts(spoiled, bars, [day], config, 365.0)[day]
        assert result(verdict, "L2.NAN").passed is fine
    assert "vwma_20" in result(verdict, "L2.NAN").message


def test_dead_markets_cost_their_own_values_and_no_day(bars, days, config) -> None:
    """Two coins that stand still and one without volume among six sound ones, and no feature that has a value there."""
    still, silent = (synthetic_bars(f"SYN:DEAD{i}/USDT", 420, seed=30 + i) for i in range(2))
    still = still.assign(open=5.0, high=5.0, low=5.0, close=5.0)
    dead = [still, still.assign(symbol="SYN:DEAD2/USDT"), silent.assign(volume=0.0, quote_volume=0.0)]
    market = pd.concat([bars, *dead], ignore_index=True)
    for ids in (("rsi_14", "efficiency"), ("vwma_20",), ("recommend_all", "adx_14", "vwma_20")):
        some = config.model_copy(update={"features": ids})
        matrix = features_frame(market, days, some, 365.0)
        verdicts = feature_verdicts(matrix, market, days, some, 365.0)
        assert all(v.passed for v in verdicts.values()), next(v.summary() for v in verdicts.values() if not v.passed)
        of_day = matrix[(matrix["date"] == days[-1]) & ~matrix["symbol"].str.contains("DEAD|LATE|GONE")]
        assert of_day[list(ids)].notna().all().all()
    spoiled = matrix.copy()
    spoiled.loc[matrix["date"] == days[3], list(ids)] = np.nan
    text = result(feature_verdicts(spoiled, market, days, some, 365.0)[days[3]], "L2.LAG").message
    assert "SYN:OLD0/USDT" in text and "look at their bars" in text


def test_dead_markets_excuse_nothing_that_sound_ones_lack(bars, days, config) -> None:
    still = synthetic_bars("SYN:DEAD/USDT", 420, seed=30).assign(open=5.0, high=5.0, low=5.0, close=5.0)
    market = pd.concat([bars, *(still.assign(symbol=f"SYN:DEAD{i}/USDT") for i in range(3))], ignore_index=True)
    some, day = config.model_copy(update={"features": ("close",)}), days[-1]
    spoiled = features_frame(market, [day], some, 365.0)
    spoiled.loc[spoiled["symbol"].str.contains("OLD"), "close"] = np.nan
    assert {"L2.NAN", "L2.LAG"} <= broken(feature_verdicts(spoiled, market, [day], some, 365.0)[day])


def test_a_value_inside_the_declared_warm_up_is_a_breach(frame, bars, days, config) -> None:
    day = pd.Timestamp(bars.loc[bars["symbol"] == "SYN:LATE/USDT", "date"].iloc[5])
    spoiled = frame.copy()
    where = (spoiled["date"] == day) & (spoiled["symbol"] == "SYN:LATE/USDT")
    assert spoiled.loc[where, "sma_50"].isna().all() and where.sum() == 1
    spoiled.loc[where, "sma_50"] = 100.0
    verdict = feature_verdicts(spoiled, bars, [day], config, 365.0)[day]
    assert "inside the declared warm-up" in result(verdict, "L2.NAN").message and "L2.NAN" in broken(verdict)


def test_yesterdays_rows_under_todays_date_and_lost_rows_lag(frame, bars, days, config) -> None:
    day = days[30]
    lost = frame.drop(index=frame.index[frame["date"] == day][:1])
    verdict = feature_verdicts(lost, bars, [day], config, 365.0)[day]
    assert result(verdict, "L2.LAG").breaches == 1 and not verdict.passed
    stale = features_frame(bars, [days[29]], config, 365.0).assign(date=day)
    verdict = feature_verdicts(stale, bars, [day], config, 365.0)[day]
    assert "L2.PREFIX" in broken(verdict)
    blank = frame.copy()
    blank.loc[blank["date"] == day, list(config.features)] = np.nan
    verdict = feature_verdicts(blank, bars, [day], config, 365.0)[day]
    assert {"L2.LAG", "L2.NAN"} <= broken(verdict)


def test_a_day_without_any_row_never_passes(frame, bars, days, config) -> None:
    absent = days[-1] + pd.Timedelta(days=1)
    verdict = feature_verdicts(frame, bars, [absent], config, 365.0)[absent]
    assert {"L2.LAG", "L2.PREFIX"} <= broken(verdict)
    none = feature_verdicts(frame.iloc[:0], bars, days[-1:], config, 365.0)[days[-1]]
    assert result(none, "L2.LAG").breaches == 6 - 1  # every symbol that traded; one was delisted before
    assert not none.passed


def test_a_row_for_a_symbol_without_a_bar_is_a_breach(frame, bars, days, config) -> None:
    ghost = pd.concat([frame[frame["date"] == days[-1]], frame.iloc[[-1]].assign(symbol="SYN:ZZZ/USDT")])
    verdict = feature_verdicts(ghost, bars, [days[-1]], config, 365.0)[days[-1]]
    assert result(verdict, "L2.LAG").offenders == ({"symbol": "SYN:ZZZ/USDT"},)


@pytest.mark.parametrize("spoil", ["missing", "extra", "text", "order", "zoned"])
def test_wrong_columns_withhold_every_day_and_nothing_else_claims_to_be_checked(
    frame, bars, days, config, spoil
) -> None:
    wrong = {
        "missing": lambda f: f.drop(columns="sma_50"),
        "extra": lambda f: f.assign(lucky=1.0),
        "text": lambda f: f.assign(sma_50=f["sma_50"].astype(str)),
        "order": lambda f: f[["symbol", "date", *f.columns[2:]]],
        "zoned": lambda f: f.assign(date=f["date"].dt.tz_localize("UTC")),
    }[spoil](frame)
    verdicts = feature_verdicts(wrong, bars, days[:2], config, 365.0)
    for verdict in verdicts.values():
        assert broken(verdict) == set(RULES[:-1])
        assert result(verdict, "L2.PREFIX").message.startswith("not evaluated")


def test_a_repeated_or_unsorted_row_withholds_its_day_only(frame, bars, days, config) -> None:
    today = frame[frame["date"] == days[5]]
    for wrong in (pd.concat([frame, today.iloc[[0]]]), pd.concat([frame[frame["date"] != days[5]], today.iloc[::-1]])):
        verdicts = feature_verdicts(wrong, bars, days[:10], config, 365.0)
        assert {d for d, v in verdicts.items() if not v.passed} == {days[5]}
        assert "L2.SCHEMA" in broken(verdicts[days[5]])


def test_warm_up_drift_is_measured_where_history_allows_and_warns_beyond_the_tolerance() -> None:
    config = FeaturesConfig(features=("rsi_14",), prefix_symbols=5)
    bars = synthetic_bars("SYN:A/USDT", 1100, seed=5)
    day = bars["date"].iloc[-1]
    for window, fine, longer in ((250, True, 2), (30, False, 3)):  # of twice, four and eight times the window
        declared = selected_features(config, 365.0)[0]
        feature = dataclasses.replace(declared, window=window, min_bars=window, span_days=window)
        matrix = features_frame(bars, [day], config, 365.0, features=[feature])
        verdict = feature_verdicts(matrix, bars, [day], config, 365.0, features=[feature])[day]
        warmup = result(verdict, "L2.WARMUP")
        assert warmup.checked == longer and warmup.passed is fine
        assert fine or {o["windows"] for o in warmup.offenders} <= {2, 4, 8}
        assert verdict.passed


# --- planted look-ahead: each of these engines must be caught by L2.PREFIX on every day with something after it ---


def planted(leak: str) -> Feature:
    """The leak as a user writes it: a decorated function, computed by the engine like any other."""
    declared = feature(id="planted", title=leak, formula=leak, source="the corpus", unit="ratio", window=20)
    return declared(lambda close: LEAKS[leak](close)).bound(Declare(260, 10, 1.0))


@pytest.mark.parametrize("leak", LEAKS)
def test_planted_look_ahead_is_caught(bars, days, config, leak: str) -> None:
    features = [planted(leak)]
    matrix = features_frame(bars, days, config, 365.0, features=features)
    verdicts = feature_verdicts(matrix, bars, days, config, 365.0, features=features)
    caught = [d for d, v in verdicts.items() if "L2.PREFIX" in broken(v)]
    assert len(caught) >= 0.5 * len(days), leak  # some leaks (a week's last day) do not leak on every day
    assert {o["feature"] for o in result(verdicts[caught[0]], "L2.PREFIX").offenders} == {"planted"}


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("place", [-1, 70])
def test_planted_look_ahead_is_caught_on_a_day_alone(bars, days, config, leak: str, place: int) -> None:
    """A daily run: on the newest day nothing later exists yet, so the stored values are honest and the code is not."""
    day, features = days[place], [planted(leak)]
    known = bars[bars["date"] <= day]
    matrix = features_frame(known, [day], config, 365.0, features=features)
    made_from = Known({"planted": "hash"}, {})
    judged = judge_features(matrix, known, [day], config, 365.0, features=features, known=made_from)
    (row,) = judged.certificates.to_dict("records")
    assert row["state"] == NOT_CERTIFIED and row["reason"].startswith("L2.PREFIX") and row["breaches"] > 0


def test_a_leak_is_caught_on_the_newest_day_too_where_nothing_later_exists_yet(bars, days, config) -> None:
    def leaky(series: BarSeries, rows: np.ndarray, features) -> Columns:
        values = compute_features(series, rows, features)
        following = np.minimum(rows + 1, series.last[rows])
        return values | {"close": series.close[following]}

    short = config.model_copy(update={"features": ("close",)})
    matrix = features_frame(bars, days[-1:], short, 365.0, compute=leaky)
    assert np.isfinite(matrix["close"]).all()  # on the newest day the leak looks like the honest close
    verdict = feature_verdicts(matrix, bars, days[-1:], short, 365.0, compute=leaky)[days[-1]]
    assert {o["future"] for o in result(verdict, "L2.PREFIX").offenders} == {"altered", "shuffled"}


def test_values_borrowed_from_other_symbols_are_caught(bars, days, config) -> None:
    def mixed(series: BarSeries, rows: np.ndarray, features) -> Columns:
        values = compute_features(series, rows, features)
        return values | {"close": series.close[rows] / series.close.mean()}

    short = config.model_copy(update={"features": ("close",)})
    matrix = features_frame(bars, days, short, 365.0, compute=mixed)
    verdicts = feature_verdicts(matrix, bars, days, short, 365.0, compute=mixed)
    assert all("L2.PREFIX" in broken(v) for v in verdicts.values())
