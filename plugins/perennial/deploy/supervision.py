"""Starts, asks and stops the supervisor from outside."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.deploy import airflow_processes, left_behind, waiting
from perennial.deploy.slot_process import command, environment
from perennial.deploy.supervisor import (
    CONTROLLER,
    FRESHENER,
    GATEWAY,
    endpoints,
    log_of,
    slot_watcher,
)
from perennial.errors import UnavailableError
from perennial.keep import locks
from perennial.keep.files import replace_text
from perennial.keep.journal import last_seq
from perennial.keep.ledger import Ledger, Slot
from perennial.keep.watermark import Watermark, follower, record


def _pid_file(project: Project) -> Path:
    return project.var / "state" / "supervisor.pid"


def _pid(project: Project) -> int | None:
    """The supervisor's process id, if that very process still runs (ids are used again)."""
    try:
        pid, started = _pid_file(project).read_text(encoding="utf-8").split()
        return int(pid) if _started(int(pid)) == started else None
    except (FileNotFoundError, ValueError):
        return None


def _started(pid: int) -> str | None:
    """When the kernel started the process, in its own ticks; None when it runs no more."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def is_running(project: Project) -> bool:
    """Whether this project's supervisor runs."""
    return _pid(project) is not None


def ask(project: Project, verb: str, seconds: float = 30, **properties: Any) -> dict[str, Any]:
    """The supervisor's answer to a circus command."""
    from circus.client import CircusClient
    from circus.exc import CallError

    client = CircusClient(endpoint=endpoints(project)[0], timeout=seconds)
    try:
        answer: dict[str, Any] = client.send_message(verb, **properties)
    except CallError as error:
        raise UnavailableError(f"the supervisor did not answer {verb!r}: {error}") from error
    finally:
        client.stop()
    if answer.get("status") == "error":
        raise UnavailableError(f"the supervisor refused {verb!r}: {answer.get('reason')}")
    return answer


def up(project: Project, seconds: float = 90) -> dict[str, str]:
    """Start everything and wait until it answers; the state of each process. Twice is once.

    What a killed supervisor left running is stopped first.
    """
    with locks.exclusive(project.var / "locks", "supervisor", seconds):
        if not is_running(project):
            left_behind.stop(project)
            for port in (project.settings.gateway_port, project.settings.supervisor_port):
                _must_be_free(port)
            _start(project)
    log = log_of(project, "supervisor")
    deadline = time.monotonic() + seconds
    while not _answers(project):
        if not is_running(project) or time.monotonic() > deadline:
            raise UnavailableError(f"the supervisor did not start:\n{waiting.tail(log)}")
        time.sleep(waiting.STEP_SECONDS)
    for slot in Ledger.of(project).slots():
        if slot.state == "proven" and slot.model in project.models:
            name = slot_watcher(slot)
            waiting.until_ready(slot.port, name, seconds, log_of(project, name))
    gateway = project.settings.gateway_port
    waiting.until_ready(gateway, GATEWAY, seconds, log_of(project, GATEWAY), "/livez")
    _until_freshening(project, seconds)
    return status(project)


def up_airflow(project: Project, seconds: float = airflow_processes.SECONDS) -> dict[str, str]:
    """Start Airflow under the running supervisor and wait until it is healthy. Twice is once."""
    with locks.exclusive(project.var / "locks", "airflow-up", seconds):
        if airflow_processes.unhealthy(project):
            if _airflow_states(project) == {"stopped"}:
                _must_be_free(project.settings.airflow_port)
            airflow_processes.migrate(project, log_of(project, "airflow-db"))
            for name in airflow_processes.COMPONENTS:
                ask(project, "start", name=name, waiting=True)
        airflow_processes.until_ready(project, lambda: is_running(project), seconds)
    return status(project)


def _airflow_states(project: Project) -> set[str]:
    return {state for name, state in status(project).items() if name.startswith("airflow-")}


def down(project: Project, seconds: float = 30) -> bool:
    """Stop everything that `up` started, by its process id; False when nothing ran."""
    pid = _pid(project)
    if pid is not None:
        left_behind.send(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while pid is not None and _pid(project) == pid:
        if time.monotonic() > deadline:
            left_behind.send(pid, signal.SIGKILL)
        time.sleep(waiting.STEP_SECONDS)
    _pid_file(project).unlink(missing_ok=True)
    return left_behind.stop(project) > 0 or pid is not None


def status(project: Project) -> dict[str, str]:
    """Per supervised process `active`, `stopped`, …; empty when nothing runs."""
    if not is_running(project):
        return {}
    found: dict[str, str] = ask(project, "status")["statuses"]
    return {name: state for name, state in sorted(found.items()) if not name.startswith("circusd")}


def start_slot(project: Project, slot: Slot, version: str) -> Path:
    """Have the slot's server run `version`; returns its log file."""
    name = slot_watcher(slot)
    if not waiting.is_ready(slot.port) or waiting.running_version(slot.port) != version:
        ask(project, "stop", name=name, waiting=True)
        ask(project, "start", name=name, waiting=True)
    return log_of(project, name)


def start_freshening_anew(project: Project) -> None:
    """Have the freshener forget the events so far: what it is told next is the whole story."""
    marks = {
        source: Watermark(fresh_seq=last, needed_from=last + 1, begins_at=last + 1)
        for source, last in _last_seqs(project).items()
    }
    name = FRESHENER
    ask(project, "stop", name=name, waiting=True)
    record(project, marks)
    ask(project, "start", name=name, waiting=True)


def _until_freshening(project: Project, seconds: float) -> None:
    """Return as soon as the freshener follows the events, where there is one."""
    deadline = time.monotonic() + seconds
    while FRESHENER in status(project) and follower(project) not in pids(project, FRESHENER):
        if time.monotonic() > deadline:
            tail = waiting.tail(log_of(project, FRESHENER))
            raise UnavailableError(f"the freshener did not start within {seconds:g} s:\n{tail}")
        time.sleep(waiting.STEP_SECONDS)


def pids(project: Project, watcher: str) -> list[int]:
    """The processes that run for one of the supervisor's names; none while it starts."""
    found: list[int] = ask(project, "list", name=watcher)["pids"]
    return found


def start_freshening_again(project: Project) -> None:
    """Have the freshener read the definitions again, as a new version may need other views."""
    if FRESHENER in status(project):
        ask(project, "restart", name=FRESHENER, waiting=True)


def _last_seqs(project: Project) -> dict[str, int]:
    folder = project.var / "journal" / "events"
    return {each.name: last_seq(each) for each in sorted(folder.glob("*")) if each.is_dir()}


def _start(project: Project) -> None:
    log = log_of(project, "supervisor")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command("supervise"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=project.root,
            env=environment(project),
            start_new_session=True,
        )
    replace_text(_pid_file(project), f"{process.pid} {_started(process.pid)}")


def _answers(project: Project) -> bool:
    try:
        states = ask(project, "status", seconds=1)["statuses"]
    except UnavailableError:
        return False
    return all(
        states.get(name) == "active" for name in (GATEWAY, FRESHENER, CONTROLLER) if name in states
    )


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise UnavailableError(
                f"port {port} is taken by another process; free it, or set "
                "PERENNIAL_GATEWAY_PORT, PERENNIAL_SUPERVISOR_PORT, PERENNIAL_SLOT_PORT and "
                "PERENNIAL_AIRFLOW_PORT"
            ) from error
