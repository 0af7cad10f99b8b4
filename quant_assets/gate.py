"""The contract gate: nothing is read that is not published, and nothing that rests on a refused partition.

Dagster's blocking checks stop only the run they are in. This gate holds in every later run too, whoever starts it:
it asks the ledger, which lies beside the data, not the event log.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple, TypeVar

from quant_assets.errors import ContractViolation
from quant_assets.manifests import PUBLISHED, InputSlice, Ledger, PartitionState

NAMED_DAYS = 3
Item = TypeVar("Item")


class _Readable(NamedTuple):
    """The partitions of one asset that may be read; apart, since a long range looks each up for every look-back."""

    contents: dict[str, str]
    table_versions: dict[str, int]
    newest: int


class ContractGate:
    """Answers, for one run, which partitions of the inputs may be read. States are read once per input."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._states: dict[str, dict[str, PartitionState]] = {}
        self._readable: dict[str, _Readable] = {}

    @cached_property
    def _withheld(self) -> dict[str, set[str]]:
        return self._ledger.withheld()

    def slice(self, asset: str, table: str, partitions: Sequence[str], table_version: int) -> InputSlice:
        """The exact input slice for these partitions.

        Raises ``ContractViolation`` naming the first partitions that are missing or withheld, and what to do.
        """
        readable = self._readable_of(asset)
        try:
            data_versions = _each(readable.contents, partitions)
        except KeyError:
            bad = [p for p in partitions if p not in readable.contents]
            raise ContractViolation(self._explain(asset, bad, self._states[asset])) from None
        if table_version < readable.newest:
            # A publication may land between the look at the table and the look at the ledger: read at least the version
            # that holds every content named here.
            table_version = max((table_version, *_each(readable.table_versions, partitions)))
        return InputSlice(
            asset=asset,
            table=table,
            table_version=table_version,
            partitions=tuple(partitions),
            data_versions=data_versions,
        )

    def _readable_of(self, asset: str) -> _Readable:
        if asset not in self._readable:
            states = self._states[asset] = self._ledger.states(asset)
            withheld = self._withheld.get(asset, set())
            may = {p: state for p, state in states.items() if state.status == PUBLISHED and p not in withheld}
            contents = {p: state.data_version for p, state in may.items()}
            table_versions = {p: state.table_version for p, state in may.items()}
            self._readable[asset] = _Readable(contents, table_versions, max(table_versions.values(), default=-1))
        return self._readable[asset]

    @staticmethod
    def _status(states: dict[str, PartitionState], partition: str) -> str:
        state = states.get(partition)
        return "missing" if state is None else state.status

    def _explain(self, asset: str, bad: list[str], states: dict[str, PartitionState]) -> str:
        named = ", ".join(
            f"{p} ({'rests on a refused partition' if (s := self._status(states, p)) == PUBLISHED else s})"
            for p in bad[:NAMED_DAYS]
        )
        more = f" and {len(bad) - NAMED_DAYS} more" if len(bad) > NAMED_DAYS else ""
        return (
            f"input {asset}: {len(bad)} partitions are not there to be read: {named}{more}. "
            f"See why with `quant check {asset}`, "
            f"then `quant backfill --select {asset} --from {bad[0]} --to {bad[-1]}`."
        )


def _each(items: dict[str, Item], keys: Sequence[str]) -> tuple[Item, ...]:
    """Items of these keys; KeyError where one is missing."""
    if len(keys) < 2:  # one item comes without a tuple around it
        return tuple(items[key] for key in keys)
    found: tuple[Item, ...] = itemgetter(*keys)(items)
    return found
