"""Who listens where, asked of the kernel for each process that runs, not of what is declared."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass

import psutil
import pytest

from .conftest import World

pytestmark = [pytest.mark.serving, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Door:
    """A socket that takes what others send."""

    process: str
    address: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether no other machine reaches it."""
        return ipaddress.ip_address(self.address).is_loopback


def doors(pid: int) -> set[Door]:
    """The listening TCP sockets and unconnected UDP sockets of a process; none when it has gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        name = " ".join(process.cmdline())[:120]
        return {
            Door(name, each.laddr.ip, each.laddr.port)
            for each in process.net_connections(kind="inet")
            if each.laddr
            and (
                each.status == psutil.CONN_LISTEN
                or (each.type == socket.SOCK_DGRAM and not each.raddr)
            )
        }
    return set()


def test_a_door_to_other_machines_is_seen() -> None:
    with socket.socket() as here, socket.socket(type=socket.SOCK_DGRAM) as heard:
        here.bind(("127.0.0.1", 0))
        here.listen()
        heard.bind(("127.0.0.1", 0))
        found = {door.port: door for door in doors(psutil.Process().pid)}
        assert {here.getsockname()[1], heard.getsockname()[1]} <= found.keys()
        assert found[here.getsockname()[1]].is_loopback
    for address in ("0.0.0.0", "::", "10.0.0.1", "fe80::1"):
        assert not Door("x", address, 80).is_loopback


@pytest.mark.slow
def test_every_process_of_a_project_listens_on_loopback_only(served: World) -> None:
    supervisor = served.supervisor()
    below = [each.pid for each in supervisor.children(recursive=True)]
    found = served.processes()
    assert supervisor.pid in found
    pids = {*below, *found}
    open_doors = {door for pid in pids for door in doors(pid)}
    ports = {door.port for door in open_doors}
    for name in ("GATEWAY", "SUPERVISOR", "SLOT"):
        port = int(served.environment[f"PERENNIAL_{name}_PORT"])
        assert port in ports, f"{name} is not listened on, so that nothing is shown"
    assert [door for door in open_doors if not door.is_loopback] == []
