"""Configuration of the feature matrix: which features, their look-backs, and how hard the certificate checks them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from quant_assets.config import ConfigBlock

RELEASE_FEATURES = (
    "momentum",
    "realised_volatility",
    "stability",
    "efficiency",
    "adx_14",
    "dmp_14",
    "dmn_14",
    "rsi_14",
    "sma_50",
    "sma_200",
    "vwma_20",
    "donchian_upper_20",
    "donchian_lower_20",
    "recommend_ma",
    "close",
)


ALL = "all"


class FeaturesConfig(ConfigBlock):
    """Features of a profile; every window counts bars of the symbol itself, returns count one bar more.

    The annualisation factor is not here: it belongs to the market of the profile and is handed in by the caller.
    """

    features: tuple[str, ...] = Field(
        default=RELEASE_FEATURES,
        min_length=1,
        description="Feature ids, in column order. `all` stands "
        "for every feature that is not computed on request only. `rank_<id>` and `zscore_<id>` compare the symbols of "
        "the day; `all` leaves them out.",
    )
    modules: tuple[str, ...] = Field(
        default=(), description="Importable modules of features of your own (`package.module`)."
    )
    momentum_window: int = Field(default=252, ge=2, le=5000, description="Returns in the mean of `momentum`.")
    volatility_window: int = Field(
        default=252, ge=2, le=5000, description="Returns in `realised_volatility` and `stability` (its reciprocal)."
    )
    efficiency_window: int = Field(default=120, ge=2, le=5000, description="Returns in `efficiency`.")
    complexity_window: int = Field(
        default=120, ge=64, le=5000, description="Returns in the features of memory and complexity."
    )
    liquidity_window: int = Field(default=30, ge=5, le=5000, description="Returns in the features of liquidity.")
    order_value: float = Field(
        default=10_000.0, gt=0, description="Order in quote currency that `execution_cost` is about."
    )
    memory_bars: int = Field(
        default=400,
        ge=250,
        le=5000,
        description="Fewest bars that a recursive feature rests on where the life has them. At 400 an EMA 200 still "
        "holds an eighth of its seed; from 1,400 on six millionths, which moved bitcoin's by less than 1e-6.",
    )
    max_missing_days: int = Field(
        default=30,
        ge=0,
        le=3650,
        description="Calendar days a window may miss; a longer halt restarts its warm-up (bounds the reads). A "
        "recursive feature goes on over a halt.",
    )
    nan_density: float = Field(
        default=0.9, gt=0, le=1, description="L2.NAN: share of warmed-up symbols that must have a value."
    )
    prefix_symbols: int = Field(default=3, ge=1, le=1000, description="L2.PREFIX: symbols recomputed for each day.")
    prefix_rows: int = Field(
        default=600,
        ge=100,
        le=1_000_000,
        description="L2.PREFIX: most bars recomputed in one run; where a range has more days, days are sampled too and "
        "the others rest on the evidence of the range.",
    )
    prefix_future_bars: int = Field(
        default=120, ge=30, le=1000, description="L2.PREFIX: bars fabricated after the day."
    )
    warmup_multiples: tuple[Annotated[int, Field(ge=2, le=16)], ...] = Field(
        default=(2, 4, 8), min_length=1, description="L2.WARMUP: longer histories to compare with, in windows."
    )
