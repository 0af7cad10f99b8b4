"""Small inline pictures for the asset pages: drawn from the rows that a run has just published."""

from __future__ import annotations

import pandas as pd


def coverage_chart(bars: pd.DataFrame) -> str:
    """Number of accepted bars by day."""
    from quant_assets.reports.inline_charts import line_chart

    counts = bars.groupby("date")["symbol"].nunique()
    return line_chart({"accepted bars": counts}, "accepted bars by day")


def equity_chart(daily: pd.DataFrame) -> str:
    """Equity at each day's end."""
    from quant_assets.reports.inline_charts import line_chart

    return line_chart({"equity": daily.sort_values("date").set_index("date")["equity"]}, "equity (net of costs)")


def weights_chart(weights: pd.DataFrame) -> str:
    """Signed weights of the newest week."""
    from quant_assets.reports.inline_charts import bar_chart

    newest = weights[weights["week"] == weights["week"].max()]
    held = newest.set_index("symbol")["net_weight"]
    week = pd.Timestamp(newest["week"].iloc[0]).date()
    if not held.any():
        return f"The book of the week {week} is all cash."
    return bar_chart(held[held != 0.0].sort_values(), f"net weights of the week {week}")
