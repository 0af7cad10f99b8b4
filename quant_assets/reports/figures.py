"""The report's tables as plain rows of text, computed once and shown by every renderer.

Belongs here: which figures are shown beside which. Does not belong here: a metric's definition (simulation room),
markup.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.reports.attribution import attribution_table, cost_table, joint_net, sleeve_contributions
from quant_assets.reports.formatting import multiple, number, percent
from quant_assets.reports.model import ReportInput
from quant_assets.reports.significance import SharpeEstimate, difference_estimate, sharpe_estimate
from quant_assets.simulation.metrics import performance_table

LARGEST_POSITIONS = 15
GROSS_LABEL = "before costs"
METRICS: tuple[tuple[str, str, str], ...] = (
    ("total_return", "Total return", "percent"),
    ("cagr", "Return a year (CAGR)", "percent"),
    ("volatility", "Volatility a year", "percent"),
    ("sharpe", "Sharpe ratio", "number"),
    ("sortino", "Sortino ratio", "number"),
    ("calmar", "Calmar ratio", "number"),
    ("max_drawdown", "Maximum drawdown", "percent"),
    ("var_5", "Value at risk, day, 5 %", "percent"),
    ("cvar_5", "Expected shortfall, day, 5 %", "percent"),
    ("hit_rate", "Days above zero", "percent"),
)


@dataclass(frozen=True)
class Table:
    """A table of text; ``numeric`` says which columns are right-aligned numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


@dataclass(frozen=True)
class Position:
    """One physical holding of the newest week with the members behind it."""

    symbol: str
    weight: float
    gross_before_netting: float
    share_of_gross: float
    contributors: tuple[tuple[str, float], ...]


def net_series(frame: pd.DataFrame) -> pd.Series:
    """Net returns indexed by date, ascending, days without a return left out."""
    return frame.set_index("date")["net"].sort_index().dropna()


def key_figures(report: ReportInput) -> Table:
    """Metrics of the portfolio net and before costs, beside every baseline on the same dates as far as they reach."""
    streams: dict[str, pd.Series] = {"Portfolio, net": net_series(report.daily)}
    # net + costs, not gross: on a day of ruin the loss beyond all equity is not the owner's
    streams[f"Portfolio, {GROSS_LABEL}"] = net_series(
        report.daily.assign(net=report.daily["net"] + report.daily["costs"])
    )
    streams |= {label: net_series(frame) for label, frame in report.baselines.items()}
    tables = [_metrics(series, report.annualisation) for series in streams.values()]
    rows = [(label, *(_text(t[key], kind) for t in tables)) for key, label, kind in METRICS]
    errors = [sharpe_estimate(series, report.annualisation) for series in streams.values()]
    rows.insert(4, ("± standard error (Lo 2002)", *(number(e.standard_error) for e in errors)))
    rows.append(("Days", *(f"{len(series):,}" for series in streams.values())))
    return Table(("", *streams), tuple(rows), (False, *(True for _ in streams)))


def significance_sentences(report: ReportInput) -> tuple[str, ...]:
    """What the history proves about the Sharpe ratio, and about the difference to the first baseline, in words."""
    net = net_series(report.daily)
    own = sharpe_estimate(net, report.annualisation)
    label, frame = next(iter(report.baselines.items()))
    versus = difference_estimate(net, net_series(frame), report.annualisation)
    return _own_sentence(own), _versus_sentence(versus, label)


def attribution(report: ReportInput) -> Table:
    """Mean weight, contribution to the sum of net returns and share of risk of every member and the residual."""
    parts = sleeve_contributions(report.weights, report.members, report.daily)
    table = attribution_table(parts, report.weights)
    rows = [
        (m, percent(w, 1) if math.isfinite(w) else "", percent(r), percent(s, 1))
        for m, w, r, s in table.itertuples(index=False)
    ]
    total = ("total", "", percent(float(table["return_sum"].sum())), percent(float(table["risk_share"].sum()), 1))
    columns = ("Member", "Mean weight", "Sum of daily net contributions", "Share of risk")
    return Table(columns, (*rows, total), (False, True, True, True))


def costs(report: ReportInput) -> Table:
    """Gross, costs, net and turnover a year of the portfolio and of every member that states them."""
    table = cost_table({"Portfolio": report.daily, **report.members}, report.annualisation)
    rows = [
        (n, percent(g), percent(c), percent(e), percent(s, 1), multiple(t))
        for n, g, c, e, s, t in table.itertuples(index=False)
    ]
    columns = ("", "Gross a year", "Costs a year", "Net a year", "Costs / |gross|", "Turnover a year")
    return Table(columns, tuple(rows), (False, *(True,) * 5))


def correlation(report: ReportInput) -> pd.DataFrame:
    """Pearson correlations of the members' daily net returns on their common dates."""
    return joint_net(report.members).corr()


def positions(report: ReportInput) -> tuple[Position, ...]:
    """The largest physical holdings by absolute net weight, with contributors by size."""
    frame = report.physical
    gross = float(frame["weight"].abs().sum())
    largest = frame.assign(size=frame["weight"].abs()).sort_values(["size", "symbol"], ascending=[False, True])
    out = []
    for symbol, weight, before, text in largest.head(LARGEST_POSITIONS)[
        ["symbol", "weight", "gross_before_netting", "contributors"]
    ].itertuples(index=False):
        parts = [(str(c["member"]), float(c["weight"])) for c in json.loads(text)]
        ordered = tuple(sorted(parts, key=lambda part: -abs(part[1])))
        share = abs(weight) / gross if gross > 0.0 else 0.0
        out.append(Position(str(symbol), float(weight), float(before), share, ordered))
    return tuple(out)


def exposure(report: ReportInput) -> Mapping[str, str]:
    """Long, short, net, gross and gross before netting of the newest week."""
    weight = report.physical["weight"]
    return {
        "long": percent(float(weight.clip(lower=0.0).sum()), 1),
        "short": percent(float(weight.clip(upper=0.0).sum()), 1),
        "net": percent(float(weight.sum()), 1),
        "gross": percent(float(weight.abs().sum()), 1),
        "gross before netting": percent(float(report.physical["gross_before_netting"].sum()), 1),
        "symbols": f"{int((weight != 0.0).sum()):,}",
    }


def _metrics(series: pd.Series, annualisation: int) -> Mapping[str, float]:
    """The metrics of one stream of net returns."""
    frame = pd.DataFrame({"date": series.index, "gross": series.to_numpy(), "net": series.to_numpy()})
    return performance_table(frame.assign(costs=0.0, turnover=0.0), annualisation)


def _text(value: float, kind: str) -> str:
    return percent(value) if kind == "percent" else number(value)


def _own_sentence(own: SharpeEstimate) -> str:
    if not np.isfinite(own.t):
        return "The Sharpe ratio is undefined: the returns do not vary."
    low, high = own.interval
    head = (
        f"Sharpe {own.sharpe:.2f} ± {own.standard_error:.2f} (95 % interval {low:.2f} to {high:.2f}, t = {own.t:.2f})"
    )
    if own.significant:
        return f"{head}: different from zero at the 5 % level, if this were the only portfolio ever tried."
    return f"{head}: not significant. Over {own.observations:,} days it cannot be told from zero."


def _versus_sentence(versus: SharpeEstimate, label: str) -> str:
    if not np.isfinite(versus.t):
        return f"Against {label}: the returns are the same, so there is no difference to judge."
    head = (
        f"Against {label}: information ratio {versus.sharpe:.2f} (t = {versus.t:.2f} over {versus.observations:,} days)"
    )
    if not versus.significant:
        return f"{head}, not significant. The weighting has not shown that it beats or trails {label}."
    return f"{head}: the portfolio {'beats' if versus.sharpe > 0 else 'trails'} {label} at the 5 % level."
