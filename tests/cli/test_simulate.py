"""`quant simulate`: a user's own book, against a calculation by hand."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.cli.command import one_error


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
