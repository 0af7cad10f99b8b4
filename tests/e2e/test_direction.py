"""A direction, once chosen, holds: in the weights, in the drift of every holding, against its twin, and into ruin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from quant_assets.manifests import PUBLISHED
from tests.e2e.worlds import TINY_FIRST_WEEK, UP_GROSS, Place

RUIN_DAY, RUIN_WEEK = "2023-03-22", "2023-03-20"
COSTS = 0.0015
SIGN = {"LONG": 1.0, "SHORT": -1.0}


@pytest.mark.parametrize("world", ["tiny", "small"])
def test_the_sign_of_every_weight_is_its_sleeves_direction(world, request):
    place = request.getfixturevalue(world)
    directions = {s.name: s.direction.value for s in place.profile.sleeves}
    weights = place.table("sleeve_weights")
    assert set(weights["sleeve"]) == set(directions) and set(directions.values()) == {"LONG", "SHORT"}
    wanted = weights["sleeve"].map(directions)
    assert (weights["direction"] == wanted).all()
    held = weights["net_weight"] != 0
    assert held.any()
    assert (np.sign(weights.loc[held, "net_weight"]) == wanted[held].map(SIGN)).all()
    assert weights["atom"].str.endswith("|" + "SHORT").eq(wanted == "SHORT").all()


@pytest.mark.parametrize("world", ["tiny", "small"])
@pytest.mark.parametrize("book", ["sleeve", "meta"])
def test_no_holding_ever_changes_sign_by_drift(world, book, request):
    rows = request.getfixturevalue(world).table(f"{book}_contributions")
    assert len(rows) > 50
    assert (rows["start_weight"] * rows["closing_weight"] >= 0).all()
    within = rows.sort_values("date").groupby([book, "week", "symbol"])["start_weight"]
    assert (within.transform("max") * within.transform("min") >= 0).all()


@pytest.mark.parametrize("world", ["tiny", "small"])
def test_equity_is_never_negative_and_days_add_up(world, request):
    place = request.getfixturevalue(world)
    for table, book in (("sleeve_returns", "sleeve"), ("meta_returns", "meta")):
        rows = place.table(table)
        assert (rows["equity"] >= 0).all()
        for _, daily in rows.sort_values("date").groupby(book):
            assert daily["equity"].to_numpy() == pytest.approx(np.cumprod(1 + daily["net"].to_numpy()), rel=1e-12)
            assert daily["net"].to_numpy() == pytest.approx((daily["gross"] - daily["costs"]).to_numpy(), abs=1e-12)


def test_twins_hold_the_same_coins_with_opposite_weights_and_opposite_fortunes(tiny):
    weights = tiny.table("sleeve_weights").pivot_table(index=["week", "symbol"], columns="sleeve", values="net_weight")
    assert weights.notna().all().all()
    assert np.allclose(weights["up"], -UP_GROSS * weights["down"], atol=1e-12)
    daily = tiny.table("sleeve_returns").pivot_table(index="date", columns="sleeve", values="gross")
    assert daily.corr().loc["up", "down"] < -0.97


@pytest.mark.parametrize("sleeve", ["up", "down"])
def test_a_weeks_value_is_the_closed_form_of_its_weights(tiny, sleeve):
    """Buy at Monday's open, pay for the trades, hold: cash + sum of w times the product of (1 + r), to 1e-12."""
    weights = tiny.table("sleeve_weights").query("sleeve == @sleeve")
    returns = tiny.table("returns_matrix").pivot_table(index="date", columns="symbol", values="return")
    daily = tiny.table("sleeve_returns").query("sleeve == @sleeve").sort_values("date").set_index("date")
    returns.index, daily.index = pd.to_datetime(returns.index), pd.to_datetime(daily.index)
    first = pd.Timestamp(TINY_FIRST_WEEK)
    drifted = pd.Series(0.0, index=returns.columns)
    for monday in pd.date_range(first, periods=6, freq="7D"):
        chosen = weights[pd.to_datetime(weights["week"]) == monday].set_index("symbol")["net_weight"]
        target = chosen.reindex(returns.columns).fillna(0.0)
        week = returns.loc[monday : monday + pd.Timedelta(days=6)]
        growth = (1 + week).cumprod()
        traded = (target - drifted).abs().sum()
        value = 1 - target.sum() - COSTS * traded + (growth * target).sum(axis=1)
        expected = value / value.shift(1).fillna(1.0) - 1
        assert daily.loc[week.index, "net"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
        drifted = growth.iloc[-1] * target / value.iloc[-1]


@pytest.fixture(scope="module")
def ruined(tiny, tmp_path_factory) -> Place:
    """The tiny world in which one coin rises tenfold inside one day."""
    place = tiny.copy_to(tmp_path_factory.mktemp("ruin"))
    bars = pd.read_parquet(place.bars_file)
    coin = bars["symbol"] == "TOY:COIN0/USDT"
    on, after = coin & (bars["date"] == RUIN_DAY), coin & (bars["date"] > RUIN_DAY)
    bars.loc[on, ["close", "quote_volume"]] *= 10.0
    bars.loc[on, "high"] = bars.loc[on, "close"] * 1.01
    bars.loc[after, ["open", "high", "low", "close", "quote_volume"]] *= 10.0
    bars.to_parquet(place.bars_file, index=False)
    place.backfill("ohlcv", first=RUIN_DAY, force=True)
    place.backfill()
    return place


def test_the_rise_is_real_and_stays_in_the_returns(ruined):
    returns = ruined.table("returns_matrix")
    day = returns[(pd.to_datetime(returns["date"]) == RUIN_DAY) & (returns["symbol"] == "TOY:COIN0/USDT")]
    assert day["return"].iloc[0] > 7.0


def test_a_short_book_is_ruined_that_day_and_loses_exactly_everything(ruined):
    daily = ruined.table("sleeve_returns").query("sleeve == 'down'").sort_values("date")
    daily["date"] = pd.to_datetime(daily["date"])
    before, on, after = (
        daily[m] for m in (daily["date"] < RUIN_DAY, daily["date"] == RUIN_DAY, daily["date"] > RUIN_DAY)
    )
    assert (before["status"] == "active").all() and (before["equity"] > 0).all()
    assert on["status"].tolist() == ["ruined"]
    assert on["net"].tolist() == [-1.0] and on["equity"].tolist() == [0.0]
    assert on["shortfall"].iloc[0] > 0, "what was lost beyond the capital is told"
    assert len(after) >= 14
    assert (after["status"] == "ruined").all() and (after["equity"] == 0).all() and (after["net"] == 0).all()
    assert (after["gross_exposure"] == 0).all()


def test_the_position_is_closed_on_the_day_of_ruin(ruined):
    rows = ruined.table("sleeve_contributions").query("sleeve == 'down'")
    on = rows[pd.to_datetime(rows["date"]) == RUIN_DAY]
    assert (on["event"] == "closed_by_ruin").all() and (on["closing_weight"] == 0).all()
    later = rows[pd.to_datetime(rows["date"]) > RUIN_DAY]
    assert later.empty or (later["start_weight"] == 0).all()


def test_the_weeks_after_start_from_the_ruin_and_the_meta_knows_it(ruined):
    """The week of the ruin is realised as it was held; from the next decision on, one live member is not enough."""
    weeks = {k: v for k, v in ruined.statuses("down/sleeve_returns").items() if k > RUIN_WEEK}
    assert len(weeks) == 2 and set(weeks.values()) == {PUBLISHED}
    states = ruined.statuses("both/meta_weights")
    assert {k for k, v in states.items() if v == PUBLISHED} == {"2023-03-13", RUIN_WEEK}
    for week in (k for k in states if k > RUIN_WEEK):
        reason = ruined.refusals("both/meta_weights", week, "reason")
        assert "L4.COMPLETE" in reason and "ruined: down" in reason and "single: true" in reason
    daily = ruined.table("meta_returns")
    assert (daily["equity"] > 0).all() and (daily["status"] == "active").all(), "the meta held half of it in the other"
