"""Flattening keeps every contribution: by example, and on random trees of sleeves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.errors import ContractViolation, EmptyResult
from quant_assets.meta.conservation import conservation_paths, contributor_gaps, growth_paths
from quant_assets.meta.flatten import flatten

SYMBOLS = [f"X:C{i}/USDT" for i in range(8)]


def book(**weights: float) -> pd.DataFrame:
    return pd.DataFrame({"symbol": [f"X:{s}/USDT" for s in weights], "weight": list(weights.values())})


def shares(**weights: float) -> pd.DataFrame:
    return pd.DataFrame({"member": list(weights), "weight": list(weights.values())})


def test_opposite_positions_net_and_the_gross_stays_visible() -> None:
    flat = flatten(shares(up=0.6, down=0.4), {"up": book(BTC=0.5, ETH=0.5), "down": book(BTC=-0.75, SOL=-0.25)})
    flat = flat.set_index("symbol")
    assert flat["weight"].to_dict() == pytest.approx({"X:BTC/USDT": 0.0, "X:ETH/USDT": 0.3, "X:SOL/USDT": -0.1})
    assert flat.loc["X:BTC/USDT", "gross_before_netting"] == pytest.approx(0.6)
    assert json.loads(flat.loc["X:BTC/USDT", "contributors"]) == [
        {"member": "up", "direction": "LONG", "weight": 0.3},
        {"member": "down", "direction": "SHORT", "weight": pytest.approx(-0.3)},
    ]


def test_a_nested_meta_names_the_sleeves_inside_it() -> None:
    inner = flatten(shares(a=0.5, b=0.5), {"a": book(BTC=1.0), "b": book(BTC=-0.5, ETH=-0.5)})
    outer = flatten(shares(inner=0.5, c=0.5), {"inner": inner, "c": book(BTC=1.0)}).set_index("symbol")
    assert outer.loc["X:BTC/USDT", "weight"] == pytest.approx(0.5 * (0.5 - 0.25) + 0.5)
    assert outer.loc["X:BTC/USDT", "gross_before_netting"] == pytest.approx(0.25 + 0.125 + 0.5)
    members = [c["member"] for c in json.loads(outer.loc["X:BTC/USDT", "contributors"])]
    assert members == ["inner/a", "inner/b", "c"]


def test_a_ruined_member_needs_no_book_but_a_funded_one_does() -> None:
    assert flatten(shares(a=1.0, gone=0.0), {"a": book(BTC=1.0)})["weight"].tolist() == [1.0]
    with pytest.raises(ContractViolation, match="gone"):
        flatten(shares(a=0.5, gone=0.5), {"a": book(BTC=1.0)})
    with pytest.raises(ContractViolation, match="no book"):
        flatten(shares(a=0.5, gone=0.5), {"a": book(BTC=1.0), "gone": book()})
    with pytest.raises(EmptyResult):
        flatten(shares(a=0.0), {"a": book(BTC=1.0)})


def test_a_member_in_cash_adds_nothing_and_all_in_cash_leaves_a_book_of_zeros() -> None:
    cash = book(BTC=0.0, SOL=0.0)
    assert flatten(shares(a=0.5, b=0.5), {"a": book(ETH=1.0), "b": cash})["symbol"].tolist() == ["X:ETH/USDT"]
    assert flatten(shares(b=1.0), {"b": cash})["weight"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ContractViolation, match="finite"):
        flatten(shares(a=1.0), {"a": book(BTC=bad)})
    with pytest.raises(ContractViolation, match="finite"):
        flatten(shares(a=bad), {"a": book(BTC=1.0)})


def test_growth_stops_at_the_last_bar() -> None:
    days = pd.date_range("2024-01-01", periods=3)
    returns = pd.DataFrame({"symbol": ["A", "A", "B"], "date": [days[0], days[2], days[0]], "return": [0.1, 0.1, -0.5]})
    growth = growth_paths(returns)
    assert growth["A"].tolist() == pytest.approx([1.1, 1.21]) and growth["B"].tolist() == [0.5, 0.5]


@st.composite
def trees(draw: st.DrawFn, depth: int = 4, budget: int = 50) -> object:
    """A sleeve (mapping symbol -> weight) or a list of (share, subtree); at most ``budget`` sleeves."""
    if depth == 1 or budget < 2 or (draw(st.booleans()) and depth < 4):
        weights = st.floats(-1.0, 1.0, allow_nan=False).filter(lambda w: w == 0.0 or abs(w) > 1e-6)
        return draw(st.dictionaries(st.sampled_from(SYMBOLS), weights, min_size=1, max_size=5))
    children = draw(st.integers(1, min(4, budget)))
    raw = draw(st.lists(st.floats(0.05, 1.0), min_size=children, max_size=children))
    return [(w / sum(raw), draw(trees(depth=depth - 1, budget=budget // children))) for w in raw]


def to_book(tree: object, names: count[int]) -> pd.DataFrame:
    """The book of a node through the function under test."""
    if isinstance(tree, Mapping):
        return pd.DataFrame({"symbol": list(tree), "weight": list(tree.values())})
    assert isinstance(tree, list)
    members = {f"m{next(names)}": (share, to_book(sub, names)) for share, sub in tree}
    weights = pd.DataFrame({"member": list(members), "weight": [share for share, _ in members.values()]})
    return flatten(weights, {name: held for name, (_, held) in members.items()})


def tree_return(tree: object, growth: dict[str, float]) -> float:
    """Return of a node by recursion over its children, without any flattening."""
    if isinstance(tree, Mapping):
        return sum(w * (growth[s] - 1.0) for s, w in tree.items())
    assert isinstance(tree, list)
    return sum(share * tree_return(sub, growth) for share, sub in tree)


@settings(max_examples=40, deadline=None)
@given(tree=trees(), seed=st.integers(0, 2**32 - 1))
def test_flat_return_equals_recursive_return_on_random_trees(tree: object, seed: int) -> None:
    rng = np.random.default_rng(seed)
    growth = dict(zip(SYMBOLS, np.exp(rng.normal(0.0, 0.3, len(SYMBOLS))), strict=True))
    flat = to_book(tree, count())
    got = sum(w * (growth[s] - 1.0) for s, w in zip(flat["symbol"], flat["weight"], strict=True))
    assert abs(got - tree_return(tree, growth)) <= 1e-12
    if "contributors" in flat:
        gaps = contributor_gaps(flat)
        assert float(gaps[["weight_gap", "gross_gap"]].to_numpy().max()) <= 1e-12
        assert (flat["gross_before_netting"] >= flat["weight"].abs() - 1e-12).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_both_value_paths_are_the_same_all_week(seed: int) -> None:
    rng = np.random.default_rng(seed)
    books = {m: pd.DataFrame({"symbol": SYMBOLS, "weight": rng.normal(0.0, 0.2, 8)}) for m in ("a", "b", "c")}
    weights = pd.DataFrame({"member": list(books), "weight": rng.dirichlet(np.ones(3))})
    days = pd.date_range("2024-01-01", periods=7)
    returns = pd.DataFrame(
        [(s, d, rng.normal(0, 0.1)) for s in SYMBOLS for d in days], columns=["symbol", "date", "return"]
    )
    paths = conservation_paths(weights, books, flatten(weights, books), returns)
    assert len(paths) == 7 and float(paths["gap"].max()) <= 1e-12
    # independent: the value of money put into each member on Monday and left alone
    wide = returns.pivot(index="date", columns="symbol", values="return")[SYMBOLS]
    money = sum(
        share * (1.0 - books[m]["weight"].sum() + ((1 + wide).cumprod() * books[m]["weight"].to_numpy()).sum(axis=1))
        for m, share in zip(weights["member"], weights["weight"], strict=True)
    )
    assert np.allclose(paths["flattened"], money, rtol=0, atol=1e-12)
