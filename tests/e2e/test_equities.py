"""Real equities on exchange sessions, from listings to realised returns: holidays, a split, and no padding."""

from __future__ import annotations

import pandas as pd
import pytest

from quant_assets.manifests import Ledger
from quant_assets.market.calendars import closed_days, open_days
from tests.e2e.worlds import Place, tiny_profile

START, FIRST_WEEK, END = "2020-06-29", "2020-08-31", "2020-10-04"
SPLIT_DAY = pd.Timestamp("2020-08-31")
LABOR_DAY, INDEPENDENCE_DAY = "2020-09-07", "2020-07-03"
SYMBOLS = ["AAPL", "COST", "CVX", "F", "KO", "MSFT", "NSC", "SPY"]
DAILY = ("listings", "ohlcv", "returns_matrix", "candidates", "features_matrix")
BARS = ["symbol", "date", "open", "high", "low", "close", "volume"]


def table(place: Place, name: str) -> pd.DataFrame:
    frame = place.table(name)
    days = {c: pd.to_datetime(frame[c]) for c in ("date", "week") if c in frame.columns}
    return frame.assign(**days)


def raw_bars(shared_folder) -> pd.DataFrame:
    """Real bars of eight shares; AAPL's 4:1 split is taken out of its prices again, as they were printed then."""
    bars = pd.read_parquet(shared_folder / "data" / "us_equities_daily.parquet")
    bars = bars.assign(date=pd.to_datetime(bars["date"]))
    bars = bars[bars["symbol"].isin(SYMBOLS) & bars["date"].between(START, END)].reset_index(drop=True)
    old = (bars["symbol"] == "AAPL") & (bars["date"] < SPLIT_DAY)
    bars = bars.astype({"volume": "float64"})
    bars.loc[old, ["open", "high", "low", "close"]] *= 4.0
    bars.loc[old, "volume"] /= 4.0
    bars["adjusted"] = bars["adjusted"] & (bars["symbol"] != "AAPL")
    return bars[[*BARS, "stock_splits", "adjusted"]]


def equities_profile() -> dict:
    return tiny_profile(
        name="equities", title="Eight shares on exchange sessions", start=START, first_week=FIRST_WEEK, end=END,
        calendar="XNYS", annualisation=252,
        venue={"kind": "files", "path": "bars", "venue_name": "NYSE", "default_quote": "USD"},
        sleeves=tiny_profile()["sleeves"][:1], metas=[],
    )  # fmt: skip


@pytest.fixture(scope="module")
def place(shared_folder, tmp_path_factory) -> Place:
    made = Place(tmp_path_factory.mktemp("equities")).write(equities_profile(), raw_bars(shared_folder))
    broken = [r for r in made.backfill() if r.exit_code]
    assert not broken
    return made


def test_every_day_of_every_daily_asset_is_published_and_closed_days_are_empty(place):
    start, end = pd.Timestamp(START).date(), pd.Timestamp(END).date()
    closed = set(closed_days("XNYS", start, end).strftime("%Y-%m-%d"))
    assert {LABOR_DAY, INDEPENDENCE_DAY, "2020-07-04", "2020-07-05"} <= closed
    manifests = Ledger(place.lakehouse).latest(columns=["rows", "verdicts"])
    for asset in DAILY:
        own = manifests[manifests["asset"] == asset]
        rows = dict(zip(own["partition"].dt.strftime("%Y-%m-%d"), own["rows"], strict=True))
        assert set(place.statuses(asset).values()) == {"published"}
        assert {day for day, count in rows.items() if not count} == closed & set(rows)
        told = own[own["partition"].dt.strftime("%Y-%m-%d").isin(closed)]["verdicts"]
        assert told.str.contains("session: closed").all()
    assert len(place.statuses("ohlcv")) == (end - start).days + 1


def test_there_is_no_false_gap_and_no_padded_return(place):
    health, returns = table(place, "symbol_health"), table(place, "returns_matrix")
    assert health.empty
    opened = open_days("XNYS", pd.Timestamp(START).date(), pd.Timestamp(END).date())
    assert set(returns["date"]) == set(opened) and len(returns) == len(opened) * len(SYMBOLS)
    assert returns.loc[returns["flag"] != "", "date"].unique().tolist() == [opened[0]]


def test_the_split_is_mapped_by_the_venue_and_leaves_no_jump(place):
    bars = table(place, "ohlcv").query("symbol == 'NYSE:AAPL/USD'").sort_values("date")
    factors = bars.set_index("date")["adj_factor"]
    assert set(factors[factors.index < SPLIT_DAY]) == {1.0} and set(factors[factors.index >= SPLIT_DAY]) == {4.0}
    returns = table(place, "returns_matrix").query("symbol == 'NYSE:AAPL/USD'").set_index("date")["return"]
    assert returns[SPLIT_DAY] == pytest.approx(125.965073 / 121.833458 - 1, rel=1e-6)
    assert returns.abs().max() < 0.11


def test_a_week_whose_monday_is_closed_trades_on_tuesday(place):
    daily = table(place, "sleeve_returns").query("sleeve == 'up'")
    week = daily[daily["week"] == LABOR_DAY].sort_values("date")
    assert week["date"].dt.strftime("%Y-%m-%d").tolist() == ["2020-09-08", "2020-09-09", "2020-09-10", "2020-09-11"]
    assert week["turnover"].iloc[0] > 0.0 and (week["turnover"].iloc[1:] == 0.0).all()


def test_selection_decides_on_the_last_session_before_its_monday(place):
    manifests = Ledger(place.lakehouse).latest(columns=["inputs"])
    inputs = manifests[(manifests["asset"] == "up/selection") & (manifests["partition"] == "2020-09-14")]["inputs"]
    assert '"candidates"' in inputs.iloc[0] and '["2020-09-11"]' in inputs.iloc[0].replace(" ", "")
    assert (table(place, "sleeve_returns")["date"].dt.day_of_week < 5).all()
