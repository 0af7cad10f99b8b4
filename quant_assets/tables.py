"""The lakehouse tables of the platform, with units: one place, so that SQL users can read it as a whole."""

from __future__ import annotations

from collections.abc import Sequence

from quant_resources.lakehouse.tables import Column, TableSpec

_SYMBOL = Column("symbol", "string", "canonical market symbol VENUE:BASE/QUOTE[:SETTLE]")
_DATE = Column("date", "date", "UTC day")
_WEEK = Column("week", "date", "Monday of the decision; weights hold from its 00:00 UTC for seven days")
_SLEEVE = Column("sleeve", "string", "name of the sleeve")
_META = Column("meta", "string", "name of the meta-portfolio")
_DIRECTION = Column("direction", "string", "LONG or SHORT")

LISTINGS_TABLE = TableSpec(
    "listings",
    (
        _DATE,
        _SYMBOL,
        Column("base", "string", "base asset"),
        Column("quote", "string", "quote asset"),
        Column("kind", "string", "spot or swap"),
        Column("status", "string", "TRADING, HALTED or DELISTED as known that day"),
        Column("tick_size", "float64", "price increment", "quote"),
        Column("lot_size", "float64", "quantity increment", "base"),
        Column("min_notional", "float64", "smallest order", "quote"),
        Column("first_bar", "date", "first day with a bar, as known that day"),
        Column("last_bar", "date", "newest day with a bar, as known that day"),
    ),
)

_BAR = (
    _DATE,
    _SYMBOL,
    Column("open", "float64", "first price", "quote"),
    Column("high", "float64", "highest price", "quote"),
    Column("low", "float64", "lowest price", "quote"),
    Column("close", "float64", "last price", "quote"),
    Column("volume", "float64", "traded quantity", "base"),
    Column("quote_volume", "float64", "traded value, NaN where the venue does not say", "quote"),
    Column("trades", "float64", "number of trades, NaN where the venue does not say"),
    Column("source", "string", "where the bar came from"),
    Column("ingested_at", "timestamp", "when the bar was received (UTC)", hashed=False),
    Column("life_start", "date", "first day of the ticker's current life: a re-used ticker is a new asset"),
    Column("adj_factor", "float64", "adjusted price = price x adj_factor (mapped re-denominations)"),
    Column("repaired_at", "timestamp", "when a repair obtained the bar (UTC), null for any other bar", hashed=False),
)
OHLCV_TABLE = TableSpec("ohlcv", _BAR)
QUARANTINE_TABLE = TableSpec(
    "ohlcv_quarantine",
    (
        *_BAR,
        Column("row", "int64", "number of the received row within its day"),
        Column("rule", "string", "rule that rejected the bar"),
        Column("reason", "string", "why, with the value found and the value allowed"),
    ),
    keys=("row",),
)
HEALTH_TABLE = TableSpec(
    "symbol_health",
    (
        _DATE,
        _SYMBOL,
        Column("rule", "string", "rule that found it"),
        Column("state", "string", "toxic, stalled, redenominated, new_identity, gap, missing or no_trading"),
        Column("reason", "string", "what was found"),
    ),
    keys=("symbol", "rule", "state"),
)
COVERAGE_TABLE = TableSpec(
    "coverage",
    (
        _DATE,
        Column("expected", "int64", "markets listed and trading that day, but for those confirmed not to have traded"),
        Column("received", "int64", "markets of which a row was received"),
        Column("accepted", "int64", "markets of which a bar was accepted, counted also where the day is withheld"),
        Column("quarantined", "int64", "rows quarantined"),
        Column("missing", "string", "JSON list of the expected markets without a complete answer"),
        Column("failed", "string", "JSON object of the markets whose fetch failed, with reasons"),
        Column("retention", "float64", "share of the markets of the day before that came again, NaN for a first day"),
        Column("waived", "string", "ids of the rules that a waiver tolerates this day, comma separated"),
        Column("attempt", "int64", "number of this attempt at the day", hashed=False),
        Column("requested", "int64", "markets asked of the venue in the fetch that brought the day", hashed=False),
        Column("requests", "int64", "requests made in that fetch", hashed=False),
        Column("seconds", "float64", "duration of that fetch", "s", hashed=False),
    ),
    keys=(),
)
DECISIONS_TABLE = TableSpec(
    "quarantine_decisions",
    (
        _DATE,
        _SYMBOL,
        Column("decision", "string", "release: accept exactly this bar; reject: it stays in quarantine"),
        Column("rule", "string", "rule that quarantined it"),
        Column("bar_hash", "string", "content hash of the bar that was decided on"),
        Column("decided_by", "string", "who decided"),
        Column("reason", "string", "why"),
        Column("decided_at", "timestamp", "when it was decided (UTC)"),
    ),
    keys=("symbol", "decided_at"),
)
REPAIRS_TABLE = TableSpec(
    "repairs",
    (
        _DATE,
        _SYMBOL,
        Column("outcome", "string", "repaired, no_trading (the venue confirms that it did not trade) or unanswered"),
        Column("reason", "string", "what the venue said"),
        Column("bar_hash", "string", "content hash of the bar that came, '' where none did"),
        Column("asked_at", "timestamp", "when the venue was asked (UTC)"),
    ),
    keys=("symbol", "asked_at"),
)
CANDIDATES_TABLE = TableSpec(
    "candidates",
    (
        _DATE,
        _SYMBOL,
        Column("universe", "string", "name of the universe"),
        Column("passed", "bool", "whether the market is in the pool that day"),
        Column("veto_reasons", "string", "ids of the rules that veto it, comma separated"),
        Column("value_traded", "float64", "median daily value traded in the liquidity window", "quote"),
        Column("daily_volatility", "float64", "standard deviation of daily returns in the window", "per day"),
        Column("history_days", "int64", "bars of the current life so far", "days"),
        Column("gap_share", "float64", "share of missing days in the window"),
        Column("direction", "string", "direction intent of the universe: LONG, SHORT or BOTH"),
        Column("base", "string", "base asset"),
        Column("quote", "string", "quote asset"),
        Column("rank", "int64", "rank by value traded among the markets that pass, 0 where vetoed"),
        Column("alternates", "string", "other markets of the base that give way to this one, the most liquid first"),
    ),
    keys=("universe", "symbol"),
)
SCREENER_TABLE = TableSpec(
    "screener_snapshot",
    (
        _DATE,
        _SYMBOL,
        Column("ticker", "string", "the market as the screener names it"),
        Column("value_traded", "float64", "value traded as the screener tells it", "quote"),
        Column("close", "float64", "last price", "quote"),
        Column("daily_range", "float64", "the screener's daily volatility", "percent"),
        Column("adx", "float64", "average directional index, 14 days"),
        Column("rsi", "float64", "relative strength index, 14 days"),
        Column("recommend_ma", "float64", "rating of the moving averages, -1 to 1"),
        Column("recommend_other", "float64", "rating of the oscillators, -1 to 1"),
        Column("recommend_all", "float64", "mean of both ratings, -1 to 1"),
        Column("taken_at", "timestamp", "when the screener answered (UTC)", hashed=False),
    ),
)
RETURNS_TABLE = TableSpec(
    "returns_matrix",
    (
        _DATE,
        _SYMBOL,
        Column("return", "float64", "simple close-to-close return of the adjusted price", "per day"),
        Column("flag", "string", "'' ordinary, first, resumed (no return), gap (return over a short halt)"),
    ),
)


def features_table(columns: Sequence[tuple[str, str, str]]) -> TableSpec:
    """Table of the feature matrix for features given as (id, description, unit)."""
    features = tuple(Column(name, "float64", text, unit) for name, text, unit in columns)
    return TableSpec("features_matrix", (_DATE, _SYMBOL, *features), plain_numbers=True)


FEATURE_CERTIFICATES_TABLE = TableSpec(
    "feature_certificates",
    (
        _DATE,
        Column("feature", "string", "feature id: a column of features_matrix"),
        Column("version", "int64", "version of its declaration"),
        Column("made_from", "string", "hash of its declaration, of the code of the features room and of own modules"),
        Column("content", "string", "data version of the day of features_matrix that it certifies, '' for none"),
        Column("state", "string", "certified or not certified"),
        Column("reason", "string", "the rule that denies it and why; a warning where it is certified; else ''"),
        Column("rows", "int64", "markets with a bar that day (L2.LAG)"),
        Column("lagging", "int64", "of the day's rows, those missing, too many, or without any value (L2.LAG)"),
        Column("values", "int64", "values that exist that day (L2.BOUNDS)"),
        Column("outside", "int64", "of these, infinite or out of the declared range (L2.BOUNDS)"),
        Column("warm", "int64", "values past their warm-up that day (L2.NAN)"),
        Column("density", "float64", "share of the warmed-up values that exist, NaN where none is warm (L2.NAN)"),
        Column("recomputed", "int64", "values computed again under other futures on the days of evidence (L2.PREFIX)"),
        Column("breaches", "int64", "of these, values that changed (L2.PREFIX)"),
        Column("drift_samples", "int64", "values computed again on longer histories, days of evidence (L2.WARMUP)"),
        Column("drift_windows", "int64", "longest such history, 0 where none was long enough", "windows"),
        Column("drift", "float64", "largest difference on a longer history, NaN where not measured (L2.WARMUP)"),
        Column("tolerance", "float64", "drift that the feature declares"),
        Column("evidence_from", "date", "first day of the run whose samples are the evidence"),
        Column("evidence_to", "date", "last day of that run"),
    ),
    keys=("feature",),
)

SELECTION_TABLE = TableSpec(
    "selection",
    (
        _WEEK,
        _SLEEVE,
        _SYMBOL,
        _DIRECTION,
        Column("score", "float64", "value of the ranking feature on the day before the week"),
        Column("score_rank", "int64", "1 = first choice in the sleeve's direction"),
        Column("cluster", "int64", "correlation cluster, 0 where none"),
        Column("vetoes", "string", "why it was not accepted: rule, value, threshold"),
        Column("outcome", "string", "winner, hygiene, vetoed, top_n, cluster_cap or joint_window"),
        Column("stage", "int64", "relaxation stage that accepted it: 0 strict, 1 relaxed, 2 representative, -1 none"),
        Column("forced", "bool", "accepted as a cluster's representative below the threshold"),
        Column("winner", "bool", "held this week"),
        Column("stage_reached", "int64", "last relaxation stage of the week"),
        Column("status", "string", "state of the week: selected, below_floor, cash or empty"),
    ),
    partition_column="week",
    scope=("sleeve",),
    known_after_days=0,
)
WEIGHTS_TABLE = TableSpec(
    "sleeve_weights",
    (
        _WEEK,
        _SLEEVE,
        Column("atom", "string", "strategy atom: symbol and direction"),
        _SYMBOL,
        _DIRECTION,
        Column("stream_weight", "float64", "weight of the synthetic long stream, >= 0", "of capital"),
        Column("net_weight", "float64", "signed physical weight: negative for shorts", "of capital"),
        Column("engine", "string", "allocation engine"),
        Column("status", "string", "optimal, forced (the cap left no choice), partial_cash or cash"),
        Column("invested", "float64", "sum of the stream weights", "of capital"),
    ),
    partition_column="week",
    keys=("atom",),
    scope=("sleeve",),
    known_after_days=0,
)

_DAILY_BOOK = (
    _DATE,
    Column("week", "date", "Monday of the week"),
    Column("gross", "float64", "return before costs", "per day"),
    Column("costs", "float64", "fees, slippage and borrow", "of equity"),
    Column("net", "float64", "gross - costs", "per day"),
    Column("turnover", "float64", "traded notional over equity"),
    Column("equity", "float64", "value at the day's end, 1 before the first week"),
    Column("cash", "float64", "cash at the day's end, in units of initial equity"),
    Column("gross_exposure", "float64", "sum of absolute positions over equity"),
    Column("net_exposure", "float64", "sum of signed positions over equity"),
    Column("status", "string", "active or ruined"),
    Column("shortfall", "float64", "loss beyond equity on the day of ruin"),
    Column("closing_book", "string", "JSON of the book at the end of the week's last day, '' on other days"),
)
_CONTRIBUTION = (
    _DATE,
    Column("week", "date", "Monday of the week"),
    _SYMBOL,
    Column("start_weight", "float64", "signed weight after the day's trades", "of equity"),
    Column("traded", "float64", "absolute notional traded", "of equity"),
    Column("return", "float64", "simple return of the day", "per day"),
    Column("contribution", "float64", "part of the book's gross return", "per day"),
    Column("cost", "float64", "costs caused by this symbol", "of equity"),
    Column("closing_weight", "float64", "signed weight at the day's end", "of equity"),
    Column("event", "string", "'', halted, realised_at_last_bar or closed_by_ruin"),
)
SLEEVE_RETURNS_TABLE = TableSpec(
    "sleeve_returns",
    (_SLEEVE, *_DAILY_BOOK),
    partition_column="week",
    keys=("date",),
    scope=("sleeve",),
    known_after_days=7,
)
SLEEVE_CONTRIBUTIONS_TABLE = TableSpec(
    "sleeve_contributions", (_SLEEVE, *_CONTRIBUTION), "week", ("date", "symbol"), ("sleeve",), known_after_days=7
)
META_RETURNS_TABLE = TableSpec(
    "meta_returns", (_META, *_DAILY_BOOK), partition_column="week", keys=("date",), scope=("meta",), known_after_days=7
)
META_CONTRIBUTIONS_TABLE = TableSpec(
    "meta_contributions", (_META, *_CONTRIBUTION), "week", ("date", "symbol"), ("meta",), known_after_days=7
)
META_MEMBERS_TABLE = TableSpec(
    "meta_members",
    (
        _WEEK,
        _META,
        Column("member", "string", "sleeve or nested meta"),
        Column("weight", "float64", "share of the meta's capital", "of capital"),
        Column("status", "string", "live, idle (in cash for the whole look-back: even share) or ruined"),
        Column("engine", "string", "allocation engine"),
        Column("solver_status", "string", "what the engine said"),
        Column("bound", "string", "bound that the weight sits on: '', min or max"),
        Column("forced", "bool", "the bounds leave only one allocation"),
        Column("observations", "int64", "joint days used", "days"),
    ),
    partition_column="week",
    keys=("member",),
    scope=("meta",),
    known_after_days=0,
)
META_WEIGHTS_TABLE = TableSpec(
    "meta_weights",
    (
        _WEEK,
        _META,
        _SYMBOL,
        Column("net_weight", "float64", "signed physical weight of the flattened book", "of capital"),
        Column("gross_before_netting", "float64", "sum of absolute contributions before netting", "of capital"),
        Column("contributors", "string", "JSON list: member, direction, weight"),
    ),
    partition_column="week",
    scope=("meta",),
    known_after_days=0,
)
