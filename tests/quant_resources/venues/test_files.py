"""The files venue: the user's bars as they are, listings that never look ahead, and clear refusals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import EmptyResult, UsageError
from quant_resources.venues.config import FilesVenueConfig
from quant_resources.venues.files import FilesVenue
from quant_resources.venues.files_symbols import complete_symbol, symbol_parts
from quant_resources.venues.listing_grid import first_bar_days, last_bar_grid
from quant_resources.venues.port import BAR_COLUMNS, LISTING_COLUMNS, Venue

NOW = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)


def frame_of(symbol: str, days: list[str], **columns: object) -> pd.DataFrame:
    base = {"symbol": symbol, "date": days, "open": 1.0, "high": 1.2, "low": 0.9, "close": 1.1, "volume": 10.0}
    return pd.DataFrame({**base, **columns}, index=range(len(days)))


def venue_of(path: Path, now: datetime = NOW, **settings_: object) -> FilesVenue:
    return FilesVenue(FilesVenueConfig(path=path, **settings_), clock=lambda: now)


def written(tmp_path: Path, frame: pd.DataFrame, name: str = "bars.parquet") -> Path:
    path = tmp_path / name
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_bars_come_as_they_are_with_one_moment_of_reading(tmp_path: Path, name: str) -> None:
    frame = frame_of("BTC/USDT", ["2024-01-02", "2024-01-01"], close=[2.0, 1.0], note="ignored")
    venue = venue_of(written(tmp_path, frame, name), venue_name="MINE")
    answer = venue.bars(None, date(2024, 1, 1), date(2024, 1, 2))
    assert isinstance(venue, Venue)
    assert tuple(answer.frame.columns) == BAR_COLUMNS
    assert answer.frame["symbol"].tolist() == ["MINE:BTC/USDT"] * 2
    assert answer.frame["close"].tolist() == [1.0, 2.0]
    assert answer.frame["quote_volume"].isna().all() and answer.frame["trades"].isna().all()
    assert answer.frame["ingested_at"].tolist() == [pd.Timestamp("2024-03-01 12:00")] * 2
    assert answer.frame["date"].dtype == answer.frame["ingested_at"].dtype == "datetime64[us]"
    assert (venue.data_kind, answer.report.rows_received, answer.report.failed) == ("real", 2, {})


@pytest.mark.parametrize(
    "moments",
    [
        [1704067200, 1704153600],
        [1704067200000, 1704153600000],
        [1704067200000000, 1704153600000000],
        [1704067200000000000, 1704153600000000000],
        [1704067200000, 1704153600000000],
        ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"],
        ["2024-01-01 02:00:00+02:00", "2024-01-02 02:00:00+02:00"],
    ],
    ids=["seconds", "milli", "micro", "nano", "milli and micro spliced", "iso", "another zone"],
)
@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
def test_every_usual_way_to_write_a_day_is_read(tmp_path: Path, moments: list[object], name: str) -> None:
    frame = frame_of("A/USDT", ["x", "y"]).rename(columns={"date": "timestamp"})
    frame["timestamp"] = pd.Series(moments)
    answer = venue_of(written(tmp_path, frame, name)).bars(None, date(2024, 1, 1), date(2024, 1, 2))
    assert answer.frame["date"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")]


def test_a_folder_is_read_as_one_and_read_again_when_a_file_changes(tmp_path: Path) -> None:
    written(tmp_path, frame_of("A/USDT", ["2024-01-01"]), "a.parquet")
    written(tmp_path, frame_of("B/USDT", ["2024-01-01"]), "b.csv")
    (tmp_path / "notes.txt").write_text("not bars")
    venue = venue_of(tmp_path)
    assert set(venue.bars(None, date(2024, 1, 1), date(2024, 1, 1)).frame["symbol"]) == {"FILES:A/USDT", "FILES:B/USDT"}
    written(tmp_path, frame_of("C/USDT", ["2024-01-01"]), "c.csv")
    assert len(venue.bars(None, date(2024, 1, 1), date(2024, 1, 1)).frame) == 3


def test_dirty_rows_flow_through_untouched(tmp_path: Path) -> None:
    days = ["2024-01-01"] * 3
    frame = frame_of("A/USDT", days, low=[5.0, 0.9, 0.9], close=[1.1, np.nan, np.inf], volume=[-1.0, 10.0, 10.0])
    answer = venue_of(written(tmp_path, frame)).bars(None, date(2024, 1, 1), date(2024, 1, 1)).frame
    assert answer["low"].tolist() == [5.0, 0.9, 0.9]
    assert answer["volume"].tolist() == [-1.0, 10.0, 10.0]
    assert np.isnan(answer["close"][1]) and np.isinf(answer["close"][2])


def test_hostile_names_stay_strings_and_touch_no_file(tmp_path: Path) -> None:
    names = ["../x", "/etc/passwd", "A/USDT; drop table", "", "NULL", "ＢＴＣ/USDT", "a\nb"]
    frame = pd.concat([frame_of(name, ["2024-01-01"]) for name in names])
    folder = tmp_path / "in"
    folder.mkdir()
    venue = venue_of(written(folder, frame))
    answer = venue.bars(None, date(2024, 1, 1), date(2024, 1, 1)).frame
    assert set(answer["symbol"]) == {f"FILES:{name}" for name in names}
    assert set(venue.listings(date(2024, 1, 1))["symbol"]) == {f"FILES:{name}" for name in names}
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*")) == ["in", "in/bars.parquet"]


@pytest.mark.parametrize(
    ("raw", "quote", "expected"),
    [
        ("BTC/USDT", None, "FILES:BTC/USDT"),
        ("BTC", "USD", "FILES:BTC/USD"),
        ("BTC", None, "FILES:BTC"),
        ("FILES:BTC/USDT", "USD", "FILES:BTC/USDT"),
        ("OTHER:BTC/USDT", None, "OTHER:BTC/USDT"),
        ("NASDAQ:AAPL", "USD", "NASDAQ:AAPL/USD"),
        ("BTC/USDT:USDT", "USD", "FILES:BTC/USDT:USDT"),
        ("../x", "USD", "FILES:../x"),
    ],
)
def test_symbols_are_completed_never_corrected(raw: str, quote: str | None, expected: str) -> None:
    assert complete_symbol(raw, "FILES", quote) == expected


def test_a_settlement_currency_makes_a_swap() -> None:
    assert symbol_parts("X:BTC/USDT:USDT") == type(symbol_parts("X:A/B"))("BTC", "USDT", "swap")
    assert (symbol_parts("X:BTC/USDT").kind, symbol_parts("X:BTC").quote) == ("spot", "")


def test_a_bar_that_is_not_over_is_withheld_and_counted(tmp_path: Path) -> None:
    venue = venue_of(written(tmp_path, frame_of("A/USDT", ["2024-02-29", "2024-03-01"])))
    answer = venue.bars(None, date(2024, 2, 29), date(2024, 3, 1))
    assert answer.frame["date"].tolist() == [pd.Timestamp("2024-02-29")]
    assert (answer.report.rows_received, answer.report.rows_unclosed) == (2, 1)
    assert "1 rows withheld" in answer.report.notes[0]
    assert venue.listings(date(2024, 3, 1))["last_bar"].tolist() == [pd.Timestamp("2024-02-29")]


def test_asking_for_an_unknown_symbol_is_reported(tmp_path: Path) -> None:
    venue = venue_of(written(tmp_path, frame_of("A/USDT", ["2024-01-01"])))
    answer = venue.bars(["FILES:A/USDT", "FILES:B/USDT"], date(2024, 1, 1), date(2024, 1, 1))
    assert answer.report.failed_symbols == ("FILES:B/USDT",)
    assert len(answer.frame) == 1


def test_a_closed_session_is_empty_but_a_range_beside_the_data_is_an_error(tmp_path: Path) -> None:
    venue = venue_of(written(tmp_path, frame_of("A/USDT", ["2024-01-01", "2024-01-05"])))
    empty = venue.bars(None, date(2024, 1, 2), date(2024, 1, 4)).frame
    assert empty.empty and tuple(empty.columns) == BAR_COLUMNS
    with pytest.raises(EmptyResult, match=r"holds 2024-01-01\.\.2024-01-05; choose dates inside"):
        venue.bars(None, date(2023, 1, 1), date(2023, 1, 2))
    with pytest.raises(EmptyResult, match="no listed markets"):
        venue.listings(date(2023, 12, 31))
    with pytest.raises(UsageError, match="after end"):
        venue.bars(None, date(2024, 1, 2), date(2024, 1, 1))


def test_what_cannot_be_used_is_refused_with_found_expected_and_next_step(tmp_path: Path) -> None:
    day = date(2024, 1, 1)
    empty = tmp_path / "empty"
    empty.mkdir()
    wrong = written(tmp_path, pd.DataFrame({"ticker": ["A"], "px": [1.0]}), "wrong.csv")
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 no parquet at all")
    text = written(tmp_path, frame_of("A/USDT", ["2024-01-01"], close="cheap"), "text.csv")
    no_dates = written(tmp_path, frame_of("A/USDT", ["yesterday"]), "dates.csv")
    hourly = written(tmp_path, frame_of("A/USDT", ["2024-01-01 13:00"]), "hourly.csv")
    compact = written(tmp_path, frame_of("A/USDT", ["x"], date=20240101), "compact.csv")
    no_rows = written(tmp_path, frame_of("A/USDT", ["2024-01-01"]).head(0), "no_rows.csv")
    other = tmp_path / "bars.xlsx"
    other.write_text("x")
    cases = [
        (empty, EmptyResult, "found nothing.*put long bar files there with columns symbol, date"),
        (wrong, UsageError, "columns missing: symbol, open.*found: ticker, px; expected: symbol.*rename"),
        (broken, UsageError, "cannot be read as parquet.*check that the file is complete"),
        (text, UsageError, r"column close has 1 values that are no numbers: \['cheap'\]"),
        (no_dates, UsageError, r"1 rows with an unreadable date, e.g. \['yesterday'\]; use YYYY-MM-DD"),
        (hourly, UsageError, "not daily UTC bars, e.g. 2024-01-01 13:00:00.*aggregate"),
        (compact, UsageError, "no epoch of 1985..2128, e.g. 2.0.*use YYYY-MM-DD"),
        (no_rows, EmptyResult, "no rows; fill the file"),
        (other, UsageError, "found a .xlsx file, expected .parquet or .csv"),
        (tmp_path / "absent", UsageError, "does not exist; give a"),
    ]
    for path, error, message in cases:
        with pytest.raises(error, match=message):
            venue_of(path).bars(None, day, day)


def test_status_by_age_of_the_last_bar(tmp_path: Path) -> None:
    days = ["2024-01-01", "2024-01-02", "2024-02-20"]
    venue = venue_of(written(tmp_path, pd.concat([frame_of("A/USDT", days), frame_of("B/USDT", ["2024-02-10"])])))
    table = venue.listings_range(date(2023, 12, 30), date(2024, 2, 25))
    assert tuple(table.columns) == ("date", *LISTING_COLUMNS)
    status = table[table["symbol"] == "FILES:A/USDT"].set_index("date")["status"]
    assert status.index.min() == pd.Timestamp("2024-01-01")
    assert (status["2024-01-01":"2024-01-03"] == "TRADING").all()
    assert (status["2024-01-04":"2024-02-01"] == "HALTED").all()
    assert status["2024-02-02":"2024-02-19"].empty
    assert status["2024-02-20":"2024-02-21"].tolist() == ["TRADING", "TRADING"]
    assert set(table["kind"]) == {"spot"} and set(table["base"]) == {"A", "B"} and set(table["quote"]) == {"USDT"}
    assert table[["tick_size", "lot_size", "min_notional"]].isna().all().all()


bar_days = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 90)), min_size=1, max_size=60)


@settings(max_examples=40, deadline=None)
@given(bars=bar_days, asked=st.integers(0, 90))
def test_listings_are_what_was_known_that_day(tmp_path_factory: pytest.TempPathFactory, bars, asked) -> None:
    """Bars after the day asked never matter, and each row follows from the bars known that day, one by one."""
    origin = pd.Timestamp("2023-06-01")
    day = (origin + pd.Timedelta(days=asked)).date()
    known = [bar for bar in bars if bar[1] <= asked]
    expected = {}
    for symbol in {symbol for symbol, _ in known}:
        own = [when for who, when in known if who == symbol]
        age = asked - max(own)
        if age <= 30:
            expected[f"FILES:C{symbol}/USDT"] = ("TRADING" if age <= 1 else "HALTED", min(own), max(own))
    answers = []
    for subset in (bars, known):
        if not subset or not expected:
            continue
        frame = pd.concat([frame_of(f"C{s}/USDT", [str((origin + pd.Timedelta(days=d)).date())]) for s, d in subset])
        answers.append(venue_of(written(tmp_path_factory.mktemp("bars"), frame)).listings(day))
    for answer in answers:
        rows = {
            row.symbol: (row.status, (row.first_bar - origin).days, (row.last_bar - origin).days)
            for row in answer.itertuples()
        }
        assert rows == expected
    if len(answers) == 2:
        pd.testing.assert_frame_equal(answers[0], answers[1])


@settings(max_examples=100, deadline=None)
@given(bars=bar_days, start=st.integers(-5, 95), length=st.integers(0, 40))
def test_the_grid_equals_a_search_through_all_bars(bars, start, length) -> None:
    codes = np.array([code for code, _ in bars], dtype=np.intp)
    days = np.array([day for _, day in bars], dtype=np.int64)
    grid = last_bar_grid(codes, days, 3, start, start + length)
    for row in range(length + 1):
        for code in range(3):
            seen = [day for who, day in bars if who == code and day <= start + row]
            assert grid[row, code] == (max(seen) if seen else np.iinfo(np.int64).min)
    for code in set(codes.tolist()):
        assert first_bar_days(codes, days, 3)[code] == min(day for who, day in bars if who == code)


def test_real_bars_keep_crash_suspension_and_reuse_visible(shared_folder: Path) -> None:
    path = shared_folder / "data" / "binance_spot_daily.parquet"
    venue = FilesVenue(FilesVenueConfig(path=path, venue_name="BINANCE"))
    start, end = date(2021, 1, 1), date(2023, 12, 29)
    table = venue.listings_range(start, end)
    answer = venue.bars(None, start, end)
    raw = pd.read_parquet(path, columns=["symbol", "date"])
    assert len(answer.frame) == answer.report.rows_received == int((raw["date"] >= start).sum())
    assert table["date"].nunique() == 1_093
    trading = table[table["status"] == "TRADING"].set_index(["date", "symbol"]).index
    assert answer.frame.set_index(["date", "symbol"]).index.isin(trading).all(), "a bar is a market that trades"
    ftt = table[table["symbol"] == "BINANCE:FTT/USDT"].set_index("date")["status"]
    assert ftt["2022-11-16"] == "TRADING" and (ftt["2022-11-17":"2022-12-15"] == "HALTED").all()
    assert ftt["2022-12-16":"2023-09-21"].empty and ftt["2023-09-22"] == "TRADING"
    luna = table[table["symbol"] == "BINANCE:LUNA/USDT"].set_index("date")["status"]
    assert set(luna["2022-05-15":"2022-05-30"]) == {"HALTED"} and luna["2022-05-31"] == "TRADING"
