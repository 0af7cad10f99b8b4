"""L0 of listings: what must hold of a day's list of markets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from quant_assets.contracts.verdict import Verdict, error_rule
from quant_assets.errors import ContractViolation
from quant_assets.market.calendars import ALWAYS_OPEN, open_days
from quant_assets.market.symbols import is_canonical

SYMBOL_RULE = "L0.SYMBOL"
TRADING, HALTED = "TRADING", "HALTED"


def refuse_hostile(listings: pd.DataFrame) -> None:
    """Raise ``ContractViolation`` naming every market whose name is not canonical, before anything is written."""
    names = sorted({str(s) for s in listings["symbol"] if not is_canonical(str(s))})
    if names:
        raise ContractViolation(
            f"{SYMBOL_RULE}: {len(names)} market names are not of the form VENUE:BASE/QUOTE: {names[:5]}. "
            "Rename or remove them in the source; nothing was read or written for them."
        )


def in_sessions(listings: pd.DataFrame, calendar: str, trading_within: int | None) -> pd.DataFrame:
    """Return the rows of open days. A closed day lists nothing: nobody can trade.

    `trading_within`: for a venue that derives statuses from bars, the days after its last bar during which a market
    counts as TRADING; here they are open days, so that a weekend or a holiday halts nobody. None: statuses are the
    venue's own and stay.
    """
    if calendar == ALWAYS_OPEN or listings.empty:
        return listings
    first = listings["last_bar"].min() if listings["last_bar"].notna().any() else listings["date"].min()
    opened = open_days(calendar, min(first, listings["date"].min()).date(), listings["date"].max().date())
    kept = listings[listings["date"].isin(opened)].reset_index(drop=True)
    if trading_within is None:
        return kept
    days = opened.to_numpy()
    age = np.searchsorted(days, kept["date"].to_numpy(), side="right")
    age = age - np.searchsorted(days, kept["last_bar"].to_numpy(), side="right")
    still = kept["last_bar"].notna() & (age <= trading_within) & (kept["status"] == HALTED)
    return kept.assign(status=kept["status"].mask(still, TRADING))


def listing_verdicts(listings: pd.DataFrame, days: list[str]) -> dict[str, Verdict]:
    """L0 verdict of each day of ``listings`` (date, symbol, status, first_bar, last_bar)."""
    by_day = dict(list(listings.groupby(listings["date"].dt.strftime("%Y-%m-%d"))))
    return {day: _verdict(by_day.get(day, listings.iloc[:0]), pd.Timestamp(day)) for day in days}


def _verdict(rows: pd.DataFrame, day: pd.Timestamp) -> Verdict:
    twice = rows.loc[rows["symbol"].duplicated(), "symbol"]
    future = rows.loc[(rows["last_bar"] > day) | (rows["first_bar"] > day), "symbol"]
    return Verdict(
        "L0",
        (
            error_rule(
                "L0.KEY",
                checked=len(rows),
                breaches=len(twice),
                message=f"{len(twice)} markets are listed twice" if len(twice) else "every market once",
                offenders=[{"symbol": s} for s in twice],
            ),
            error_rule(
                "L0.ASOF",
                checked=len(rows),
                breaches=len(future),
                message=f"{len(future)} markets know bars after their day" if len(future) else "nothing later is known",
                offenders=[{"symbol": s} for s in future],
            ),
        ),
    )
