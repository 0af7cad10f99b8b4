"""From member weights and member books to one physical book, with every contributor kept.

A meta's flattened book has the columns of a sleeve's book and more, so a meta is a member like any other and metas
nest without a special case. Opposite positions net, and the gross exposure before netting is kept beside the net.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TypedDict

import pandas as pd

from quant_assets.errors import ContractViolation, EmptyResult, UsageError

BOOK_COLUMNS = ("symbol", "weight")
FLAT_COLUMNS = ("symbol", "weight", "gross_before_netting", "contributors")


class Contributor(TypedDict):
    """One member's part of one physical position; ``member`` is a path such as ``inner/ma_long``."""

    member: str
    direction: str
    weight: float


def flatten(meta_weights: pd.DataFrame, member_books: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Physical net weights of a meta-portfolio.

    ``meta_weights``: member, weight (share of the capital, >= 0). ``member_books``: for each member a frame with
    symbol and weight (signed net); a nested meta gives its own flattened frame. A member of weight 0 contributes
    nothing and needs no book.

    Returns symbol, weight (signed net share of the meta's capital), gross_before_netting (sum of the contributions'
    absolute values), contributors (JSON list of member, direction, weight), sorted by symbol. A symbol whose
    contributions cancel stays with weight 0, so that its gross exposure is not hidden. Symbols that no member holds
    are left out, unless every member is in cash: then they stay, with weight 0 and no contributors.

    Raises:
        UsageError: a column is missing. ContractViolation: a member with capital has no book, or an empty one, or a
            weight is not finite, or a member or symbol appears twice. EmptyResult: no member has any capital.
    """
    parts: dict[str, list[Contributor]] = {}
    if meta_weights["member"].duplicated().any():
        raise ContractViolation("L4.COMPLETE: a member appears twice in the meta weights; keep one row per member")
    for member, share in zip(meta_weights["member"], meta_weights["weight"], strict=True):
        if not math.isfinite(share) or share < 0.0:
            raise ContractViolation(f"L4.COMPLETE: member {member} has the weight {share}; it must be finite and >= 0")
        if share > 0.0:
            _add_member(parts, str(member), float(share), member_books)
    if not parts:
        raise EmptyResult("L4.COMPLETE: no member has a positive weight, so there is no book to hold; see the statuses")
    held = [symbol for symbol in sorted(parts) if parts[symbol]]
    rows = [_position(symbol, parts[symbol]) for symbol in held or sorted(parts)]
    return pd.DataFrame(rows, columns=list(FLAT_COLUMNS)).astype({"symbol": "str", "contributors": "str"})


def _add_member(
    parts: dict[str, list[Contributor]], member: str, share: float, member_books: Mapping[str, pd.DataFrame]
) -> None:
    """Add one member's scaled positions to ``parts``."""
    if member not in member_books or member_books[member].empty:
        raise ContractViolation(
            f"L4.COMPLETE: member {member} has {share:.2%} of the capital but no book; materialize its weights"
        )
    book = member_books[member]
    missing = [c for c in BOOK_COLUMNS if c not in book.columns]
    if missing:
        raise UsageError(f"the book of {member} lacks the columns {', '.join(missing)}")
    if book["symbol"].duplicated().any():
        raise ContractViolation(f"L4.CONSERVE: the book of {member} names a symbol twice; net it first")
    nested = book["contributors"] if "contributors" in book.columns else [None] * len(book)
    for symbol, weight, inner in zip(book["symbol"], book["weight"], nested, strict=True):
        if not math.isfinite(weight):
            raise ContractViolation(f"L3.WEIGHTS: {member} holds {symbol} with the weight {weight}; it must be finite")
        parts.setdefault(str(symbol), []).extend(_contributions(member, share, float(weight), inner))


def _contributions(member: str, share: float, weight: float, inner: str | None) -> list[Contributor]:
    """One scaled contribution of a sleeve, or those of all the sleeves inside a nested meta."""
    if inner is None:
        return [_contributor(member, share * weight)] if weight != 0.0 else []
    return [_contributor(f"{member}/{c['member']}", share * float(c["weight"])) for c in json.loads(inner)]


def _contributor(member: str, weight: float) -> Contributor:
    return {"member": member, "direction": "LONG" if weight > 0.0 else "SHORT", "weight": weight}


def _position(symbol: str, contributors: list[Contributor]) -> tuple[str, float, float, str]:
    """One row of the flattened book; sums are exactly rounded, so the order of members does not matter."""
    weights = [c["weight"] for c in contributors]
    return symbol, math.fsum(weights), math.fsum(map(abs, weights)), json.dumps(contributors)
