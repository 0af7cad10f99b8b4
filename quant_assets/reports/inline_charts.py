"""Tiny charts for places that show Markdown only: PNG images inside the text, each below 15 kB.

Belongs here: three shapes (lines, bars, stacked shares) at 420 x 160 pixels. The report's own charts are in ``charts``.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult
from quant_assets.reports.date_axis import label_dates
from quant_assets.reports.palette import GRID, INK, MAIN, MUTED, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT, DPI = 420, 160, 100
MAX_BYTES = 14_000
MAX_POINTS = 400
MAX_NAMES = 20
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.0,
    "axes.titlesize": 7.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.edgecolor": "#aab2bb",
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "axes.unicode_minus": False,
    "text.parse_math": False,
}


def line_chart(series: Mapping[str, pd.Series], title: str, percent: bool = False) -> str:
    """One line for each entry, indexed by date (or number), as a Markdown image; several get a legend.

    Raises:
        EmptyResult: a line without any finite value.
    """
    known = {name: _finite(values, f"{title}: {name}") for name, values in series.items()}
    if not known:
        raise EmptyResult(f"chart {title!r}: no line to draw")

    def draw(axes: Axes) -> None:
        for position, (name, values) in enumerate(known.items()):
            colour = MAIN if len(known) == 1 else series_colour(position)
            axes.plot(values.index, values, color=colour, linewidth=1.1, label=str(name)[:18])
        if len(known) > 1:
            axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=6.5)

    dated = all(isinstance(values.index, pd.DatetimeIndex) for values in known.values())
    return markdown_image(_chart(draw, title, percent, dated), title)


def bar_chart(values: pd.Series, title: str, percent: bool = False) -> str:
    """One bar for each entry as a Markdown image; negative ones in a second colour.

    A date index is a time axis, text a row of names (left out above ``MAX_NAMES``).

    Raises:
        EmptyResult: no finite value to draw.
    """
    known = _finite(values, title)
    dated = isinstance(known.index, pd.DatetimeIndex)
    places = known.index if dated else np.arange(len(known))
    colours = [MAIN if v >= 0.0 else series_colour(1) for v in known]

    def draw(axes: Axes) -> None:
        width = max(0.8, min(18.0, 240.0 / len(known)))
        axes.vlines(places, 0.0, known, colors=colours, linewidth=width)
        axes.margins(x=0.04)
        if not dated:
            many = len(known) > MAX_NAMES
            names = [] if many else [_short(name) for name in known.index]
            axes.set_xticks([] if many else places, names, rotation=30, ha="right")

    return markdown_image(_chart(draw, title, percent, dated), title)


def markdown_image(figure: Figure, alt: str) -> str:
    """The figure as a Markdown image with its bytes inside (about 5 kB); ``alt`` is reduced to harmless characters."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    data = _few_colours(buffer.getvalue())
    safe = "".join(c for c in alt if c.isalnum() or c in " .,:%-+/")
    return f"![{safe}](data:image/png;base64,{base64.b64encode(data).decode('ascii')})"


def _few_colours(png: bytes) -> bytes:
    """The same image with a palette of as many colours as fit ``MAX_BYTES``; charts have few colours anyway."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (64, 32, 16, 8):
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= MAX_BYTES:
            break
    return out.getvalue()


def _chart(draw: Callable[[Axes], None], title: str, percent: bool, dated: bool) -> Figure:
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), layout="constrained", facecolor="white")
        axes = figure.subplots()
        draw(axes)
        axes.set_title(title[:70])
        axes.yaxis.set_major_locator(MaxNLocator(4))
        if percent:
            low, high = axes.get_ylim()
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if high - low > 0.04 else 2))
        if dated:
            label_dates(axes, 6)
        return figure


def _short(name: object) -> str:
    """A symbol without its venue, at most 12 characters."""
    return str(name).rpartition(":")[2][:12] if str(name).count(":") == 1 else str(name)[:12]


def _finite(values: pd.Series, title: str) -> pd.Series:
    """Finite values, at most ``MAX_POINTS`` of them, the last one kept."""
    known: pd.Series = values[np.isfinite(values.to_numpy(dtype=float))]
    if known.empty:
        raise EmptyResult(f"chart {title!r}: no finite value to draw")
    step = -(-len(known) // MAX_POINTS)
    thinned: pd.Series = known.iloc[::-1].iloc[::step].iloc[::-1]
    return thinned
