"""The `quant` command: what it prints where, its exit codes, and that a mistake changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from quant_assets.cli.main import app
from tests.e2e.worlds import TINY_END, TINY_START, Place, tiny_bars, tiny_profile, tree

COMMANDS = ("demo", "run", "backfill", "status", "check", "sql", "simulate", "doctor", "maintain")
L0 = ("L0.SCHEMA", "L0.SYMBOL", "L0.CLOSED", "L0.KEY", "L0.OHLC", "L0.VOLUME", "L0.COVERAGE", "L0.CONSERVE")
L1 = ("L1.FRESH", "L1.GAP", "L1.CAP", "L1.STALL", "L1.SPIKE", "L1.REDENOMINATION", "L1.IDENTITY")
Quant = Callable[..., Result]


@pytest.fixture
def quant(monkeypatch) -> Quant:
    """The command in this process, on a place given by its environment."""

    def run(place: Place | None, *arguments: object) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (place.environment if place else {}).items():
                patch.setenv(name, value)
            result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def fresh(tmp_path) -> Place:
    """A place with a profile and bars, and nothing materialized."""
    return Place(tmp_path / "fresh").write(tiny_profile(), tiny_bars())


@pytest.fixture(scope="module")
def worked(tiny, tmp_path_factory) -> Place:
    """A copy of the finished tiny world for commands that only look."""
    return tiny.copy_to(tmp_path_factory.mktemp("worked"))


def one_error(result: Result) -> str:
    """The one error message on standard error; nothing that looks like a result on standard output."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    return result.stderr


# ---------------------------------------------------------------- help


def test_help_lists_every_command_in_a_fresh_process():
    done = subprocess.run(
        [sys.executable, "-m", "quant_assets.cli.main", "--help"], capture_output=True, text=True, check=True
    )
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS), done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(quant, command):
    result = quant(None, command, "--help")
    assert result.exit_code == 0 and "Usage:" in result.stdout


# ---------------------------------------------------------------- mistakes: one error, its next step, nothing changed


def _unknown_key(place: Place) -> tuple[str, ...]:
    place.write({**tiny_profile(), "anualisation": 365})
    return ("backfill",)


def _missing_member(place: Place) -> tuple[str, ...]:
    profile = tiny_profile()
    profile["metas"][0]["members"] = ["up", "down", "sideways"]
    place.write(profile)
    return ("backfill",)


def _no_bars(place: Place) -> tuple[str, ...]:
    place.bars_file.unlink()
    return ("backfill", "--json")


def _wrong_columns(place: Place) -> tuple[str, ...]:
    tiny_bars().rename(columns={"close": "last_price"}).to_parquet(place.bars_file, index=False)
    return ("backfill",)


def _hostile_symbol(place: Place) -> tuple[str, ...]:
    tiny_bars().replace({"TOY:COIN3/USDT": "../x"}).to_parquet(place.bars_file, index=False)
    return ("backfill",)


MISTAKES = {
    "unknown profile key": (_unknown_key, 2, ("anualisation", "unknown key")),
    "unknown profile": (lambda p: ("backfill", "--profile", "nowhere"), 2, ("'nowhere' is unknown", "demo")),
    "absent profile file": (lambda p: ("backfill", "--profile", "no/such.yaml"), 2, ("no such file",)),
    "unknown asset": (lambda p: ("run", "no_such", "--date", TINY_START), 2, ("no_such", "ohlcv", "up/selection")),
    "unknown asset of a backfill": (lambda p: ("backfill", "-s", "no_such"), 2, ("no_such",)),
    "date before the start": (lambda p: ("run", "listings", "--date", "1999-01-01"), 2, ("1999-01-01", TINY_START)),
    "no date at all": (lambda p: ("run", "listings", "--date", "yesterday"), 2, ("yesterday", "YYYY-MM-DD")),
    "range backwards": (lambda p: ("backfill", "--from", TINY_END, "--to", TINY_START), 2, ("exchange",)),
    "date and range": (lambda p: ("run", "ohlcv", "--date", TINY_START, "--to", TINY_END), 2, ("not both",)),
    "missing sleeve of a meta": (_missing_member, 2, ("sideways", "up")),
    "wrong columns": (_wrong_columns, 2, ("close", "last_price", "rename")),
    "hostile symbol": (_hostile_symbol, (2, 3), ("../x",)),
    "bad SQL": (lambda p: ("sql", "selekt 1"), 2, ("sql",)),
    "check without a file": (lambda p: ("check", "bars"), 2, ("FILE",)),
    "check of an absent file": (lambda p: ("check", "bars", "no.csv"), 2, ("no.csv", "does not exist")),
    "nothing to check": (lambda p: ("check", "ohlcv"), 4, ("quant backfill",)),
    "simulate without its file": (lambda p: ("simulate", "w.csv", "r.csv"), 2, ("w.csv", "no such file")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gives_one_error_with_the_next_step_and_changes_nothing(quant, fresh, mistake):
    prepare, codes, said = MISTAKES[mistake]
    arguments = prepare(fresh)
    result = quant(fresh, *arguments)
    assert result.exit_code in (codes if isinstance(codes, tuple) else (codes,)), result.output
    message = one_error(result)
    assert all(words in message for words in said), message
    assert tree(fresh.folder / "lakehouse") == {}, "nothing was written"


def test_an_empty_folder_of_bars_is_an_empty_result(quant, fresh):
    result = quant(fresh, *_no_bars(fresh))
    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == 4
    assert [a["asset"] for a in told["assets"]] == ["listings"], "what rests on it was not started"
    assert "holds no .parquet or .csv file" in told["assets"][0]["message"]
    assert tree(fresh.folder / "lakehouse") == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "listings", "--date", "1999-01-01"),
        ("run", "no_such", "--date", TINY_START),
        ("backfill", "--profile", "nowhere"),
        ("sql", "drop table ohlcv"),
        ("sql", "copy ohlcv to 'stolen.csv'"),
    ],
)
def test_a_finished_lakehouse_is_left_as_it_is(quant, worked, arguments):
    before = tree(worked.folder / "lakehouse")
    assert quant(worked, *arguments).exit_code == 2
    assert tree(worked.folder / "lakehouse") == before


# ---------------------------------------------------------------- check bars


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_check_bars_of_a_clean_file_shows_every_rule(quant, tmp_path, suffix):
    file = tmp_path / f"bars.{suffix}"
    bars = tiny_bars().assign(remark="more columns are allowed")
    bars.to_csv(file, index=False) if suffix == "csv" else bars.to_parquet(file, index=False)
    result = quant(None, "check", "bars", file, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["passed"] is True
    rules = {r["rule"]: r for r in told["rules"]}
    assert tuple(rules) == (*L0, *L1)
    for record in told["rules"]:
        assert record["verdict"] in {"pass", "warn"} and record["severity"] in {"ERROR", "WARN"}
        assert isinstance(record["checked"], int) and isinstance(record["breaches"], int)
    assert all(rules[r]["verdict"] == "pass" and rules[r]["breaches"] == 0 for r in L0)
    assert rules["L0.OHLC"]["checked"] == len(bars)


def _dirty(kind: str) -> pd.DataFrame:
    bars = tiny_bars()
    if kind == "L0.OHLC":
        bars.loc[[5, 6, 7], "high"] = bars.loc[[5, 6, 7], "low"] / 2
    elif kind == "L0.KEY":
        bars = pd.concat([bars, bars.iloc[[3, 3, 4]]])
    elif kind == "L0.SYMBOL":
        bars.loc[bars["symbol"] == "TOY:COIN1/USDT", "symbol"] = "../x"
    elif kind == "L0.VOLUME":
        bars.loc[[5, 6, 7], "volume"] = -1.0
    elif kind == "L0.COVERAGE":
        bars = bars[(bars["date"] != "2023-02-01") | (bars["symbol"] == "TOY:COIN1/USDT")]
    elif kind == "L0.CLOSED":
        moved = pd.Timestamp.now("UTC").normalize().tz_localize(None) - bars["date"].max() + pd.Timedelta(days=1)
        bars["date"] += moved
    return bars


@pytest.mark.parametrize("rule", ["L0.OHLC", "L0.KEY", "L0.SYMBOL", "L0.VOLUME", "L0.COVERAGE", "L0.CLOSED"])
def test_check_bars_of_a_dirty_file_names_the_rule_and_exits_3(quant, tmp_path, rule):
    file = tmp_path / "bars.parquet"
    _dirty(rule).to_parquet(file, index=False)
    result = quant(None, "check", "bars", file, "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 3 and told["passed"] is False
    rules = {r["rule"]: r for r in told["rules"]}
    assert set(rules) == {*L0, *L1}, "every rule is there, broken or not"
    assert rules[rule]["verdict"] == "fail" and rules[rule]["breaches"] > 0 and rules[rule]["offenders"]
    assert rules["L0.CONSERVE"]["verdict"] == "pass"


def test_check_bars_of_an_empty_file_exits_4(quant, tmp_path):
    file = tmp_path / "bars.csv"
    tiny_bars().head(0).to_csv(file, index=False)
    result = quant(None, "check", "bars", file, "--json")
    assert result.exit_code == 4
    assert "no rows" in one_error(result)


def test_check_bars_as_a_table_names_the_offenders(quant, tmp_path):
    file = tmp_path / "bars.csv"
    _dirty("L0.OHLC").to_csv(file, index=False)
    result = quant(None, "check", "bars", file)
    assert result.exit_code == 3
    assert "REFUSED" in result.stdout and "L0.OHLC" in result.stdout and "TOY:COIN0/USDT" in result.stdout


# ---------------------------------------------------------------- looking at a lakehouse


def test_sql_prints_rows_as_json(quant, worked):
    result = quant(worked, "sql", "select symbol, count(*) as days from ohlcv group by symbol order by symbol", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert rows == [{"symbol": f"TOY:COIN{i}/USDT", "days": 98} for i in range(8)]


def test_sql_turns_nan_into_null(quant, worked):
    rows = json.loads(quant(worked, "sql", "select 'nan'::double as x, 1 as y", "--json").stdout)
    assert rows == [{"x": None, "y": 1}]


def test_status_counts_every_asset(quant, worked):
    result = quant(worked, "status", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["profile"] == "tiny"
    by_name = {a["asset"]: a for a in told["assets"]}
    assert len(by_name) == 13
    assert by_name["ohlcv"] == {
        "asset": "ohlcv", "partitions": 98, "published": 98, "refused": 0, "withheld": 0, "missing": 0,
        "first": TINY_START, "last": TINY_END,
    }  # fmt: skip
    assert all(a["missing"] == a["refused"] == 0 for a in told["assets"])


def test_check_shows_the_recorded_verdicts_rule_by_rule(quant, worked):
    result = quant(worked, "check", "ohlcv", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0 and told["partitions"] == 98 and told["refused"] == 0
    assert {*L0, *L1} <= {r["rule"] for r in told["rules"]}
    assert all(r["pass"] + r["warn"] + r["fail"] == 98 for r in told["rules"])


def test_doctor_finds_a_finished_lakehouse_well(quant, worked):
    result = quant(worked, "doctor", "--json")
    told = json.loads(result.stdout)
    found = {f["check"]: f for f in told["findings"]}
    assert result.exit_code == 0 and told["ok"] is True, told
    assert {"profile", "lakehouse", "disk", "runs", "contracts"} <= set(found)


def test_doctor_tells_of_a_bad_profile_with_the_next_step(quant, fresh):
    fresh.write({**tiny_profile(), "first_week": "2023-02-28"})
    result = quant(fresh, "doctor", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1 and told["ok"] is False
    broken = [f for f in told["findings"] if not f["ok"]]
    assert len(broken) == 1 and "Monday" in broken[0]["seen"] and broken[0]["next_step"]


# ---------------------------------------------------------------- run and backfill


def test_run_materializes_one_partition_again_with_the_same_content(quant, tiny, tmp_path):
    place = tiny.copy_to(tmp_path / "copy")
    manifests = len(place.table("manifests"))
    result = quant(place, "run", "ohlcv", "--date", "2023-03-01", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == 0
    (asset,) = told["assets"]
    assert (asset["asset"], asset["asked"], asset["published"], asset["refused"]) == ("ohlcv", 1, 1, 0)
    assert len(place.table("manifests")) == manifests + 1
    assert place.contents() == tiny.contents()

    again = json.loads(quant(place, "backfill", "--json").stdout)
    assert {a["asset"]: a["published"] for a in again["assets"] if a["published"]} == {}, "equal content is current"


def test_a_second_backfill_finds_everything_current(quant, tiny, tmp_path):
    place = tiny.copy_to(tmp_path / "copy")
    tables = {t for t in place.lakehouse.tables()}
    before = {t: place.lakehouse.version(t) for t in tables}
    result = quant(place, "backfill", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert all(a["current"] == a["asked"] and a["published"] == 0 for a in told["assets"])
    assert {t: place.lakehouse.version(t) for t in tables} == before, "no table has a new version, the ledger neither"


def test_run_of_a_broken_day_exits_3_and_says_so_on_standard_error(quant, tiny, tmp_path):
    place = tiny.copy_to(tmp_path / "copy")
    bars = pd.read_parquet(place.bars_file)
    bars.loc[bars["date"] == "2023-03-01", "high"] = 0.0
    bars.to_parquet(place.bars_file, index=False)
    result = quant(place, "run", "ohlcv", "--date", "2023-03-01")
    assert result.exit_code == 3
    assert "L0.OHLC" in one_error(result) and "refusals" in result.stderr
    assert quant(place, "status", "-s", "ohlcv").exit_code == 3
    assert quant(place, "check", "ohlcv", "--from", "2023-03-01", "--to", "2023-03-01").exit_code == 3
    told = json.loads(quant(place, "doctor", "--json").stdout)
    assert [f["check"] for f in told["findings"] if not f["ok"]] == ["contracts"]


# ---------------------------------------------------------------- simulate


def _book() -> tuple[pd.DataFrame, pd.DataFrame]:
    days = pd.date_range("2024-01-01", periods=6)
    moves = {"A": [0.10, -0.05, 0.02, 0.00, 0.03, -0.01], "B": [-0.02, 0.04, 0.10, -0.20, 0.05, 0.01]}
    returns = pd.concat([pd.DataFrame({"date": days, "symbol": s, "return": r, "note": "x"}) for s, r in moves.items()])
    weights = pd.DataFrame(
        {
            "date": [days[0], days[0], days[3], days[3]],
            "symbol": ["A", "B", "A", "B"],
            "weight": [0.6, -0.3, 0.2, 0.5],
            "by": "hand",
        }
    )
    return weights, returns


def _by_hand(fee: float) -> pd.DataFrame:
    """The same book in money: 1.0 to begin with, units of account instead of weights."""
    weights, returns = _book()
    wide = returns.pivot(index="date", columns="symbol", values="return")
    targets = weights.pivot(index="date", columns="symbol", values="weight")
    money, held, rows = 1.0, {"A": 0.0, "B": 0.0}, []
    cash = money
    for day, moves in wide.iterrows():
        opening, traded = money, 0.0
        if day in targets.index:
            wanted = {s: targets.loc[day, s] * opening for s in held}
            traded = sum(abs(wanted[s] - held[s]) for s in held)
            cash -= sum(wanted[s] - held[s] for s in held) + fee * traded
            held = wanted
        gain = sum(held[s] * moves[s] for s in held)
        held = {s: held[s] * (1 + moves[s]) for s in held}
        money = cash + sum(held.values())
        rows.append((day, gain / opening, fee * traded / opening, money / opening - 1, traded / opening))
    return pd.DataFrame(rows, columns=["date", "gross", "costs", "net", "turnover"])


@pytest.mark.parametrize("inputs", ["csv", "parquet"])
@pytest.mark.parametrize("output", ["csv", "parquet"])
def test_simulate_writes_what_a_hand_calculation_gives(quant, tmp_path, inputs, output):
    weights, returns = _book()
    for name, frame in (("weights", weights), ("returns", returns)):
        file = tmp_path / f"{name}.{inputs}"
        frame.to_csv(file, index=False) if inputs == "csv" else frame.to_parquet(file, index=False)
    out = tmp_path / "made" / f"daily.{output}"
    result = quant(
        None, "simulate", tmp_path / f"weights.{inputs}", tmp_path / f"returns.{inputs}",
        "--fees", 0.001, "--slippage", 0.0005, "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = pd.read_csv(out, parse_dates=["date"]) if output == "csv" else pd.read_parquet(out)
    assert list(found.columns) == ["date", "gross", "costs", "net", "turnover"]
    expected = _by_hand(0.0015)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-12, atol=1e-15)


def test_simulate_prints_json_without_a_file(quant, tmp_path):
    weights, returns = _book()
    weights.to_csv(tmp_path / "w.csv", index=False)
    returns.to_csv(tmp_path / "r.csv", index=False)
    told = json.loads(quant(None, "simulate", tmp_path / "w.csv", tmp_path / "r.csv", "--json").stdout)
    assert [d["date"] for d in told["daily"]] == [f"2024-01-0{i}" for i in range(1, 7)]
    assert told["daily"][0]["gross"] == pytest.approx(0.6 * 0.10 + 0.3 * 0.02, rel=1e-12)
    assert told["daily"][0]["costs"] == 0 and told["summary"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w, r: (w.drop(columns="weight"), r), "weight"),
        (lambda w, r: (w.replace({"A": "C"}), r), "C"),
        (lambda w, r: (w.assign(date="01/02/2024"), r), "2024-01-31"),
        (lambda w, r: (w, r.assign(**{"return": "up"})), "return"),
    ],
)
def test_simulate_explains_a_wrong_file(quant, tmp_path, change, said):
    weights, returns = change(*_book())
    weights.to_csv(tmp_path / "w.csv", index=False)
    returns.to_csv(tmp_path / "r.csv", index=False)
    result = quant(None, "simulate", tmp_path / "w.csv", tmp_path / "r.csv", "--out", tmp_path / "out.csv")
    assert result.exit_code == 2 and said in one_error(result)
    assert not (tmp_path / "out.csv").exists()


def test_simulate_refuses_an_unknown_kind_of_output(quant, tmp_path):
    result = quant(None, "simulate", tmp_path / "w.csv", tmp_path / "r.csv", "--out", tmp_path / "out.xlsx")
    assert result.exit_code == 2 and ".parquet" in one_error(result)


# ---------------------------------------------------------------- a fresh process


def test_the_exit_code_and_the_streams_of_a_real_process(fresh):
    """Results on standard output, the error on standard error, nothing of Dagster's chatter on either."""
    done = subprocess.run(
        [sys.executable, "-m", "quant_assets.cli.main", "run", "listings", "--date", "1999-01-01"],
        capture_output=True,
        text=True,
        env={**os.environ, **fresh.environment},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: no partition lies in 1999-01-01") and len(done.stderr.splitlines()) == 1


def test_a_profile_is_found_relative_to_nothing_but_itself(fresh, quant, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert yaml.safe_load(fresh.profile_file.read_text())["venue"]["path"] == "bars"
    assert Path(fresh.profile.venue.path) == fresh.bars_file.parent
