"""What both templates show, assembled once: tables, sentences, check list, verdict in words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from quant_assets.reports import figures
from quant_assets.reports.formatting import number, percent
from quant_assets.reports.model import ReportInput

MAX_WITHHELD = 20


def report_context(report: ReportInput) -> dict[str, Any]:
    """Names for the templates; every value is plain text, a number or a list of them."""
    dates = report.daily["date"]
    return {
        "report": report,
        "outcome": report.outcome,
        "verdict_line": verdict_line(report),
        "first": f"{dates.min():%Y-%m-%d}",
        "last": f"{dates.max():%Y-%m-%d}",
        "days": f"{len(dates):,}",
        "weeks": f"{report.weights['week'].nunique():,}",
        "headline": _headline(report),
        "key_figures": figures.key_figures(report),
        "significance": figures.significance_sentences(report),
        "attribution": figures.attribution(report),
        "costs": figures.costs(report),
        "correlation": figures.correlation(report),
        "positions": figures.positions(report),
        "exposure": figures.exposure(report),
        "newest_week": f"{report.weights['week'].max():%Y-%m-%d}",
        "checks": check_rows(report.checks),
        "withheld": report.withheld.head(MAX_WITHHELD).astype(str).to_dict("records"),
        "withheld_more": max(0, len(report.withheld) - MAX_WITHHELD),
        "statuses": member_statuses(report.weights),
    }


def verdict_line(report: ReportInput) -> str:
    """The verdict in one sentence with its counts."""
    total = report.checks[["pass", "warn", "fail", "waived"]].sum().astype(int)
    rules = report.checks["rule"].nunique()
    parts = [f"{rules} rules, {int(total.sum()):,} evaluations: {total['pass']:,} passed"]
    parts.append(f"{total['warn']:,} warned")
    parts.append(f"{total['fail']:,} failed")
    if total["waived"]:
        parts.append(f"{total['waived']:,} waived")
    count = len(report.withheld)
    parts.append("no partition withheld" if not count else f"{count:,} partition{'s' if count > 1 else ''} withheld")
    return ", ".join(parts)


def check_rows(checks: pd.DataFrame) -> list[dict[str, Any]]:
    """One row for each asset and rule, the worst verdict first within its level; ``state`` is the worst verdict."""
    rows = []
    for record in checks.sort_values(["level", "asset", "rule"], kind="stable").to_dict("records"):
        counts = {k: int(record[k]) for k in ("pass", "warn", "fail", "waived")}
        state = next((k for k in ("fail", "warn", "waived") if counts[k]), "pass")
        rows.append({**{k: str(record[k]) for k in ("asset", "level", "rule", "message")}, **counts, "state": state})
    return rows


def member_statuses(weights: pd.DataFrame) -> list[str]:
    """Sentences on members that are not live in the newest week, and on weights the bounds forced."""
    newest = weights.loc[weights["week"] == weights["week"].max()]
    notes = []
    if "status" in newest.columns:
        gone = newest.loc[newest["status"] != "live"]
        notes += [
            f"{m}: {s}, weight {percent(w, 1)}"
            for m, s, w in gone[["member", "status", "weight"]].itertuples(index=False)
        ]
    if "forced" in newest.columns and bool(newest["forced"].any()):
        notes.append("the bounds leave only equal weight: the engine decides nothing")
    return notes


def _headline(report: ReportInput) -> list[dict[str, str]]:
    """The few figures of the first screen: label, value, the first baseline's value."""
    table = figures.key_figures(report)
    label = table.columns[3]
    rows = {row[0]: row for row in table.rows}
    picked = ("Return a year (CAGR)", "Volatility a year", "Sharpe ratio", "Maximum drawdown")
    cards = [{"label": name, "value": rows[name][1], "beside": f"{label}: {rows[name][3]}"} for name in picked]
    error = rows["± standard error (Lo 2002)"]
    cards[2]["value"] += f" ± {error[1]}"
    paid = float(report.daily["costs"].sum()) * report.annualisation / len(report.daily)
    traded = float(report.daily["turnover"].sum()) * report.annualisation / len(report.daily)
    cards.append({"label": "Costs a year", "value": percent(paid), "beside": f"turnover {number(traded, 1)}x a year"})
    return cards
