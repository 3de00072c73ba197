"""Real database servers on spare ports, for tests: PostgreSQL and Redis as Debian packs them."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

SECONDS = 30.0


@dataclass(frozen=True)
class Postgres:
    """A running server; each test has databases of its own in it."""

    port: int

    def url(self, database: str) -> str:
        """SQLAlchemy's address of a database, by psycopg."""
        return f"postgresql+psycopg://perennial@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database; its address."""
        with _connected(self.port) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)


@dataclass(frozen=True)
class Redis:
    """A running server with 16 databases."""

    port: int

    def url(self, number: int) -> str:
        """The address of one of its databases."""
        return f"redis://127.0.0.1:{self.port}/{number}"


def free_port() -> int:
    """A port on loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server in a folder of its own; skips the test where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    user = "postgres" if os.getuid() == 0 else None  # it refuses to be root
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if user:
        shutil.chown(folder, user, user)
    data, port = folder / "data", free_port()
    make = ["--username=perennial", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
    settings = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "max_connections": 200,
    }
    options = [f"--{name}={value}" for name, value in settings.items()]
    try:
        subprocess.run(
            [found[-1].with_name("initdb"), *make, data],
            check=True, capture_output=True, user=user, cwd=folder,
        )  # fmt: skip
        command = [str(found[-1]), "-D", str(data), *options]
        with _running(command, folder / "log", lambda: _answers(port), user):
            yield Postgres(port)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def redis(password: str = "") -> Iterator[Redis]:
    """A Redis server that keeps nothing on disk; skips the test where it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    port = free_port()
    options = [f"--port {port}", "--bind 127.0.0.1", "--save ''", "--appendonly no"]
    options += [f"--requirepass {password}"] if password else []
    command = [program, *(part for option in options for part in option.split())]
    with (
        tempfile.TemporaryDirectory(prefix="redis-") as folder,
        _running(command, Path(folder) / "log", lambda: _listens(port)),
    ):
        yield Redis(port)


@contextlib.contextmanager
def _running(
    command: list[str], log: Path, is_ready: Callable[[], bool], user: str | None = None
) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, user=user, cwd=log.parent
        )
    try:
        deadline = time.monotonic() + SECONDS
        while not is_ready():
            assert process.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < deadline, log.read_text(errors="replace")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(2)  # PostgreSQL's fast shutdown; Redis ends by it too
        process.wait(SECONDS)


def _connected(port: int) -> psycopg.Connection:
    where = f"host=127.0.0.1 port={port} user=perennial dbname=postgres"
    return psycopg.connect(where, autocommit=True)


def _answers(port: int) -> bool:
    """Whether PostgreSQL takes connections; it listens before it does."""
    with contextlib.suppress(psycopg.OperationalError), _connected(port):
        return True
    return False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
