"""Webserver and daemon live and die together, on the loopback address, and obey one signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from quant_assets.errors import QuantError, UsageError
from quant_resources import dev_server
from quant_resources.dev_server import HOST, Supervisor, main, serve, server_commands, wait_until_answers

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
ENDS = [sys.executable, "-c", "raise SystemExit(5)"]
STUBBORN = """
import signal, sys, time, pathlib
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""
DEFINITIONS = """
import dagster as dg

@dg.asset
def one() -> None: ...

defs = dg.Definitions(assets=[one])
"""


@pytest.fixture(autouse=True)
def handlers_as_before():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@pytest.fixture
def start():
    """Start a supervisor of the given commands; whatever is left is stopped at the end."""
    started = []

    def _start(**commands) -> Supervisor:
        supervisor = Supervisor(commands, dict(os.environ))
        started.append(supervisor)
        supervisor.start()
        return supervisor

    yield _start
    for supervisor in started:
        supervisor.stop()


def test_the_pages_are_served_on_the_loopback_address_only(tmp_path):
    webserver = server_commands(3000, tmp_path / "workspace.yaml")["webserver"]

    assert webserver[webserver.index("-h") + 1] == "127.0.0.1"


def test_when_one_ends_its_name_is_told_and_the_other_can_be_stopped(start):
    supervisor = start(webserver=SLEEPER, daemon=ENDS)

    assert supervisor.wait() == "daemon"
    supervisor.stop()
    assert supervisor.processes["webserver"].returncode == -signal.SIGTERM


def test_a_signal_ends_the_waiting(start):
    supervisor = start(webserver=SLEEPER)
    os.kill(os.getpid(), signal.SIGTERM)

    assert supervisor.wait() is None


def test_a_process_that_ignores_the_request_is_ended_by_force(start, monkeypatch, tmp_path):
    monkeypatch.setattr(dev_server, "STOP_SECONDS", 0.5)
    supervisor = start(webserver=[sys.executable, "-c", STUBBORN, str(tmp_path / "up")])
    deadline = time.monotonic() + 20
    while not (tmp_path / "up").exists():
        assert time.monotonic() < deadline, "the stubborn process did not come up"

    supervisor.stop()

    assert supervisor.processes["webserver"].returncode == -signal.SIGKILL


def test_a_process_that_ends_before_the_pages_answer_is_an_error(start, free_port):
    with pytest.raises(QuantError, match="the webserver ended before the pages answered"):
        wait_until_answers(start(webserver=ENDS), free_port)


def test_a_folder_without_a_workspace_is_a_usage_error(tmp_path, free_port, capsys):
    with pytest.raises(UsageError, match=r"no workspace\.yaml"):
        serve(free_port, tmp_path)

    assert main(["--port", str(free_port), "--folder", str(tmp_path)]) == 2
    assert "error: no workspace.yaml" in capsys.readouterr().err


def test_the_real_servers_start_answer_and_stop_on_one_signal(tmp_path, free_port):
    (tmp_path / "planted_definitions.py").write_text(DEFINITIONS)
    (tmp_path / "workspace.yaml").write_text("load_from:\n  - python_file: planted_definitions.py\n")
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    command = [sys.executable, "-m", "quant_resources.dev_server", "--port", str(free_port), "--folder", str(tmp_path)]

    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        line = process.stdout.readline()
        while line and not line.startswith("Dagster: "):
            line = process.stdout.readline()
        answered = dev_server.answers(free_port)
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=40)[0]

    assert line.startswith(f"Dagster: http://127.0.0.1:{free_port}")
    assert answered
    assert process.returncode == 0
    assert "Dagster stopped." in rest
    assert (tmp_path / ".dagster" / "dagster.yaml").is_file()
    assert not dev_server.answers(free_port)
