"""The supervisor: one process that keeps gateway, freshener and slots running (by circus)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perennial.declare.project import Project
from perennial.deploy import airflow_processes, left_behind
from perennial.deploy.slot_process import command, environment
from perennial.keep.ledger import Ledger, Slot

GATEWAY, FRESHENER, CONTROLLER = "gateway", "freshener", "controller"


def endpoints(project: Project) -> tuple[str, str]:
    """The supervisor's control and event addresses, on loopback."""
    port = project.settings.supervisor_port
    return f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{port + 1}"


def slot_watcher(slot: Slot) -> str:
    """The supervisor's name for a slot's server."""
    return f"slot-{slot.model}-{slot.slot}"


def log_of(project: Project, watcher: str) -> Path:
    """Where a supervised process writes."""
    return project.var / "logs" / f"{watcher}.log"


def watchers(project: Project) -> list[dict[str, Any]]:
    """What is supervised: slots, gateway, release controller, the freshener where events come."""
    ledger = Ledger.of(project)
    for model in project.models:
        ledger.reserve(model, project.settings.slot_port)
    found = [
        _watcher(
            project,
            slot_watcher(slot),
            ["slot", "--model", slot.model, "--slot", slot.slot],
            autostart=slot.state in ("assigned", "proven"),
        )
        for slot in ledger.slots()
        if slot.model in project.models
    ]
    found.append(_watcher(project, GATEWAY, ["gateway"]))
    found.append(_watcher(project, CONTROLLER, ["controller"]))
    if any(source.land.events for source in project.sources.values()):
        found.append(_watcher(project, FRESHENER, ["freshen"]))
    if airflow_processes.is_declared(project):  # `up --airflow` starts them
        found += [
            _watcher(project, name, ["airflow", "--", *arguments], autostart=False)
            for name, arguments in airflow_processes.COMPONENTS.items()
        ]
    return found


def run(project: Project) -> None:
    """Be the supervisor until told to quit; its children end with it."""
    from perennial.deploy.patient_arbiter import arbiter

    control, events = endpoints(project)
    (project.var / "logs").mkdir(parents=True, exist_ok=True)
    arbiter(watchers(project), control, events).start()


def _watcher(
    project: Project, name: str, arguments: list[str], autostart: bool = True
) -> dict[str, Any]:
    program, *rest = command(*arguments)
    output = {
        "class": "FileStream",
        "filename": str(log_of(project, name)),
        "max_bytes": 10_000_000,
    }
    return {
        "name": name,
        "cmd": program,
        "args": rest,
        "env": {**environment(project), **left_behind.mark(project)},
        "working_dir": str(project.root),
        "autostart": autostart,
        "respawn": True,
        "graceful_timeout": 10,
        "stop_children": True,
        "stdout_stream": {**output, "backup_count": 2},
        "stderr_stream": {**output, "backup_count": 2},
    }
