"""Released bars: exactly that bar, despite exactly that rule."""

import numpy as np
import pandas as pd
import pytest

from quant_assets.market.decisions import Circumstances, bar_hashes, in_force, releasable, released_result
from tests.quant_assets.market.synthetic import FIRST, judge, listed_from, synthetic_bars

DAY = FIRST + pd.Timedelta(days=20)
SYMBOL = "SYNTH:C003/USDT"


def spoiled(kind):
    """A market in which one bar breaks a rule; at most one row of the day is malformed."""
    bars = synthetic_bars(symbols=120, days=40)
    row = bars.index[(bars["date"] == DAY) & (bars["symbol"] == SYMBOL)][0]
    if kind == "L0.OHLC":
        bars.loc[row, "high"] = bars.loc[row, "open"] * 0.999 - 1
    elif kind == "L0.VOLUME":
        bars.loc[row, "quote_volume"] *= 50
    else:
        bars.loc[row, ["high", "close"]] = bars.loc[row, "close"] * 40
        bars.loc[row, ["open", "low"]] = bars.loc[row, "close"] * 0.9
        bars.loc[row, "quote_volume"] = np.nan
    return bars, row


def release_of(judged, **changes):
    (row,) = judged.quarantined[judged.quarantined["symbol"] == SYMBOL].to_dict("records")
    told = {
        "date": row["date"], "symbol": SYMBOL, "decision": "release", "rule": row["rule"],
        "bar_hash": bar_hashes(judged.quarantined[judged.quarantined["symbol"] == SYMBOL])[0],
        "decided_by": "somebody", "reason": "confirmed on a second venue", "decided_at": pd.Timestamp("2024-01-01"),
    }  # fmt: skip
    return pd.DataFrame([{**told, **changes}])


@pytest.mark.parametrize("rule", ["L0.OHLC", "L0.VOLUME", "L1.RETURN_CAP"])
def test_a_released_bar_is_accepted_and_nothing_else_changes(rule):
    bars, row = spoiled(rule)
    before = judge(bars, listed_from(bars))
    assert list(before.quarantined["rule"]) == [rule]
    after = judge(bars, listed_from(bars), around=Circumstances(releases=release_of(before)))
    here = after.accepted[(after.accepted["date"] == DAY) & (after.accepted["symbol"] == SYMBOL)]
    assert list(here["close"]) == [bars.loc[row, "close"]]
    assert not len(after.quarantined[after.quarantined["date"] == DAY])
    others = lambda frame: frame[frame["symbol"] != SYMBOL].reset_index(drop=True)  # noqa: E731
    pd.testing.assert_frame_equal(others(after.accepted), others(before.accepted))
    assert all(raw.passed and health.passed for raw, health in after.verdicts.values())


@pytest.mark.parametrize(
    "changes",
    [{"bar_hash": "0" * 16}, {"rule": "L0.VOLUME"}, {"date": DAY + pd.Timedelta(days=1)}, {"decision": "reject"}],
)
def test_another_bar_rule_day_or_decision_releases_nothing(changes):
    bars, _ = spoiled("L0.OHLC")
    before = judge(bars, listed_from(bars))
    after = judge(bars, listed_from(bars), around=Circumstances(releases=release_of(before, **changes)))
    pd.testing.assert_frame_equal(after.quarantined, before.quarantined)


def test_the_newest_decision_on_a_bar_is_in_force():
    bars, _ = spoiled("L0.OHLC")
    judged = judge(bars, listed_from(bars))
    first = release_of(judged)
    later = release_of(judged, decision="reject", decided_at=pd.Timestamp("2024-01-02"))
    other = release_of(judged, bar_hash="0" * 16)
    newest = in_force(pd.concat([later, first, other]))
    assert sorted(newest["decision"]) == ["reject", "release"] and len(newest) == 2


def test_the_verdict_shows_who_released_what_and_whether_the_bar_came():
    bars, _ = spoiled("L0.OHLC")
    judged = judge(bars, listed_from(bars))
    release = release_of(judged)
    accepted = judge(bars, listed_from(bars), around=Circumstances(releases=release)).accepted
    shown = released_result(release, accepted[accepted["date"] == DAY])
    assert shown.verdict == "warn" and "somebody: confirmed on a second venue (accepted)" in shown.message
    gone = released_result(release, judged.accepted[judged.accepted["date"] == DAY])
    assert "not accepted: the received bar is another one" in gone.message


@pytest.mark.parametrize("rule", ["L0.CLOSED", "L0.SYMBOL", "L0.SCHEMA", "L0.KEY", "L0.COVERAGE"])
def test_what_is_no_bar_cannot_be_released(rule):
    prices = dict.fromkeys(("open", "high", "low", "close"), 1.0)
    assert rule in releasable({"rule": rule, **prices})
    assert not releasable({"rule": "L0.OHLC", **prices})
    assert "not finite and positive" in releasable({"rule": "L0.OHLC", **prices, "low": 0.0})
    assert "not finite and positive" in releasable({"rule": "L0.OHLC", **prices, "close": float("nan")})


def test_equal_bars_have_equal_hashes_whatever_their_source():
    bars = synthetic_bars(symbols=2, days=2)
    assert bar_hashes(bars) == bar_hashes(bars.assign(source="another", ingested_at=pd.Timestamp("2030-01-01")))
    assert len(set(bar_hashes(bars))) == 4
    assert bar_hashes(bars.assign(trades=np.nan)) == bar_hashes(bars.assign(trades=np.float64("nan")))
