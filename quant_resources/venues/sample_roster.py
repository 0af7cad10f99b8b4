"""The synthetic market's cast: fictional tickers, their factor loadings, liquidity and starting prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VENUE_NAME = "SYNTH"
QUOTE = "USDT"
CLUSTERS = 6
COINS: tuple[str, ...] = (
    "ARKEN", "BELOR", "CADMU", "DRAVO", "ELSIN", "FJORA", "GRANO", "HALDE", "ISKRA", "JOVIN",
    "KALDO", "LYNOR", "MERAK", "NORVA", "OSTRA", "PELIO", "QUARZ", "RIVON", "SELKA", "TARNO",
    "ULMEX", "VESPO", "WINDA", "XERIL", "YARIM", "ZOLTA", "ALMIR", "BRONO", "CIRVA", "DELPO",
    "EMBRO", "FARLO", "GIDRA", "HOLTA", "IMBRI", "JURAN", "KESTO", "LUMIR", "MOLVA", "NIXAR",
    "OBERA", "PRISK", "QUILO", "RONDA", "SOLVI", "TIBRA", "URSAN", "VALDO", "WEXAL", "XAVIO",
    "YOLIN", "ZEPHO", "AGROS", "BIVAR", "CORVA", "DUSKO", "ERIDA", "FOLIA", "GLIMO", "HERMA",
)  # fmt: skip
"""Ordinary coins, most liquid first."""
STABLE_BASE = "USDC"
LEVERAGED_STEM = "ARKEN"
LEVERAGED_BASE = f"{LEVERAGED_STEM}UP"
BASES: tuple[str, ...] = (*COINS, STABLE_BASE, LEVERAGED_BASE)
SYMBOLS: tuple[str, ...] = tuple(f"{VENUE_NAME}:{base}/{QUOTE}" for base in BASES)

# The crash must fall from a height and the re-denomination must divide something: these two prices are not drawn.
_FIXED_START_PRICES = {"ELSIN": 80.0, "LYNOR": 420.0, STABLE_BASE: 1.0, LEVERAGED_BASE: 10.0}
_FIXED_VALUES = {STABLE_BASE: 4e7, LEVERAGED_BASE: 6e6}


@dataclass(frozen=True)
class Traits:
    """Per-symbol constants, arrays in the order of `BASES`. Volatility is per day in calm days, value in quote."""

    cluster: NDArray[np.int64]
    beta_market: Floats
    beta_cluster: Floats
    idiosyncratic_volatility: Floats
    start_price: Floats
    daily_value: Floats
    trade_size: Floats

    def frame(self) -> pd.DataFrame:
        """Return the traits as a table; the stable and the leveraged base have no cluster (-1)."""
        columns = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return pd.DataFrame({"symbol": pd.array(SYMBOLS, dtype="str"), **columns})


def draw_traits(rng: np.random.Generator) -> Traits:
    """Draw the traits; value traded falls with rank squared, so the tail lies below one million a day."""
    size = len(BASES)
    cluster = np.arange(size) % CLUSTERS
    beta_market = rng.normal(1.0, 0.2, size).clip(0.5, 1.5)
    beta_cluster = rng.normal(1.0, 0.25, size).clip(0.4, 1.6)
    idiosyncratic = rng.uniform(0.018, 0.038, size)
    price: Floats = np.round(10 ** rng.uniform(-1.5, 2.5, size), 4)
    rank = np.arange(1, size + 1, dtype=np.float64)
    value: Floats = 2e9 / rank**2 * np.exp(rng.normal(0.0, 0.4, size))
    trade_size = rng.uniform(60.0, 900.0, size)
    for base, fixed in _FIXED_START_PRICES.items():
        price[BASES.index(base)] = fixed
    for base, fixed in _FIXED_VALUES.items():
        value[BASES.index(base)] = fixed
    peg, leveraged = BASES.index(STABLE_BASE), BASES.index(LEVERAGED_BASE)
    # Neither follows the factors itself: one is pegged, the other repeats its stem three times over.
    cluster[[peg, leveraged]] = -1
    for array in (beta_market, beta_cluster):
        array[[peg, leveraged]] = 0.0
    idiosyncratic[[peg, leveraged]] = (0.0003, 0.0)
    return Traits(cluster, beta_market, beta_cluster, idiosyncratic, price, value, trade_size)
