"""Proof that flattening loses nothing: the flat book and the tree of members have the same value path.

Both sides hold their positions from the start of the window without rebalancing, before costs. A position's value
grows with its asset, V_s(t) = 1 + sum_i w_i (G_i(t) - 1) with G_i the cumulative growth of asset i (what is not
invested is cash), hence sum_s m_s V_s(t) + (1 - sum_s m_s) must equal the value path of the flattened book.
The path is linear on purpose: it does not stop at ruin, because a flattened book and its members do not stop together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from quant_assets.errors import ContractViolation, EmptyResult

TOLERANCE = 1e-12


def growth_paths(returns: pd.DataFrame) -> pd.DataFrame:
    """Cumulative growth of each symbol: index date, one column per symbol, 1.0 before the first day.

    ``returns``: long frame symbol, date, return. On a day without a return the value stays what it last was: a
    delisted asset is realised at its last bar.

    Raises:
        EmptyResult: no rows. ContractViolation: a (symbol, date) appears twice.
    """
    if returns.empty:
        raise EmptyResult("L4.CONSERVE: no returns in the window; materialize returns_matrix for it first")
    days, row = np.unique(returns["date"].to_numpy(), return_inverse=True)
    column, symbols = pd.factorize(returns["symbol"], sort=True)
    if np.bincount(row * len(symbols) + column).max() > 1:
        raise ContractViolation("L4.CONSERVE: a symbol has two returns on one day; keep one")
    grown = 1.0 + returns["return"].to_numpy(dtype=float)
    factors = np.ones((len(days), len(symbols)))
    factors[row, column] = np.where(np.isnan(grown), 1.0, grown)
    return pd.DataFrame(factors.cumprod(axis=0), index=pd.Index(days, name="date"), columns=symbols)


def value_path(book: pd.DataFrame, growth: pd.DataFrame) -> pd.Series:
    """Buy-and-hold value of a book from 1.0, before costs; index date. ``book``: symbol, weight (signed net).

    A symbol with no return anywhere in the window (delisted before it began) is held at its last value.
    """
    column = growth.columns.get_indexer(pd.Index(book["symbol"].astype(str)))
    weights = book["weight"].to_numpy(dtype=float)
    excess = np.where(column >= 0, growth.to_numpy(dtype=float)[:, column] - 1.0, 0.0)
    values = [1.0 + math.fsum(row) for row in (excess * weights).tolist()]
    return pd.Series(values, index=growth.index, name="value")


def conservation_paths(
    meta_weights: pd.DataFrame, member_books: Mapping[str, pd.DataFrame], flat: pd.DataFrame, returns: pd.DataFrame
) -> pd.DataFrame:
    """Value of the flattened book and of the members' books, day by day.

    Returns date, flattened, recursive, gap (absolute difference). ``returns``: symbol, date, return of the window.

    Raises:
        ContractViolation: a member with capital has no book. EmptyResult: no returns.
    """
    growth = growth_paths(returns)
    recursive = pd.Series(1.0, index=growth.index)
    for member, share in zip(meta_weights["member"], meta_weights["weight"], strict=True):
        if share == 0.0:
            continue
        if member not in member_books:
            raise ContractViolation(f"L4.CONSERVE: member {member} has capital but no book; materialize its weights")
        recursive = recursive + share * (value_path(member_books[member], growth) - 1.0)
    flattened = value_path(flat, growth)
    paths = pd.DataFrame({"flattened": flattened, "recursive": recursive, "gap": (flattened - recursive).abs()})
    return paths.rename_axis("date").reset_index()


def contributor_gaps(flat: pd.DataFrame) -> pd.DataFrame:
    """How far each physical weight is from its contributors: symbol, weight_gap, gross_gap (absolute)."""
    rows = []
    columns = (flat[name].tolist() for name in ("symbol", "weight", "gross_before_netting", "contributors"))
    for symbol, weight, gross, text in zip(*columns, strict=True):
        parts = [float(c["weight"]) for c in json.loads(text)]
        rows.append((symbol, abs(weight - math.fsum(parts)), abs(gross - math.fsum(map(abs, parts)))))
    return pd.DataFrame(rows, columns=["symbol", "weight_gap", "gross_gap"])
