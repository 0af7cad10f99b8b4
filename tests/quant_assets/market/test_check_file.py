"""A user's own file: every rule with its verdict and counts, whatever is in it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.contracts.verdict import RuleResult
from quant_assets.errors import EmptyResult, UsageError
from quant_assets.market.check_file import ALL_RULES, check_bars
from tests.quant_assets.market.synthetic import RULES, synthetic_bars


def user_file(symbols: int = 12, days: int = 60) -> pd.DataFrame:
    bars = synthetic_bars(symbols, days)[["symbol", "date", "open", "high", "low", "close", "volume"]]
    return bars.assign(symbol=bars["symbol"].str.removeprefix("SYNTH:"))


def check(frame: pd.DataFrame, **options: object) -> dict[str, RuleResult]:
    results = check_bars(frame, RULES, "SYNTH", **options)
    assert tuple(r.rule for r in results) == ALL_RULES
    return {r.rule: r for r in results}


def verdicts(results: dict[str, RuleResult]) -> dict[str, str]:
    return {rule: r.verdict for rule, r in results.items() if r.verdict != "pass"}


def test_a_clean_file_passes_every_rule_and_counts_its_rows():
    results = check(user_file())
    assert verdicts(results) == {}
    assert results["L0.OHLC"].checked == 12 * 60 and results["L1.STALL"].checked == 12 * 60
    assert "not evaluated" in results["L0.CLOSED"].message


def test_a_bar_that_is_not_over_is_found_when_the_moment_is_known():
    frame = user_file()
    assert verdicts(check(frame, known_at=frame["date"].max() + pd.Timedelta(hours=20)))["L0.CLOSED"] == "fail"
    assert verdicts(check(frame, known_at=frame["date"].max() + pd.Timedelta(days=1))) == {}


def test_dirty_rows_never_crash_and_are_counted_under_their_rules():
    frame = user_file().astype({"close": object, "symbol": object, "date": object})
    frame.loc[5, "symbol"] = "../x"
    frame.loc[50, "close"] = "n/a"
    frame.loc[100, "high"] = np.nan
    frame.loc[150, "date"] = "yesterday"
    frame.loc[200, "volume"] = -1
    frame.loc[700, "symbol"] = "\ud800"
    results = check(pd.concat([frame, frame.iloc[[300]]]))
    assert verdicts(results)["L0.SYMBOL"] == "fail" and results["L0.SYMBOL"].breaches == 2
    assert results["L0.SCHEMA"].verdict == "fail" and results["L0.SCHEMA"].breaches == 2
    assert (results["L0.OHLC"].verdict, results["L0.OHLC"].breaches) == ("fail", 1)
    assert (results["L0.VOLUME"].verdict, results["L0.VOLUME"].breaches) == ("warn", 1)
    assert (results["L0.KEY"].verdict, results["L0.KEY"].breaches) == ("fail", 1)
    assert results["L0.CONSERVE"].verdict == "pass"


def test_a_hole_in_one_symbol_and_a_hole_in_all():
    frame = user_file()
    days = np.sort(frame["date"].unique())
    one = check(frame[~((frame["date"] == days[20]) & (frame["symbol"] == "C003/USDT"))])
    assert verdicts(one) == {"L0.COVERAGE": "warn", "L1.GAP": "warn"}
    everyone = check(frame[~frame["date"].isin(days[20:25])])
    assert verdicts(everyone)["L1.FRESH"] == "fail" and everyone["L0.COVERAGE"].verdict == "fail"


def test_a_session_calendar_is_recognised_and_its_holidays_are_closed():
    frame = user_file()
    weekdays = frame[frame["date"].dt.day_of_week < 5]
    assert verdicts(check(weekdays)) == {}
    holiday = weekdays["date"].unique()[17]
    assert verdicts(check(weekdays[weekdays["date"] != holiday])) == {}


def test_hourly_bars_are_refused_and_not_floored():
    frame = user_file(days=10)
    hours = pd.concat([frame.assign(date=frame["date"] + pd.Timedelta(hours=h)) for h in range(3)])
    results = check(hours)
    assert results["L0.SCHEMA"].breaches == 240 and results["L0.KEY"].breaches == 0


def test_plain_tickers_need_a_default_quote():
    frame = user_file().assign(symbol=lambda f: f["symbol"].str.removesuffix("/USDT"))
    assert check(frame)["L0.SYMBOL"].breaches == len(frame)
    assert verdicts(check(frame, default_quote="USD")) == {}


def test_a_file_without_rows_is_an_empty_result_and_wrong_columns_a_usage_error():
    with pytest.raises(EmptyResult, match="no rows"):
        check(user_file().iloc[:0])
    with pytest.raises(UsageError, match="found: ticker"):
        check(pd.DataFrame({"ticker": ["A"]}))


def test_a_file_without_any_readable_date_still_reports_every_rule():
    results = check(user_file(days=2).assign(date="never"))
    assert verdicts(results) == {"L0.SCHEMA": "fail"} and results["L0.SCHEMA"].breaches == 24


def test_the_traps_of_the_real_bars_are_reported(shared_folder):
    raw = pd.read_parquet(shared_folder / "data" / "binance_spot_daily.parquet")
    some = raw[raw["symbol"].isin(["BTC/USDT", "LUNA/USDT", "FTT/USDT", "SUN/USDT", "ADADOWN/USDT", "ETH/USDT"])]
    results = check(some)
    assert results["L1.IDENTITY"].breaches == 1 and results["L1.IDENTITY"].offenders[0]["date"] == "2022-05-31"
    assert results["L1.REDENOMINATION"].verdict == "warn" and results["L1.RETURN_CAP"].breaches == 2
    assert results["L1.GAP"].verdict == "warn" and results["L0.OHLC"].verdict == "pass"


junk = st.one_of(st.none(), st.text(max_size=8), st.floats(), st.integers(-(10**20), 10**20), st.booleans(), st.dates())


@given(
    st.lists(
        st.fixed_dictionaries({n: junk for n in ("symbol", "date", "open", "high", "low", "close", "volume")}),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None)
def test_any_junk_gets_every_rule(rows):
    check(pd.DataFrame(rows).astype(object))
