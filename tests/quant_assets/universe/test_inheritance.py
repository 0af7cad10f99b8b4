"""Universes inherit from one other, lists replace unless they append, and nothing that is unknown slips through."""

import pytest
import yaml

from quant_assets.errors import UsageError
from quant_assets.profiles.load import SHIPPED as PROFILES
from quant_assets.profiles.load import load_profile
from quant_assets.profiles.universes import layers_of, resolve, shipped_layers
from quant_assets.universe.config import Intent, MarketKind, Universe
from quant_assets.universe.inheritance import resolve_settings

DOLLARS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "USD")
BASE = {"quotes": ["USDT", "USDC"], "min_value_traded": 1e6, "limit": 100}


def settings(child, **others):
    return resolve_settings("child", {"base": BASE, "child": child, **others})


def test_a_key_replaces_what_is_inherited_and_the_rest_stays():
    found, sources, lineage = settings({"extends": "base", "min_value_traded": 5e6})
    assert found == {**BASE, "min_value_traded": 5e6, "name": "child"}
    assert lineage == ("child", "base")
    assert sources == {"quotes": "base", "min_value_traded": "child", "limit": "base"}


def test_a_list_replaces_and_only_a_plus_appends():
    assert settings({"extends": "base", "quotes": ["DAI"]})[0]["quotes"] == ["DAI"]
    found, sources, _ = settings({"extends": "base", "+quotes": ["DAI"]})
    assert found["quotes"] == ["USDT", "USDC", "DAI"]
    assert sources["quotes"] == "base + child"


def test_a_plus_without_an_inherited_list_appends_to_the_default():
    found, sources, _ = resolve_settings("alone", {"alone": {"+quotes": ["TRY"]}})
    assert found["quotes"] == [*DOLLARS, "TRY"] and sources == {"quotes": "default + alone"}


def test_grandparents_count_and_each_layer_is_applied_once():
    found, _, lineage = resolve_settings(
        "c", {"a": {"quotes": ["USDT"]}, "b": {"extends": "a", "+quotes": ["DAI"]}, "c": {"extends": "b", "limit": 3}}
    )
    assert (found["quotes"], found["limit"], lineage) == (["USDT", "DAI"], 3, ("c", "b", "a"))


@pytest.mark.parametrize(("child", "told"), [
    ({"extends": "bsae"}, "universe child: extends 'bsae' is unknown; known: base, child"),
    ({"extends": "child"}, "circle: child -> child"),
    ({"extends": "loop"}, "circle: child -> loop -> child"),
    ({"extends": ["base", "loop"]}, "inheritance is single"),
    ({"extends": "base", "min_valu_traded": 1}, "unknown key 'min_valu_traded'; known: name, kinds, quotes"),
    ({"extends": "base", "+nothing": [1]}, r"unknown key '\+nothing'"),
    ({"extends": "base", "+limit": [1]}, r"\+limit appends a list to a list"),
    ({"extends": "base", "+quotes": "DAI"}, r"\+quotes appends a list to a list"),
    ({"extends": "base", "+quotes": ["DAI"], "quotes": ["USD"]}, r"both quotes and \+quotes"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused_with_its_name(child, told):
    with pytest.raises(UsageError, match=told):
        settings(child, loop={"extends": "child"})


def test_an_unknown_universe_is_refused_with_those_known():
    with pytest.raises(UsageError, match="universe 'nope' is unknown; known: base, child"):
        resolve_settings("nope", {"base": BASE, "child": {}})


@pytest.mark.parametrize(("rules", "told"), [
    ({"limit": 0}, "limit: Input should be greater than or equal to 1, received 0"),
    ({"+quotes": ["USDT"]}, "each once"),
    ({"kinds": []}, "kinds must name spot, swap or both"),
    ({"kinds": ["future"]}, r"kinds\.0: Input should be 'spot' or 'swap'"),
    ({"intent": "DISCOVERY"}, "intent: Input should be 'LONG', 'SHORT' or 'BOTH'"),
])  # fmt: skip
def test_a_wrong_value_is_refused_with_universe_key_and_value(rules, told):
    layers = layers_of([{"name": "mine", "extends": "binance_spot", **rules}])
    with pytest.raises(UsageError, match=rf"universe mine \(mine -> binance_spot\).*{told}"):
        resolve("mine", layers)


def test_the_shipped_spot_universe_has_the_stated_floors():
    spot = resolve("binance_spot", layers_of([])).universe
    assert (spot.kinds, spot.quotes, spot.intent) == ((MarketKind.SPOT,), DOLLARS, Intent.LONG)
    assert (spot.min_value_traded, spot.min_daily_volatility, spot.duplicate_liquidity_share) == (1e6, 0.001, 0.3)


def test_the_shipped_perpetual_universe_has_the_stated_floors():
    perp = resolve("binance_perp", layers_of([])).universe
    assert (perp.kinds, perp.intent) == ((MarketKind.SWAP,), Intent.BOTH)
    assert (perp.min_value_traded, perp.min_daily_volatility) == (5e7, 0.01)


def test_every_setting_of_a_resolved_universe_says_where_it_is_stated():
    for name in shipped_layers():
        found = resolve(name, layers_of([]))
        assert set(found.sources) == set(Universe.model_fields) and set(found.sources.values()) <= {name, "default"}


def test_the_hash_follows_every_rule_and_not_the_name():
    plain = Universe(name="one")
    assert plain.rules_hash == Universe(name="two").rules_hash
    changes = [{"kinds": ("spot",)}, {"quotes": ("USDT",)}, {"limit": 5}, {"intent": "SHORT"}, {"max_gap_share": 0.2}]
    assert len({Universe(name="one", **change).rules_hash for change in changes} | {plain.rules_hash}) == 6


@pytest.fixture
def profile(tmp_path):
    content = yaml.safe_load((PROFILES / "demo.yaml").read_text(encoding="utf-8"))

    def load(*universes):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump({**content, "universes": list(universes)}), encoding="utf-8")
        return load_profile(str(path))

    return load


LIQUID = {"name": "liquid", "intent": "BOTH"}


def test_a_profile_names_shipped_universes_and_extends_them(profile):
    found = profile({**LIQUID, "extends": "binance_spot", "limit": 30}, "binance_perp").universes
    assert [u.name for u in found] == ["liquid", "binance_perp"]
    assert (found[0].limit, found[0].kinds, found[0].intent) == (30, (MarketKind.SPOT,), Intent.BOTH)
    assert found[1] == resolve("binance_perp", layers_of([])).universe


@pytest.mark.parametrize(("universes", "told"), [
    ((LIQUID, LIQUID), "used twice"),
    ((LIQUID, {"name": "binance_spot"}), "taken by a shipped universe; choose another, extends: binance_spot"),
    ((LIQUID, "binance_futures"), "'binance_futures' is not shipped; shipped: binance_perp, binance_spot"),
    (({"intent": "BOTH"},), "each entry is a mapping with a `name`"),
    (({**LIQUID, "extends": "spot"},), "extends 'spot' is unknown; known: binance_perp, binance_spot, liquid"),
])  # fmt: skip
def test_a_profile_with_a_wrong_universe_is_refused_with_its_file(profile, universes, told):
    with pytest.raises(UsageError, match=rf"mine\.yaml: .*{told}"):
        profile(*universes)
