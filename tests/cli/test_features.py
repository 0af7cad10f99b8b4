"""`quant features`: the feature engine on a user's own bars, and what the registry and the certificate say."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from quant_assets.features import moving_averages, oscillators, trend
from tests.cli.bars_files import DAYS, computed, walk, written
from tests.cli.command import one_error
from tests.e2e.worlds import tiny_profile


def test_values_are_those_of_the_indicators_from_each_symbols_first_bar_on(quant, two, tmp_path):
    path, frame = two
    ids = ["adx_14", "macd_signal", "atr_14", "ema_200", "rsi_14", "sma_20"]
    told, found = computed(quant, path, tmp_path / "out.csv", "--features", ",".join(ids))
    assert list(found.columns) == ["symbol", "date", *ids] and told["features"] == ids and told["left_out"] == {}
    for symbol, bars in frame.groupby("symbol"):
        own = found[found["symbol"] == symbol]
        assert own["date"].tolist() == bars["date"].tolist()
        high, low, close = (bars[c].to_numpy() for c in ("high", "low", "close"))
        expected = {
            "adx_14": trend.adx_di(high, low, close)[0],
            "macd_signal": trend.macd(close)[1],
            "atr_14": trend.atr(high, low, close),
            "ema_200": moving_averages.ema(close, 200),
            "rsi_14": oscillators.rsi(close, 14),
            "sma_20": moving_averages.sma(close, 20),
        }
        for name, values in expected.items():
            np.testing.assert_array_equal(own[name].to_numpy(), values, err_msg=f"{symbol} {name}")


def test_all_features_are_computed_unless_some_are_named(quant, two, tmp_path):
    told, found = computed(quant, two[0], tmp_path / "out.parquet")
    listed = json.loads(quant(None, "features", "list", "--json").stdout)["features"]
    assert list(found.columns[2:]) == [f["id"] for f in listed if f["computed"]]
    assert (found.dtypes.iloc[2:] == np.float64).all() and told["annualisation"] == 365
    again, some = computed(quant, two[0], tmp_path / "some.csv", "--features", "macd", "--features", "rsi_14", "atr_14")
    assert again["features"] == ["macd", "rsi_14", "atr_14"] and len(some) == len(found)


def test_ranks_and_scores_compare_the_symbols_of_a_time(quant, two, tmp_path):
    asked = ("--features", "rank_rsi_14,zscore_close,close")
    told, found = computed(quant, two[0], tmp_path / "out.csv", *asked)
    assert told["features"] == ["rank_rsi_14", "zscore_close", "close"]
    both = found["date"] == found.loc[found["symbol"] == "BBB/USDT", "date"].max()
    last = found[both].set_index("symbol")
    assert sorted(last["rank_rsi_14"]) == [0.5, 1.0]
    np.testing.assert_allclose(sorted(last["zscore_close"]), [-1.0, 1.0], rtol=1e-12)
    alone = found["date"].map(found.groupby("date").size()) == 1
    assert (found.loc[alone, "zscore_close"] == 0).all() and alone.any()
    months = pd.date_range("2001-01-01", periods=DAYS, freq="MS")
    monthly = pd.concat([walk("ACME", DAYS, 7, months), walk("BOLT", DAYS - 12, 8, months[12:])])
    odd = written(monthly, tmp_path, "months.csv")
    refused = quant(None, "features", "compute", odd, "--out", tmp_path / "no.csv", "--features", "rank_close")
    assert refused.exit_code == 2 and "share no time grid" in one_error(refused)


def test_bars_in_any_order_give_the_same_file_and_it_is_said(quant, two, tmp_path):
    path, frame = two
    mixed = written(frame.sample(frac=1.0, random_state=3), tmp_path, "mixed.csv")
    told, found = computed(quant, mixed, tmp_path / "mixed_out.csv", "--features", "adx_14")
    before, expected = computed(quant, path, tmp_path / "out.csv", "--features", "adx_14")
    pd.testing.assert_frame_equal(found, expected)
    assert any("sorted" in note for note in told["notes"]) and before["notes"] == []


@pytest.mark.parametrize(("kind", "comes_out"), [("str", "str"), ("category", "str"), ("int64", "int64")])
def test_symbols_come_out_of_a_parquet_file_as_they_went_in(quant, two, tmp_path, kind, comes_out):
    _, frame = two
    numbers = frame["symbol"].map({"AAA/USDT": 10, "BBB/USDT": 20})
    symbols = numbers if kind == "int64" else frame["symbol"].astype(kind)
    named = frame.assign(symbol=symbols).sort_values(["date", "symbol"])
    _, found = computed(quant, written(named, tmp_path, "in.parquet"), tmp_path / "out.parquet", "--features", "close")
    assert found["symbol"].dtype == comes_out
    expected = named.sort_values(["symbol", "date"], ignore_index=True)
    assert found["symbol"].tolist() == expected["symbol"].tolist()
    assert found["date"].tolist() == expected["date"].tolist()
    np.testing.assert_array_equal(found["close"], expected["close"])


def test_odd_markets_change_nothing_of_another_one(quant, tmp_path):
    good, ids = walk("GOOD", 300, 11), "adx_14,realised_volatility,permutation_entropy,vwma_20,recommend_ma,survival"
    prices = ["open", "high", "low", "close"]
    flat, unknown = walk("FLAT", 300, 12), walk("ODD", 300, 13)
    flat[prices] = 5.0
    unknown["volume"] = np.nan
    scaled = [walk(f"X{scale:g}", 300, 14).assign(**{p: walk("X", 300, 14)[p] * scale for p in prices})
              for scale in (1e9, 1e-9)]  # fmt: skip
    odd = [walk("BAR", 1, 15), flat, *scaled, unknown]
    _, together = computed(quant, written(pd.concat([*odd, good]), tmp_path, "all.csv"), tmp_path / "a.csv",
                           "--features", ids)  # fmt: skip
    _, alone = computed(quant, written(good, tmp_path, "good.csv"), tmp_path / "g.csv", "--features", ids)
    same = together[together["symbol"] == "GOOD"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, alone, check_exact=True)
    assert together["symbol"].nunique() == 6 and not np.isinf(together[ids.split(",")].to_numpy()).any()


@pytest.mark.parametrize("given", ["iso", "epoch", "stamps"])
def test_intraday_times_come_out_as_they_went_in(quant, tmp_path, given):
    frame = walk("AAA/USDT", 300, 5).drop(columns="date")
    stamps = pd.date_range("2024-03-01", periods=300, freq="15min")
    times = {
        "iso": stamps.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "epoch": stamps.as_unit("ms").astype("int64"),
        "stamps": stamps,
    }
    frame["timestamp"] = times[given]
    suffix = "parquet" if given == "stamps" else "csv"
    path = written(frame.drop(index=[100, 101]), tmp_path, f"bars.{suffix}")
    told, found = computed(quant, path, tmp_path / f"out.{suffix}", "--features", "realised_volatility,sma_20")
    assert found["timestamp"].tolist() == frame["timestamp"].drop(index=[100, 101]).tolist()
    assert told["annualisation"] == 365 * 96 and told["interval"] == "bars every 15 min, all year round"
    returns = frame["close"].drop(index=[100, 101]).pct_change()
    expected = returns.rolling(252).std() * np.sqrt(365 * 96)
    np.testing.assert_allclose(found["realised_volatility"], expected, rtol=1e-12)


def test_sessions_are_recognised_and_what_is_irregular_asks_for_a_year(quant, tmp_path):
    sessions = walk("ACME", 400, 7, pd.bdate_range("2020-01-01", periods=400))
    told, _ = computed(quant, written(sessions, tmp_path), tmp_path / "out.csv", "--features", "momentum")
    assert told["annualisation"] == 252 and "sessions" in told["annualisation_from"]
    monthly = written(walk("ACME", 400, 7, pd.date_range("1980-01-01", periods=400, freq="MS")), tmp_path, "m.csv")
    refused = quant(None, "features", "compute", monthly, "--out", tmp_path / "m.parquet", "--features", "momentum")
    assert refused.exit_code == 2 and "--annualisation" in one_error(refused) and not (tmp_path / "m.parquet").exists()
    told, found = computed(quant, monthly, tmp_path / "m_out.csv")
    assert "momentum" in told["left_out"] and "momentum" not in found and "adx_14" in found
    told, found = computed(quant, monthly, tmp_path / "m_out.csv", "--annualisation", 12, "--features", "momentum")
    expected = walk("ACME", 400, 7)["close"].pct_change().rolling(252).mean() * 12
    np.testing.assert_allclose(found["momentum"], expected, rtol=1e-9)


def test_without_volume_what_needs_it_is_left_out_by_name_or_refused(quant, two, tmp_path):
    bare = written(two[1].drop(columns=["volume", "symbol"]).iloc[:DAYS], tmp_path, "mycoin.csv")
    told, found = computed(quant, bare, tmp_path / "out.csv")
    assert "volume" in told["left_out"]["vwma_20"] and "vwma_20" not in found
    assert set(found["symbol"]) == {"mycoin"} and any("mycoin" in note for note in told["notes"])
    refused = quant(None, "features", "compute", bare, "--out", tmp_path / "no.csv", "--features", "vwma_20")
    assert refused.exit_code == 2 and "vwma_20" in one_error(refused)


def test_wrong_arguments_are_one_error(quant, two, tmp_path):
    path = two[0]
    empty = written(two[1].iloc[:0], tmp_path, "empty.csv")
    (tmp_path / "nothing.csv").touch()
    cases = [
        ((path, "--out", tmp_path / "out.csv", "--features", "adx_15"), 2, "adx_14"),
        ((path, "--out", tmp_path / "out.csv", "--features", "macd,macd"), 2, "twice"),
        ((path, "--out", tmp_path / "out.xlsx"), 2, ".parquet"),
        ((tmp_path / "none.csv", "--out", tmp_path / "out.csv"), 2, "no such file"),
        ((path, "stray", "--out", tmp_path / "out.csv"), 2, "stray"),
        ((empty, "--out", tmp_path / "out.csv"), 4, "no rows"),
        ((tmp_path / "nothing.csv", "--out", tmp_path / "out.csv"), 4, "empty"),
    ]
    for arguments, code, said in cases:
        result = quant(None, "features", "compute", *arguments)
        assert result.exit_code == code and said in one_error(result)
    assert not (tmp_path / "out.csv").exists()


def test_all_features_and_one_more_can_be_asked_for(quant, two, tmp_path):
    told, found = computed(quant, two[0], tmp_path / "out.csv", "--features", "all,rank_close")
    listed = json.loads(quant(None, "features", "list", "--json").stdout)["features"]
    assert told["features"] == [*(f["id"] for f in listed if f["computed"]), "rank_close"] and "rank_close" in found
    bare = written(two[1].drop(columns="volume"), tmp_path, "bare.csv")
    told, _ = computed(quant, bare, tmp_path / "bare_out.csv", "--features", "all")
    assert "vwma_20" in told["left_out"]
    typo = quant(None, "features", "compute", two[0], "--out", tmp_path / "no.csv", "--features", "RSI_14")
    assert "did you mean rsi_14" in one_error(typo)


MINE = """import numpy as np

from quant_assets.features.custom import feature

FIELDS = {"title": "T", "formula": "f", "source": "test", "unit": "ratio", "window": 5, "min_bars": 2}


@feature(id="leak", **FIELDS)
def leak(close):
    return np.append(close[1:] / close[:-1] - 1, 0.0)


@feature(id="honest", **FIELDS)
def honest(close):
    return np.append(np.nan, close[1:] / close[:-1] - 1)
"""


def test_certify_takes_a_files_bars_too(quant, tmp_path, monkeypatch):
    hours = pd.date_range("2024-01-01", periods=1000, freq="h")
    bars = pd.concat([walk(name, 1000, seed).assign(date=hours) for name, seed in (("A", 1), ("B", 2))])
    path = written(bars, tmp_path, "hours.parquet")
    result = quant(None, "features", "certify", "--bars", path, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["passed"] and told["last"].startswith("2024-02-11T15") and told["days"] == 30
    found = {f["feature"]: f for f in told["features"]}
    assert len(found) > 70 and "age" not in found and all(f["probes"] > 90 for f in found.values())

    (tmp_path / "mine_of_a_file.py").write_text(MINE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    profile = tiny_profile(features={"features": ["momentum", "leak", "honest"], "modules": ["mine_of_a_file"]})
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    result = quant(None, "features", "certify", "--bars", path, "--profile", tmp_path / "mine.yaml", "--json")
    assert result.exit_code == 3
    verdicts = {f["feature"]: f["verdict"] for f in json.loads(result.stdout)["features"]}
    assert verdicts == {"momentum": "pass", "leak": "fail", "honest": "pass"}
    mixed = quant(None, "features", "certify", "--bars", path, "--from", "2024-01-01")
    assert mixed.exit_code == 2 and "--bars" in one_error(mixed)


def test_list_and_show_tell_the_declarations(quant):
    rows = {f["id"]: f for f in json.loads(quant(None, "features", "list", "--json").stdout)["features"]}
    assert len(rows) > 70 and rows["adx_14"]["min_bars"] == 28
    shown = json.loads(quant(None, "features", "show", "ema_200", "--json").stdout)
    assert shown["parameters"] == {"length": 200} and shown["drift"] > 0 and shown["source"].startswith("Pine")
    assert "Wilder" in quant(None, "features", "show", "adx_14").stdout
    assert quant(None, "features", "list").exit_code == 0
    ranked = json.loads(quant(None, "features", "show", "rank_ema_200", "--json").stdout)
    assert ranked["compares"] == "ema_200" and ranked["upper"] == 1 and not ranked["computed"]
    assert "rank_<id>" in quant(None, "features", "list").stdout and "rank_ema_200" not in rows
    unknown = quant(None, "features", "show", "adx")
    assert unknown.exit_code == 2 and "adx_14" in one_error(unknown)


def test_compare_gives_error_and_signs_of_the_last_day(quant, two, tmp_path):
    _, found = computed(quant, two[0], tmp_path / "out.csv", "--features", "recommend_other,recommend_ma")
    last = found[found["date"] == found["date"].max()]
    snapshot = last[["symbol", "recommend_other"]].assign(recommend_other=lambda f: f["recommend_other"] + 0.3)
    path = written(snapshot, tmp_path, "snapshot.csv")
    result = quant(None, "features", "compare", tmp_path / "out.csv", path, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["verdict"] == "warn" and told["severity"] == "WARN"
    assert [(r["rating"], r["markets"]) for r in told["ratings"]] == [("recommend_other", 1)]
    assert told["ratings"][0]["mean_absolute_error"] == pytest.approx(0.3)
    same = written(last[["symbol", "recommend_other"]], tmp_path, "same.csv")
    equal = quant(None, "features", "compare", tmp_path / "out.csv", same, "--date", last["date"].iloc[0])
    assert equal.exit_code == 0 and ": pass" in equal.stdout
    strangers = written(snapshot.assign(symbol="ZZZ"), tmp_path, "strangers.csv")
    nothing = quant(None, "features", "compare", tmp_path / "out.csv", strangers)
    assert nothing.exit_code == 4 and "ZZZ" in one_error(nothing)
    named = snapshot.rename(columns={"recommend_other": "Recommend.Other"})
    as_told = quant(None, "features", "compare", tmp_path / "out.csv", written(named, tmp_path, "named.csv"), "--json")
    assert json.loads(as_told.stdout)["ratings"] == told["ratings"]
    for bad, said in (
        (snapshot.assign(recommend_other="Strong Buy"), "'Strong Buy' in row 1"),
        (pd.concat([snapshot, snapshot]), "more than once"),
    ):
        result = quant(None, "features", "compare", tmp_path / "out.csv", written(bad, tmp_path, "bad.csv"))
        assert result.exit_code == 2 and said in one_error(result)


TRADINGVIEW = {
    ("ma", "sma_10"): "ta.sma(close, 10)",
    ("ma", "ema_20"): "ta.ema(close, 20)",
    ("ma", "hma_9"): "ta.hma(close, 9)",
    ("ma", "vwma_20"): "ta.vwma(close, 20)",
    ("mfi+rsi+stoch", "rsi_14"): "ta.rsi(close, 14)",
    ("bb", "bollinger_upper_20"): "ta.bb(close, 20, 2).upper",
}


@pytest.mark.parametrize(("file", "feature"), TRADINGVIEW)
def test_values_are_tradingviews_at_every_bar(quant, shared_folder, tmp_path, file, feature):
    path = shared_folder / "oracles" / "tradingview" / f"{file}.csv"
    _, found = computed(quant, path, tmp_path / "out.csv", "--features", feature)
    theirs = pd.read_csv(path)
    assert found["time"].tolist() == theirs["time"].tolist()
    np.testing.assert_allclose(found[feature], theirs[TRADINGVIEW[file, feature]], rtol=1e-9)


SKENDER = {"rsi_14": ("rsi", "rsi"), "awesome": ("awesome", "oscillator"), "cci_20": ("cci", "cci")}


@pytest.mark.parametrize("feature", SKENDER)
def test_values_are_those_of_stock_indicators_after_warm_up(quant, shared_folder, tmp_path, feature):
    folder, (name, column) = shared_folder / "oracles" / "skender", SKENDER[feature]
    told, found = computed(quant, folder / "quotes_default.csv", tmp_path / "out.csv", "--features", feature)
    assert told["annualisation"] == 252
    theirs = pd.DataFrame(json.loads((folder / f"{name}.standard.json").read_text()))[column].astype("float64")
    known = theirs.notna().to_numpy() & (np.arange(len(theirs)) > 50)
    assert known.sum() > 400
    np.testing.assert_allclose(found[feature].to_numpy()[known], theirs[known], rtol=1e-9)
