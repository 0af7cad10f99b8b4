"""A made-up report input: four synthetic sleeves over a synthetic market, seeded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from quant_assets.meta.flatten import flatten
from quant_assets.reports.attribution import buy_and_hold, equal_weight_universe, inverse_volatility, one_over_n
from quant_assets.reports.model import Flag, ReportInput

MEMBERS = ("ma_rating_long", "ma_rating_short", "trend_long", "trend_short")
COINS = [f"SAMPLE:C{i:02d}/USDT" for i in range(24)]


def member_frames(days: int, seed: int) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Synthetic asset returns (long) and the sleeves' daily frames."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2023-01-02", periods=days, unit="us")
    market = rng.standard_t(4, days) * 0.016 * np.where(np.arange(days) % 300 < 200, 1.0, 1.7) + 0.0006
    betas = {"ma_rating_long": 0.9, "ma_rating_short": -0.8, "trend_long": 0.7, "trend_short": -0.75}
    sleeves = {}
    for name, beta in betas.items():
        gross = beta * market + rng.normal(0.0008, 0.011, days)
        turnover = np.where(np.arange(days) % 7 == 0, rng.uniform(0.3, 0.9, days), 0.0)
        costs = 0.0015 * turnover
        columns = {"date": dates, "gross": gross, "costs": costs, "net": gross - costs, "turnover": turnover}
        sleeves[name] = pd.DataFrame({**columns, "status": "active"})
    assets = [
        pd.DataFrame({"symbol": c, "date": dates, "return": market * rng.uniform(0.7, 1.4) + rng.normal(0, 0.02, days)})
        for c in COINS
    ]
    return pd.concat(assets, ignore_index=True), sleeves


def demo_report(days: int = 448, seed: int = 7) -> ReportInput:
    """A complete input, consistent in itself: the portfolio is the members' weighted sum, costs a little lower."""
    rng = np.random.default_rng(seed + 1)
    returns, members = member_frames(days, seed)
    dates = members[MEMBERS[0]]["date"]
    weeks = dates[::7].reset_index(drop=True)
    raw = np.abs(np.cumsum(rng.normal(0, 0.05, (len(weeks), 4)), axis=0)) + 0.3
    shares = raw / raw.sum(axis=1, keepdims=True)
    weights = pd.DataFrame(
        [(w, m, shares[i, k], "live") for i, w in enumerate(weeks) for k, m in enumerate(MEMBERS)],
        columns=["week", "member", "weight", "status"],
    )
    daily_share = np.repeat(shares, 7, axis=0)[:days]
    gross = sum(daily_share[:, k] * members[m]["gross"].to_numpy() for k, m in enumerate(MEMBERS))
    turnover = sum(daily_share[:, k] * members[m]["turnover"].to_numpy() for k, m in enumerate(MEMBERS)) * 0.8
    daily = pd.DataFrame({"date": dates, "gross": gross, "costs": 0.0015 * turnover, "turnover": turnover})
    daily["net"] = daily["gross"] - daily["costs"]
    books = {
        m: pd.DataFrame({"symbol": rng.choice(COINS, 10, replace=False), "weight": rng.dirichlet(np.ones(10) * 6)})
        for m in MEMBERS
    }
    books = {m: b.assign(weight=-b["weight"]) if m.endswith("short") else b for m, b in books.items()}
    newest = weights.loc[weights["week"] == weeks.iloc[-1], ["member", "weight"]]
    return ReportInput(
        name="core",
        title="Core meta-portfolio: rating and trend, long and short",
        profile="demo",
        data_kind="synthetic",
        annualisation=365,
        daily=daily,
        members=members,
        baselines={
            "1/N over members": one_over_n(members),
            "inverse volatility": inverse_volatility(members),
            "equal-weight universe": equal_weight_universe(returns),
            f"hold {COINS[0]}": buy_and_hold(returns, COINS[0]),
        },
        weights=weights,
        physical=flatten(newest, books),
        checks=_checks(),
        withheld=pd.DataFrame(columns=["asset", "partition", "rule", "reason"], dtype="str"),
        point_in_time=Flag("Point in time", True, "Every decision reads only bars before its week; L3.ASOF checks it."),
        survivorship=Flag(
            "Free of survivorship bias", True, "Delisted coins stay to their last bar; their last return is realised."
        ),
        cost_assumptions={"fee": "10 bp of traded notional", "slippage": "5 bp", "borrow": "none"},
        input_digest="sha256:" + "3f9a" * 16,
        config_hash="b1946ac92492d234",
        code_version="quant-assets 0.1.0 / 5f2d7c1e",
        commands=("quant run core/report --profile demo", "quant verify core/report"),
        warnings=("L0.COVERAGE: 97.1 % of the listed coins on 2023-05-14",),
        provenance={"Profile": "demo.yaml", "Lakehouse": "64 tables, newest version 812"},
    )


def with_failure(report: ReportInput) -> ReportInput:
    """The same input with one withheld partition."""
    row = {"asset": "ohlcv", "partition": "2023-08-01", "rule": "L0.OHLC", "reason": "4.2 % of bars have high < low"}
    checks = report.checks.copy()
    checks.loc[checks["rule"] == "L0.OHLC", ["pass", "fail"]] = [447, 1]
    return replace(report, withheld=pd.DataFrame([row]), checks=checks)


def _checks() -> pd.DataFrame:
    rules = {
        "ohlcv": [("L0", r) for r in ("SCHEMA", "KEY", "OHLC", "VOLUME", "CLOSED", "SYMBOL", "COVERAGE", "CONSERVE")],
        "returns_matrix": [("L1", r) for r in ("FRESH", "GAP", "RETURN_CAP", "STALL", "RANGE")],
        "features_matrix": [("L2", r) for r in ("SCHEMA", "BOUNDS", "NAN", "LAG", "PREFIX")],
        "trend_long/sleeve_weights": [("L3", r) for r in ("NONEMPTY", "DIRECTION", "SIGN_TEST", "WEIGHTS", "SOLVER")],
        "core/meta_weights": [
            ("L4", r) for r in ("COMPLETE", "HEALTH", "JOIN", "CONSERVE", "CONCENTRATION", "OPPOSITES", "DIVERSITY")
        ],
    }
    rows = [
        (asset, level, f"{level}.{name}", 448, 0, 0, 0, "holds")
        for asset, pairs in rules.items()
        for level, name in pairs
    ]
    columns = ["asset", "level", "rule", "pass", "warn", "fail", "waived", "message"]
    checks = pd.DataFrame(rows, columns=columns)
    coverage = checks["rule"] == "L0.COVERAGE"
    checks.loc[coverage, ["pass", "warn", "message"]] = [447, 1, "97.1 % of listed coins received, 98 % expected"]
    return checks
