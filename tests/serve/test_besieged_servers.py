"""Rows 15, 16 and 18 against the real servers: poison, floods, and addresses to be called."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from perennial.keep.journal import read

from . import test_servers
from .conftest import MODEL, QUESTION
from .poison import Poison, must_be_plain, poisons, urls_to
from .test_servers import JSON, Server, Servers

pytestmark = [pytest.mark.serving, pytest.mark.faults]

MOST_GROWN_BYTES = 50_000_000
STATUSES: Counter[int] = Counter()

besieged = test_servers.servers


@pytest.fixture(autouse=True)
def unharmed(besieged: Servers) -> Iterator[None]:
    """The same two processes answer afterwards, and neither log tells of an exception."""
    both = (besieged.gateway, besieged.slot)
    pids = [each.process.pid for each in both]
    yield
    assert besieged.gateway.post("/predict", QUESTION)["model"] == MODEL
    assert [each.process.pid for each in both] == pids
    assert [each.process.poll() for each in both] == [None, None]
    for each in both:
        assert "Traceback" not in each.log.read_text()


@pytest.fixture(scope="module")
def lines(besieged: Servers) -> Iterator[dict[str, http.client.HTTPConnection]]:
    """One connection to each server, which no poison may break."""
    found = {
        name: http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        for name, server in (("gateway", besieged.gateway), ("slot", besieged.slot))
    }
    for each in found.values():
        each.connect()
        each.auto_open = 0
    yield found
    for each in found.values():
        each.close()


def asked(line: http.client.HTTPConnection, place: str, body: bytes) -> tuple[int, bytes]:
    line.request("POST", place, body, JSON)
    response = line.getresponse()
    return response.status, response.read()


@settings(
    max_examples=120, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(poisons())
def test_no_poison_is_answered_with_a_5xx_by_either_server(
    lines: dict[str, http.client.HTTPConnection], poison: Poison
) -> None:
    slots_place = "/explain" if poison.place == "/explain" else "/predict"
    for body in poison.bodies:
        status, told = asked(lines["gateway"], poison.place, body)
        assert status in (200, 400, 422), (poison, status, told)
        assert json.loads(told)
        STATUSES[status] += 1
        status, told = asked(lines["slot"], slots_place, body)
        assert status in (400, 422), (poison, status, told)


def test_nothing_of_the_poison_was_journaled_as_a_feature(besieged: Servers) -> None:
    if STATUSES:  # empty when this test is run alone
        assert STATUSES.total() >= 500
        assert min(STATUSES[each] for each in (200, 400, 422)) > 10, "poison of every depth"
    must_be_plain(besieged.journaled())
    told = set()
    for entry in read(besieged.project.var / "journal" / "predictions"):
        if entry.content["kind"] == "refusal":
            told |= entry.content.keys()
    assert not told & {"features", "request", "body"}, "a refusal tells nothing of what was asked"


def test_addresses_in_the_input_are_called_by_neither_server(
    lines: dict[str, http.client.HTTPConnection], listener: tuple[int, list[Any]]
) -> None:
    port, called = listener
    for url in urls_to(port):
        for content in ({**QUESTION, "shop": url}, {"url": url}, {"$ref": url}):
            body = json.dumps(content).encode()
            assert asked(lines["gateway"], "/predict", body)[0] in (200, 422)
        for columns in ({"shop": [url]}, url):
            assert asked(lines["slot"], "/predict", json.dumps({"columns": columns}).encode())[0]
    assert called == []


def flood(server: Server, head: bytes, chunk: bytes, n: int) -> tuple[bytes, int]:
    """Send a request with `n` chunks; the answer's beginning, and by how much the server grew."""
    before = most = server.resident_bytes()
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n" + head)
        try:
            for each in range(n):
                connection.sendall(chunk)
                if each % 50 == 0:
                    most = max(most, server.resident_bytes())
            connection.sendall(b"0\r\n\r\n")
        except OSError:
            pass  # the server may hang up while we still send; what it said is still there
        answer = connection.recv(100)
    return answer, max(most, server.resident_bytes()) - before


def test_a_body_without_end_is_cut_off_and_costs_no_memory(besieged: Servers) -> None:
    head = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for server, n in ((besieged.gateway, 16_000), (besieged.slot, 16_000)):  # a gigabyte
        answer, grown = flood(server, head, chunk, n)
        assert answer.startswith(b"HTTP/1.1 413"), answer
        assert grown < MOST_GROWN_BYTES


def test_a_multipart_bomb_is_not_even_opened(besieged: Servers) -> None:
    """A hundred megabytes of parts with nothing in them, and one part with endless headers."""
    part = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n\r\n'
    head = b"Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n"
    for parts in (part * 1000, b"X-More: " + b"x" * 50_000 + b"\r\n"):
        chunk = b"%x\r\n%s\r\n" % (len(parts), parts)
        for server in (besieged.gateway, besieged.slot):
            answer, grown = flood(server, head, chunk, 1500)
            assert answer.startswith(b"HTTP/1.1 415"), answer
            assert grown < MOST_GROWN_BYTES


@pytest.mark.slow
def test_bodies_that_trickle_are_given_up_while_others_are_answered(besieged: Servers) -> None:
    gateway = besieged.gateway
    before, begun = gateway.resident_bytes(), time.monotonic()
    connections = []
    for _ in range(100):
        connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 900000\r\n\r\n{" + b" " * 100_000
        )
        connections.append(connection)
    gateway.post("/predict", QUESTION)
    assert time.monotonic() - begun < 5
    most = gateway.resident_bytes()
    for connection in connections:
        assert connection.recv(100).startswith(b"HTTP/1.1 408")
        connection.close()
    assert 9 < time.monotonic() - begun < 20
    assert max(most, gateway.resident_bytes()) - before < MOST_GROWN_BYTES


def test_resident_bytes_are_those_of_the_server(besieged: Servers) -> None:
    """That the measure can see 50 MB at all: the gateway's own libraries are more."""
    assert besieged.gateway.resident_bytes() > MOST_GROWN_BYTES
    assert Path(f"/proc/{besieged.gateway.process.pid}/cmdline").read_bytes().count(b"worker") == 1
