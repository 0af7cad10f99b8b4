"""Python's cycle collector, told to run rarely where long-lived objects are made in great number and cycles are few."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the cycle collector run rarely, as while a range run makes its events.

    At the default thresholds it walks all of them again and again: a tenth of the time of a whole backfill.
    """
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def no_collection_while_loading() -> Iterator[None]:
    """Collect nothing while modules are loaded, and never look at what they made: none of it becomes garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def no_collection_at_exit() -> None:
    """Let this process end without a last search for cycles: what is left goes back to the system with it.

    The interpreter walks all objects several times over while it ends: 0.9 s once Dagster is loaded, 0.07 s without.
    """
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


def collection_at_exit() -> None:
    """Let the last search look at everything after all: for a library that complains of what is left at the end."""
    atexit.unregister(gc.freeze)
    gc.unfreeze()
