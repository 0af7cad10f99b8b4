"""`quant universe`: which universes there are, every rule of one, and why a market is in or out of it on a day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from quant_assets.cli.session import iso_day, open_lakehouse, print_json, print_table
from quant_assets.errors import EmptyResult, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from quant_assets.profiles.model import Profile
    from quant_assets.universe.inheritance import ResolvedUniverse

POOL_COLUMNS = ("rank", "symbol", "value_traded", "daily_volatility", "history_days", "gap_share", "alternates")


def list_universes(profile: str | None, as_json: bool) -> int:
    """One line for each universe: the profile's, then those shipped with the package."""
    from quant_assets.profiles.load import load_profile

    resolved, chosen = _resolved(profile), load_profile(profile)
    own = {u.name for u in chosen.universes}
    records = [
        {
            "universe": name,
            "in_profile": name in own,
            "extends": " -> ".join(found.lineage[1:]),
            "kinds": ", ".join(kind.value for kind in found.universe.kinds),
            "min_value_traded": found.universe.min_value_traded,
            "min_daily_volatility": found.universe.min_daily_volatility,
            "limit": found.universe.limit,
            "intent": found.universe.intent.value,
            "rules_hash": found.universe.rules_hash,
        }
        for name, found in sorted(resolved.items(), key=lambda item: (item[0] not in own, item[0]))
    ]
    if as_json:
        print_json({"profile": chosen.name, "universes": records})
    else:
        print_table(f"Universes of profile {chosen.name} and shipped ones", records)
    return 0


def show(name: str, profile: str | None, as_json: bool) -> int:
    """Every rule of a universe with where it is stated, those that nobody can switch off included."""
    from quant_assets.universe.explaining import ALWAYS

    found = _known(name, profile)
    settings = found.universe.model_dump(mode="json", exclude={"name"})
    rules = [{"rule": key, "value": value, "stated_in": found.sources[key]} for key, value in settings.items()]
    if as_json:
        always = [{"veto": veto, "asks": asks} for veto, asks in ALWAYS.items()]
        told = {"universe": name, "lineage": list(found.lineage), "rules_hash": found.universe.rules_hash}
        print_json({**told, "rules": rules, "always": always})
        return 0
    shown = [{**rule, "value": _text(rule["value"])} for rule in rules]
    print_table(f"{' extends '.join(found.lineage)}, rules {found.universe.rules_hash}", shown)
    print_table("Always", [{"veto": veto, "a candidate": asks} for veto, asks in ALWAYS.items()])
    return 0


def explain(name: str, date: str, symbol: str | None, profile: str | None, as_json: bool) -> int:
    """The pool of a day with figures and veto reasons, or the rules on one symbol; exit code 4 for an empty pool."""
    from quant_assets.cli.universe_day import screen_day
    from quant_assets.market.symbols import parse_symbol
    from quant_assets.profiles.load import load_profile

    if symbol is not None:
        parse_symbol(symbol)
    day = dt.date.fromisoformat(str(iso_day(date, "--date")))
    found, chosen = _known(name, profile), load_profile(profile)
    rows, listings = screen_day(open_lakehouse(), chosen, found.universe, day)
    head = {"universe": name, "date": day.isoformat(), "rules_hash": found.universe.rules_hash}
    head["recorded"] = _recorded(chosen, name, day, rows)
    if symbol is not None:
        return _explain_symbol(head, rows, listings, symbol, found, as_json)
    return _explain_pool(head, rows, found, as_json)


def _explain_symbol(
    head: dict[str, Any],
    rows: pd.DataFrame,
    listings: pd.DataFrame,
    symbol: str,
    found: ResolvedUniverse,
    as_json: bool,
) -> int:
    from quant_assets.market.symbols import parse_symbol
    from quant_assets.universe.explaining import symbol_checks

    listed = listings[listings["symbol"] == symbol]
    if listed.empty:
        like = listings.loc[listings["base"] == parse_symbol(symbol).base, "symbol"].tolist()
        hint = f"listed for its base: {', '.join(like)}" if like else "nothing is listed for its base"
        raise UsageError(f"{symbol} is not listed on {head['date']}; {hint}")
    checks = symbol_checks(rows, listed.iloc[0], found.universe)
    row = rows[rows["symbol"] == symbol].iloc[0]
    alternates = [name for name in str(row["alternates"]).split(",") if name]
    if as_json:
        told = {"symbol": symbol, "passed": bool(row["passed"]), "rank": int(row["rank"]), "alternates": alternates}
        print_json({**head, **told, "rules": checks})
        return 0
    verdict = f"in, rank {row['rank']}" if row["passed"] else f"out: {row['veto_reasons']}"
    shown = [{**check, "passed": "yes" if check["passed"] else "NO"} for check in checks]
    print_table(f"{symbol} in {head['universe']} on {head['date']}: {verdict} ({head['recorded']})", shown)
    if alternates:
        print(f"It stands for {', '.join(alternates)} too.")
    return 0


def _explain_pool(head: dict[str, Any], rows: pd.DataFrame, found: ResolvedUniverse, as_json: bool) -> int:
    from quant_assets.universe.explaining import pool_records
    from quant_assets.universe.rules import veto_counts
    from quant_assets.universe.thresholds import nearest

    pool, counts, close = pool_records(rows), veto_counts(rows), nearest(rows, found.universe)
    candidates = [record for record in pool if record["passed"]]
    if as_json:
        told = {"markets": len(pool), "candidates": len(candidates), "vetoes": counts, "nearest": close}
        print_json({**head, **told, "pool": pool})
    else:
        shown = [
            {**r, "value_traded": f"{r['value_traded']:>17,.0f}", "alternates": ", ".join(r["alternates"])}
            for r in candidates
        ]
        title = f"{head['universe']} on {head['date']}: {len(candidates)} of {len(pool)} markets ({head['recorded']})"
        print_table(title, shown, POOL_COLUMNS)
        texts = {record["veto"]: record["text"] for record in close}
        lines = [{"veto": veto, "markets": n, "nearest": texts.get(veto, "")} for veto, n in counts.items()]
        print_table("Vetoes (a market may have several)", lines, ("veto", "markets", "nearest"))
    return 0 if candidates else EmptyResult.exit_code


def _recorded(profile: Profile, name: str, day: dt.date, rows: pd.DataFrame) -> str:
    """What the `candidates` asset recorded for that day, beside what its rules say now."""
    from quant_assets.manifests import PUBLISHED, Ledger
    from quant_assets.tables import CANDIDATES_TABLE

    lakehouse = open_lakehouse()
    if name not in {u.name for u in profile.universes}:
        return "not a universe of the profile: computed for this answer only"
    state = Ledger(lakehouse).states("candidates").get(day.isoformat())
    if state is None or state.status != PUBLISHED:
        return f"candidates of that day: {state.status if state else 'not materialized'}"
    stored = lakehouse.read(
        CANDIDATES_TABLE, columns=["symbol", "universe", "veto_reasons"], start=day.isoformat(), end=day.isoformat()
    )
    before = dict(stored[stored["universe"] == name][["symbol", "veto_reasons"]].itertuples(index=False, name=None))
    now = dict(rows[["symbol", "veto_reasons"]].itertuples(index=False, name=None))
    changed = sorted(s for s in before.keys() | now.keys() if before.get(s) != now.get(s))
    if not changed:
        return "as published"
    return f"published with other reasons for {len(changed)} markets ({', '.join(changed[:3])}): rules or bars changed"


def _resolved(profile: str | None) -> dict[str, ResolvedUniverse]:
    from quant_assets.profiles.load import profile_universe_entries
    from quant_assets.profiles.universes import layers_of, resolve

    layers = layers_of(profile_universe_entries(profile))
    return {name: resolve(name, layers) for name in layers}


def _known(name: str, profile: str | None) -> ResolvedUniverse:
    resolved = _resolved(profile)
    if name not in resolved:
        raise UsageError(f"universe {name!r:.60} is unknown; known: {', '.join(sorted(resolved))}")
    return resolved[name]


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
