"""Simulation of a user's own long frames of weights and returns: the pure function behind ``quant simulate``.

Belongs here: what a hand-made frame needs (dates as text, a check that both frames speak of the same symbols).
Does not belong here: reading files, the simulation itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult, UsageError
from quant_assets.simulation.config import Costs
from quant_assets.simulation.inputs import (
    FLAG_COLUMN,
    RETURN_COLUMNS,
    TARGET_COLUMNS,
    Days,
    require_columns,
    require_finite,
)
from quant_assets.simulation.simulate import simulate

OUTPUT_COLUMNS = ("date", "gross", "costs", "net", "turnover")


def simulate_long_frames(
    weights: pd.DataFrame,
    returns: pd.DataFrame,
    fees: float,
    slippage: float,
    borrow: float = 0.0,
    *,
    annualisation_days: float | None = None,
) -> pd.DataFrame:
    """Daily gross, costs, net and turnover of a new book that follows ``weights``.

    ``weights`` (date, symbol, weight = target at the start of that date), ``returns`` (date, symbol, return[, flag]);
    dates may be text, dates or timestamps (with a time zone: read as UTC) and must be whole days. ``fees`` and
    ``slippage`` are fractions of traded notional, one way; ``borrow`` is an annual rate on short notional and needs
    ``annualisation_days``. The result has a row for every date of ``returns`` from the first weights date on, with
    columns date, gross, costs, net, turnover as fractions of the day's opening equity. A weights date without returns
    takes effect on the next date that has them (the price is the same). On a day of ruin net is -1 whatever
    gross - costs says (a loss beyond equity is not the holder's); on every other day ``net = gross - costs``.

    Raises ``UsageError`` for wrong columns, types, keys, values or dates and for a weighted symbol that has no row in
    ``returns`` at all; ``EmptyResult`` when a frame is empty.
    """
    require_columns(weights, TARGET_COLUMNS, "weights")
    require_columns(returns, RETURN_COLUMNS, "returns", optional=(FLAG_COLUMN,))
    for name, frame in (("weights", weights), ("returns", returns)):
        if frame.empty:
            raise EmptyResult(f"{name}: the frame has no rows; give at least one")
    costs = _costs(fees, slippage, borrow, annualisation_days)
    targets, market = _with_days(weights, "weights"), _with_days(returns, "returns")
    _require_known_symbols(targets, market)
    require_finite(market, "return", "returns", allow_nan=True)
    days = np.unique(market["date"].to_numpy())
    targets["date"] = _effective_days(targets["date"].to_numpy(), days)
    window = pd.DatetimeIndex(days[days >= targets["date"].min().to_datetime64()])
    result = simulate(targets, market, costs, None, window)
    return result.daily.loc[:, list(OUTPUT_COLUMNS)]


def _costs(fees: float, slippage: float, borrow: float, annualisation_days: float | None) -> Costs:
    if borrow and annualisation_days is None:
        raise UsageError("borrow is an annual rate: also give annualisation_days (365 where every day has a bar)")
    day_count = 1.0 if annualisation_days is None else annualisation_days  # only borrow, here zero, would use it
    try:
        return Costs(fee=fees, slippage=slippage, borrow=borrow, annualisation_days=day_count)
    except ValueError as error:
        raise UsageError(f"fees {fees}, slippage {slippage}, borrow {borrow}: {error}") from error


def _with_days(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A copy whose date column is timezone-naive ``datetime64[us]``."""
    column = frame["date"]
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise UsageError(f"{name}: column 'date' holds numbers; give dates such as 2024-01-31")
    try:
        parsed = pd.to_datetime(column, utc=True, format=_format_of(column))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: column 'date' holds a value that is no date ({error}); write 2024-01-31") from error
    naive = parsed.dt.tz_localize(None).astype("datetime64[us]")
    return frame.assign(date=naive)


def _format_of(column: pd.Series[pd.Timestamp]) -> str | None:
    """Text is read as ISO 8601 only: 01/02/2024 has two meanings, so it is refused rather than guessed."""
    return None if pd.api.types.is_datetime64_any_dtype(column.dtype) else "ISO8601"


def _require_known_symbols(targets: pd.DataFrame, market: pd.DataFrame) -> None:
    unknown = sorted({str(symbol) for symbol in targets["symbol"]} - {str(symbol) for symbol in market["symbol"]})
    if unknown:
        raise UsageError(
            f"weights: {len(unknown)} symbols have no row in returns, first {unknown[:5]}: "
            "use the same names in both frames, or add their returns"
        )


def _effective_days(dates: Days, days: Days) -> Days:
    """The first date of ``days`` at or after each weights date."""
    given = np.unique(dates)
    position = np.searchsorted(days, given)
    if position[-1] >= days.size:
        raise UsageError(
            f"weights: {given[-1].astype('datetime64[D]')} lies after the last date of returns "
            f"{days[-1].astype('datetime64[D]')}: drop these weights or add the returns that follow"
        )
    clash = np.flatnonzero(position[1:] == position[:-1])
    if clash.size:
        first, second = given[clash[0]].astype("datetime64[D]"), given[clash[0] + 1].astype("datetime64[D]")
        raise UsageError(
            f"weights: {first} and {second} both take effect on {days[position[clash[0]]].astype('datetime64[D]')}, "
            "because returns has no date between them: drop the earlier one"
        )
    effective: Days = days[position[np.searchsorted(given, dates)]]
    return effective
