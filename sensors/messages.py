"""What an alert says: title and body, in the same order every time. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sensors.alerting import OPENED, Event, Finding

MAX_OFFENDERS = 5
MAX_MESSAGE = 600


def render(event: Event, source: str, pages: str) -> tuple[str, str]:
    """Title and body of an event that is told.

    ``source``: profile, with the word synthetic where its market is; ``pages``: base address of the Dagster pages.
    """
    alert = event.alert
    place = next((f.place for f in event.findings if f.place), "") or span(alert.partitions)
    word = alert.kind.upper() if event.event == OPENED else "RECOVERED"
    count = f" ({len(alert.partitions)} partitions)" if len(alert.partitions) > 1 else ""
    lines = [
        f"Asset: {alert.asset}",
        f"Partition: {place or '-'}{count}",
        f"Rule: {alert.rule} ({alert.severity}, {alert.kind})",
        *(_details(event.findings) if event.event == OPENED else ["It holds again."]),
        f"Profile: {source}",
        f"Page: {pages}{alert.page}",
    ]
    return " ".join(f"[{word}] {alert.asset} {place} {alert.rule}".split()), "\n".join(lines)


def span(partitions: Sequence[str]) -> str:
    """First and last of these partitions, '' where there are none."""
    if not partitions:
        return ""
    first, last = min(partitions), max(partitions)
    return first if first == last else f"{first} .. {last}"


def _details(findings: Sequence[Finding]) -> list[str]:
    """Counts over all partitions, the newest partition's message, the worst offenders, newest partition first."""
    ordered = sorted(findings, key=lambda f: f.partitions[-1:], reverse=True)
    offenders = [o for f in ordered for o in f.offenders][:MAX_OFFENDERS]
    worst = "; ".join(", ".join(f"{name} {value}" for name, value in o.items()) for o in offenders)
    return [
        f"Counts: {sum(f.breaches for f in findings)} of {sum(f.checked for f in findings)} checked",
        f"What: {ordered[0].message[:MAX_MESSAGE]}",
        *([f"Worst: {worst}"] if worst else []),
    ]
