"""The events of a step's many partitions, made like the first of their kind: Dagster calls that are not public.

For every event Dagster makes a line of Python's log and takes it apart again, and looks at each of its parts on the way
several times; with thousands of them that takes longer than storing them. Here Dagster makes the first two events of
each kind. From the first all others are copied, with what is their own put in. The second is made in both ways: where
they differ, as after a change in Dagster, its own are taken from then on.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Any

import dagster as dg
from dagster._core.events.log import EventLogEntry

PartitionEvent = dg.AssetCheckEvaluation | dg.AssetMaterialization


class StepLog:
    """Logs events of one step, as ``context.log_event`` does, for the use within blocks of ``one_transaction``.

    What differs: of each kind of event, the run's Python loggers and the result of an execution in process see only
    the first two. The event log holds all of them, in their order.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._models: dict[Hashable, EventLogEntry] = {}
        self._alike: dict[Hashable, bool] = {}

    def log(self, event: PartitionEvent, waiting: list[EventLogEntry] | None) -> None:
        """Add an event of one partition to those that are ``waiting`` to be stored; None where nothing waits."""
        kind = (type(event), event.asset_key, bool(event.description))
        if waiting is not None and event.partition is not None and self._alike.get(kind):
            waiting.append(_like(self._models[kind], event))
            return
        self._context.log_event(event)
        if waiting is None or event.partition is None or kind in self._alike:
            return
        made = waiting[-1]
        if kind in self._models:
            self._alike[kind] = _like(self._models[kind], event)._replace(timestamp=made.timestamp) == made
        else:
            self._models[kind] = made


def _like(model: EventLogEntry, event: PartitionEvent) -> EventLogEntry:
    """The entry of an event of the model's kind."""
    told = model.get_dagster_event()
    content: Any = event
    if isinstance(event, dg.AssetMaterialization):
        content = told.step_materialization_data._replace(materialization=event)
        message = event.description or model.user_message
    else:
        message = _message_of(event)
    return model._replace(
        user_message=message,
        timestamp=time.time(),
        dagster_event=told._replace(event_specific_data=content, message=message),
    )


def _message_of(verdict: dg.AssetCheckEvaluation) -> str:
    """A verdict in Dagster's words."""
    outcome = "passed." if verdict.passed else "did not pass."
    described = "" if verdict.description is None else f" Description: '{verdict.description}'"
    return f"Asset check '{verdict.check_name}' on '{verdict.asset_key.to_user_string()}' {outcome}{described}"
