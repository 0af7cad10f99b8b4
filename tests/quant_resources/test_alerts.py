"""Alerts reach real addresses, and addresses stay secret."""

from __future__ import annotations

import logging

import pytest

from quant_assets.errors import UsageError
from quant_resources.alerts import TONE_WARNING, DeliveryFailed, pages_url, targets
from tests.sensors.webhook import receiving

SECRET = "hunter2-token"


def test_a_message_arrives_with_title_text_and_kind():
    with receiving() as webhook:
        (target,) = targets(environ={"QUANT_ALERT_URLS": webhook.url})
        target.send("a title", "line one\nline two", TONE_WARNING)

    (got,) = webhook.received
    assert (got["title"], got["message"], got["type"]) == ("a title", "line one\nline two", "warning")


def test_a_refused_message_is_an_error_that_does_not_name_the_address(caplog):
    with receiving() as webhook, caplog.at_level(logging.DEBUG):
        webhook.refuse = True
        url = webhook.url.replace("127.0.0.1", f"user:{SECRET}@127.0.0.1")
        (target,) = targets(environ={"QUANT_ALERT_URLS": url})
        with pytest.raises(DeliveryFailed, match=r"^json:[0-9a-f]{8}: the address did not take") as told:
            target.send("title", "text", TONE_WARNING)

    assert SECRET not in f"{told.value}{target!r}{caplog.text}"


def test_an_address_of_an_unknown_kind_is_refused_without_naming_it():
    (target,) = targets(environ={"QUANT_ALERT_URLS": f"nosuchkind://{SECRET}"})

    with pytest.raises(DeliveryFailed, match="does not know this kind of address") as told:
        target.send("title", "text", TONE_WARNING)
    assert SECRET not in str(told.value)


def test_addresses_come_from_the_named_variables_in_order_each_once():
    environ = {"ONE": "json://a json://b", "TWO": " json://b\n mailto://c "}

    assert [t.name.partition(":")[0] for t in targets(("ONE", "TWO", "ABSENT"), environ)] == ["json", "json", "mailto"]
    assert targets(environ={}) == []


def test_a_word_that_is_no_url_is_a_usage_error_without_the_word():
    with pytest.raises(UsageError, match="QUANT_ALERT_URLS: word 2 is not a URL") as told:
        targets(environ={"QUANT_ALERT_URLS": f"json://a {SECRET}"})
    assert SECRET not in str(told.value)


def test_links_lead_to_the_local_pages_unless_told_otherwise():
    assert pages_url({}) == "http://127.0.0.1:3000"
    assert pages_url({"QUANT_UI_URL": "https://dagster.example.org/"}) == "https://dagster.example.org"
