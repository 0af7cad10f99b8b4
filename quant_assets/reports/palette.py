"""Colours of all charts: Okabe and Ito's set, which stays distinct for colour-blind readers and in grey print."""

from __future__ import annotations

INK = "#1b2430"
MUTED = "#6b7480"
GRID = "#e4e7eb"
MAIN = "#004c8c"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c00", "#5e4fa2")
BASELINES = ("#3d4650", "#d55e00", "#009e73", "#a8611c", "#8a63a8", "#7d8790")


def series_colour(position: int) -> str:
    """Colour of the n-th member, repeating after the last."""
    return SERIES[position % len(SERIES)]
