"""The typed intent of a position, carried unchanged from the universe to the net weight."""

from __future__ import annotations

from enum import StrEnum


class Direction(StrEnum):
    """Whether a sleeve holds its assets (LONG) or sells them short (SHORT)."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        """+1 for LONG, -1 for SHORT: the sign of every net weight of that direction."""
        return 1 if self is Direction.LONG else -1
