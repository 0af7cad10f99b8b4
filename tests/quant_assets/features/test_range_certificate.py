"""Stored certificates: what the rules found, feature by feature and day by day, and what denies one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from quant_assets.features.catalogue import build_registry, selected_features
from quant_assets.features.config import FeaturesConfig
from quant_assets.features.custom import feature
from quant_assets.features.declaring import Declare
from quant_assets.features.engine import compute_features
from quant_assets.features.identity import declaration_hash
from quant_assets.features.matrix import features_frame
from quant_assets.features.range_certificate import CERTIFIED, NOT_CERTIFIED, Known, certificate_facts
from quant_assets.features.rules import judge_features
from quant_assets.tables import FEATURE_CERTIFICATES_TABLE
from tests.quant_assets.features.conftest import synthetic_bars


@pytest.fixture(scope="module")
def short(config) -> FeaturesConfig:
    return config.model_copy(update={"features": ("momentum", "sma_50", "adx_14", "close")})


@pytest.fixture(scope="module")
def frame(bars, days, short) -> pd.DataFrame:
    return features_frame(bars, days, short, 365.0)


def known(config: FeaturesConfig, **leaked: str) -> Known:
    return Known({name: f"hash of {name}" for name in config.features}, leaked)


def certificates(frame, bars, days, config, **arguments) -> pd.DataFrame:
    arguments = {"known": known(config), **arguments}
    found = judge_features(frame, bars, days, config, 365.0, **arguments).certificates
    assert list(found.columns) == [c for c in FEATURE_CERTIFICATES_TABLE.column_names if c != "content"]
    return found


def of(found: pd.DataFrame, feature: str) -> pd.DataFrame:
    return found[found["feature"] == feature].set_index("date")


def test_every_feature_has_a_row_a_day_with_the_counts_of_that_day(frame, bars, days, short):
    found = certificates(frame, bars, days, short)
    assert len(found) == len(days) * 4 and set(found["state"]) == {CERTIFIED} and set(found["reason"]) == {""}
    assert set(found["recomputed"]) == {len(days) * 3 * 3} and set(found["breaches"]) == {0}
    assert set(found["evidence_from"]) == {days[0]} and set(found["evidence_to"]) == {days[-1]}
    for name in short.features:
        own, values = of(found, name), frame.groupby("date")[name]
        assert own["made_from"].eq(f"hash of {name}").all()
        assert own["values"].eq(values.count()).all() and own["rows"].eq(values.size()).all()
        ready = own["warm"] > 0
        np.testing.assert_allclose(own["density"][ready], (own["values"] / own["warm"])[ready])
    content = found.assign(content="of the day")
    stored = FEATURE_CERTIFICATES_TABLE.to_arrow(FEATURE_CERTIFICATES_TABLE.canonical(content))
    assert stored.num_rows == len(found), "the types are those of the table"


def test_a_fault_of_a_day_denies_that_day_alone(frame, bars, days, short):
    day, lost = days[30], days[40]
    spoiled = frame.copy()
    spoiled.loc[spoiled["date"] == day, "adx_14"] = 101.0
    spoiled = spoiled.drop(index=spoiled.index[spoiled["date"] == lost][:1])
    found = certificates(spoiled, bars, [d for d in days if d not in (day, lost)], short)
    assert set(found["state"]) == {CERTIFIED}
    found = certificates(spoiled[spoiled["date"] == lost], bars, [lost], short)
    assert set(found["state"]) == {NOT_CERTIFIED} and found["reason"].str.startswith("L2.LAG").all()
    wild = dataclasses.replace(selected_features(short, 365.0)[0], upper=-1e9, lower=-2e9)
    alone = frame[["date", "symbol", "momentum"]]
    found = certificates(alone[alone["date"] == day], bars, [day], short, features=[wild])
    assert found["outside"].tolist() == found["values"].tolist() and found["reason"].iloc[0].startswith("L2.BOUNDS")
    blank = frame.assign(sma_50=frame["sma_50"].mask(frame["date"] == day))
    found = judge_features(blank, bars, [day], short, 365.0, known=known(short)).certificates
    thin = of(found, "sma_50").iloc[0]
    assert (thin["state"], thin["values"], thin["density"]) == (NOT_CERTIFIED, 0, 0.0)


def test_a_leak_found_on_one_day_denies_the_feature_on_all_days_and_no_other_feature(frame, bars, days, short):
    """The planted leak shows on one weekday only: on the other days the values are honest, the feature is not."""

    def leaky(series, rows, features):
        values = compute_features(series, rows, features)
        following = np.minimum(rows + 1, series.last[rows])
        seen = np.where(series.day[rows] % 7 == 3, following, rows)
        return values | {"close": series.close[seen]}

    matrix = features_frame(bars, days, short, 365.0, compute=leaky)
    judged = judge_features(matrix, bars, days, short, 365.0, known=known(short), compute=leaky)
    passed = [d for d, v in judged.verdicts.items() if v.passed]
    assert len(days) * 0.8 < len(passed) < len(days), "most days are published"
    found = judged.certificates
    assert set(of(found, "close")["state"]) == {NOT_CERTIFIED} and (of(found, "close")["breaches"] > 0).all()
    assert of(found, "close")["reason"].str.startswith("L2.PREFIX").all()
    assert set(found.loc[found["feature"] != "close", "state"]) == {CERTIFIED}
    facts = certificate_facts(found)[f"{days[0]:%Y-%m-%d}"]
    assert (facts["features_certified"], facts["features_not_certified"]) == (3, 1)
    assert facts["values_recomputed"] == 4 * len(days) * 9


def test_what_an_earlier_run_found_about_the_same_code_still_counts(frame, bars, days, short):
    earlier = known(short, sma_50="2021-03-04")
    found = certificates(frame[frame["date"] == days[-1]], bars, days[-1:], short, known=earlier)
    row = of(found, "sma_50").iloc[0]
    assert row["state"] == NOT_CERTIFIED and "2021-03-04" in row["reason"]
    assert row["breaches"] == 0, "it is no new evidence"
    assert set(found.loc[found["feature"] != "sma_50", "state"]) == {CERTIFIED}


def test_an_undeclared_drift_of_ones_own_feature_denies_it(config):
    bars = synthetic_bars("SYN:A/USDT", 1100, seed=5)
    day, none = bars["date"].iloc[-1], Known({"forever": "hash of forever"}, {})
    for drift, state, told in ((0.0, NOT_CERTIFIED, "none is declared"), (1e-3, CERTIFIED, "0.001 is declared")):
        fields = {"title": "", "formula": "", "source": "", "unit": "", "window": 1, "drift": drift}
        declared = feature(id="forever", **fields)(lambda close: np.cumsum(close) / np.arange(1, len(close) + 1))
        own = [declared.bound(Declare(260, 10, 1.0))]
        matrix = features_frame(bars, [day], config, 365.0, features=own)
        judged = judge_features(matrix, bars, [day], config, 365.0, known=none, features=own)
        (row,) = judged.certificates.to_dict("records")
        assert row["state"] == state and row["reason"].startswith("L2.WARMUP") and told in row["reason"]
        assert judged.verdicts[day].passed and judged.verdicts[day].warnings, "the day itself is not withheld"


def test_drift_is_told_on_the_longest_history_there_is_and_warns_without_denying():
    config = FeaturesConfig(features=("rsi_14",), prefix_symbols=5)
    bars = synthetic_bars("SYN:A/USDT", 1100, seed=5)
    day = bars["date"].iloc[-1]
    for window, most, told in ((250, 4, ""), (30, 8, "L2.WARMUP")):
        declared = selected_features(config, 365.0)[0]
        own = [dataclasses.replace(declared, window=window, min_bars=window, span_days=window)]
        matrix = features_frame(bars, [day], config, 365.0, features=own)
        (row,) = certificates(matrix, bars, [day], config, features=own).to_dict("records")
        assert (row["state"], row["drift_windows"]) == (CERTIFIED, most)
        assert (row["drift"] > row["tolerance"]) is bool(told) and row["reason"].startswith(told)
    young = bars.tail(300)
    matrix = features_frame(young, [day], config, 365.0)
    (row,) = certificates(matrix, young, [day], config).to_dict("records")
    assert np.isnan(row["drift"]) and (row["drift_samples"], row["state"]) == (0, CERTIFIED)


def test_a_wrong_form_has_no_certificate(frame, bars, days, short):
    day = days[5]
    doubled = pd.concat([frame[frame["date"] <= day], frame[frame["date"] == day].tail(1)])
    found = certificates(doubled, bars, days[:6], short)
    assert set(found["date"]) == set(days[:5])
    assert (
        judge_features(frame.drop(columns="close"), bars, days, short, 365.0, known=known(short)).certificates is None
    )
    assert certificate_facts(None) == {}


def test_the_hash_names_what_the_values_are_made_from_and_not_its_wording(config):
    own = build_registry(config, 365.0).select(["adx_14"])[0]
    now = declaration_hash(own, ("code",))
    assert len(now) == 16 and now == declaration_hash(dataclasses.replace(own, title="Other", source="?"), ("code",))
    changes = {
        "version": 2, "parameters": {**own.parameters, "length": 15}, "window": own.window + 1,
        "span_days": own.span_days + 1, "min_bars": 5, "memory": not own.memory, "drift": 0.5, "lower": -1.0,
        "function": compute_features,
    }  # fmt: skip
    others = {declaration_hash(dataclasses.replace(own, **{k: v}), ("code",)) for k, v in changes.items()}
    assert now not in others and len(others) == len(changes)
    assert declaration_hash(own, ("code", "own module")) != now
