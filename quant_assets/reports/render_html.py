"""The report as one HTML file that needs nothing else: style inline, charts inline, no request to anywhere."""

from __future__ import annotations

import pandas as pd

from quant_assets.reports import charts
from quant_assets.reports.attribution import rolling_sharpe
from quant_assets.reports.context import report_context
from quant_assets.reports.figures import net_series
from quant_assets.reports.formatting import number, percent
from quant_assets.reports.model import ReportInput

PORTFOLIO = "portfolio, net"
ROLLING_DAYS = 182


def render_html(report: ReportInput) -> str:
    """The whole document as text. Every string of the input is escaped; only our own charts are inserted as markup.

    Raises:
        UsageError, EmptyResult: as the figures do, naming what is missing.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("quant_assets.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(percent=percent, number=number, heat=_heat)
    context = report_context(report)
    return environment.get_template("report.html.j2").render(**context, charts=_charts(report))


def _charts(report: ReportInput) -> dict[str, object]:
    """Markup of every chart; matplotlib escapes the labels it writes."""
    from markupsafe import Markup

    net = net_series(report.daily)
    baselines = {label: net_series(frame) for label, frame in report.baselines.items()}
    first = next(iter(baselines))
    rolling = {PORTFOLIO: net, first: baselines[first]}
    shares = report.weights.pivot(index="week", columns="member", values="weight").fillna(0.0)
    made = {
        "equity": charts.equity_and_drawdown(PORTFOLIO, {PORTFOLIO: net, **baselines}),
        "members": charts.member_equity({m: net_series(frame) for m, frame in report.members.items()}),
        "weights": charts.stacked_weights(shares.loc[:, _in_order(shares, report)]),
        "costs": charts.costs_and_turnover(report.daily),
        "rolling": charts.rolling_lines(
            {k: rolling_sharpe(v, ROLLING_DAYS, report.annualisation) for k, v in rolling.items()},
            f"Sharpe, {ROLLING_DAYS} days",
        )
        if len(net) > ROLLING_DAYS + 30
        else "",
    }
    return {name: Markup(svg) for name, svg in made.items()}


def _in_order(shares: pd.DataFrame, report: ReportInput) -> list[str]:
    """Members in the report's order, so that a member has one colour in every chart."""
    return [m for m in report.members if m in shares.columns]


def _heat(value: float) -> str:
    """Background of a correlation cell: blue against, orange together, white at zero; text stays dark."""
    if not abs(value) <= 1.0 + 1e-9:
        return "background:#f2f3f5"
    base = (0, 114, 178) if value < 0 else (230, 159, 0)
    strength = 0.62 * min(1.0, abs(value))
    red, green, blue = (round(255 - (255 - c) * strength) for c in base)
    return f"background:rgb({red},{green},{blue})"
