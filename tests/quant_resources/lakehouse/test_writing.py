"""Writing exchanges files: what a write does not name stays in the very file it was in, and Delta's own tools agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_resources.lakehouse import Column, Lakehouse, TableSpec
from quant_resources.lakehouse.writing import append_rows, replace_rows
from tests.quant_resources.lakehouse.synthetic import BARS, WEIGHTS, bars, month, weights

LEDGER = TableSpec(
    "ledger",
    (Column("asset", "string", "asset"), Column("day", "date", "day"), Column("rows", "int64", "rows")),
    partition_column="day",
    keys=("asset",),
    physical="asset",
)


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path / "lakehouse")


def opened(lakehouse: Lakehouse, table: str) -> DeltaTable:
    found = lakehouse.open(table)
    assert found is not None
    return found


def files(lakehouse: Lakehouse, table: str) -> set[str]:
    return set(opened(lakehouse, table).file_uris())


# ---------------------------------------------------------------- which files a write touches


def test_a_file_without_any_replaced_row_stays_as_it_is(lakehouse):
    for day in ("2024-02-29", "2024-03-01", "2024-03-04"):
        lakehouse.replace(BARS, bars([day]), [day])
    before = files(lakehouse, "bars")
    lakehouse.replace(BARS, bars(["2024-03-01"], 9.0), ["2024-03-01"])
    assert len(before & files(lakehouse, "bars")) == 2, "only the file of 2024-03-01 was exchanged"


def test_days_with_a_gap_between_them_leave_the_days_in_the_gap(lakehouse):
    lakehouse.replace(BARS, bars(month(5)), month(5))
    lakehouse.replace(BARS, bars(["2024-03-01", "2024-03-05"], 9.0), ["2024-03-01", "2024-03-05"])
    by_day = lakehouse.read(BARS).groupby("date")["close"].min()
    assert by_day.tolist() == [9.0, 1.0, 1.0, 1.0, 9.0]


@pytest.mark.parametrize("replaced", [["2024-03-01"], ["2024-03-01", "2024-03-03"]])
def test_a_row_without_a_day_outlives_the_replacement_of_the_days_beside_it(lakehouse, replaced):
    rows = pd.DataFrame(
        {"asset": "ohlcv", "day": pd.to_datetime(["2024-03-01", None, "2024-03-03"]), "rows": [1, 2, 3]}
    )
    lakehouse.append(LEDGER, rows)
    lakehouse.replace(LEDGER, LEDGER.canonical(rows.head(0)), replaced)
    left = opened(lakehouse, "ledger").to_pyarrow_table()["rows"].to_pylist()
    assert sorted(left) == ([2, 3] if len(replaced) == 1 else [2])


def test_another_sleeve_of_the_same_weeks_keeps_its_file(lakehouse):
    weeks = ["2024-03-04", "2024-03-11"]
    lakehouse.replace(WEIGHTS, weights("trend", weeks, 0.1), weeks, {"sleeve": "trend"})
    trend = files(lakehouse, "weights")
    for value in (0.2, 0.3):
        lakehouse.replace(WEIGHTS, weights("carry", weeks, value), weeks, {"sleeve": "carry"})
    assert trend < files(lakehouse, "weights")
    assert lakehouse.read(WEIGHTS).groupby("sleeve")["weight"].unique().map(list).to_dict() == {
        "carry": [0.3],
        "trend": [0.1],
    }


def test_a_month_replaced_in_part_is_one_file_in_canonical_order(lakehouse):
    lakehouse.replace(BARS, bars(month(9)), month(9))
    lakehouse.replace(BARS, bars(["2024-03-04"], 7.0), ["2024-03-04"])
    (path,) = files(lakehouse, "bars")
    stored = pq.read_table(path, partitioning=None).to_pandas(date_as_object=False)
    pd.testing.assert_frame_equal(stored, stored.sort_values(["date", "symbol"], ignore_index=True))
    assert len(stored) == len(bars(month(9)))


def test_a_replacement_by_nothing_of_what_is_not_there_is_a_commit_without_files(lakehouse):
    lakehouse.replace(BARS, bars(month(2)), month(2))
    before, version = files(lakehouse, "bars"), opened(lakehouse, "bars").version()
    assert lakehouse.replace(BARS, bars([]), ["2024-03-09"]) == version + 1 == opened(lakehouse, "bars").version()
    assert files(lakehouse, "bars") == before


day = st.integers(1, 28).map(lambda d: f"2024-02-{d:02d}") | st.integers(1, 31).map(lambda d: f"2024-03-{d:02d}")


@given(st.lists(st.tuples(st.sets(day, min_size=1, max_size=5), st.booleans()), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_series_of_writes_leaves_what_the_last_write_of_each_day_said(tmp_path_factory, writes):
    lakehouse, expected = Lakehouse(tmp_path_factory.mktemp("lakehouse")), {}
    for value, (days, empty) in enumerate(writes):
        written = bars([] if empty else sorted(days), float(value))
        lakehouse.replace(BARS, written, sorted(days))
        expected.update(dict.fromkeys(days, None if empty else float(value)))
    left = {pd.Timestamp(d): v for d, v in expected.items() if v is not None}
    found = lakehouse.read(BARS)
    assert found.groupby("date")["close"].min().to_dict() == left
    assert len(found) == 3 * len(left)
    assert opened(lakehouse, "bars").to_pyarrow_table().num_rows == len(found), "Delta's own reader sees the same"


# ---------------------------------------------------------------- commits


@pytest.mark.parametrize("write", ["replace", "append"])
def test_what_was_read_before_another_commit_is_not_committed(lakehouse, write):
    lakehouse.replace(BARS, bars(month(1)), month(1))
    stale, data = opened(lakehouse, "bars"), BARS.to_arrow(bars(month(1), 5.0))
    version = lakehouse.replace(BARS, bars(month(1), 2.0), month(1))
    with pytest.raises(CommitFailedError):
        if write == "replace":
            replace_rows(stale, BARS, data, month(1), {})
        else:
            append_rows(stale, BARS, data)
    assert opened(lakehouse, "bars").version() == version
    assert lakehouse.read(BARS)["close"].min() == 2.0


def test_the_version_that_is_returned_holds_what_was_written(lakehouse):
    versions = [lakehouse.replace(BARS, bars(month(2), value), month(2)) for value in (1.0, 2.0, 3.0)]
    assert [lakehouse.read(BARS, version=v)["close"].min() for v in versions] == [1.0, 2.0, 3.0]


# ---------------------------------------------------------------- columns


def wider(*more: Column) -> TableSpec:
    return replace(BARS, columns=(*BARS.columns, *more))


def test_a_new_column_is_missing_in_older_rows_even_of_a_file_that_is_written_anew(lakehouse):
    lakehouse.replace(BARS, bars(month(3)), month(3))
    spec = wider(Column("spread", "float64", "spread"))
    version = lakehouse.replace(spec, spec.canonical(bars(["2024-03-02"]).assign(spread=0.5)), ["2024-03-02"])
    assert version == opened(lakehouse, "bars").version()
    assert lakehouse.read(spec).groupby("date")["spread"].count().tolist() == [0, 3, 0]


def test_a_column_that_is_no_longer_declared_keeps_its_older_values(lakehouse):
    spec = wider(Column("spread", "float64", "spread"))
    lakehouse.replace(spec, spec.canonical(bars(month(3)).assign(spread=0.5)), month(3))
    lakehouse.replace(BARS, bars(["2024-03-02"]), ["2024-03-02"])
    assert lakehouse.read(spec).groupby("date")["spread"].count().tolist() == [3, 0, 3]


def test_a_column_of_another_type_is_refused_before_anything_is_written(lakehouse):
    lakehouse.replace(BARS, bars(month(1)), month(1))
    columns = tuple(replace(c, type="float64") if c.name == "trades" else c for c in BARS.columns)
    spec, before = replace(BARS, columns=columns), files(lakehouse, "bars")
    with pytest.raises(ValueError, match=r"\['trades'\].*another type"):
        lakehouse.replace(spec, spec.canonical(bars(month(1)).astype({"trades": "float64"})), month(1))
    assert files(lakehouse, "bars") == before


# ---------------------------------------------------------------- what other readers of Delta tables see


@pytest.mark.parametrize("asset", ["ohlcv", "a/b", "50 %", "ü=1", "a%2Fb"])
def test_any_value_of_the_physical_partition_is_read_back_by_us_and_by_delta(lakehouse, asset):
    rows = pd.DataFrame({"asset": [asset, "other"], "day": pd.to_datetime(["2024-03-01"] * 2), "rows": [1, 2]})
    lakehouse.append(LEDGER, rows)
    assert lakehouse.read(LEDGER, scope={"asset": asset})["rows"].tolist() == [1]
    theirs = opened(lakehouse, "ledger").to_pyarrow_table(filters=[("asset", "=", asset)])
    assert theirs["rows"].to_pylist() == [1]
    changed = rows.assign(rows=[3, 2])
    lakehouse.replace(LEDGER, LEDGER.canonical(changed), ["2024-03-01"])
    assert sorted(opened(lakehouse, "ledger").to_pyarrow_table()["rows"].to_pylist()) == [2, 3]


def test_a_place_that_is_not_this_machine_is_written_through_deltas_own_access(lakehouse, monkeypatch):
    monkeypatch.setattr("quant_resources.lakehouse.files._local_files", lambda uri: None)
    for days, value in ((month(4), 1.0), (["2024-03-02"], 8.0)):
        lakehouse.replace(BARS, bars(days, value), days)
    assert lakehouse.read(BARS).groupby("date")["close"].min().tolist() == [1.0, 8.0, 1.0, 1.0]


def test_rows_of_an_unnamed_day_stay_in_a_table_kept_by_another_column_than_the_month(lakehouse):
    rows = pd.DataFrame({"asset": ["a/b"] * 2, "day": pd.to_datetime(["2024-03-01", "2024-03-02"]), "rows": [1, 2]})
    lakehouse.append(LEDGER, rows)
    lakehouse.replace(LEDGER, LEDGER.canonical(rows.assign(rows=[3, 4]).head(1)), ["2024-03-01"])
    assert lakehouse.read(LEDGER)["rows"].tolist() == [3, 2]


def test_the_log_says_how_many_rows_and_which_days_a_file_holds(lakehouse):
    lakehouse.replace(BARS, bars(month(4)), month(4))
    (said,) = pa.table(opened(lakehouse, "bars").get_add_actions(flatten=True)).to_pylist()
    days = (said["min.date"].isoformat(), said["max.date"].isoformat())
    assert (said["num_records"], days, said["null_count.date"]) == (12, ("2024-03-01", "2024-03-04"), 0)


def test_a_compacted_table_is_written_to_as_before(lakehouse):
    for d in month(4):
        lakehouse.replace(BARS, bars([d]), [d])
    opened(lakehouse, "bars").optimize.compact()
    lakehouse.replace(BARS, bars(["2024-03-02"], 8.0), ["2024-03-02"])
    assert lakehouse.read(BARS).groupby("date")["close"].min().tolist() == [1.0, 8.0, 1.0, 1.0]
