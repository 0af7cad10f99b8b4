"""The date axis of all charts: few ticks at round dates, each with its year."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONG_SPAN_DAYS = 100


def label_dates(axes: Axes, max_ticks: int) -> None:
    """Ticks on months, quarters or years, written ``Mar 2024``; on days, written ``4 Mar``, for a short span."""
    from matplotlib.dates import MONTHLY, AutoDateLocator, DateFormatter

    first, last = axes.get_xlim()
    locator = AutoDateLocator(minticks=3, maxticks=max_ticks)  # type: ignore[no-untyped-call]  # matplotlib
    locator.intervald[MONTHLY] = [1, 2, 3, 4, 6, 12]
    pattern = "%b %Y" if last - first > LONG_SPAN_DAYS else "%-d %b"
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter(pattern))  # type: ignore[no-untyped-call]  # matplotlib
