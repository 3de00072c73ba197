"""Asks a server as fast as it answers: with wrk, or with a client of our own where there is none.

The client of our own is slower than wrk and takes a share of the two cores, so that its numbers are
only good for ratios; the report says which of the two it was.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from serving.servers import Server

SCRIPT = Path(__file__).with_name("post.lua")
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Load:
    """What one round measured."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    n_errors: int
    n_answers: int


def client() -> str:
    """Which client drives."""
    return "wrk" if shutil.which("wrk") else "asyncio"


def drive(server: Server, seconds: float, connections: int) -> Load:
    """Post the questions to /predict over kept connections."""
    drives = _wrk if client() == "wrk" else _asyncio
    return drives(server, seconds, connections)


def _wrk(server: Server, seconds: float, connections: int) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    where = f"http://127.0.0.1:{server.port}/predict"
    command += ["-s", str(SCRIPT), where, "--", str(server.questions)]
    environment = {**os.environ, "BENCHMARK_TOKEN": server.token or ""}
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120, env=environment
    ).stdout
    found = orjson.loads(told.partition("RESULT ")[2].splitlines()[0])
    return Load(
        found["n"] / found["microseconds"] * 1e6,
        found["p50"] / 1000,
        found["p99"] / 1000,
        found["bad"] + found["broken"],
        found["n"],
    )


def _asyncio(server: Server, seconds: float, connections: int) -> Load:
    return asyncio.run(_callers(server, seconds, connections))


async def _callers(server: Server, seconds: float, connections: int) -> Load:
    waited: list[float] = []
    n_errors = [0]
    messages = [_message(server, body) for body in server.questions.read_bytes().splitlines()]
    began = time.perf_counter()
    await asyncio.gather(
        *(
            _caller(server.port, messages[first::connections], began + seconds, waited, n_errors)
            for first in range(connections)
        )
    )
    spent = time.perf_counter() - began
    p50, p99 = np.quantile(waited, [0.5, 0.99]) * 1000
    return Load(len(waited) / spent, float(p50), float(p99), n_errors[0], len(waited))


def _message(server: Server, body: bytes) -> bytes:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    if server.token:
        head += b"Authorization: Bearer %s\r\n" % server.token.encode()
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def _caller(
    port: int, messages: list[bytes], until: float, waited: list[float], n_errors: list[int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    n = 0
    while (began := time.perf_counter()) < until:
        writer.write(messages[n % len(messages)])
        told = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(told)
        await reader.readexactly(int(found[1]) if found else 0)
        waited.append(time.perf_counter() - began)
        n_errors[0] += not told.startswith(b"HTTP/1.1 200")
        n += 1
    writer.close()
