"""The reader and the writer: a write replaces exactly what it names, a read sees nothing that it may not know."""

from __future__ import annotations

import datetime as dt
import resource
import signal
from pathlib import Path

import pandas as pd
import pytest
from deltalake.exceptions import DeltaError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_assets.errors import ContractViolation, EmptyResult, UsageError
from quant_resources.lakehouse import Column, Lakehouse, TableSpec
from tests.quant_resources.lakehouse.synthetic import BARS, FETCHED, SYMBOLS, WEIGHTS, bars, month, weights

same = pd.testing.assert_frame_equal


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path / "lakehouse")


# ---------------------------------------------------------------- replacing


def test_what_was_written_is_read_back_bit_for_bit(lakehouse):
    written = bars(["2024-02-29", "2024-03-01"], 0.1 + 0.2)
    lakehouse.replace(BARS, written, ["2024-02-29", "2024-03-01"])
    same(lakehouse.read(BARS), written, check_exact=True, check_dtype=False)
    assert lakehouse.read(BARS).dtypes.astype(str).to_dict() == {
        "date": "datetime64[us]", "symbol": "str", "close": "float64", "trades": "int64",
        "ingested_at": "datetime64[us]",
    }  # fmt: skip


def test_a_write_replaces_exactly_the_partitions_it_names(lakehouse):
    days = month(10)
    lakehouse.replace(BARS, bars(days, 1.0), days)
    lakehouse.replace(BARS, bars(["2024-03-04", "2024-03-07"], 50.0), ["2024-03-04", "2024-03-07"])
    read = lakehouse.read(BARS)
    untouched = [d for d in days if d not in ("2024-03-04", "2024-03-07")]
    others = read[~read["date"].isin(pd.to_datetime(["2024-03-04", "2024-03-07"]))].reset_index(drop=True)
    same(others, bars(untouched, 1.0), check_exact=True, check_dtype=False)
    same(
        lakehouse.read(BARS, start="2024-03-04", end="2024-03-04"), bars(["2024-03-04"], 50.0), check_exact=True,
        check_dtype=False,
    )  # fmt: skip


def test_rows_that_left_a_partition_are_gone_after_its_replacement(lakehouse):
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    lakehouse.replace(BARS, bars(["2024-03-01"], symbols=["AAA"]), ["2024-03-01"])
    assert lakehouse.read(BARS)["symbol"].tolist() == ["AAA"]


def test_a_write_over_several_months_is_one_commit(lakehouse):
    days = ["2023-12-31", "2024-01-01", "2024-02-01"]
    first = lakehouse.replace(BARS, bars(days), days)
    second = lakehouse.replace(BARS, bars(days, 2.0), days)
    assert second == first + 1 == lakehouse.version("bars")
    assert set(lakehouse.read(BARS, version=second)["close"]) == {2.0, 3.0, 4.0}


def test_an_empty_replacement_deletes_only_its_own_keys(lakehouse):
    days = month(4)
    lakehouse.replace(BARS, bars(days), days)
    lakehouse.replace(BARS, bars([]), ["2024-03-02", "2024-03-03"])
    same(lakehouse.read(BARS), bars(["2024-03-01", "2024-03-04"]), check_exact=True, check_dtype=False)


def test_an_empty_frame_without_types_is_an_empty_replacement_too(lakehouse):
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    untyped = BARS.canonical(pd.DataFrame({name: [] for name in BARS.column_names}))
    lakehouse.replace(BARS, untyped, ["2024-03-01"])
    assert lakehouse.read(BARS).empty


def test_a_write_must_name_a_partition(lakehouse):
    with pytest.raises(ValueError, match="at least one partition"):
        lakehouse.replace(BARS, bars([]), [])


def test_two_sleeves_in_one_table_do_not_touch_each_other(lakehouse):
    week = "2024-03-04"
    for name, value in (("trend", 0.1), ("value", 0.2), ("trend", 0.3)):
        lakehouse.replace(WEIGHTS, weights(name, [week], value), [week], {"sleeve": name})
    read = {s: lakehouse.read(WEIGHTS, scope={"sleeve": s})["weight"].unique().tolist() for s in ("trend", "value")}
    assert read == {"trend": [0.3], "value": [0.2]}


def test_an_empty_replacement_stays_in_its_scope(lakehouse):
    week = "2024-03-04"
    for name in ("trend", "value"):
        lakehouse.replace(WEIGHTS, weights(name, [week], 0.5), [week], {"sleeve": name})
    lakehouse.replace(WEIGHTS, weights("trend", [week], 0.5).iloc[:0], [week], {"sleeve": "trend"})
    assert set(lakehouse.read(WEIGHTS)["sleeve"]) == {"value"}


@pytest.mark.parametrize(
    ("frame", "keys", "scope", "message"),
    [
        pytest.param(bars(["2024-03-01", "2024-03-02"]), ["2024-03-01"], {}, "2024-03-02", id="a stray day"),
        pytest.param(
            pd.concat([bars(["2024-03-01"]), bars(["2024-03-01"])]), ["2024-03-01"], {}, "duplicate keys",
            id="a symbol twice on one day",
        ),
        pytest.param(bars(["2024-03-01"]), ["2024-03-01"], {"sleeve": "x"}, "scope must fix", id="a scope unasked"),
        pytest.param(
            bars(["2024-03-01", "2024-03-02"]).assign(date=[pd.NaT] * 3 + [pd.Timestamp("2024-03-02")] * 3),
            ["2024-03-01"], {}, "not being written", id="rows without a day",
        ),
        pytest.param(
            bars(["2024-03-01"]).assign(date=pd.Timestamp("2024-03-01 12:00")), ["2024-03-01"], {}, "times of day",
            id="a time of day in a date",
        ),
    ],
)  # fmt: skip
def test_rows_that_do_not_belong_are_refused_and_nothing_is_written(lakehouse, frame, keys, scope, message):
    before = lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    with pytest.raises(ValueError, match=message):
        lakehouse.replace(BARS, frame, keys, scope)
    assert lakehouse.version("bars") == before


def test_rows_of_another_sleeve_are_refused(lakehouse):
    with pytest.raises(ValueError, match="another sleeve"):
        lakehouse.replace(WEIGHTS, weights("trend", ["2024-03-04"], 1.0), ["2024-03-04"], {"sleeve": "value"})
    with pytest.raises(ValueError, match="scope must fix"):
        lakehouse.replace(WEIGHTS, weights("trend", ["2024-03-04"], 1.0), ["2024-03-04"])
    assert lakehouse.tables() == []


def test_values_of_a_wrong_type_are_refused_and_nothing_is_written(lakehouse):
    before = lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    wrong = bars(["2024-03-01"]).assign(close=["1.0", "2.0", "dear"])
    with pytest.raises((ValueError, TypeError)):
        lakehouse.replace(BARS, wrong, ["2024-03-01"])
    assert lakehouse.version("bars") == before


def test_a_frame_with_missing_or_unknown_columns_is_named():
    with pytest.raises(ValueError, match=r"bars: missing columns \['close'\], unexpected columns \['price'\]"):
        BARS.canonical(bars(["2024-03-01"]).rename(columns={"close": "price"}))


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "/etc", "", ".", "..", "bars;drop", "a b", "ba\0rs", "=cmd", "x" * 10 + "'"]
)
def test_hostile_table_names_never_reach_a_path(lakehouse, tmp_path, name):
    for attempt in (lakehouse.uri, lakehouse.open, lakehouse.version):
        with pytest.raises(UsageError, match="not a table name"):
            attempt(name)
    hostile = TableSpec(name, BARS.columns)
    with pytest.raises(UsageError, match="not a table name"):
        lakehouse.replace(hostile, bars(["2024-03-01"]), ["2024-03-01"])
    assert list(tmp_path.iterdir()) == []


def test_hostile_scope_values_never_reach_the_predicate(lakehouse):
    hostile = "x' OR '1'='1"
    frame = weights(hostile, ["2024-03-04"], 1.0)
    with pytest.raises(UsageError, match="not a plain name"):
        lakehouse.replace(WEIGHTS, frame, ["2024-03-04"], {"sleeve": hostile})


def test_hostile_partition_keys_never_reach_the_predicate(lakehouse):
    with pytest.raises(ValueError, match="isoformat"):
        lakehouse.replace(BARS, bars([]), ["2024-03-01') OR ('1'='1"])


DAYS = ["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"]
WRITES = st.lists(
    st.tuples(
        st.sampled_from(["trend", "value"]),
        st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True),
        st.dictionaries(st.sampled_from(DAYS), st.sets(st.sampled_from(SYMBOLS)), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(writes=WRITES)
def test_any_sequence_of_writes_equals_a_dictionary(tmp_path_factory, writes):
    lakehouse = Lakehouse(tmp_path_factory.mktemp("model"))
    model: dict[tuple[str, str], dict[str, float]] = {}
    history = []
    for number, (sleeve, keys, content) in enumerate(writes):
        rows = [(sleeve, k, s, float(number)) for k in keys for s in content.get(k, ())]
        frame = pd.DataFrame(rows, columns=["sleeve", "week", "symbol", "weight"])
        frame["week"] = pd.to_datetime(frame["week"])
        version = lakehouse.replace(WEIGHTS, WEIGHTS.canonical(frame), keys, {"sleeve": sleeve})
        for key in keys:
            model[sleeve, key] = {s: float(number) for s in content.get(key, ())}
        history.append((version, {k: dict(v) for k, v in model.items()}))
    for version, expected in history:
        read = lakehouse.read(WEIGHTS, version=version)
        found = zip(read["sleeve"], read["week"].dt.strftime("%Y-%m-%d"), read["symbol"], read["weight"], strict=True)
        wanted = [(sleeve, day, s, w) for (sleeve, day), row in expected.items() for s, w in row.items()]
        assert list(found) == sorted(wanted, key=lambda r: (r[1], r[0], r[2]))


# ---------------------------------------------------------------- reading


def test_a_read_honours_columns_range_and_canonical_order(lakehouse):
    days = ["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"]
    lakehouse.replace(BARS, bars(days).sample(frac=1.0, random_state=3), days)
    read = lakehouse.read(BARS, columns=["close", "date"], start="2024-01-31", end="2024-02-01")
    assert list(read.columns) == ["close", "date"]
    assert read["date"].dt.strftime("%Y-%m-%d").unique().tolist() == ["2024-01-31", "2024-02-01"]
    assert read["close"].tolist() == [1.0, 2.0, 3.0] * 2


@pytest.mark.parametrize("start", ["2024-01-30", "2024-02-02", "2030-01-01"])
def test_texts_read_as_categories_are_the_same_texts_in_the_same_order(lakehouse, start):
    days = ["2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"]
    # Each month with symbols of its own, each file with other codes for them.
    names = {"2024-01-30": ("EEE", "DDD"), "2024-01-31": ("CCC",), "2024-02-01": ("AAA", "EEE"), "2024-02-02": ("BBB",)}
    for day in days:
        lakehouse.replace(BARS, bars([day], symbols=names[day]), [day])
    texts = lakehouse.read(BARS, start=start)
    coded = lakehouse.read(BARS, start=start, categories=("symbol",))
    assert isinstance(coded["symbol"].dtype, pd.CategoricalDtype)
    assert coded["symbol"].cat.categories.is_monotonic_increasing
    pd.testing.assert_frame_equal(coded.astype({"symbol": "str"}), texts)


def test_rows_out_of_order_come_in_canonical_order_as_categories_too(lakehouse):
    for day in reversed(month(8)):  # one file each, in the order of names drawn at random
        lakehouse.append(BARS, bars([day], symbols=("CCC", "AAA")))
    coded = lakehouse.read(BARS, categories=("symbol",))
    same(coded.astype({"symbol": "str"}), bars(month(8), symbols=("CCC", "AAA")))


def test_a_missing_table_is_an_error_and_an_empty_range_an_empty_typed_frame(lakehouse):
    with pytest.raises(EmptyResult, match="bars: the table does not exist"):
        lakehouse.read(BARS)
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    empty = lakehouse.read(BARS, start="2030-01-01")
    assert empty.empty
    assert empty["date"].dtype == "datetime64[us]"
    assert empty["close"].dtype == "float64"


def _table(known_after_days: int) -> TableSpec:
    return TableSpec("known", BARS.columns, known_after_days=known_after_days)


@pytest.mark.parametrize(
    ("kind", "known_after_days"), [("a daily bar", 1), ("a decision of its Monday", 0), ("a week's returns", 7)]
)
def test_nothing_is_read_before_it_can_be_known(lakehouse, kind, known_after_days):
    spec, monday = _table(known_after_days), dt.date(2024, 3, 4)
    lakehouse.replace(spec, bars([monday.isoformat()]), [monday.isoformat()])
    known = monday + dt.timedelta(days=known_after_days)
    assert len(lakehouse.read(spec, end=monday.isoformat(), as_of=known.isoformat())) == len(SYMBOLS), kind
    too_early = (known - dt.timedelta(days=1)).isoformat()
    with pytest.raises(ContractViolation, match=f"as of {too_early}.*look-ahead"):
        lakehouse.read(spec, end=monday.isoformat(), as_of=too_early)


def test_a_point_in_time_read_must_say_where_it_ends(lakehouse):
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    with pytest.raises(ContractViolation, match="look-ahead"):
        lakehouse.read(BARS, as_of="2030-01-01")


def test_look_ahead_is_refused_even_where_the_table_is_missing(lakehouse):
    with pytest.raises(ContractViolation, match="look-ahead"):
        lakehouse.read(BARS, end="2024-03-04", as_of="2024-03-04")


def test_every_version_stays_readable(lakehouse):
    versions = {v: lakehouse.replace(BARS, bars(["2024-03-01"], float(v)), ["2024-03-01"]) for v in range(1, 6)}
    assert len(set(versions.values())) == 5
    for value, version in versions.items():
        same(
            lakehouse.read(BARS, version=version), bars(["2024-03-01"], float(value)), check_exact=True,
            check_dtype=False,
        )  # fmt: skip


def test_a_column_added_later_is_empty_in_older_rows(lakehouse):
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    wider = TableSpec("bars", (*BARS.columns, Column("vwap", "float64", "average price")))
    lakehouse.replace(wider, wider.canonical(bars(["2024-03-02"]).assign(vwap=9.0)), ["2024-03-02"])
    read = lakehouse.read(wider)
    assert read["vwap"].isna().tolist() == [True] * 3 + [False] * 3
    same(lakehouse.read(BARS, end="2024-03-01"), bars(["2024-03-01"]), check_exact=True, check_dtype=False)


def test_tables_are_listed_by_name_and_other_folders_are_not(lakehouse):
    assert lakehouse.tables() == []
    lakehouse.replace(WEIGHTS, weights("trend", ["2024-03-04"], 1.0), ["2024-03-04"], {"sleeve": "trend"})
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    (Path(lakehouse.root) / "not-a-table").mkdir()
    (Path(lakehouse.root) / "empty_folder").mkdir()
    assert lakehouse.tables() == ["bars", "weights"]


def test_a_ledger_table_is_appended_to(lakehouse):
    ledger = TableSpec("ledger", BARS.columns, physical="symbol")
    lakehouse.append(ledger, bars(["2024-03-01"], 1.0))
    lakehouse.append(ledger, bars(["2024-03-01"], 2.0))
    assert sorted(lakehouse.read(ledger)["close"]) == [1.0, 2.0, 2.0, 3.0, 3.0, 4.0]
    assert lakehouse.read(ledger)["ingested_at"].unique()[0] == FETCHED


# ---------------------------------------------------------------- faults


def test_a_first_write_that_died_before_its_commit_does_not_block_the_next(lakehouse):
    log = Path(lakehouse.root) / "bars" / "_delta_log"
    log.mkdir(parents=True)
    (log / "_commit_torn.json.tmp").write_text('{"torn')
    assert lakehouse.version("bars") is None
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    same(lakehouse.read(BARS), bars(["2024-03-01"]), check_exact=True, check_dtype=False)


def test_a_broken_table_is_an_error_and_never_an_empty_table(lakehouse):
    lakehouse.replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    log = Path(lakehouse.root) / "bars" / "_delta_log"
    log.rename(log.with_name("_saved"))
    log.write_text("in the way")
    with pytest.raises(OSError, match="_delta_log"):
        lakehouse.read(BARS)
    with pytest.raises(OSError, match="_delta_log"):
        lakehouse.replace(BARS, bars(["2024-03-01"], 2.0), ["2024-03-01"])
    log.unlink()
    log.with_name("_saved").rename(log)
    same(lakehouse.read(BARS), bars(["2024-03-01"]), check_exact=True, check_dtype=False)


def _limited(lakehouse: Lakehouse, bytes_allowed: int, frame: pd.DataFrame, days: list[str]) -> int | BaseException:
    """A write while the operating system refuses files longer than so many bytes, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_allowed, before[1]))
    try:
        return lakehouse.replace(BARS, frame, days)
    except (OSError, DeltaError) as error:
        return error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_at_any_byte_gives_an_error_and_leaves_the_old_version_intact(lakehouse):
    days = month(20)
    old = bars(days, 1.0)
    version = lakehouse.replace(BARS, old, days)
    new = bars(days[:10], 7.0)
    mixed = pd.concat([new, bars(days[10:], 1.0)], ignore_index=True)
    outcomes = []
    for allowed in [0, 1, 16, *range(100, 4000, 105)]:
        outcome = _limited(lakehouse, allowed, new, days[:10])
        outcomes.append(outcome)
        if isinstance(outcome, int):
            same(lakehouse.read(BARS), mixed, check_exact=True, check_dtype=False)
            version = lakehouse.replace(BARS, old, days)
        else:
            assert str(outcome), f"{allowed} bytes: no message"
            assert lakehouse.version("bars") == version, f"{allowed} bytes: a failed write made a version"
            same(lakehouse.read(BARS), old, check_exact=True, check_dtype=False)
    failed = [o for o in outcomes if not isinstance(o, int)]
    assert len(outcomes) >= 40
    assert len(failed) >= 10, "the limits never bit: this test shows nothing"
    lakehouse.replace(BARS, new, days[:10])
    same(lakehouse.read(BARS), mixed, check_exact=True, check_dtype=False)


def test_a_folder_where_nothing_may_be_created_gives_a_clear_error(tmp_path):
    (tmp_path / "lakehouse").write_text("a file where the lakehouse should be")
    with pytest.raises(Exception, match=r"lakehouse|bars") as caught:
        Lakehouse(tmp_path / "lakehouse").replace(BARS, bars(["2024-03-01"]), ["2024-03-01"])
    assert str(tmp_path) in str(caught.value)
    assert (tmp_path / "lakehouse").read_text() == "a file where the lakehouse should be"
