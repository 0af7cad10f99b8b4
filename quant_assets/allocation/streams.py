"""Strategy streams: every position written as a "buy me" return, so that solvers stay long-only.

Belongs here: the one place where a short becomes a synthetic long, and the name of an atom.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError
from quant_assets.universe.direction import Direction

SEPARATOR = "|"


def atom_id(symbol: str, direction: Direction) -> str:
    """Name of a strategy atom: ``symbol|DIRECTION``."""
    return f"{symbol}{SEPARATOR}{direction.value}"


def parse_atom(atom: str) -> tuple[str, Direction]:
    """Symbol and direction of an atom; raises UsageError when the name is not one."""
    symbol, separator, direction = atom.rpartition(SEPARATOR)
    if not separator or not symbol or direction not in Direction.__members__:
        raise UsageError(f"{atom!r} is not an atom of the form symbol|LONG or symbol|SHORT")
    return symbol, Direction[direction]


def synthetic_longs(returns: pd.DataFrame, direction: Direction) -> pd.DataFrame:
    """Streams of simple returns (days x symbols): r for LONG, -min(r, 1) for SHORT; columns become atoms.

    A short loses at most its whole stake, hence the clip at +100 %. NaN stays NaN.
    """
    streams = returns if direction is Direction.LONG else -returns.clip(upper=1.0)
    return streams.set_axis(pd.Index([atom_id(str(c), direction) for c in returns.columns], dtype="str"), axis=1)


def clipped_days(returns: pd.DataFrame, direction: Direction) -> int:
    """Number of (day, symbol) cells in which the short clip acts; 0 for longs."""
    return int(np.sum(returns.to_numpy() > 1.0)) if direction is Direction.SHORT else 0
