"""Why a market is in or out of a universe on a day, rule by rule, in words and as records.

Belongs here: how the output of `screen` is told. Does not belong here: any decision.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from quant_assets.universe.config import Universe
from quant_assets.universe.figures import FIGURE_COLUMNS
from quant_assets.universe.thresholds import Threshold, thresholds

ALWAYS = {
    "not_trading": "the listing says TRADING",
    "no_bar": "there is an accepted bar that day",
    "redenominated": "the unit did not change that day",
    "toxic": "no toxic event counts on that day",
}
"""Rules that no universe can switch off, and what each asks for."""


def pool_records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One record for each market of a day, the candidates first by rank, then the others by value traded.

    `rows`: output of `screen` for one day. `vetoes` is a list, empty for a candidate; `alternates` a list of symbols.
    """
    order = rows.assign(place=rows["rank"].where(rows["passed"], len(rows) + 1))
    order = order.sort_values(["place", "value_traded", "symbol"], ascending=[True, False, True])
    return [
        {
            "symbol": row["symbol"],
            "passed": bool(row["passed"]),
            "rank": int(row["rank"]),
            "vetoes": _split(row["veto_reasons"]),
            **{name: float(row[name]) for name in FIGURE_COLUMNS},
            "alternates": _split(row["alternates"]),
        }
        for row in order.to_dict("records")
    ]


def symbol_checks(rows: pd.DataFrame, listing: pd.Series, universe: Universe) -> list[dict[str, Any]]:
    """One record for each rule on one market: rule, asks, seen, passed.

    `rows`: output of `screen` for one day, all markets; `listing`: the market's row of the listings (symbol, base,
    quote, kind, status). Rules that compare markets (`duplicate_base`, `limit`) say which market or place decided.
    """
    row = rows[rows["symbol"] == listing["symbol"]].iloc[0]
    vetoes = _split(row["veto_reasons"])
    told = [*_nature(listing, universe), *_numbers(row, universe), *_comparisons(rows, row, universe)]
    return [{"rule": rule, "asks": asks, "seen": seen, "passed": rule not in vetoes} for rule, asks, seen in told]


def _nature(listing: pd.Series, universe: Universe) -> list[tuple[str, str, str]]:
    allowed = {
        "stable_base": ("no stable coin", universe.exclude_stable_bases),
        "fiat_base": ("no currency", universe.exclude_fiat),
        "leveraged": ("no leveraged token", universe.exclude_leveraged),
    }
    kinds = ", ".join(kind.value for kind in universe.kinds)
    told = [
        ("kind", f"kind is one of {kinds}", str(listing["kind"])),
        ("quote", f"quote is one of {', '.join(universe.quotes)}", str(listing["quote"])),
    ]
    told += [(rule, asks if on else "anything", f"base {listing['base']}") for rule, (asks, on) in allowed.items()]
    return told + [
        (rule, asks, str(listing["status"]) if rule == "not_trading" else "") for rule, asks in ALWAYS.items()
    ]


def _numbers(row: pd.Series, universe: Universe) -> list[tuple[str, str, str]]:
    return [(rule.veto, _asks(rule), rule.text(float(row[rule.figure]))) for rule in thresholds(universe)]


def _asks(rule: Threshold) -> str:
    relation = "at most" if not rule.is_floor else "above" if rule.veto == "volatility" else "at least"
    return f"{rule.figure} {relation} {rule.text(rule.bound)}"


def _comparisons(rows: pd.DataFrame, row: pd.Series, universe: Universe) -> list[tuple[str, str, str]]:
    place = f"rank {row['rank']}" if row["passed"] else ""
    if set(_split(row["veto_reasons"])) - {"duplicate_base", "limit"}:
        stands = "not compared: out by other rules"
    else:
        first = rows[(rows["base"] == row["base"]) & (rows["alternates"] != "")]["symbol"]
        stands = f"{first.iloc[0] if len(first) else row['symbol']} does"
    limit = "any number" if universe.limit is None else f"among the {universe.limit} most liquid candidates"
    return [("duplicate_base", "stands for its base", stands), ("limit", limit, place)]


def _split(text: object) -> list[str]:
    return [part for part in str(text).split(",") if part]
