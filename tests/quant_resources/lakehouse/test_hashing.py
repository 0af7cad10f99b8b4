"""The content hash: the same for the same content, another for any other content."""

from __future__ import annotations

import struct

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_resources.lakehouse import Column, Lakehouse, TableSpec, content_hashes, hashing
from tests.quant_resources.lakehouse.synthetic import BARS, bars

DAY, OTHER = "2024-03-01", "2024-03-02"
ALL_TYPES = TableSpec(
    "typed",
    (
        Column("date", "date", "day"),
        Column("symbol", "string", "market"),
        Column("note", "string", "free text"),
        Column("price", "float64", "price"),
        Column("count", "int64", "count"),
        Column("halted", "bool", "flag"),
        Column("listed_at", "timestamp", "instant"),
        Column("fetched_at", "timestamp", "provenance", hashed=False),
    ),
)


def _hash(frame: pd.DataFrame, spec: TableSpec = BARS, day: str = DAY) -> str:
    return content_hashes(spec, spec.canonical(frame), [day])[day]


def _typed(rows: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date": pd.Timestamp(DAY),
            "symbol": [f"S{i}" for i in range(rows)],
            "note": ["plain"] * rows,
            "price": [1.5 + i for i in range(rows)],
            "count": range(rows),
            "halted": [False] * rows,
            "listed_at": pd.Timestamp("2020-01-01 10:00"),
            "fetched_at": pd.Timestamp("2024-03-02"),
        }
    )


def _nan(payload: int) -> float:
    return struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000000 | payload))[0]


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(6)))
def test_the_order_of_rows_does_not_count(order):
    frame = bars([DAY, OTHER])
    assert content_hashes(BARS, BARS.canonical(frame.iloc[list(order)]), [DAY, OTHER]) == content_hashes(
        BARS, frame, [DAY, OTHER]
    )


def test_the_time_of_ingestion_does_not_count():
    assert _hash(bars([DAY])) == _hash(bars([DAY]).assign(ingested_at=pd.Timestamp("2030-01-01")))


@settings(max_examples=40, deadline=None)
@given(payload=st.integers(1, 2**51 - 1), sign=st.booleans())
def test_every_nan_is_the_same_nan(payload, sign):
    odd = np.copysign(_nan(payload), -1.0 if sign else 1.0)
    assert _hash(bars([DAY]).assign(close=odd)) == _hash(bars([DAY]).assign(close=float("nan")))


def test_negative_zero_is_zero():
    assert _hash(bars([DAY]).assign(close=-0.0)) == _hash(bars([DAY]).assign(close=0.0))


def test_hashing_does_not_change_the_frame():
    frame = BARS.canonical(bars([DAY]).assign(close=[-0.0, _nan(7), 1.0]))
    before = frame["close"].to_numpy().tobytes()
    content_hashes(BARS, frame, [DAY])
    assert frame["close"].to_numpy().tobytes() == before


@pytest.mark.parametrize("rows", [1, 4, 50_000], ids=["each by itself", "some together", "all together"])
def test_a_partition_hashes_the_same_alone_and_among_others(monkeypatch, rows):
    monkeypatch.setattr(hashing, "ROWS_AT_ONCE", rows)
    days = [DAY, OTHER, "2024-04-01"]
    together = content_hashes(BARS, bars(days), days)
    alone = {day: content_hashes(BARS, bars([day]), [day])[day] for day in days}
    assert together == alone
    assert len(set(together.values())) == 3


def test_what_is_read_back_has_the_hash_of_what_was_written(tmp_path):
    lakehouse, frame = Lakehouse(tmp_path), ALL_TYPES.canonical(_typed().assign(price=[-0.0, _nan(3), 1e-300]))
    lakehouse.replace(ALL_TYPES, frame, [DAY])
    assert _hash(lakehouse.read(ALL_TYPES), ALL_TYPES) == _hash(frame, ALL_TYPES)


def test_the_empty_partition_has_one_hash_of_its_own():
    empty = content_hashes(BARS, bars([DAY]), [OTHER])[OTHER]
    assert empty == content_hashes(BARS, bars([]), [DAY])[DAY]
    assert empty != _hash(bars([DAY]))


def test_equal_rows_in_different_tables_differ():
    other = TableSpec("other", BARS.columns)
    assert _hash(bars([DAY])) != _hash(bars([DAY]), other)


CHANGED = {
    "symbol": st.text(max_size=8),
    "note": st.one_of(st.none(), st.text(max_size=8)),
    "price": st.floats(allow_nan=True, allow_infinity=True),
    "count": st.integers(-(2**63), 2**63 - 1),
    "halted": st.booleans(),
    "listed_at": st.datetimes(min_value=pd.Timestamp("1900-01-01"), max_value=pd.Timestamp("2100-01-01")),
}


def _equal(left: object, right: object) -> bool:
    if left is None or right is None:
        return left is None and right is None
    both_nan = left != left and right != right
    return bool(both_nan or left == right)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_a_single_cell_changes_the_hash(data):
    column = data.draw(st.sampled_from(sorted(CHANGED)))
    row = data.draw(st.integers(0, 2))
    value = data.draw(CHANGED[column])
    old = _typed().astype({"note": object, "symbol": object})
    new = old.copy()
    cells = new[column].tolist()
    changed = not _equal(cells[row], value)
    cells[row] = value
    new[column] = pd.Series(cells, dtype=old[column].dtype)
    assert (_hash(old, ALL_TYPES) != _hash(new, ALL_TYPES)) == changed


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(["a\x1fb", "c", "d"], ["a", "b\x1fc", "d"], id="a separator inside a value"),
        pytest.param(["\x00", "x", "x"], [None, "x", "x"], id="a NUL and a missing value"),
        pytest.param(["", "x", "x"], [None, "x", "x"], id="an empty text and a missing value"),
        pytest.param(["ab", "c", ""], ["a", "bc", ""], id="the same letters cut elsewhere"),
    ],
)
def test_texts_that_look_alike_when_joined_differ(left, right):
    hashes = [_hash(_typed().assign(note=pd.Series(texts, dtype=object)), ALL_TYPES) for texts in (left, right)]
    assert hashes[0] != hashes[1]


def test_values_of_neighbouring_rows_are_not_interchangeable():
    swapped = bars([DAY]).assign(close=[2.0, 1.0, 3.0])
    assert _hash(swapped) != _hash(bars([DAY]))
