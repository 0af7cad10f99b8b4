"""Typed configuration of the simulation room: what trading and shorting cost.

Belongs here: cost rates and the day count they are stated in. Does not belong here: weights, limits, any default
for the number of days in a year (it differs by market, so the profile must say it).
"""

from __future__ import annotations

from pydantic import Field

from quant_assets.config import ConfigBlock


class Costs(ConfigBlock):
    """Linear trading costs and the borrow rate of shorts.

    ``fee`` and ``slippage`` are fractions of traded notional, one way. ``borrow`` is an annual rate on short
    notional; it accrues each day as ``borrow / annualisation_days``. ``annualisation_days`` is required: 365 where
    bars exist on every calendar day, about 252 on exchange sessions.
    """

    fee: float = Field(default=0.001, ge=0.0, lt=1.0, allow_inf_nan=False)
    slippage: float = Field(default=0.0005, ge=0.0, lt=1.0, allow_inf_nan=False)
    borrow: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    annualisation_days: float = Field(gt=0.0, allow_inf_nan=False)

    @property
    def trade_rate(self) -> float:
        """Cost of one unit of traded notional, one way: fee plus slippage."""
        return self.fee + self.slippage

    @property
    def daily_borrow(self) -> float:
        """Cost of holding one unit of short notional for one day."""
        return self.borrow / self.annualisation_days
