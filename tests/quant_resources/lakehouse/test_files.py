"""Files of a table as Arrow reads them: the same files and rows as Delta's own data set, faster, in order."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaProtocolError

from quant_resources.lakehouse import Lakehouse, files
from quant_resources.lakehouse.files import dataset_of
from tests.quant_resources.lakehouse.synthetic import BARS, bars, month


@pytest.fixture
def table(tmp_path: Path) -> DeltaTable:
    """SYNTHETIC bars of three months, one of them rewritten in part: that month has one file per write."""
    lakehouse = Lakehouse(tmp_path / "lakehouse")
    for days in (["2024-03-05", "2024-03-06"], ["2023-12-31"], ["2024-02-29"], ["2024-03-06"]):
        lakehouse.replace(BARS, bars(days), days)
    found = lakehouse.open(BARS.name)
    assert found is not None
    return found


@pytest.mark.parametrize("where", ["this machine", "elsewhere"])
def test_it_reads_what_deltas_own_data_set_reads(table, where, monkeypatch):
    if where == "elsewhere":  # Delta's own access, which any object store has
        monkeypatch.setattr(files, "_local_files", lambda uri: None)
    ours, theirs = dataset_of(table), table.to_pyarrow_dataset()
    assert ours.schema == theirs.schema
    order = [("date", "ascending"), ("symbol", "ascending")]
    assert ours.to_table().sort_by(order) == theirs.to_table().sort_by(order)


def test_months_come_in_their_order(table):
    months = dataset_of(table).to_table(columns=["month"])["month"].to_pylist()
    assert months == sorted(months)
    assert set(months) == {"2023-12", "2024-02", "2024-03"}


def test_a_file_outside_the_days_asked_for_is_not_opened(table):
    for path in Path(table.table_uri.removeprefix("file://")).glob("month=2024-0*/*.parquet"):
        path.write_bytes(b"not a parquet file")
    asked = ds.field("date") <= pa.scalar(dt.date(2024, 1, 1))
    assert len(dataset_of(table).to_table(filter=asked)) == len(bars(["2023-12-31"]))


def test_a_range_of_days_is_stated_only_where_no_day_is_missing(tmp_path):
    rows = pd.DataFrame({"delisted": [dt.date(2024, 1, 1), None], "month": ["2024-01", "2024-01"]})
    schema = pa.schema([("delisted", pa.date32()), ("month", pa.string())])
    write_deltalake(tmp_path / "coins", pa.Table.from_pandas(rows, schema=schema), partition_by=["month"])
    coins = dataset_of(DeltaTable(tmp_path / "coins"))
    assert coins.to_table(filter=ds.field("delisted").is_null()).num_rows == 1
    assert coins.to_table(filter=ds.field("delisted") <= pa.scalar(dt.date(2024, 1, 1))).num_rows == 1


@pytest.mark.parametrize("asset", ["ohlcv", "a/b", "50 %", "ü=1", "a%2Fb"])
def test_any_value_of_the_physical_partition_is_found_in_its_own_folder(tmp_path, asset):
    rows = pa.table({"asset": [asset, "other"], "rows": [1, 2]})
    write_deltalake(tmp_path / "ledger", rows, partition_by=["asset"])
    found = dataset_of(DeltaTable(tmp_path / "ledger")).to_table(filter=ds.field("asset") == asset)
    assert found.to_pylist() == [{"asset": asset, "rows": 1}]


def test_a_folder_with_a_space_in_its_name_is_read(tmp_path):
    lakehouse = Lakehouse(tmp_path / "my data")
    lakehouse.replace(BARS, bars(month(3)), month(3))
    assert len(lakehouse.read(BARS)) == len(bars(month(3)))


def test_a_table_without_files_has_its_columns(tmp_path):
    lakehouse = Lakehouse(tmp_path / "lakehouse")
    lakehouse.replace(BARS, bars([]), ["2024-03-01"])
    table = lakehouse.open(BARS.name)
    assert table is not None
    assert dataset_of(table).to_table().column_names == table.to_pyarrow_dataset().schema.names


def test_a_table_whose_deletions_arrow_would_not_see_is_refused(tmp_path):
    rows = pa.table({"x": [1, 2]})
    write_deltalake(tmp_path / "t", rows, configuration={"delta.enableDeletionVectors": "true"})
    with pytest.raises(DeltaProtocolError, match="deletionVectors"):
        dataset_of(DeltaTable(tmp_path / "t"))
