"""SQL over all tables: it joins whatever is in the lakehouse, and sees and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from quant_assets.errors import UsageError
from quant_resources.lakehouse import Lakehouse
from quant_resources.lakehouse.sql import query
from tests.quant_resources.lakehouse.synthetic import BARS, WEIGHTS, bars, weights

WEEK = "2024-03-04"


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    found = Lakehouse(tmp_path / "lakehouse")
    found.replace(BARS, bars([WEEK, "2024-03-05"]), [WEEK, "2024-03-05"])
    found.replace(WEIGHTS, weights("trend", [WEEK], 0.25), [WEEK], {"sleeve": "trend"})
    return found


def test_tables_are_joined_under_their_own_names(lakehouse, recwarn):
    rows = query(
        lakehouse,
        "select w.sleeve, sum(w.weight * b.close) as value from weights w "
        "join bars b on b.date = w.week and b.symbol = w.symbol group by 1",
    ).to_pylist()
    assert rows == [{"sleeve": "trend", "value": 0.25 * (1.0 + 2.0 + 3.0)}]
    assert [str(w.message) for w in recwarn] == []


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("select count(*) as n from bars", [{"n": 6}]),
        ("from bars select distinct date::varchar as d order by d", [{"d": WEEK}, {"d": "2024-03-05"}]),
        ("with b as (select * from bars) select max(close) as top from b", [{"top": 3.0}]),
        ("select 1 as one where false", []),
        ("show tables", [{"name": "bars"}, {"name": "weights"}]),
    ],
)
def test_queries_of_every_shape_give_their_rows(lakehouse, statement, rows):
    assert query(lakehouse, statement).to_pylist() == rows


def test_the_newest_version_is_what_sql_sees(lakehouse):
    lakehouse.replace(BARS, bars([WEEK], 90.0), [WEEK])
    assert query(lakehouse, f"select min(close) as low from bars where date = '{WEEK}'").to_pylist() == [{"low": 90.0}]


@pytest.mark.parametrize("statement", ["select * from nowhere", "selekt 1", "select nope from bars", "", "  \n", ";"])
def test_a_wrong_statement_is_a_usage_error_that_names_the_tables(lakehouse, statement):
    with pytest.raises(UsageError, match=r"(?s)sql: .*Tables: bars, weights"):
        query(lakehouse, statement)


def test_in_an_empty_lakehouse_the_error_says_what_to_do_next(tmp_path):
    with pytest.raises(UsageError, match="none yet: run `quant demo`"):
        query(Lakehouse(tmp_path), "select * from bars")


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_text('{secret}')",
        "select * from read_csv('{secret}')",
        "select * from read_blob('{secret}')",
        "select * from '{secret}'",
        "select * from read_parquet('{folder}/**/*.parquet')",
        "select * from glob('{folder}/*')",
        "copy bars to '{folder}/stolen.csv'",
        "copy (select 1) to '{folder}/stolen.parquet'",
        "export database '{folder}/stolen'",
        "attach '{folder}/stolen.db'",
        "install httpfs",
        "load '{folder}/evil.duckdb_extension'",
        "set enable_external_access = true",
    ],
)
def test_files_databases_and_extensions_are_out_of_reach(lakehouse, tmp_path, statement):
    (tmp_path / "secret.csv").write_text("key\nCANARY\n")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError) as caught:
        query(lakehouse, statement.format(secret=tmp_path / "secret.csv", folder=tmp_path))
    assert "CANARY" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "statement",
    ["insert into bars select * from bars", "delete from bars", "update bars set close = 0", "truncate bars"],
)  # fmt: skip
def test_nothing_can_be_written(lakehouse, statement):
    versions = [lakehouse.version("bars"), lakehouse.version("weights")]
    with pytest.raises(UsageError):
        query(lakehouse, statement)
    assert [lakehouse.version("bars"), lakehouse.version("weights")] == versions
    assert len(lakehouse.read(BARS)) == 6
    assert lakehouse.tables() == ["bars", "weights"]


@pytest.mark.parametrize("statement", ["drop view bars", "create table mine as select * from bars"])
def test_what_a_statement_does_to_its_own_memory_does_not_outlive_it(lakehouse, statement):
    query(lakehouse, statement)
    assert query(lakehouse, "show tables").to_pylist() == [{"name": "bars"}, {"name": "weights"}]
    assert lakehouse.tables() == ["bars", "weights"]


@pytest.mark.parametrize("name", ["lakehouse", "statement", "connection", "frame_of_mine"])
def test_python_variables_are_not_tables(lakehouse, name):
    frame_of_mine = bars([WEEK])
    assert len(frame_of_mine) == 3
    with pytest.raises(UsageError, match="does not exist"):
        query(lakehouse, f"select * from {name}")
