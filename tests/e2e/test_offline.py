"""Features and everything after them need no network and no clock: the same content comes out of closed rooms."""

from __future__ import annotations

import datetime
import importlib
import pkgutil
import socket
import time
from types import ModuleType

import pytest

import quant_assets

ROOMS = ("market", "universe", "features", "returns", "selection", "allocation", "simulation", "sleeves", "meta")
CLOCK_READERS = {"now", "utcnow", "today", "time", "time_ns", "perf_counter", "monotonic"}


class Stopped:
    """Stands for a module or class of time: everything works but reading the clock."""

    def __init__(self, real: object) -> None:
        self._real = real

    def __getattr__(self, name: str) -> object:
        if name in CLOCK_READERS:
            raise AssertionError(f"a pure room read the clock: {name}")
        found = getattr(self._real, name)
        return Stopped(found) if name in {"datetime", "date"} and isinstance(found, type) else found

    def __call__(self, *args: object, **kwargs: object) -> object:
        return self._real(*args, **kwargs)


def pure_modules() -> list[ModuleType]:
    """Every module of the rooms but their `assets.py`, which speak with Dagster."""
    found = []
    for room in ROOMS:
        package = importlib.import_module(f"quant_assets.{room}")
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not info.name.endswith("assets"):
                found.append(importlib.import_module(info.name))
    return found


@pytest.fixture
def no_network(monkeypatch) -> list[str]:
    """Refuses every connection and every name look-up, and keeps a record of the attempts."""
    attempts: list[str] = []
    connect = socket.socket.connect

    def refuse(self, address):
        if self.family == socket.AF_UNIX:
            return connect(self, address)
        attempts.append(str(address))
        raise AssertionError(f"network access: {address}")

    def refuse_name(host, *args, **kwargs):
        attempts.append(str(host))
        raise AssertionError(f"name look-up: {host}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse_name)
    return attempts


@pytest.fixture
def no_clock(monkeypatch) -> None:
    """The rooms' own names for modules and classes of time are replaced; the platform around them keeps its clock."""
    timed = {datetime, time, datetime.datetime, datetime.date}
    for module in pure_modules():
        for name, value in list(vars(module).items()):
            if any(value is t for t in timed) and isinstance(value, ModuleType):
                monkeypatch.setattr(module, name, Stopped(value))


def test_the_fixtures_do_refuse(no_network):
    with pytest.raises(AssertionError, match="network access"):
        socket.socket().connect(("127.0.0.1", 9))
    with pytest.raises(AssertionError, match="read the clock"):
        Stopped(datetime).datetime.now()
    assert no_network == ["('127.0.0.1', 9)"]


def test_the_rooms_are_found():
    names = {m.__name__ for m in pure_modules()}
    assert len(names) > 60 and "quant_assets.meta.flatten" in names
    assert quant_assets.__name__ not in names


def test_features_and_everything_after_run_without_network_and_clock(tiny, tmp_path, no_network, no_clock):
    place = tiny.copy_to(tmp_path)
    with place.runner() as runner:
        reports = runner.backfill(["universe+", "features+", "returns+"], force=True)
    assert {r.asset: r.message for r in reports if r.exit_code} == {}
    assert all(r.published == r.asked for r in reports) and len(reports) == 12
    assert no_network == [], "nothing even tried"
    assert place.contents() == tiny.contents(), "and the content is what it was"
