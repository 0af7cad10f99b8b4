"""Ground truth of the synthetic market: what really happened, which rule should say so, and the true parameters."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from quant_resources.venues.config import SampleVenueConfig
from quant_resources.venues.sample_events import SCHEDULE, events_of
from quant_resources.venues.sample_factors import PARAMETERS
from quant_resources.venues.sample_market import SampleMarket, sample_market
from quant_resources.venues.sample_roster import CLUSTERS, LEVERAGED_BASE, QUOTE, STABLE_BASE, SYMBOLS, VENUE_NAME

TRUTH_FOLDER = "synthetic_ground_truth"


def ground_truth(config: SampleVenueConfig) -> dict[str, pd.DataFrame]:
    """Return the tables events, regimes, factors, loadings, lives and parameters of the synthetic market."""
    market = sample_market(config)
    return {
        "events": _events(market),
        "regimes": _regimes(market),
        "factors": _factors(market),
        "loadings": market.traits.frame(),
        "lives": _lives(market),
        "parameters": _parameters(config),
    }


def export_ground_truth(config: SampleVenueConfig, folder: Path) -> list[Path]:
    """Write each truth table as Parquet below `folder`/synthetic_ground_truth and return the paths."""
    target = folder / TRUTH_FOLDER
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in ground_truth(config).items():
        path = target / f"{name}.parquet"
        table.to_parquet(path, index=False)
        written.append(path)
    return written


def _events(market: SampleMarket) -> pd.DataFrame:
    """Return events that began inside the market's span, plus the two bases that a universe should refuse."""
    last_day = len(market.days) - 1
    rows = [
        (market.days[e.first], market.days[min(e.last, last_day)], e.symbol, e.kind, e.rule_expected, e.detail)
        for e in SCHEDULE
        if e.first <= last_day
    ]
    for base, kind in ((STABLE_BASE, "stable_base"), (LEVERAGED_BASE, "leveraged_base")):
        detail = "listed all the time; the universe's base rules should veto it"
        rows.append((market.days[0], market.days[last_day], f"{VENUE_NAME}:{base}/{QUOTE}", kind, "", detail))
    columns = ["date", "end_date", "symbol", "kind", "rule_expected", "detail"]
    return pd.DataFrame(rows, columns=columns).sort_values(["date", "symbol", "kind"], ignore_index=True)


def _regimes(market: SampleMarket) -> pd.DataFrame:
    stress = market.factors.regime
    label = pd.array(["calm", "stress"], dtype="str").take(stress)
    return pd.DataFrame({"date": market.days, "regime": stress, "label": label})


def _factors(market: SampleMarket) -> pd.DataFrame:
    clusters = {f"cluster_{k}": market.factors.clusters[:, k] for k in range(CLUSTERS)}
    return pd.DataFrame({"date": market.days, "market": market.factors.market, **clusters})


def _lives(market: SampleMarket) -> pd.DataFrame:
    """Return one row per true asset: the re-used ticker has two lives, every other symbol one."""
    restarts = {event.symbol: market.days[event.last + 1] for event in events_of("ticker_reuse")
                if event.last + 1 < len(market.days)}  # fmt: skip
    bars = market.bars[["symbol", "date"]]
    restart = bars["symbol"].map(restarts)
    life = (restart.notna() & (bars["date"] >= restart)).astype("int64") + 1
    lives = bars.assign(life=life).groupby(["symbol", "life"])["date"].agg(first_bar="min", last_bar="max")
    delisted = {SYMBOLS[k] for k in range(len(SYMBOLS)) if not market.alive[-1, k]}
    table = lives.reset_index()
    final_life = table.groupby("symbol")["life"].transform("max") == table["life"]
    table["ended"] = (table["symbol"].isin(delisted) & final_life) | ~final_life
    return table


def _parameters(config: SampleVenueConfig) -> pd.DataFrame:
    values = {"seed": float(config.seed), **PARAMETERS}
    return pd.DataFrame({"parameter": pd.array(list(values), dtype="str"), "value": list(values.values())})
