"""`quant features compute` of bars that are wrong, odd, or not as expected: refused or told, never passed over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.cli.bars_files import DAYS, computed, walk, written
from tests.cli.command import one_error


def spoiled(frame: pd.DataFrame, how: str) -> pd.DataFrame:
    bad = frame.copy()
    if how == "price":
        bad.loc[5, "high"] = np.nan
    elif how == "word":
        bad["close"] = bad["close"].astype(object)
        bad.loc[5, "close"] = "dear"
    elif how == "time":
        bad.loc[5, "date"] = "yesterday"
    elif how == "volume":
        bad.loc[5, "volume"] = -1.0
    elif how == "twice":
        bad = pd.concat([bad, bad.iloc[[5]]])
    elif how == "nameless":
        bad.loc[5, "symbol"] = ""
    else:
        bad = bad.drop(columns=how)
    return bad


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("price", "2021-01-06"), ("word", "dear"), ("time", "yesterday"), ("volume", "volume"), ("twice", "repeat"),
        ("nameless", "symbol"), ("close", "close"), ("date", "date"),
    ],
)  # fmt: skip
def test_bad_bars_are_one_error_that_names_them_and_write_nothing(quant, two, tmp_path, how, said):
    path, out = written(spoiled(two[1], how), tmp_path, "bad.csv"), tmp_path / "bad_out.csv"
    result = quant(None, "features", "compute", path, "--out", out, "--features", "adx_14")
    assert result.exit_code == 2 and said in one_error(result)
    assert not out.exists() and list(tmp_path.glob(".*partial")) == []


def test_what_cannot_be_written_is_refused_before_anything_is_computed(quant, two, tmp_path):
    path, before = two[0], two[0].read_bytes()
    (tmp_path / "folder.csv").mkdir()
    cases = {
        path: "the file of the bars themselves", tmp_path / "folder.csv": "a folder", path / "out.csv": "cannot be",
        "/proc/out.csv": "cannot be written",
    }  # fmt: skip
    for out, said in cases.items():
        result = quant(None, "features", "compute", path, "--out", out, "--features", "close")
        assert result.exit_code == 2 and said in one_error(result)
    assert path.read_bytes() == before
    old = written(two[1], tmp_path, "old.csv")
    told, _ = computed(quant, path, old, "--features", "close")
    assert any("replaced" in note for note in told["notes"])


def test_prices_that_cannot_be_are_refused_and_odd_ones_noted(quant, two, tmp_path):
    worthless = two[1].assign(low=two[1]["low"].where(two[1].index != 7, -5.0))
    refused = quant(None, "features", "compute", written(worthless, tmp_path), "--out", tmp_path / "no.csv")
    assert refused.exit_code == 2 and "price of zero or less, first AAA/USDT at 2021-01-08" in one_error(refused)
    odd = two[1].copy()
    odd.loc[50, ["high", "low"]] = odd.loc[50, ["low", "high"]].to_numpy()
    odd.loc[100:, ["open", "high", "low", "close"]] *= 1000.0
    odd = odd.drop(index=range(300, 345))
    told, _ = computed(quant, written(odd, tmp_path, "odd.csv"), tmp_path / "out.csv", "--features", "close")
    notes = "\n".join(told["notes"])
    for what, day in (("outside low .. high", "2021-02-20"), ("another coin", "2021-04-11"), ("missing", "2021-12-12")):
        assert any(what in note and f"first AAA/USDT at {day}" in note for note in told["notes"]), notes
    assert "quant check bars" in notes


def test_symbols_of_different_calendars_have_no_year_in_common(quant, tmp_path):
    coin, share = walk("BTC/USDT", 300, 1), walk("ACME", 200, 2, pd.bdate_range("2021-01-01", periods=200))
    mixed = written(pd.concat([coin, share]), tmp_path, "mixed.csv")
    told, found = computed(quant, mixed, tmp_path / "out.csv")
    assert told["annualisation"] is None and "momentum" in told["left_out"] and "rsi_14" in found
    assert "BTC/USDT all year round, ACME without weekends" in told["left_out"]["momentum"]
    hours = pd.date_range("2024-01-01", periods=400, freq="h")
    fast, slow = (walk(name, 400 // by, 3, hours[::by]) for name, by in (("FAST", 1), ("SLOW", 4)))
    fast["date"], slow["date"] = hours.strftime("%Y-%m-%dT%H:%M"), hours[::4].strftime("%Y-%m-%dT%H:%M")
    both = written(pd.concat([fast, slow]), tmp_path, "both.csv")
    refused = quant(None, "features", "compute", both, "--out", tmp_path / "no.csv", "--features", "rank_close")
    assert refused.exit_code == 2 and "share no time grid" in one_error(refused)
    told, _ = computed(quant, both, tmp_path / "both_out.csv", "--annualisation", 8760, "--features", "momentum")
    assert "FAST every 1 h, SLOW every 4 h" in told["interval"]


def test_files_as_people_have_them(quant, two, tmp_path):
    frame = two[1].iloc[:DAYS]
    unknown = written(frame.assign(volume=np.nan), tmp_path, "unknown.csv")
    told, _ = computed(quant, unknown, tmp_path / "unknown_out.csv")
    assert "volume is needed" in told["left_out"]["vwma_20"] and "value_traded" in told["left_out"]
    text = two[0].read_text(encoding="utf-8")
    doubled = tmp_path / "doubled.csv"
    doubled.write_text(text.replace("venue_note", "close", 1), encoding="utf-8")
    refused = quant(None, "features", "compute", doubled, "--out", tmp_path / "no.csv")
    assert refused.exit_code == 2 and "columns occur more than once: close" in one_error(refused)
    _, named = computed(quant, written(frame.assign(symbol="NA"), tmp_path, "na.csv"), tmp_path / "na_out.parquet",
                        "--features", "close")  # fmt: skip
    assert set(named["symbol"]) == {"NA"}
    indexed = tmp_path / "indexed.parquet"
    frame.assign(date=pd.to_datetime(frame["date"])).set_index("date").to_parquet(indexed)
    _, found = computed(quant, indexed, tmp_path / "indexed_out.parquet", "--features", "close")
    assert len(found) == DAYS
