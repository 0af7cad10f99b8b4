"""Bars that were received before, as a venue: a day is judged again without asking the market for what is known.

Belongs here: the rows of the lakehouse as received rows, with those that came since in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from quant_assets.errors import UsageError
from quant_assets.market.schema import RECEIVED_COLUMNS


def received_rows(accepted: pd.DataFrame, quarantined: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were received on some days, put together again from what became of them (same columns)."""
    frames = [f for f in (accepted, quarantined) if len(f)]
    rows = pd.concat(frames, ignore_index=True) if frames else accepted
    return rows.sort_values(["date", "symbol"], kind="stable", ignore_index=True)


def with_answers(stored: pd.DataFrame, came: pd.DataFrame, replaced: Sequence[str] = ()) -> pd.DataFrame:
    """Return stored rows with those that came: for `replaced` symbols instead of theirs, else only where none is."""
    kept = stored[~stored["symbol"].isin(list(replaced))]
    known = pd.MultiIndex.from_frame(kept[["date", "symbol"]])
    fresh = came[~pd.MultiIndex.from_frame(came[["date", "symbol"]]).isin(known)]
    rows = pd.concat([f[list(RECEIVED_COLUMNS)] for f in (kept, fresh) if len(f)] or [stored], ignore_index=True)
    return rows.sort_values(["date", "symbol"], kind="stable", ignore_index=True)


class StoredVenue:
    """A venue that answers with given rows and the given fetch report; everything else is the real venue's."""

    def __init__(self, venue: Any, rows: pd.DataFrame, received: Any) -> None:  # noqa: ANN401  # venue and answer of the port
        self._venue = venue
        self._rows = rows
        self._received = received

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the real venue has
        return getattr(self._venue, name)

    def bars(self, symbols: Sequence[str] | None, start: date, end: date) -> Any:  # noqa: ANN401  # an answer of the port
        """Return the given rows from `start` to `end` inclusive. UsageError for a list of symbols."""
        if symbols is not None:
            raise UsageError("stored bars are read for all symbols; ask the venue itself for a list")
        dates = self._rows["date"]
        inside = (dates >= pd.Timestamp(start)) & (dates <= pd.Timestamp(end))
        return self._received(self._rows[inside].reset_index(drop=True))
