"""What was listed when, assets that change their ticker, perpetuals and their spot markets."""

import datetime as dt

import pandas as pd
import pytest

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.market.life_cycle import (
    Rename,
    asset_identities,
    counterparts,
    listed_on,
    listing_intervals,
    unit_of,
)
from quant_assets.universe.bases import is_leveraged

D = dt.date


def snapshots(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["snapshot_ts", "symbol", "status"])
    return frame.assign(snapshot_ts=pd.to_datetime(frame["snapshot_ts"], utc=True))


FEW = snapshots(
    ("2022-01-01 10:00", "A", "TRADING"), ("2022-01-01 10:00", "B", "TRADING"),
    ("2022-02-01 10:00", "A", "TRADING"), ("2022-02-01 10:00", "B", "BREAK"), ("2022-02-01 10:00", "C", "TRADING"),
    ("2022-03-01 10:00", "A", "TRADING"), ("2022-03-01 10:00", "B", "TRADING"),
)  # fmt: skip


def statuses(day: dt.date) -> dict[str, str]:
    found = listed_on(listing_intervals(FEW), day)
    return dict(zip(found["symbol"], found["status"], strict=True))


def test_equal_statuses_of_successive_snapshots_are_one_interval():
    intervals = listing_intervals(FEW)
    assert intervals.groupby("symbol").size().to_dict() == {"A": 1, "B": 3, "C": 1}
    ended = intervals.set_index("symbol").loc["C"]
    assert (str(ended["valid_from"]), str(ended["valid_to"])) == ("2022-02-01 10:00:00", "2022-03-01 10:00:00")
    assert pd.isna(intervals.set_index("symbol").loc["A", "valid_to"])


def test_a_day_knows_the_snapshots_up_to_its_end_and_no_later_one():
    assert statuses(D(2022, 1, 1)) == {"A": "TRADING", "B": "TRADING"}
    assert statuses(D(2022, 1, 31)) == {"A": "TRADING", "B": "TRADING"}
    assert statuses(D(2022, 2, 1)) == {"A": "TRADING", "B": "BREAK", "C": "TRADING"}
    assert statuses(D(2022, 3, 1)) == {"A": "TRADING", "B": "TRADING"}
    with pytest.raises(EmptyResult, match="first snapshot"):
        statuses(D(2021, 12, 31))


def test_later_snapshots_do_not_change_what_a_day_knew():
    early = listing_intervals(FEW[FEW["snapshot_ts"] < "2022-02-15"])
    pd.testing.assert_frame_equal(listed_on(early, D(2022, 2, 10)), listed_on(listing_intervals(FEW), D(2022, 2, 10)))


def test_how_long_a_status_has_been_known_is_told():
    found = listed_on(listing_intervals(FEW), D(2022, 2, 10)).set_index("symbol")["known_for"]
    assert found.to_dict() == {"A": 40, "B": 9, "C": 9}


def test_a_market_twice_in_a_snapshot_is_refused():
    with pytest.raises(UsageError, match="twice"):
        listing_intervals(pd.concat([FEW, FEW.iloc[[0]]]))


def lives(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["symbol", "life_start", "last_bar"])
    return frame.assign(life_start=pd.to_datetime(frame["life_start"]), last_bar=pd.to_datetime(frame["last_bar"]))


TERRA = lives(
    ("LUNA", "2020-08-21", "2022-05-13"), ("LUNA", "2022-05-31", "2023-12-29"), ("LUNC", "2022-09-09", "2023-12-29")
)


def test_an_asset_survives_its_rename_and_a_reused_ticker_is_another_asset():
    found = asset_identities(TERRA, [Rename(old="LUNA", new="LUNC", date=D(2022, 5, 28))])
    assert found["asset"].tolist() == ["LUNA@2020-08-21", "LUNA@2022-05-31", "LUNA@2020-08-21"]
    assert asset_identities(TERRA)["asset"].nunique() == 3


def test_renames_chain():
    table = lives(
        ("X", "2020-01-01", "2020-06-30"), ("Y", "2020-07-01", "2021-01-31"), ("Z", "2021-02-01", "2021-12-31")
    )
    chain = [Rename(old="Y", new="Z", date=D(2021, 2, 1)), Rename(old="X", new="Y", date=D(2020, 7, 1))]
    assert set(asset_identities(table, chain)["asset"]) == {"X@2020-01-01"}


@pytest.mark.parametrize(("rename", "told"), [
    (Rename(old="LUNC", new="LUNA", date=D(2022, 5, 31)), "no life that ended before"),
    (Rename(old="LUNA", new="LUNC", date=D(2022, 10, 1)), "already trades since 2022-09-09"),
    (Rename(old="LUNA", new="LUNC", date=D(2024, 1, 1)), "has no bar from then on"),
])  # fmt: skip
def test_a_rename_that_the_bars_contradict_is_refused(rename, told):
    with pytest.raises(UsageError, match=told):
        asset_identities(TERRA, [rename])


def test_a_life_has_one_predecessor():
    table = lives(
        ("X", "2020-01-01", "2020-06-30"), ("W", "2020-01-01", "2020-06-30"), ("Y", "2020-07-01", "2021-01-31")
    )
    both = [Rename(old=old, new="Y", date=D(2020, 7, 1)) for old in ("X", "W")]
    with pytest.raises(UsageError, match="renamed twice"):
        asset_identities(table, both)
    with pytest.raises(ValueError, match="renamed to itself"):
        Rename(old="X", new="X", date=D(2020, 7, 1))


def test_perpetuals_find_their_spot_market():
    found = counterparts([
        "B:BTC/USDT", "B:BTC/USDT:USDT", "B:SHIB/USDT", "B:1000SHIB/USDT:USDT", "B:1000SATS/USDT",
        "B:1000SATS/USDT:USDT",
        "B:1INCH/USDT", "B:1INCH/USDT:USDT", "B:1MBABYDOGE/USDT:USDT", "B:ETH/USDC", "B:ETH/USDT:USDT", "C:PEPE/USDT",
        "B:1000PEPE/USDT:USDT",
    ])  # fmt: skip
    assert {p.partition(":")[2]: (s.partition(":")[2], n) for p, s, n in found.itertuples(index=False)} == {
        "BTC/USDT:USDT": ("BTC/USDT", 1), "1000SHIB/USDT:USDT": ("SHIB/USDT", 1000),
        "1000SATS/USDT:USDT": ("1000SATS/USDT", 1), "1INCH/USDT:USDT": ("1INCH/USDT", 1),
        "1MBABYDOGE/USDT:USDT": ("", 1_000_000), "ETH/USDT:USDT": ("", 1), "1000PEPE/USDT:USDT": ("", 1000),
    }  # fmt: skip
    assert unit_of("1000000MOG") == ("MOG", 1_000_000) and unit_of("1INCH") == ("1INCH", 1)


@pytest.fixture(scope="module")
def history(shared_folder) -> pd.DataFrame:
    return pd.read_parquet(shared_folder / "data" / "binance_exchange_info_history.parquet")


def test_real_snapshots_say_what_was_listed_on_a_day(history):
    usdt = history[history["quote"] == "USDT"]
    intervals = listing_intervals(usdt)

    def status(symbol: str, day: dt.date) -> str | None:
        found = listed_on(intervals, day).set_index("symbol")["status"]
        return found.get(symbol)

    assert status("LUNA/USDT", D(2022, 5, 1)) == "TRADING" and status("LUNC/USDT", D(2022, 5, 1)) is None
    assert (status("FTT/USDT", D(2021, 5, 1)), status("FTT/USDT", D(2022, 12, 31))) == ("TRADING", "BREAK")
    assert (status("UST/USDT", D(2021, 5, 1)), status("UST/USDT", D(2022, 12, 31))) == (None, "BREAK")
    assert (status("LEND/USDT", D(2021, 1, 1)), status("AAVE/USDT", D(2021, 1, 1))) == ("BREAK", "TRADING")
    assert (status("NBT/USDT", D(2023, 3, 10)), status("NBT/USDT", D(2023, 4, 14))) == ("TRADING", None)


def test_leveraged_tokens_are_those_that_the_venue_marks_and_those_it_had_before_it_marked_any(history):
    marked = set(history.loc[history["permissions"].str.contains("LEVERAGED"), "base"])
    bases = set(history["base"])
    ours = {base for base in bases if is_leveraged(base, bases)}
    assert len(marked) == 40 and marked <= ours
    assert ours - marked == {
        "BULL",
        "BEAR",
        "BNBBULL",
        "BNBBEAR",
        "EOSBULL",
        "EOSBEAR",
        "ETHBULL",
        "ETHBEAR",
        "XRPBULL",
        "XRPBEAR",
    }
