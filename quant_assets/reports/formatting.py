"""How numbers are written in a report: one place, so that HTML and Markdown show the same text."""

from __future__ import annotations

import math

UNDEFINED = "n/a"


def percent(value: float, decimals: int = 2) -> str:
    """A fraction as percent: 0.1234 -> ``12.34%``; NaN -> ``n/a``."""
    return UNDEFINED if not math.isfinite(value) else _signless_zero(f"{value * 100:,.{decimals}f}") + "%"


def number(value: float, decimals: int = 2) -> str:
    """A plain number with thousands separators; NaN -> ``n/a``."""
    return UNDEFINED if not math.isfinite(value) else _signless_zero(f"{value:,.{decimals}f}")


def multiple(value: float) -> str:
    """A multiple of equity: 12.3 -> ``12.3x``."""
    return UNDEFINED if not math.isfinite(value) else number(value, 1) + "x"


def _signless_zero(text: str) -> str:
    """``-0.00`` says nothing but looks like a loss."""
    return text.lstrip("-") if text.startswith("-") and not text.strip("-0.,") else text
