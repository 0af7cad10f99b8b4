"""Staged answers: whole or absent, believed only where they fit, and no symbol's name can reach outside the folder."""

from __future__ import annotations

import os
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.errors import UsageError
from quant_resources.venues.ccxt_klines import DAY_MS, BarBlock
from quant_resources.venues.staging import StagedAnswer, StagedRange, Staging, default_staging_root

NOW = pd.Timestamp("2024-03-01 10:00").as_unit("us")
ASKED = StagedRange("binance", "http://127.0.0.1:1", date(2024, 1, 1), date(2024, 2, 29))
SYMBOL = "BINANCE:BTC/USDT"


def answer(rows: int = 5, read_at: pd.Timestamp = NOW) -> StagedAnswer:
    values = np.random.default_rng(3).normal(size=(rows, 7))
    values[0, 6] = np.nan
    return StagedAnswer(BarBlock(np.arange(rows, dtype=np.int64) * DAY_MS, values), read_at, "a remark")


@pytest.fixture
def staging(tmp_path) -> Staging:
    return Staging(tmp_path / "staging", timedelta(days=2))


@pytest.mark.parametrize("rows", [1, 5])
def test_what_is_read_is_what_was_written(staging, rows):
    written = answer(rows)
    staging.write(ASKED, SYMBOL, written)
    read = staging.read(ASKED, SYMBOL, NOW + pd.Timedelta(hours=1))
    assert read is not None and (read.read_at, read.remark) == (NOW, "a remark")
    np.testing.assert_array_equal(read.block.open_ms, written.block.open_ms)
    np.testing.assert_array_equal(read.block.values, written.block.values)


def test_a_symbol_without_bars_is_an_answer_too(staging):
    staging.write(ASKED, SYMBOL, StagedAnswer(answer().block.take(np.zeros(5, dtype=bool)), NOW))
    read = staging.read(ASKED, SYMBOL, NOW)
    assert read is not None and len(read.block) == 0


@pytest.mark.parametrize(
    "other",
    [
        StagedRange("binance", "http://127.0.0.1:2", ASKED.start, ASKED.end),
        StagedRange("binance", ASKED.address, ASKED.start, date(2024, 2, 28)),
        StagedRange("kraken", ASKED.address, ASKED.start, ASKED.end),
    ],
)
def test_another_question_is_not_answered_even_by_a_moved_file(staging, other):
    staging.write(ASKED, SYMBOL, answer())
    assert staging.read(other, SYMBOL, NOW) is None
    staging.write(other, "BINANCE:OTHER/USDT", answer())
    staging.path(ASKED, SYMBOL).replace(staging.path(other, SYMBOL))
    assert staging.read(other, SYMBOL, NOW) is None


@given(st.data())
def test_a_damaged_file_is_no_answer(tmp_path_factory, data):
    staging = Staging(tmp_path_factory.mktemp("staging"), timedelta(days=2))
    staging.write(ASKED, SYMBOL, answer())
    path = staging.path(ASKED, SYMBOL)
    body = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        del body[data.draw(st.integers(0, len(body) - 1)) :]
    else:
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(body))
    read = staging.read(ASKED, SYMBOL, NOW)
    if read is not None:
        np.testing.assert_array_equal(read.block.values, answer().block.values)
        np.testing.assert_array_equal(read.block.open_ms, answer().block.open_ms)


def test_too_old_or_from_the_future_is_no_answer(staging):
    staging.write(ASKED, SYMBOL, answer())
    assert staging.read(ASKED, SYMBOL, NOW + pd.Timedelta(days=2)) is not None
    assert staging.read(ASKED, SYMBOL, NOW + pd.Timedelta(days=2, seconds=1)) is None
    assert staging.read(ASKED, SYMBOL, NOW - pd.Timedelta(seconds=1)) is None


@given(st.text(max_size=60))
def test_no_name_leaves_the_folder_and_no_two_share_a_file(name):
    staging = Staging(default_staging_root(), timedelta(days=1))
    path = staging.path(ASKED, name)
    assert path.parent == staging.root / ASKED.folder_name
    assert path.name.isascii() and len(path.name) < 100 and not set(path.name) & set("/\\\0")
    assert path != staging.path(ASKED, name + "_")


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match=r"cannot be written .*resume: false"):
        Staging(tmp_path / "file", timedelta(days=1)).write(ASKED, SYMBOL, answer())


def test_release_removes_what_lies_within_and_nothing_else(staging):
    inner = StagedRange(ASKED.exchange, ASKED.address, date(2024, 1, 5), date(2024, 1, 9))
    outside = StagedRange(ASKED.exchange, ASKED.address, date(2023, 12, 31), date(2024, 1, 9))
    foreign = StagedRange(ASKED.exchange, "http://127.0.0.1:9", inner.start, inner.end)
    for asked in (ASKED, inner, outside, foreign):
        staging.write(asked, SYMBOL, answer())
    staging.discard_within(ASKED)
    kept = [asked for asked in (ASKED, inner, outside, foreign) if staging.read(asked, SYMBOL, NOW)]
    assert kept == [outside, foreign]


def test_sweeping_removes_old_ranges_and_leaves_what_is_not_ours(staging):
    staging.write(ASKED, SYMBOL, answer())
    foreign = staging.root / "someone_else"
    foreign.mkdir()
    for folder in (staging.root / ASKED.folder_name, foreign):
        os.utime(folder, (0, 0))
    staging.sweep()
    assert [p.name for p in staging.root.iterdir()] == ["someone_else"]
