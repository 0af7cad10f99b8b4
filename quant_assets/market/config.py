"""Thresholds of the bar rules (L0 and the market-health part of L1), and what a person declares about tickers.

Belongs here: every number a rule compares with. A rule is relaxed here, from the profile, and nowhere else.
"""

from __future__ import annotations

from datetime import date

from pydantic import Field, model_validator

from quant_assets.config import ConfigBlock


class MarketRules(ConfigBlock):
    """Thresholds of L0 and L1 on bars. Shares are fractions, windows are open days unless said otherwise."""

    coverage_error: float = Field(default=0.90, ge=0.0, le=1.0)
    coverage_warn: float = Field(default=0.98, ge=0.0, le=1.0)
    retention_error: float = Field(default=0.90, ge=0.0, le=1.0)
    """L0.RETENTION withholds a day on which a smaller share of the markets of the day before came again."""
    retention_leaving: float = Field(default=0.25, ge=0.0, le=1.0)
    """Largest share of markets that may leave the listings from one day to the next; beyond it the change of the
    listings is not believed, and those markets count as lost."""
    retention_few: int = Field(default=5, ge=0)
    """So many markets may leave the listings in one day whatever their share is."""
    bad_ohlc_share: float = Field(default=0.01, ge=0.0, le=1.0)
    bad_ohlc_free_rows: int = Field(default=0, ge=0)
    """So many malformed bars never withhold a day, however small the market is."""
    quote_volume_tolerance: float = Field(default=0.01, ge=0.0)

    return_cap_up: float = Field(default=5.0, gt=0.0)
    return_cap_down: float = Field(default=-0.95, gt=-1.0, lt=0.0)
    open_continuity: float = Field(default=0.25, gt=0.0, lt=1.0)
    """An open is continuous with a close when their ratio is within 1 + this, either way."""
    toxic_days: int = Field(default=90, ge=1)
    """Calendar days a symbol stays toxic after the event, the day of the event included."""

    stall_days: int = Field(default=3, ge=2)
    stall_toxic_days: int = Field(default=5, ge=2)
    stall_window: int = Field(default=30, ge=2)

    volume_spike_z: float = Field(default=10.0, gt=0.0)
    volume_window: int = Field(default=60, ge=5)
    volume_min_bars: int = Field(default=20, ge=5)
    volume_mad_floor: float = Field(default=0.10, gt=0.0)
    """Smallest MAD of log volume used, so that a constant volume does not make every change a spike."""

    gap_share: float = Field(default=0.10, ge=0.0, le=1.0)
    gap_window: int = Field(default=60, ge=2)

    halt_days: int = Field(default=1, ge=1)
    """Missing open days that make a halt, after which a ticker may return as something else."""
    redenomination_tolerance: float = Field(default=0.05, gt=0.0, lt=0.5)
    """Distance of log10(open / previous close) from a whole number."""
    redenomination_max_power: int = Field(default=6, ge=1)
    redenomination_value_factor: float = Field(default=100.0, gt=1.0)
    """Value traded is continuous when it changed by less than this factor, either way, over the halt."""
    identity_ratio: float = Field(default=5.0, gt=1.0)

    return_range_cap: float = Field(default=100.0, gt=0.0)
    """Largest one-day return of an accepted bar in `returns_matrix`; wider than the cap above, since a bar beyond that
    one is accepted only where the move was traded, and such a return is data."""

    @property
    def history_days(self) -> int:
        """Open days of accepted bars before a day that its judgement may look at (besides each symbol's last bar)."""
        return max(self.stall_window, self.volume_window, self.gap_window)

    @model_validator(mode="after")
    def _ordered(self) -> MarketRules:
        if self.coverage_error > self.coverage_warn:
            raise ValueError("coverage_error must not be above coverage_warn")
        if self.stall_days > self.stall_toxic_days or self.stall_toxic_days > self.stall_window:
            raise ValueError("stall_days <= stall_toxic_days <= stall_window must hold")
        if self.volume_min_bars > self.volume_window:
            raise ValueError("volume_min_bars must not be above volume_window")
        return self


class Redenomination(ConfigBlock):
    """A re-denomination that a person confirmed: from `date` on, one old unit is `factor`-th of a new one.

    Adjusted price = price x factor, adjusted volume = volume / factor. A 1:1000 split (price falls to 1/1000) has
    factor 1000; a 10:1 consolidation (price rises tenfold) has factor 0.1.
    """

    symbol: str = Field(min_length=1)
    date: date
    factor: float = Field(gt=0.0, allow_inf_nan=False)


class IdentityMap(ConfigBlock):
    """What a person declares about the bar of `symbol` on `date`: the same asset as before, or another one."""

    symbol: str = Field(min_length=1)
    date: date
    same_asset: bool = True
