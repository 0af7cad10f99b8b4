"""`quant import bars`: one command from another tool's file to judged bars in the lakehouse, or to one clear error."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from quant_resources.lakehouse.store import Lakehouse
from tests.cli.command import one_error
from tests.e2e.worlds import Place

DAYS = 12
START = "2023-01-02"


def candles(seed: int, days: int = DAYS, start: str = START) -> pd.DataFrame:
    """A random walk with honest ranges; synthetic."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, days)))
    opened = np.concatenate([[50.0], close[:-1]])
    return pd.DataFrame(
        {"date": pd.date_range(start, periods=days, freq="D"), "open": opened, "high": np.maximum(opened, close) * 1.01,
         "low": np.minimum(opened, close) * 0.99, "close": close, "volume": rng.uniform(1e3, 2e3, days)}
    )  # fmt: skip


def as_ccxt(frame: pd.DataFrame) -> pd.DataFrame:
    stamps = frame["date"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    return frame.drop(columns="date").assign(timestamp=stamps)[["timestamp", "open", "high", "low", "close", "volume"]]


def as_binance(frame: pd.DataFrame, micro: bool = False) -> pd.DataFrame:
    raw = as_ccxt(frame)
    raw["timestamp"] *= 1_000 if micro else 1
    return raw.assign(end=raw["timestamp"] + 86_399_999, quote=raw["volume"] * raw["close"], count=9, a=1, b=1, c=0)


def write(kind: str, folder) -> str:
    """A file of 12 days of BTC in the form of a tool; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = candles(1)
    if kind == "ccxt":
        as_ccxt(frame).to_csv(path := folder / "BTC_USDT-1d.csv", index=False)
    elif kind == "binance":
        as_binance(frame).to_csv(path := folder / "BTCUSDT-1d-2023-01.csv", index=False, header=False)
    elif kind == "freqtrade":
        frame.assign(date=frame["date"].dt.tz_localize("UTC")).to_feather(path := folder / "BTC_USDT-1d.feather")
    elif kind == "yahoo":
        frame.rename(columns=str.title).assign(**{"Adj Close": 1.0}).to_csv(
            path := folder / "BTC-USDT.csv", index=False
        )
    else:
        frame.assign(symbol="BTC/USDT").to_parquet(path := folder / "mine.parquet", index=False)
    return str(path)


@pytest.mark.parametrize(
    ("kind", "times"),
    [
        ("ccxt", "epochs in milliseconds (12 rows)"),
        ("binance", "epochs in milliseconds (12 rows)"),
        ("freqtrade", "times in UTC, as UTC"),
        ("yahoo", "ISO dates, UTC"),
        ("platform", "dates without a zone, taken as UTC"),
    ],
)
def test_a_dry_run_says_what_was_recognised_and_judges_it_and_writes_nothing(quant, tmp_path, kind, times):
    place = Place(tmp_path / "place")
    result = quant(place, "import", "bars", write(kind, tmp_path), "--dry-run", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == 0
    (file,) = told["files"]
    assert (file["convention"], file["times"], file["rows"]) == (kind, times, 12)
    assert file["symbols"] == ["FILES:BTC/USDT"]
    assert (file["first"], file["last"]) == ("2023-01-02", "2023-01-13") == (told["first"], told["last"])
    assert {r["rule"] for r in told["rules"] if r["verdict"] == "pass"} >= {"L0.KEY", "L0.OHLC", "L0.COVERAGE"}
    assert not (place.folder / "imports").exists() and not (place.folder / "lakehouse").exists()


def versions(place: Place) -> dict[str, int | None]:
    lakehouse = Lakehouse(str(place.folder / "lakehouse"))
    return {name: lakehouse.version(name) for name in lakehouse.tables()}


def sql(quant, place: Place, query: str) -> list[dict]:
    result = quant(place, "sql", query, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_one_command_publishes_then_more_history_joins_it_and_nothing_is_lost(quant, tmp_path):
    place, files = Place(tmp_path / "place"), tmp_path / "files"
    files.mkdir()
    eth = candles(2)
    eth.loc[5, "volume"] = -1.0
    as_ccxt(candles(1)).to_csv(files / "BTC_USDT-1d.csv", index=False)
    as_ccxt(eth).to_csv(files / "ETH_USDT-1d.csv", index=False)

    first = quant(place, "import", "bars", files, "--json")
    told = json.loads(first.stdout)
    assert first.exit_code == told["exit_code"] == 0, first.stdout
    assert (told["accepted"], told["quarantined"]) == (23, {"L0.VOLUME": 1})
    assert [(a["asset"], a["published"], a["refused"]) for a in told["assets"]] == [
        ("listings", 12, 0), ("ohlcv", 12, 0),
    ]  # fmt: skip
    assert sql(quant, place, "select count(*) n from ohlcv") == [{"n": 23}]
    assert sql(quant, place, "select rule, symbol from ohlcv_quarantine") == [
        {"rule": "L0.VOLUME", "symbol": "FILES:ETH/USDT"}
    ]
    stored = place.table("ohlcv").query("symbol == 'FILES:BTC/USDT'").sort_values("date")
    for name in ("open", "high", "low", "close", "volume"):
        assert stored[name].tolist() == candles(1)[name].tolist(), "every bit of the file"

    # Another coin over the last days: the days are judged again with all three.
    late = candles(3, days=4, start="2023-01-10")
    as_binance(late, micro=True).to_csv(tmp_path / "SOLUSDT-1d-2023-01.csv", index=False, header=False)
    second = quant(place, "import", "bars", tmp_path / "SOLUSDT-1d-2023-01.csv", "--json")
    told = json.loads(second.stdout)
    assert second.exit_code == 0, second.stdout
    assert "microseconds (4 rows)" in told["files"][0]["times"]
    assert sql(quant, place, "select symbol, count(*) n from ohlcv group by symbol order by symbol") == [
        {"symbol": f"FILES:{name}/USDT", "n": n} for name, n in (("BTC", 12), ("ETH", 11), ("SOL", 4))
    ]

    # A correction of published bars is told, and made only when asked for.
    before = versions(place)
    as_ccxt(late.assign(volume=late["volume"] * 2)).to_csv(tmp_path / "SOL_USDT-1d.csv", index=False)
    refused = quant(place, "import", "bars", tmp_path / "SOL_USDT-1d.csv")
    assert refused.exit_code == 2
    assert "4 published bars would change (2023-01-10..2023-01-13" in one_error(refused)
    assert versions(place) == before
    forced = quant(place, "import", "bars", tmp_path / "SOL_USDT-1d.csv", "--force")
    assert forced.exit_code == 0 and "warning: the import of 2023-01-10" in forced.stderr
    assert "51 bars accepted" in forced.stdout or "12 bars accepted" in forced.stdout
    volumes = sql(quant, place, "select volume from ohlcv where symbol = 'FILES:SOL/USDT' order by date")
    assert [row["volume"] for row in volumes] == (late["volume"] * 2).tolist()


def test_published_days_of_another_source_are_not_overwritten(quant, worked, tmp_path):
    before = versions(worked)
    as_ccxt(candles(1)).to_csv(tmp_path / "BTC_USDT-1d.csv", index=False)
    for options in ((), ("--dry-run",)):
        result = quant(worked, "import", "bars", tmp_path / "BTC_USDT-1d.csv", *options)
        assert result.exit_code == 2
        assert "96 published bars would be lost (2023-01-02..2023-01-13" in result.stderr
        assert "TOY:COIN0/USDT" in result.stderr and "--force" in result.stderr
    assert versions(worked) == before and not (worked.folder / "imports").exists()


BAD = {
    "hourly": (2, "no daily bars"),
    "no_columns": (2, "no known columns"),
    "nameless": (2, "--symbol"),
    "broken": (2, "cannot be read as parquet"),
    "text": (2, "no numbers"),
    "headless": (2, "no header and 3 columns"),
    "twice": (2, "more than once"),
    "suffix": (2, "cannot be imported"),
    "absent": (2, "does not exist"),
    "empty": (4, "is empty"),
    "rowless": (4, "no rows"),
    "no_files": (4, "holds no .csv"),
    "tomorrow": (4, "closed"),
}


def bad_file(kind: str, folder):
    frame, path = candles(1), folder / "BTC_USDT.csv"
    if kind == "hourly":
        frame["date"] = pd.date_range("2023-01-02", periods=DAYS, freq="h")
    elif kind == "no_columns":
        frame = frame.drop(columns=["close", "date"])
    elif kind == "nameless":
        path = folder / "my own bars.csv"
    elif kind == "text":
        frame["close"] = frame["close"].astype("str") + "$"
    elif kind == "rowless":
        frame = frame.head(0)
    elif kind == "tomorrow":
        frame["date"] += pd.Timestamp("2190-01-01") - frame["date"].min()
    elif kind == "twice":
        frame = frame.assign(Close=1.0)
    if kind in {"broken", "headless", "empty", "suffix"}:
        name = {"broken": "b.parquet", "suffix": "BTC_USDT.xlsx"}.get(kind, "BTC_USDT.csv")
        path = folder / name
        path.write_text({"headless": "1,2,3\n", "empty": ""}.get(kind, "PAR1 not"), encoding="utf-8")
        return path
    if kind in {"absent", "no_files"}:
        return folder if kind == "no_files" else folder / "absent.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_input_gives_one_clear_error_and_leaves_everything_as_it_was(quant, tmp_path, kind):
    folder = tmp_path / "files"
    folder.mkdir()
    place = Place(tmp_path / "place")
    code, told = BAD[kind]
    result = quant(place, "import", "bars", bad_file(kind, folder))
    assert result.exit_code == code
    assert told in one_error(result)
    assert not (place.folder / "lakehouse").exists() and not (place.folder / "imports").exists()


def test_options_that_cannot_work_are_refused(quant, tmp_path):
    folder = tmp_path / "files"
    write("ccxt", folder), write("freqtrade", folder)
    place = Place(tmp_path / "place")
    assert "2 files" in one_error(quant(place, "import", "bars", folder, "--symbol", "BTC/USDT"))
    assert "calendar 'MOON'" in one_error(quant(place, "import", "bars", folder, "--calendar", "MOON"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUANT_LAKEHOUSE", "s3://bucket/lakehouse")
        assert "--to FOLDER" in one_error(quant(None, "import", "bars", folder))


def test_a_market_with_sessions_is_pointed_to_its_calendar(quant, tmp_path):
    frame = candles(1, days=40)
    frame = frame[frame["date"].dt.day_of_week < 5].rename(columns=str.title)
    frame.to_csv(tmp_path / "AAPL.csv", index=False)
    place = Place(tmp_path / "place")
    plain = json.loads(quant(place, "import", "bars", tmp_path / "AAPL.csv", "--dry-run", "--json").stdout)
    given = quant(place, "import", "bars", tmp_path / "AAPL.csv", "--dry-run", "--json", "--calendar", "XNYS")
    assert any("--calendar XNYS" in note for note in plain["notes"])
    assert json.loads(given.stdout)["notes"] == []


def test_splits_come_along_and_a_day_that_breaks_an_error_rule_is_refused_and_told(quant, tmp_path):
    place = Place(tmp_path / "place")
    frame = candles(1, days=5).assign(symbol="ACME/USD", stock_splits=[0.0, 0.0, 2.0, 0.0, 0.0])
    frame.to_csv(tmp_path / "unclear.csv", index=False)
    assert "add a column adjusted" in one_error(quant(place, "import", "bars", tmp_path / "unclear.csv"))
    assert not (place.folder / "imports").exists() and not (place.folder / "lakehouse").exists()

    halved = frame["date"] >= frame["date"].iloc[2]
    for name in ("open", "high", "low", "close"):
        frame[name] = frame[name].where(~halved, frame[name] / 2)
    frame.loc[4, "high"] = frame.loc[4, "low"] / 2
    frame.assign(adjusted=False).to_csv(tmp_path / "raw.csv", index=False)
    result = quant(place, "import", "bars", tmp_path / "raw.csv")
    assert result.exit_code == 3
    assert "2023-01-06: L0.OHLC" in one_error(result)
    assert "1 splits in stock_splits" in result.stdout
    assert "4 bars accepted; quarantined: L0.OHLC 1" in result.stdout
    before, _, after, later = (
        row["adj_factor"] for row in sql(quant, place, "select adj_factor from ohlcv order by date")
    )
    assert after == later != before
