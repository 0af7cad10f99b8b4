"""Every L4 rule passes on a sound week and fails on the fault it is for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from quant_assets.contracts.verdict import RuleResult
from quant_assets.meta.config import MetaConfig
from quant_assets.meta.flatten import flatten
from quant_assets.meta.rules import MetaWeek, least_effective_number, meta_verdict
from quant_assets.meta.weights import meta_weights

WEEK = pd.Timestamp("2024-03-04")
MEMBERS = ("up", "down", "calm")


def sound_week() -> MetaWeek:
    """Three synthetic sleeves over eight coins each; ``down`` is the short twin of ``up``."""
    rng = np.random.default_rng(5)
    dates = pd.date_range(end=WEEK - pd.Timedelta(days=1), periods=26 * 7, unit="us")
    up = rng.normal(0.001, 0.02, len(dates))
    nets = {"up": up, "down": -up + rng.normal(0, 0.004, len(dates)), "calm": rng.normal(0, 0.01, len(dates))}
    frames = [pd.DataFrame({"member": m, "date": dates, "net": r, "status": "active"}) for m, r in nets.items()]
    returns = pd.concat(frames, ignore_index=True)
    config = MetaConfig(
        name="m", members=MEMBERS, engine="equal_weight", min_weight=0.1, max_weight=0.8, opposites=(("up", "down"),)
    )
    weights = meta_weights(returns, config, WEEK)
    coins = {m: [f"X:{m.upper()}{i}/USDT" for i in range(8)] for m in MEMBERS}
    sign = {"up": 1.0, "down": -1.0, "calm": 1.0}
    books = {m: pd.DataFrame({"symbol": coins[m], "weight": sign[m] / 8}) for m in MEMBERS}
    week_days = pd.date_range(WEEK, periods=7, unit="us")
    bars = [(s, d, rng.normal(0, 0.05)) for m in MEMBERS for s in coins[m] for d in week_days]
    weeks = pd.date_range(end=WEEK - pd.Timedelta(days=7), periods=26, freq="7D")
    health = pd.DataFrame([(m, w, "optimal") for m in MEMBERS for w in weeks], columns=["member", "week", "status"])
    asset_returns = pd.DataFrame(bars, columns=["symbol", "date", "return"])
    return MetaWeek(config, WEEK, returns, weights, books, flatten(weights, books), health, asset_returns)


def rule(facts: MetaWeek, name: str) -> RuleResult:
    return {r.rule: r for r in meta_verdict(facts).results}[name]


def with_returns(facts: MetaWeek, change: Callable[[pd.DataFrame], pd.DataFrame]) -> MetaWeek:
    return replace(facts, member_returns=change(facts.member_returns.copy()))


def test_a_sound_week_passes_every_rule() -> None:
    verdict = meta_verdict(sound_week())
    assert verdict.level == "L4" and verdict.passed and not verdict.warnings, verdict.summary()
    assert {r.rule for r in verdict.results} == {
        f"L4.{n}"
        for n in ("COMPLETE", "HEALTH", "JOIN", "CONSERVE", "CONCENTRATION", "OPPOSITES", "DIVERSITY", "SCALE")
    }


def test_complete_fails_on_an_absent_member_a_missing_book_and_an_empty_book() -> None:
    facts = sound_week()
    gone = with_returns(facts, lambda r: r.loc[r["member"] != "calm"])
    assert rule(gone, "L4.COMPLETE").verdict == "fail" and rule(gone, "L4.JOIN").verdict == "fail"
    rest = {m: b for m, b in facts.books.items() if m != "calm"}
    assert "no book" in rule_complete(facts, rest)
    zero = facts.books["calm"].assign(weight=0.0)
    assert "empty book" in rule_complete(facts, {**rest, "calm": zero})
    assert rule_complete(facts, {**rest, "calm": zero.assign(status="cash")}) == ""


def rule_complete(facts: MetaWeek, books: dict[str, pd.DataFrame]) -> str:
    """Message of a failing L4.COMPLETE, empty when it passes; conservation needs the same books, so it is alone."""
    from quant_assets.meta.rules import complete

    result = complete(facts.config, MEMBERS, facts.member_returns, books)
    return "" if result.passed else result.message


def test_complete_fails_when_ruin_leaves_one_member() -> None:
    facts = with_returns(
        sound_week(), lambda r: r.assign(status=r["member"].map(lambda m: "active" if m == "up" else "ruined"))
    )
    assert "1 live members" in rule(facts, "L4.COMPLETE").message


def test_health_fails_below_the_share_and_without_evidence() -> None:
    facts = sound_week()
    bad = facts.health.copy()
    bad.loc[bad.index[bad["member"] == "up"][:7], "status"] = "fallback"
    assert rule(replace(facts, health=bad), "L4.HEALTH").verdict == "fail"
    silent = facts.health.loc[facts.health["member"] != "down"]
    result = rule(replace(facts, health=silent), "L4.HEALTH")
    assert result.verdict == "fail" and result.offenders[0]["member"] == "down" and result.offenders[0]["weeks"] == 0


@pytest.mark.parametrize(("lost", "verdict"), [(0, "pass"), (10, "warn"), (60, "fail")])
def test_join_warns_on_any_loss_and_fails_above_a_fifth(lost: int, verdict: str) -> None:
    facts = sound_week()
    calm = facts.member_returns.index[facts.member_returns["member"] == "calm"][:lost]
    result = rule(with_returns(facts, lambda r: r.drop(index=calm)), "L4.JOIN")
    assert result.verdict == verdict and result.breaches == lost


def test_scale_fails_on_an_impossible_return_and_never_clips_it() -> None:
    facts = with_returns(sound_week(), lambda r: r.assign(net=r["net"].where(r.index != 4, 1.5)))
    result = rule(facts, "L4.SCALE")
    assert result.verdict == "fail" and result.offenders[0]["net"] == 1.5


def test_opposites_fail_when_the_short_twin_turned_long() -> None:
    def flipped(r: pd.DataFrame) -> pd.DataFrame:
        return r.assign(net=r["net"].where(r["member"] != "down", -r["net"]))

    result = rule(with_returns(sound_week(), flipped), "L4.OPPOSITES")
    assert result.verdict == "fail" and result.offenders[0]["correlation"] > 0.9


def test_opposites_fail_without_evidence() -> None:
    facts = with_returns(sound_week(), lambda r: r.assign(net=r["net"].where(r["member"] != "down", 0.0)))
    assert rule(facts, "L4.OPPOSITES").verdict == "fail"


def test_conservation_fails_on_a_wrong_sign_a_changed_book_and_a_wrong_contributor() -> None:
    facts = sound_week()
    turned = facts.flat.assign(weight=facts.flat["weight"].abs())
    assert rule(replace(facts, flat=turned), "L4.CONSERVE").verdict == "fail"
    changed = {**facts.books, "up": facts.books["up"].assign(weight=facts.books["up"]["weight"] + 1e-9)}
    assert rule(replace(facts, books=changed), "L4.CONSERVE").verdict == "fail"
    lost = facts.flat.assign(contributors="[]")
    assert rule(replace(facts, flat=lost), "L4.CONSERVE").verdict == "fail"


def test_concentration_fails_above_the_limit_of_gross() -> None:
    facts = sound_week()
    books = {**facts.books, "up": pd.DataFrame({"symbol": ["X:ONE/USDT"], "weight": [1.0]})}
    heavy = replace(facts, books=books, flat=flatten(facts.weights, books))
    result = rule(heavy, "L4.CONCENTRATION")
    assert result.verdict == "fail" and result.offenders[0]["share"] == pytest.approx(1 / 3)
    assert rule(heavy, "L4.CONSERVE").verdict == "pass"


def test_diversity_warns_when_one_member_dominates_and_when_bounds_decide() -> None:
    facts = sound_week()
    skewed = facts.weights.assign(weight=[0.9, 0.05, 0.05])
    lopsided = replace(facts, weights=skewed, flat=flatten(skewed, facts.books))
    assert rule(lopsided, "L4.DIVERSITY").verdict == "warn"
    tight = replace(facts, config=facts.config.model_copy(update={"max_weight": 1 / 3}))
    assert "only equal weight" in rule(tight, "L4.DIVERSITY").message


def test_least_effective_number_matches_a_search_over_vertices() -> None:
    assert least_effective_number(4, 0.05, 0.5) == pytest.approx(1 / (0.5**2 + 0.4**2 + 2 * 0.05**2))
    assert least_effective_number(4, 0.0, 0.25) == pytest.approx(4.0)
    assert least_effective_number(3, 0.0, 1.0) == pytest.approx(1.0)
