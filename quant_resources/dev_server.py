"""Dagster's webserver and daemon on this machine, started and stopped together: `python -m quant_resources.dev_server`.

They run as two supervised processes rather than under `dagster dev`, which ignores a stop signal when a script started
it in the background. The pages have no login, so they are served on the loopback address and nowhere else.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from quant_assets.errors import QuantError, UsageError
from quant_resources.dagster_home import prepare_dagster_home

HOST = "127.0.0.1"
START_SECONDS = 90.0
STOP_SECONDS = 20.0
POLL_SECONDS = 0.25


@dataclass
class Supervisor:
    """Starts commands, waits until one of them ends or a signal comes, and then stops them all."""

    commands: dict[str, list[str]]
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stopping: bool = False

    def start(self) -> None:
        """Start every command, each leading its own process group, so that only this class passes signals on.

        The handlers are set first: a child inherits ignored signals (a shell's `&` ignores SIGINT), not handled ones.
        """
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        for name, command in self.commands.items():
            self.processes[name] = subprocess.Popen(command, env=self.environment, process_group=0)

    def first_to_end(self) -> str | None:
        """Name of a process that has ended, if any."""
        return next((name for name, process in self.processes.items() if process.poll() is not None), None)

    def wait(self) -> str | None:
        """Block until a signal asks to stop (None) or a process ends by itself (its name)."""
        while not self.stopping:
            ended = self.first_to_end()
            if ended is not None:
                return ended
            time.sleep(POLL_SECONDS)
        return None

    def stop(self) -> None:
        """Ask every process to end; after STOP_SECONDS end what is left of its group by force."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in self.processes.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping = True


def server_commands(port: int, workspace: Path) -> dict[str, list[str]]:
    """The two command lines, of the same environment as this interpreter."""
    scripts = Path(sys.executable).parent
    return {
        "webserver": [str(scripts / "dagster-webserver"), "-h", HOST, "-p", str(port), "-w", str(workspace)],
        "daemon": [str(scripts / "dagster-daemon"), "run", "-w", str(workspace)],
    }


def answers(port: int) -> bool:
    """True when the webserver on `port` of the loopback address answers."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/server_info", timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def wait_until_answers(supervisor: Supervisor, port: int) -> bool:
    """Wait for the pages; False when a signal came first, QuantError when a process ended or time is up."""
    deadline = time.monotonic() + START_SECONDS
    while not supervisor.stopping:
        if answers(port):
            return True
        ended = supervisor.first_to_end()
        if ended is not None:
            raise QuantError(f"the {ended} ended before the pages answered; its message is above")
        if time.monotonic() > deadline:
            raise QuantError(f"the pages did not answer within {START_SECONDS:.0f} s; see the messages above")
        time.sleep(POLL_SECONDS)
    return False


def serve(port: int, folder: Path) -> None:
    """Run webserver and daemon for the workspace in `folder` until a signal stops them.

    DAGSTER_HOME is the environment's, or `.dagster` in `folder`. Raises UsageError without workspace.yaml or when the
    port is taken, QuantError when one of the two ends by itself.
    """
    workspace = folder.absolute() / "workspace.yaml"
    if not workspace.is_file():
        raise UsageError(f"no workspace.yaml in {folder.absolute()}; start from the repository's top folder")
    if answers(port):
        raise UsageError(f"port {port} already serves Dagster pages; stop them or choose another with PORT=")
    home = prepare_dagster_home(Path(os.environ.get("DAGSTER_HOME") or folder / ".dagster"))
    supervisor = Supervisor(server_commands(port, workspace), {**os.environ, "DAGSTER_HOME": str(home)})
    try:
        supervisor.start()
        if wait_until_answers(supervisor, port):
            print(f"Dagster: http://{HOST}:{port}   instance: {home}   stop: Ctrl-C", flush=True)
        ended = supervisor.wait()
    finally:
        supervisor.stop()
    if ended is not None:
        raise QuantError(f"the {ended} ended by itself, so both were stopped; its message is above")
    print("Dagster stopped.", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m quant_resources.dev_server", description="Dagster's pages here.")
    parser.add_argument("--port", type=int, default=3000, help="port on the loopback address (3000)")
    parser.add_argument("--folder", type=Path, default=Path(), help="folder with workspace.yaml (here)")
    options = parser.parse_args(arguments)
    try:
        serve(options.port, options.folder)
    except QuantError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
