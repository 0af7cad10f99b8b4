"""The report's charts as inline SVG: text stays text, nothing is fetched, the same data gives the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from quant_assets.reports.date_axis import label_dates
from quant_assets.reports.palette import BASELINES, GRID, INK, MAIN, MUTED, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 11.0
LABEL_GAP = 0.052
MAX_POINTS = 2000
LOG_MANTISSAS = (
    (1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.5),
    (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 8.0, 9.0),
    (1.0, 1.5, 2.0, 3.0, 5.0, 7.0),
    (1.0, 3.0),
    (1.0,),
)
STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": "#aab2bb",
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 3.0,
    "ytick.major.size": 0.0,
    "xtick.minor.size": 0.0,
    "ytick.minor.size": 0.0,
    "axes.unicode_minus": False,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def equity_and_drawdown(main: str, streams: Mapping[str, pd.Series]) -> str:
    """Growth of 1 (log scale) with the drawdown below, the stream ``main`` in front, the others thin behind it.

    ``streams``: label -> daily net returns indexed by date. Returns an SVG element.
    """
    with _style("equity"):
        figure = _figure(5.1)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2.5, 1.0])
        labels = []
        for position, (name, net) in enumerate(sorted(streams.items(), key=lambda item: item[0] == main)):
            value, front = (1.0 + net).cumprod(), name == main
            colour = MAIN if front else BASELINES[position % len(BASELINES)]
            shown = _thin(value)
            width = 1.9 if front else 1.0
            # a ruined stream ends at zero, which has no logarithm: its line stops there
            top.plot(shown.index, shown.where(shown > 0.0), color=colour, linewidth=width)
            labels.append((name, float(value.iloc[-1]), colour, front))
            fall = _thin(value / value.cummax().clip(lower=1.0) - 1.0)
            if front:
                bottom.fill_between(fall.index, fall, 0.0, color=colour, alpha=0.16, linewidth=0)
            bottom.plot(fall.index, fall, color=colour, linewidth=1.3 if front else 0.8)
        top.set_yscale("log")
        _plain_log_ticks(top)
        top.set_ylabel("growth of 1, net (log)")
        bottom.set_ylabel("drawdown")
        top.grid(False, axis="x")
        _percent(bottom)
        _end_labels(top, labels)
        _dates(bottom)
        return _svg(figure, "Equity of the portfolio and its baselines, with drawdown", "equity")


def member_equity(streams: Mapping[str, pd.Series]) -> str:
    """Growth of 1 of every member, linear scale, labelled at its end. Returns an SVG element."""
    with _style("members"):
        figure = _figure(3.2)
        axes = figure.subplots()
        labels = []
        for position, (name, net) in enumerate(streams.items()):
            value = (1.0 + net).cumprod()
            shown = _thin(value)
            axes.plot(shown.index, shown, color=series_colour(position), linewidth=1.2)
            labels.append((name, float(value.iloc[-1]), series_colour(position), False))
        axes.axhline(1.0, color=MUTED, linewidth=0.7)
        axes.set_ylabel("growth of 1, net")
        _end_labels(axes, labels)
        _dates(axes)
        return _svg(figure, "Equity of every member", "members")


def stacked_weights(weights: pd.DataFrame) -> str:
    """Member weights over time as stacked steps; ``weights``: index week, one column per member. Returns an SVG."""
    with _style("weights"):
        figure = _figure(2.9)
        axes = figure.subplots()
        end = weights.index[-1] + pd.Timedelta(days=7)
        steps = pd.concat([weights, weights.iloc[[-1]].set_axis([end])])
        floor = np.zeros(len(steps))
        labels = []
        for position, name in enumerate(steps.columns):
            ceiling = floor + steps[name].to_numpy(dtype=float)
            colour = series_colour(position)
            axes.fill_between(steps.index, floor, ceiling, step="post", color=colour, alpha=0.78, linewidth=0)
            if float(ceiling[-1] - floor[-1]) > 0.0:
                labels.append((str(name), float(floor[-1] + ceiling[-1]) / 2, colour, False))
            floor = ceiling
        axes.set_ylim(0.0, max(1.0, float(floor.max())))
        axes.set_xlim(steps.index[0], end)
        axes.set_ylabel("share of capital")
        axes.grid(False)
        _percent(axes)
        _end_labels(axes, labels)
        _dates(axes, keep_limits=True)
        return _svg(figure, "Member weights over time", "weights")


def costs_and_turnover(daily: pd.DataFrame) -> str:
    """Cumulative costs as a line, weekly turnover as bars; ``daily``: date, costs, turnover. Returns an SVG."""
    with _style("costs"):
        figure = _figure(2.5)
        left, right = figure.subplots(1, 2)
        frame = daily.set_index("date").sort_index()
        paid = _thin(frame["costs"].cumsum())
        left.fill_between(paid.index, paid, 0.0, color=series_colour(1), alpha=0.14, linewidth=0)
        left.plot(paid.index, paid, color=series_colour(1), linewidth=1.3)
        left.set_title("cumulative costs, share of equity", loc="left", fontsize=9, color=MUTED)
        weekly = frame["turnover"].resample("W-MON", label="left", closed="left").sum()
        right.vlines(weekly.index, 0.0, weekly, color=series_colour(0), linewidth=max(0.8, 260 / max(len(weekly), 80)))
        right.set_ylim(bottom=0.0)
        right.set_title("turnover a week, share of equity traded", loc="left", fontsize=9, color=MUTED)
        for axes in (left, right):
            _percent(axes)
            _dates(axes, keep_limits=True, ticks=5)
        left.margins(x=0.0)
        right.margins(x=0.02)
        return _svg(figure, "Cumulative costs and weekly turnover", "costs")


def rolling_lines(streams: Mapping[str, pd.Series], label: str) -> str:
    """A rolling figure of a few streams around zero, the first in front. Returns an SVG element."""
    with _style("rolling"):
        figure = _figure(2.4)
        axes = figure.subplots()
        labels = []
        for position, (name, values) in enumerate(reversed(list(streams.items()))):
            front = position == len(streams) - 1
            known = _thin(values.dropna())
            colour = MAIN if front else BASELINES[position % len(BASELINES)]
            axes.plot(known.index, known, color=colour, linewidth=1.5 if front else 0.9)
            if len(known):
                labels.append((name, float(known.iloc[-1]), colour, front))
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.set_ylabel(label)
        _end_labels(axes, labels)
        _dates(axes)
        return _svg(figure, label, "rolling")


def _style(salt: str) -> Any:  # noqa: ANN401  # matplotlib is imported lazily, so is its context type
    from matplotlib import rc_context

    settings: Any = {**STYLE, "svg.hashsalt": salt}
    return rc_context(settings)


def _figure(height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), layout="constrained")


def _thin(series: pd.Series) -> pd.Series:
    """At most ``MAX_POINTS`` points, the last one kept: a screen has no more columns."""
    step = -(-len(series) // MAX_POINTS)
    return series.iloc[::-1].iloc[::step].iloc[::-1] if step > 1 else series


def _percent(axes: Axes) -> None:
    from matplotlib.ticker import PercentFormatter

    low, high = axes.get_ylim()
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.04 else 1))


def _plain_log_ticks(axes: Axes) -> None:
    """Ticks at round values, few enough to read, written as plain numbers."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    low, high = axes.get_ylim()
    for mantissas in LOG_MANTISSAS:
        powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
        ticks = [m * p for p in powers for m in mantissas if low <= m * p <= high]
        if len(ticks) <= 9:
            break
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.3g}"))


def _dates(axes: Axes, keep_limits: bool = False, ticks: int = 8) -> None:
    label_dates(axes, ticks)
    axes.grid(False, axis="x")
    if not keep_limits:
        axes.margins(x=0.0)


def _end_labels(axes: Axes, labels: Sequence[tuple[str, float, str, bool]]) -> None:
    """Name each line at its right end, pushed apart where they would overlap."""
    height = float(axes.get_position().height * _figure_height(axes))
    gap = max(LABEL_GAP, 0.155 / height)
    to_axes = axes.transData + axes.transAxes.inverted()
    start = axes.get_xlim()[0]
    low = axes.get_ylim()[0]
    heights = [float(to_axes.transform((start, max(value, low)))[1]) for _, value, _, _ in labels]
    for index, spot in zip(np.argsort(heights), _apart(sorted(heights), gap), strict=True):
        name, _, colour, front = labels[int(index)]
        text = name if len(name) <= 30 else name[:29] + "…"
        axes.text(
            1.008, spot, text, transform=axes.transAxes, va="center", color=colour, fontsize=8.5,
            fontweight="bold" if front else "normal",
        )  # fmt: skip


def _figure_height(axes: Axes) -> float:
    """Height of the figure in inches."""
    figure = axes.get_figure(root=True)
    return float(figure.get_size_inches()[1]) if figure is not None else 1.0


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Ascending positions moved as little as needed to be ``gap`` apart: overlapping ones share a centred block."""
    blocks: list[list[float]] = []
    for height in heights:
        blocks.append([height])
        while len(blocks) > 1 and _touch(blocks[-2], blocks[-1], gap):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    return [_centre(b) + gap * (k - (len(b) - 1) / 2) for b in blocks for k in range(len(b))]


def _touch(below: Sequence[float], above: Sequence[float], gap: float) -> bool:
    return _centre(above) - _centre(below) < gap * (len(above) + len(below)) / 2


def _centre(block: Sequence[float]) -> float:
    return sum(block) / len(block)


def _svg(figure: Figure, title: str, name: str) -> str:
    """The figure as an SVG element that scales to its container; prolog, document type and metadata removed."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    FigureCanvasSVG(figure)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"font-family: [^;\"]*; ?|<g id=\"[^\"]*\">", lambda m: "<g>" if m[0].startswith("<g") else "", text)
    opening = f'<svg class="chart" data-chart="{name}" role="img" aria-label="{title}" viewBox="\\1" '
    opening += 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    text = re.sub(r'^<svg [^>]*?viewBox="([^"]*)"[^>]*>', opening, text, count=1)
    text = re.sub(r"\n(?=[LQCz])", "", text)
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", text).strip()
