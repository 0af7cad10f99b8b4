"""From the blocks of many symbols to one frame of bars, in the port's columns and order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quant_resources.venues.ccxt_klines import VALUE_COLUMNS
from quant_resources.venues.port import BAR_COLUMNS
from quant_resources.venues.staging import StagedAnswer


def frame_of_answers(answers: Mapping[str, StagedAnswer], source: str) -> pd.DataFrame:
    """Return the bars of all symbols, sorted by date and symbol; the order of the answers does not matter."""
    symbols = sorted(answers)
    sizes = [len(answers[symbol].block) for symbol in symbols]
    codes = np.repeat(np.arange(len(symbols)), sizes)
    opened = np.concatenate([np.empty(0, dtype=np.int64), *(answers[s].block.open_ms for s in symbols)])
    order = np.lexsort((codes, opened))
    codes = codes[order]
    read_at = np.array([answers[s].read_at.to_datetime64() for s in symbols], dtype="datetime64[us]")
    columns: dict[str, object] = {
        "symbol": pd.array(symbols, dtype="str").take(codes),
        "date": opened[order].astype("datetime64[ms]").astype("datetime64[us]"),
        "source": pd.array([source], dtype="str").take(np.zeros(len(codes), dtype=np.intp)),
        "ingested_at": read_at[codes],
    }
    for position, name in enumerate(VALUE_COLUMNS):
        values = [answers[s].block.values[:, position] for s in symbols]
        columns[name] = np.concatenate([np.empty(0), *values])[order]
    return pd.DataFrame({name: columns[name] for name in BAR_COLUMNS})
