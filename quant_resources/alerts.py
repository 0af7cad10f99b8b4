"""Delivery of alerts to people: any address that apprise knows, taken from the environment and never shown.

Belongs here: addresses and sending. Does not belong here: what is worth an alert (`sensors/alerting.py`).
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import Field

from quant_assets.config import ConfigBlock
from quant_assets.errors import QuantError, UsageError

URLS_VARIABLE = "QUANT_ALERT_URLS"
PAGES_VARIABLE = "QUANT_UI_URL"
DEFAULT_PAGES = "http://127.0.0.1:3000"
TONE_ERROR, TONE_WARNING, TONE_RECOVERED = "failure", "warning", "success"


class AlertsConfig(ConfigBlock):
    """When a partition is late, what is recent, and which environment variables hold the addresses."""

    url_variables: tuple[str, ...] = (URLS_VARIABLE,)
    daily_grace_hours: float = Field(default=3.0, ge=0.0, le=168.0)
    """Hours after a day's end at which its partition must be published."""
    weekly_grace_hours: float = Field(default=6.0, ge=0.0, le=168.0)
    """Hours after a Monday's 00:00 UTC at which its weights must be published."""
    follow_hours: float = Field(default=1.0, ge=0.0, le=168.0)
    """Hours that an asset has to follow once what it rests on, late itself, is published."""
    recent_days: int = Field(default=35, ge=1, le=3_660)
    """A WARN on a partition older than this, counted from the newest one, is history and sends nothing."""


class DeliveryFailed(QuantError):
    """One address did not take a message; the text names the address by its scheme and place, never by its URL."""


@dataclass(frozen=True)
class Target:
    """One address: a name that may be shown (scheme and fingerprint) and the URL that may not."""

    name: str
    _url: str

    def __repr__(self) -> str:
        return f"Target({self.name})"

    def send(self, title: str, body: str, kind: str) -> None:
        """Send one message; ``kind`` is ``failure``, ``warning`` or ``success``. Raises ``DeliveryFailed``."""
        import apprise

        with _silent("apprise"):
            sender = apprise.Apprise()
            known = sender.add(self._url)
            sent = known and sender.notify(body=body, title=title, notify_type=apprise.NotifyType(kind))
        if not known:
            raise DeliveryFailed(f"{self.name}: apprise does not know this kind of address; check {URLS_VARIABLE}")
        if not sent:
            raise DeliveryFailed(f"{self.name}: the address did not take the message")


def targets(variables: tuple[str, ...] = (URLS_VARIABLE,), environ: Mapping[str, str] | None = None) -> list[Target]:
    """Addresses in the named environment variables: URLs separated by white space, in their order, each once.

    Read at every call, so that a restart picks up a change and nothing keeps them. Raises ``UsageError`` for a word
    that is not a URL.
    """
    environment = os.environ if environ is None else environ
    found: dict[str, Target] = {}
    for variable in variables:
        for place, url in enumerate(environment.get(variable, "").split(), 1):
            scheme, separator, _ = url.partition("://")
            if not separator:
                raise UsageError(f"{variable}: word {place} is not a URL; give scheme://... separated by spaces")
            name = f"{scheme}:{hashlib.sha256(url.encode()).hexdigest()[:8]}"
            found.setdefault(name, Target(name, url))
    return list(found.values())


def pages_url(environ: Mapping[str, str] | None = None) -> str:
    """Base address of the Dagster pages for links: ``QUANT_UI_URL``, else the local ones."""
    environment = os.environ if environ is None else environ
    return environment.get(PAGES_VARIABLE, DEFAULT_PAGES).rstrip("/")


@contextmanager
def _silent(logger: str) -> Iterator[None]:
    """Keep a library's own messages, which name addresses, out of every log while it works."""
    log = logging.getLogger(logger)
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before
