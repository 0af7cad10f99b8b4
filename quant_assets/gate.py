"""The contract gate: nothing is read that is not published, and nothing that rests on a refused partition.

Dagster's blocking checks stop only the run they are in. This gate holds in every later run too, whoever starts it:
it asks the ledger, which lies beside the data, not the event log.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from quant_assets.errors import ContractViolation
from quant_assets.manifests import PUBLISHED, InputSlice, Ledger, PartitionState

NAMED_DAYS = 3


class ContractGate:
    """Answers, for one run, which partitions of the inputs may be read. States are read once per input."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._states: dict[str, dict[str, PartitionState]] = {}

    @cached_property
    def _withheld(self) -> dict[str, set[str]]:
        return self._ledger.withheld()

    def slice(self, asset: str, table: str, partitions: Sequence[str], table_version: int) -> InputSlice:
        """The exact input slice for these partitions.

        Raises ``ContractViolation`` naming the first partitions that are missing or withheld, and what to do.
        """
        states = self._states_of(asset)
        withheld = self._withheld.get(asset, set())
        bad = [p for p in partitions if p in withheld or self._status(states, p) != PUBLISHED]
        if bad:
            raise ContractViolation(self._explain(asset, bad, states))
        return InputSlice(
            asset=asset,
            table=table,
            # A publication may land between the look at the table and the look at the ledger: read at least the
            # version that holds every content named here.
            table_version=max([table_version, *(states[p].table_version for p in partitions)]),
            partitions=tuple(partitions),
            data_versions=tuple(states[p].data_version for p in partitions),
        )

    def _states_of(self, asset: str) -> dict[str, PartitionState]:
        if asset not in self._states:
            self._states[asset] = self._ledger.states(asset)
        return self._states[asset]

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
