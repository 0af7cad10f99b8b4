"""The `quant` command: help, looking at a lakehouse, running, and the streams of a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.cli.command import L0, L1, one_error
from tests.e2e.worlds import TINY_END, TINY_START, tiny_profile

COMMANDS = (
    "demo", "run", "backfill", "status", "check", "sql", "simulate", "doctor", "maintain", "universe", "import",
    "ingest", "repair", "audit", "quarantine", "features", "restate",
)  # fmt: skip


def test_help_lists_every_command_in_a_fresh_process():
    done = subprocess.run(
        [sys.executable, "-m", "quant_assets.cli.main", "--help"], capture_output=True, text=True, check=True
    )
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS), done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(quant, command):
    result = quant(None, command, "--help")
    assert result.exit_code == 0 and "Usage:" in result.stdout


def test_sql_prints_rows_as_json(quant, worked):
    result = quant(
        worked, "sql", "select symbol, count(*) as days from ohlcv group by symbol order by symbol", "--json"
    )
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
    assert all(r["pass"] + r["warn"] + r["waived"] + r["fail"] == 98 for r in told["rules"])


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


@pytest.mark.parametrize(
    ("query", "said"), [("select 1 as one", ""), ("select 1 from nowhere", "error: sql: Catalog Error")]
)
def test_a_query_in_a_real_process_says_nothing_but_its_rows_or_its_error(worked, query, said):
    done = subprocess.run(
        [sys.executable, "-m", "quant_assets", "sql", query, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, **worked.environment},
    )
    assert done.stderr.startswith(said) and "leaked" not in done.stderr
    assert (json.loads(done.stdout) if done.stdout else None) == ([{"one": 1}] if not said else None)
    assert (done.stderr == "") == (not said)


def test_a_profile_is_found_relative_to_nothing_but_itself(fresh, quant, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert yaml.safe_load(fresh.profile_file.read_text())["venue"]["path"] == "bars"
    assert Path(fresh.profile.venue.path) == fresh.bars_file.parent
