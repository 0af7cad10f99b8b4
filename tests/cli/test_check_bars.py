"""`quant check bars`: every rule of L0 and L1 on a user's own file, with verdicts and counts."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.cli.command import L0, L1, one_error
from tests.e2e.worlds import tiny_bars


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


@pytest.mark.parametrize("rule", ["L0.OHLC", "L0.KEY", "L0.SYMBOL", "L0.COVERAGE", "L0.CLOSED"])
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


def test_check_bars_only_warns_of_rows_that_quarantine_is_enough_for(quant, tmp_path):
    file = tmp_path / "bars.parquet"
    _dirty("L0.VOLUME").to_parquet(file, index=False)
    result = quant(None, "check", "bars", file, "--json")
    rule = next(r for r in json.loads(result.stdout)["rules"] if r["rule"] == "L0.VOLUME")
    assert result.exit_code == 0
    assert (rule["verdict"], rule["breaches"], len(rule["offenders"])) == ("warn", 3, 3)


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
