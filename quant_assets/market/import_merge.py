"""What an import would do to bars that are there already: merging into its folder, and the rows it would overwrite.

Belongs here: comparing frames. Does not belong here: reading or writing them, and deciding whether to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

KEYS = ["date", "symbol"]
_COMPARED = ["open", "high", "low", "close", "volume"]


@dataclass(frozen=True)
class Overwritten:
    """Published bars that an import would lose or change: each frame has date, symbol and source.

    `lost`: bars of symbols and days that the import does not hold. `foreign`: bars that came from another source.
    `changed`: bars of the same source with other values.
    """

    lost: pd.DataFrame
    foreign: pd.DataFrame
    changed: pd.DataFrame

    def __bool__(self) -> bool:
        return any(len(rows) for rows in (self.lost, self.foreign, self.changed))

    def to_record(self) -> dict[str, Any]:
        """Counts, days, symbols and sources of each kind."""
        return {
            name: _described(rows)
            for name, rows in (("lost", self.lost), ("foreign", self.foreign), ("changed", self.changed))
            if len(rows)
        }

    def __str__(self) -> str:
        texts = {"lost": "would be lost", "foreign": "of another source would be replaced", "changed": "would change"}
        return "; ".join(
            f"{told['bars']} published bars {texts[kind]} ({told['first']}..{told['last']}, source "
            f"{', '.join(told['sources'])}, {told['symbols']} symbols such as {', '.join(told['examples'])})"
            for kind, told in self.to_record().items()
        )


def merge_bars(held: pd.DataFrame, incoming: pd.DataFrame) -> pd.DataFrame:
    """Return the bars of a folder after an import, by symbol and date: incoming days of a symbol replace held ones.

    A bar that is twice in `incoming` stays twice: the contracts judge that, not the import.
    """
    keys = pd.MultiIndex.from_frame(held[KEYS])
    kept = held[~keys.isin(pd.MultiIndex.from_frame(incoming[KEYS]))]
    parts = [frame for frame in (kept, incoming) if len(frame)]
    return pd.concat(parts, ignore_index=True).sort_values(["symbol", "date"], kind="stable", ignore_index=True)


def overwritten(published: pd.DataFrame, bars: pd.DataFrame, source: str) -> Overwritten:
    """Return which `published` rows (date, symbol, source, prices, volume) an import of `bars` as `source` undoes."""
    ours = published["source"] == source
    known = pd.MultiIndex.from_frame(published[KEYS]).isin(pd.MultiIndex.from_frame(bars[KEYS]))
    joined = published.merge(bars.drop_duplicates(KEYS), on=KEYS, how="left", suffixes=("", "_new"))
    equal = np.ones(len(joined), dtype=bool)
    for name in _COMPARED:
        equal &= joined[name].to_numpy() == joined[f"{name}_new"].to_numpy()
    columns = [*KEYS, "source"]
    return Overwritten(
        lost=published.loc[~known, columns],
        foreign=published.loc[known & ~ours, columns],
        changed=published.loc[known & ours & ~equal, columns],
    )


def _described(rows: pd.DataFrame) -> dict[str, Any]:
    symbols = sorted(rows["symbol"].unique())
    return {
        "bars": len(rows),
        "days": int(rows["date"].nunique()),
        "first": f"{rows['date'].min().date()}",
        "last": f"{rows['date'].max().date()}",
        "sources": sorted(rows["source"].unique()),
        "symbols": len(symbols),
        "examples": symbols[:5],
    }
