"""Stalls, volume spikes and gap shares against slow, direct re-derivations."""

import numpy as np
import pandas as pd

from quant_assets.market.config import MarketRules
from quant_assets.market.toxicity import toxic_as_of
from tests.quant_assets.market.synthetic import FIRST, RULES, judge, listed_from, synthetic_bars


def holey(seed: int, drop: float, days: int = 120) -> pd.DataFrame:
    bars = synthetic_bars(symbols=5, days=days, seed=seed)
    rng = np.random.default_rng(seed + 99)
    first_rows = bars["date"] == FIRST
    return bars[(rng.uniform(size=len(bars)) > drop) | first_rows].reset_index(drop=True)


def test_volume_spikes_are_those_of_the_direct_formula():
    rules = MarketRules(volume_spike_z=4.0, gap_share=1.0)
    bars = holey(seed=3, drop=0.05)
    rng = np.random.default_rng(0)
    hit = rng.choice(bars.index[bars["date"] > FIRST + pd.Timedelta(days=30)], 40, replace=False)
    bars.loc[hit, "volume"] *= np.exp(rng.uniform(0.5, 5.0, 40))
    bars["quote_volume"] = np.nan
    result = judge(bars, listed_from(bars), rules=rules)
    found = {
        (str(o["symbol"]), str(o["date"]))
        for _, health in result.verdicts.values() for r in health.results if r.rule == "L1.VOLUME_SPIKE"
        for o in r.offenders
    }  # fmt: skip
    wanted = set()
    for symbol, rows in bars.groupby("symbol"):
        for row in rows.itertuples():
            past = rows[(rows["date"] < row.date) & (rows["date"] >= row.date - pd.Timedelta(days=60))]["volume"]
            if len(past) < rules.volume_min_bars:
                continue
            logs = np.log(past.to_numpy())
            mad = np.median(np.abs(logs - np.median(logs)))
            score = (np.log(row.volume) - np.median(logs)) / (1.4826 * max(mad, rules.volume_mad_floor))
            if score > rules.volume_spike_z:
                wanted.add((symbol, str(row.date.date())))
    assert found == wanted and len(wanted) > 5


def test_gap_events_are_those_of_the_direct_count():
    bars = holey(seed=5, drop=0.12)
    result = judge(bars, listed_from(bars))
    gaps = result.health[result.health["state"] == "gap"]
    found = set(zip(gaps["symbol"], gaps["date"], strict=True))
    wanted = set()
    for symbol, rows in bars.groupby("symbol"):
        for day in rows["date"]:
            start = max(rows["date"].min(), day - pd.Timedelta(days=RULES.gap_window - 1))
            span = (day - start).days + 1
            if 1 - rows["date"].between(start, day).sum() / span > RULES.gap_share:
                wanted.add((symbol, day))
    assert found == wanted and len(wanted) > 20


def test_a_stall_is_stalled_from_three_bars_and_toxic_from_five():
    bars = synthetic_bars(symbols=3, days=40)
    mine = bars["symbol"] == "SYNTH:C001/USDT"
    still = mine & (bars["date"] >= FIRST + pd.Timedelta(days=20)) & (bars["date"] < FIRST + pd.Timedelta(days=27))
    bars.loc[still, ["open", "high", "low", "close"]] = 100.0
    bars["quote_volume"] = np.nan
    found = judge(bars).health
    offsets = [((r.date - FIRST).days, r.state) for r in found.itertuples()]
    assert offsets == [(22, "stalled"), (23, "stalled"), (24, "toxic"), (25, "toxic"), (26, "toxic")]
    assert set(found["rule"]) == {"L1.STALL"} and set(found["symbol"]) == {"SYNTH:C001/USDT"}


def test_flat_bars_at_different_prices_are_no_stall():
    bars = synthetic_bars(symbols=2, days=12)
    level = 100.0 + np.arange(12).repeat(2)
    for name in ("open", "high", "low", "close"):
        bars[name] = level
    bars["quote_volume"] = np.nan
    assert judge(bars).health.empty


def test_toxicity_is_read_as_of_a_day_and_never_before_its_event():
    health = pd.DataFrame({
        "date": pd.to_datetime(["2023-05-10", "2023-06-01", "2023-05-20"]), "symbol": ["A", "A", "B"],
        "rule": "L1.STALL", "state": ["toxic", "toxic", "stalled"], "reason": ["first", "second", "only slow"],
    })  # fmt: skip
    asked = pd.to_datetime(["2023-05-09", "2023-05-10", "2023-08-29", "2023-08-30"])
    found = toxic_as_of(health, pd.DatetimeIndex(asked), RULES)
    assert found[["date", "symbol", "reason"]].values.tolist() == [
        [asked[1], "A", "first"], [asked[2], "A", "second"],
    ]  # fmt: skip
