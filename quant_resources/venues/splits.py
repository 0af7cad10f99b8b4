"""Splits that a venue declares: from that day on, `factor` new shares stand for an old one.

Belongs here: the optional part of the port that tells splits, and reading them from the user's own files. Only splits
that the prices do not contain yet are told: an adjusted price needs no factor.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from quant_assets.errors import UsageError
from quant_resources.venues.files_format import read_columns

SPLIT_COLUMNS = ("symbol", "date", "factor")
SPLIT_NAMES = ("splits", "split", "stock_splits")
CLEAR_RATIO = 1.5
"""A split of at least this size, either way, must be visible in raw prices and invisible in adjusted ones."""


@runtime_checkable
class SplitsVenue(Protocol):
    """A venue that also knows splits."""

    def splits(self, until: date) -> pd.DataFrame:
        """Return the splits effective up to `until` inclusive (columns `SPLIT_COLUMNS`) that prices do not contain."""


def read_splits(files: list[Path]) -> pd.DataFrame:
    """Return symbol, date, open, close, split, adjusted of all rows of the files that have a column of splits.

    `split` is 1.0 where nothing happened; `adjusted` is null where the file does not say.
    """
    return read_columns(files, SPLIT_NAMES, "split", ("open", "close"), "adjusted")


def unadjusted_splits(rows: pd.DataFrame, until: date, where: str) -> pd.DataFrame:
    """Return the splits up to `until` whose prices are raw (columns `SPLIT_COLUMNS`), sorted by symbol and date.

    Raises UsageError for a split of which nobody says whether the prices contain it, and for one that the prices
    contradict.
    """
    ordered = rows.sort_values(["symbol", "date"], kind="stable", ignore_index=True)
    before = ordered.groupby("symbol")["close"].shift()
    found = ordered.assign(gap=np.log(ordered["open"] / before))
    found = found[(found["split"] != 1.0) & (found["date"] <= pd.Timestamp(until))]
    unknown = found[found["adjusted"].isna()]
    if len(unknown):
        row = unknown.iloc[0]
        raise UsageError(
            f"{where}: {row['symbol']} has a split of {row['split']:g} on {row['date'].date()}, and no column says "
            "whether prices contain it; add a column adjusted (true: they do, false: raw prices)"
        )
    _refuse_contradictions(found, where)
    raw = found[~found["adjusted"].astype(bool)]
    return raw.rename(columns={"split": "factor"})[list(SPLIT_COLUMNS)].reset_index(drop=True)


def _refuse_contradictions(found: pd.DataFrame, where: str) -> None:
    size = np.log(found["split"])
    clear = (size.abs() >= np.log(CLEAR_RATIO)) & found["gap"].notna()
    contained = found["gap"].abs() < (found["gap"] + size).abs()
    wrong = found[clear & (contained != found["adjusted"].astype(bool))]
    if len(wrong):
        row = wrong.iloc[0]
        told = "adjusted, but its open falls with the split" if row["adjusted"] else "raw, but its open does not"
        raise UsageError(
            f"{where}: {row['symbol']} on {row['date'].date()}, split {row['split']:g}: the price is said to be {told} "
            f"(open is {np.exp(row['gap']):.4g} x the close before); correct the column adjusted"
        )
