"""Asks a server as fast as it answers: with wrk, or with a client of our own where there is none.

The client of our own is slower than wrk and takes a share of the two cores, so that its numbers are
only good for ratios; the report says which of the two it was.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

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


def drive(port: int, bodies: Path, seconds: float, connections: int) -> Load:
    """Post the bodies to /predict over kept connections."""
    if client() == "wrk":
        return _wrk(port, bodies, seconds, connections)
    return asyncio.run(_asyncio(port, bodies.read_bytes().splitlines(), seconds, connections))


def _wrk(port: int, bodies: Path, seconds: float, connections: int) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s"]
    command += ["-s", str(SCRIPT), f"http://127.0.0.1:{port}/predict", "--", str(bodies)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    found = orjson.loads(told.partition("RESULT ")[2].splitlines()[0])
    return Load(
        found["n"] / found["microseconds"] * 1e6,
        found["p50"] / 1000,
        found["p99"] / 1000,
        found["bad"] + found["broken"],
        found["n"],
    )


async def _asyncio(port: int, bodies: list[bytes], seconds: float, connections: int) -> Load:
    waited: list[float] = []
    n_errors = [0]
    began = time.perf_counter()
    await asyncio.gather(
        *(
            _caller(port, bodies[first::connections], began + seconds, waited, n_errors)
            for first in range(connections)
        )
    )
    spent = time.perf_counter() - began
    p50, p99 = np.quantile(waited, [0.5, 0.99]) * 1000
    return Load(len(waited) / spent, float(p50), float(p99), n_errors[0], len(waited))


async def _caller(
    port: int, bodies: list[bytes], until: float, waited: list[float], n_errors: list[int]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    n = 0
    while (began := time.perf_counter()) < until:
        body = bodies[n % len(bodies)]
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        told = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(told)
        await reader.readexactly(int(found[1]) if found else 0)
        waited.append(time.perf_counter() - began)
        n_errors[0] += not told.startswith(b"HTTP/1.1 200")
        n += 1
    writer.close()
