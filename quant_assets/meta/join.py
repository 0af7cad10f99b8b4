"""Inner join of the members' daily net returns, with every lost date recorded.

Belongs here: aligning members on common dates before a week. Dates are joined, never padded or filled with zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from quant_assets.errors import ContractViolation, EmptyResult, UsageError

MEMBER_COLUMNS = ("member", "date", "net", "status")
RUINED = "ruined"


@dataclass(frozen=True)
class JoinedReturns:
    """Members' net returns on their common dates.

    ``returns``: index ``date`` (ascending), one column per member, simple daily net returns, no NaN.
    ``losses``: one row per member (member, dates it has, dates it lacks of the union, first_date, last_date).
    ``union_dates``: how many dates at least one member has inside the look-back.
    """

    returns: pd.DataFrame
    losses: pd.DataFrame
    union_dates: int

    @property
    def lost_dates(self) -> int:
        """Dates of the union that the inner join dropped."""
        return self.union_dates - len(self.returns)

    @property
    def loss_share(self) -> float:
        """Share of the union's dates that the inner join dropped, 0 to 1."""
        return self.lost_dates / self.union_dates if self.union_dates else 1.0


def refuse_future(frame: pd.DataFrame, week: pd.Timestamp, what: str) -> None:
    """Refuse any date at or after the week being decided.

    Raises:
        ContractViolation: naming the first offending date.
    """
    if (frame["date"].to_numpy() >= week.to_datetime64()).any():
        late = frame.loc[frame["date"] >= week, "date"]
        raise ContractViolation(
            f"L3.ASOF: {what} holds {len(late)} rows dated {late.min():%Y-%m-%d} or later, but week "
            f"{week:%Y-%m-%d} may read only days before it; cut the input at the week"
        )


def lookback_window(member_returns: pd.DataFrame, week: pd.Timestamp, lookback_weeks: int) -> pd.DataFrame:
    """Rows of the ``lookback_weeks`` weeks before ``week``.

    Raises:
        UsageError: when a column is missing. ContractViolation: when a row is dated at or after ``week``, or when a
            (member, date) appears twice.
    """
    missing = [c for c in MEMBER_COLUMNS if c not in member_returns.columns]
    if missing:
        raise UsageError(f"member returns lack the columns {', '.join(missing)}; expected {', '.join(MEMBER_COLUMNS)}")
    refuse_future(member_returns, week, "member returns")
    repeated = member_returns.loc[member_returns.duplicated(["member", "date"])]
    if len(repeated):
        first = repeated.iloc[0]
        raise ContractViolation(f"L4.JOIN: {first['member']} has {first['date']:%Y-%m-%d} twice; keep one row per day")
    return member_returns.loc[member_returns["date"] >= week - pd.Timedelta(weeks=lookback_weeks)]


def join_members(
    member_returns: pd.DataFrame, week: pd.Timestamp, lookback_weeks: int, members: tuple[str, ...]
) -> JoinedReturns:
    """Inner join of the members' net returns over the look-back before ``week``.

    ``member_returns``: long frame (member, date, net, status); a NaN net return is a missing date.

    Raises:
        EmptyResult: when a member has no return in the look-back, or the members share no date.
    """
    window = lookback_window(member_returns, week, lookback_weeks)
    window = window.loc[window["member"].isin(members) & window["net"].notna()]
    present = set(window["member"].unique())
    absent = [m for m in members if m not in present]
    if absent:
        raise EmptyResult(
            f"L4.COMPLETE: no daily net return of {', '.join(absent)} in the {lookback_weeks} weeks before "
            f"{week:%Y-%m-%d}; materialize <sleeve>/sleeve_returns for those weeks first"
        )
    wide = returns_by_member(window, members)
    joined = wide.dropna()
    if joined.empty:
        raise EmptyResult(f"L4.JOIN: {', '.join(members)} share no date before {week:%Y-%m-%d}; see their first dates")
    return JoinedReturns(joined, _losses(wide), len(wide))


def returns_by_member(window: pd.DataFrame, members: tuple[str, ...]) -> pd.DataFrame:
    """Net returns as dates (ascending, those that any of ``members`` has) x ``members``, NaN where one lacks a date."""
    names = pd.Index(members, name="member", dtype="str")
    column = names.get_indexer(pd.Index(window["member"]))
    used = np.flatnonzero(column >= 0)
    days, row = np.unique(window["date"].to_numpy()[used], return_inverse=True)
    values = np.full((len(days), len(names)), np.nan)
    values[row, column[used]] = window["net"].to_numpy(dtype=np.float64)[used]
    return pd.DataFrame(values, index=pd.Index(days, name="date"), columns=names, copy=False)


def _losses(wide: pd.DataFrame) -> pd.DataFrame:
    """What each member has and lacks of the union of dates."""
    known = wide.notna().to_numpy()
    return pd.DataFrame(
        {
            "member": wide.columns.astype(str),
            "dates": known.sum(axis=0),
            "lacking": (~known).sum(axis=0),
            "first_date": wide.index[known.argmax(axis=0)],
            "last_date": wide.index[len(known) - 1 - known[::-1].argmax(axis=0)],
        }
    )


def ruined_members(member_returns: pd.DataFrame, week: pd.Timestamp, members: tuple[str, ...]) -> tuple[str, ...]:
    """Members whose newest row before ``week`` has the status ``ruined``: their capital is gone."""
    if not member_returns["status"].eq(RUINED).any():
        return ()
    past = member_returns.loc[(member_returns["date"] < week) & member_returns["member"].isin(members)]
    ordered = past.iloc[np.argsort(past["date"].to_numpy(), kind="stable")]
    known = ordered["status"].notna()
    newest = dict(zip(ordered["member"][known], ordered["status"][known], strict=True))
    return tuple(m for m in members if newest.get(m) == RUINED)
