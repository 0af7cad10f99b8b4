"""Where a meta-portfolio's return, risk and costs come from, and the simple portfolios it must beat.

All returns are simple daily returns; a frame has the columns date and net (members may also have gross, costs,
turnover). Baselines trade among streams without cost, which favours them: a fair disadvantage for the meta.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from quant_assets.errors import EmptyResult, UsageError

RESIDUAL = "netting and meta-level trading"


def joint_net(members: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Members' net returns on their common dates: index date, one column per member.

    Raises:
        EmptyResult: no member, or no common date.
    """
    if not members:
        raise EmptyResult("no member returns to compare; materialize the members' returns first")
    series = {name: frame.set_index("date")["net"] for name, frame in members.items()}
    wide = pd.concat(series, axis=1, join="inner").dropna().sort_index()
    if wide.empty:
        raise EmptyResult(f"the members {', '.join(members)} share no date")
    return wide


def one_over_n(members: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Equal weight over the members, rebalanced daily: date, net (DeMiguel, Garlappi and Uppal 2009's 1/N)."""
    return _as_frame(joint_net(members).mean(axis=1))


def inverse_volatility(
    members: Mapping[str, pd.DataFrame], lookback_days: int = 182, min_days: int = 56
) -> pd.DataFrame:
    """Weights proportional to 1/volatility of the days before each Monday, held for the week: date, net.

    Weeks with fewer than ``min_days`` common days before them have no weight and no row. A member that has not moved
    (ruined long ago) has weight 0.

    Raises:
        EmptyResult: no week has enough history.
    """
    wide = joint_net(members)
    deviation = wide.rolling(lookback_days, min_periods=min_days).std().shift(1)
    monday = _mondays(wide.index)
    first_of_week = pd.Series(wide.index, index=wide.index).groupby(monday).transform("min")
    known = deviation.reindex(first_of_week.to_numpy()).set_axis(wide.index)
    usable = known.dropna().loc[lambda frame: (frame > 0.0).any(axis=1)]
    if usable.empty:
        raise EmptyResult(
            f"inverse volatility needs {min_days} common days before a week; the members share {len(wide)}"
        )
    inverse = (1.0 / usable.where(usable > 0.0)).fillna(0.0)
    weights = inverse.div(inverse.sum(axis=1), axis=0)
    return _as_frame((weights * wide.loc[weights.index]).sum(axis=1))


def buy_and_hold(returns: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """One symbol, bought once and held: date, net. ``returns``: symbol, date, return.

    Raises:
        EmptyResult: the symbol has no return.
    """
    held = returns.loc[(returns["symbol"] == symbol) & returns["return"].notna(), ["date", "return"]]
    if held.empty:
        raise EmptyResult(f"buy and hold: {symbol} has no return in the period; name a symbol of the universe")
    return held.rename(columns={"return": "net"}).sort_values("date").reset_index(drop=True)


def equal_weight_universe(returns: pd.DataFrame) -> pd.DataFrame:
    """Equal weight over every symbol that has a return that day, rebalanced daily: date, net."""
    known = returns.loc[returns["return"].notna()]
    if known.empty:
        raise EmptyResult("equal weight of the universe: no return in the period; materialize returns_matrix first")
    return _as_frame(known.groupby("date")["return"].mean())


def sleeve_contributions(
    weights: pd.DataFrame, members: Mapping[str, pd.DataFrame], daily: pd.DataFrame
) -> pd.DataFrame:
    """Each member's part of the portfolio's daily net return: index date, one column per member and ``RESIDUAL``.

    A member's part on day t of a week is m_s V_s(t-1) / V(t-1) r_s(t), with m_s its weight at the week's start and V
    the values since then, that is the exact contribution in a buy-and-hold week of the members' net streams. What the
    portfolio earned beyond their sum (costs saved by netting, costs of moving capital) is the residual.

    Raises:
        UsageError: a weight names a member without returns. EmptyResult: no day is covered by a week's weights.
    """
    shares = weights.pivot(index="week", columns="member", values="weight").fillna(0.0)
    strangers = sorted(set(shares.columns) - set(members))
    if strangers:
        raise UsageError(f"weights name {', '.join(strangers)} but no returns of them were given")
    net = daily.set_index("date")["net"].sort_index()
    monday = _mondays(net.index)
    covered = monday.isin(shares.index)
    if not covered.any():
        raise EmptyResult("attribution: no day lies in a week that has meta weights")
    net, monday = net[covered], monday[covered]
    streams = pd.DataFrame({m: members[m].set_index("date")["net"] for m in shares.columns}).reindex(net.index)
    # a ruined or absent member has weight 0 that week: its missing days contribute nothing
    growth = (1.0 + streams.fillna(0.0)).groupby(monday).cumprod().groupby(monday).shift(1).fillna(1.0)
    held = shares.reindex(monday).set_axis(net.index)
    _refuse_missing(streams, held)
    value = held * growth
    idle = 1.0 - held.sum(axis=1)
    parts = value.div(value.sum(axis=1) + idle, axis=0) * streams.fillna(0.0)
    parts.columns = parts.columns.astype(str)
    parts[RESIDUAL] = net - parts.sum(axis=1)
    return parts


def attribution_table(contributions: pd.DataFrame, weights: pd.DataFrame) -> pd.DataFrame:
    """Member, mean_weight, return_sum (sum of its daily parts), risk_share (covariance share; shares sum to 1).

    risk_share_s = cov(part_s, total) / var(total), the Euler allocation of the portfolio's variance.
    """
    total = contributions.sum(axis=1)
    variance = float(total.var())
    mean = weights.pivot(index="week", columns="member", values="weight").fillna(0.0).mean()
    return pd.DataFrame(
        {
            "member": contributions.columns.astype(str),
            "mean_weight": [float(mean.get(m, np.nan)) for m in contributions.columns],
            "return_sum": contributions.sum().to_numpy(),
            "risk_share": [
                float(contributions[m].cov(total)) / variance if variance > 0.0 else np.nan for m in contributions
            ],
        }
    )


def cost_table(streams: Mapping[str, pd.DataFrame], annualisation: int) -> pd.DataFrame:
    """Costs and turnover of each stream that states them, a year.

    Returns stream, gross_year, costs_year, net_year (arithmetic means x annualisation), cost_share (costs over the
    absolute gross return), turnover_year (sum of the traded share of equity).
    """
    rows = []
    for name, frame in streams.items():
        if not {"gross", "costs", "turnover"} <= set(frame.columns):
            continue
        year = annualisation / len(frame)
        gross, costs, net = (float(frame[c].sum()) * year for c in ("gross", "costs", "net"))
        share = costs / abs(gross) if gross else np.nan
        rows.append((name, gross, costs, net, share, float(frame["turnover"].sum()) * year))
    return pd.DataFrame(rows, columns=["stream", "gross_year", "costs_year", "net_year", "cost_share", "turnover_year"])


def rolling_sharpe(net: pd.Series, window: int, annualisation: int) -> pd.Series:
    """Annualised Sharpe ratio of the last ``window`` days (no risk-free rate), NaN before; same index as ``net``."""
    rolled = net.rolling(window, min_periods=window)
    ratio: pd.Series = rolled.mean() / rolled.std() * np.sqrt(annualisation)
    return ratio


def _refuse_missing(streams: pd.DataFrame, held: pd.DataFrame) -> None:
    """A member with capital must have a return on every day of its week."""
    gap = streams.isna() & (held.to_numpy() != 0.0)
    if gap.to_numpy().any():
        member = str(gap.any().idxmax())
        day = gap.index[gap[member]][0]
        raise UsageError(f"attribution: {member} has capital but no return on {day:%Y-%m-%d}; materialize that week")


def _mondays(dates: pd.Index) -> pd.DatetimeIndex:
    """The Monday of each date's week."""
    days = pd.DatetimeIndex(dates)
    return days - pd.TimedeltaIndex(days.day_of_week.to_numpy().astype("timedelta64[D]"))


def _as_frame(net: pd.Series) -> pd.DataFrame:
    return net.rename("net").rename_axis("date").reset_index()
