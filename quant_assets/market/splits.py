"""Splits that a venue declares, as re-denominations: the same mapping of prices, known from the venue itself."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from quant_assets.errors import UsageError
from quant_assets.market.config import Redenomination


def declared_splits(splits: pd.DataFrame, mapped: Sequence[Redenomination]) -> list[Redenomination]:
    """Return what a person mapped and what the venue declares: symbol, date, factor (new units for an old one).

    A split that a person mapped as well, with the same factor, counts once. Raises UsageError where the two differ,
    and for a factor that is not a positive number.
    """
    known = {(entry.symbol, entry.date): entry.factor for entry in mapped}
    found = list(mapped)
    for symbol, stamp, factor in zip(splits["symbol"], splits["date"], splits["factor"], strict=True):
        day = pd.Timestamp(stamp).date()
        if not 0.0 < float(factor) < float("inf"):
            raise UsageError(f"{symbol} on {day}: a split of {factor} is no number of new shares; correct the source")
        own = known.get((str(symbol), day))
        if own is None:
            found.append(Redenomination(symbol=str(symbol), date=day, factor=float(factor)))
        elif abs(own / float(factor) - 1.0) > 1e-9:
            raise UsageError(
                f"{symbol} on {day}: the profile maps a factor of {own:g}, the venue declares a split of {factor:g}; "
                "keep the one that is right"
            )
    return found
