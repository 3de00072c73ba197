"""Rows from an HTTP address, against a real server on loopback."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from perennial.errors import ContractBrokenError, DeclarationError, UnavailableError
from perennial.land import web

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A server that gives its listed answers in order, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server calls
                outer.asked.append(self.path)
                index = min(len(outer.asked), len(outer.answers)) - 1
                outer.answers[index](self)

            def log_message(self, *arguments: Any) -> None:
                """Stay quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on a free port; pauses between tries are short."""
    monkeypatch.setattr(web, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(web, "SILENCE_SECONDS", 0.3)
    server = Server()
    yield server
    server.close()


def says(body: bytes, status: int = 200, length: int | None = None) -> Answer:
    """An answer with this body; `length` is what its header promises."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def csv(shop: Any) -> bytes:
    text: str = shop.header + shop.order(1, "2013-03-01") + shop.order(2, "2013-03-01")
    return text.encode()


def test_an_address_lands(shop: Any, server: Server) -> None:
    server.answers = [says(csv(shop))]
    shop.declare(place={"url": f"{server.url}/orders.csv?of=march"})
    report = shop.land()
    assert shop.ids() == [1, 2]
    assert server.asked == ["/orders.csv?of=march"]
    assert report.files[0].file == f"{server.url}/orders.csv?of=march"
    assert report.files[0].bytes == len(csv(shop))


def test_a_compressed_answer_lands(shop: Any, server: Server) -> None:
    server.answers = [says(gzip.compress(csv(shop)))]
    shop.declare(place={"url": f"{server.url}/orders.csv.gz?x=1"})
    assert shop.land().n_landed == 2


@pytest.mark.parametrize("status", [404, 401, 204, 304])
def test_another_status_is_told_and_not_tried_again(shop: Any, server: Server, status: int) -> None:
    server.answers = [says(b"", status)]
    shop.declare(place={"url": server.url})
    with pytest.raises(UnavailableError, match=f"status {status}, accepted is 200"):
        shop.land()
    assert len(server.asked) == 1


def test_a_server_error_is_tried_again_a_bounded_number_of_times(shop: Any, server: Server) -> None:
    server.answers = [says(b"", 503)]
    shop.declare(place={"url": server.url})
    with pytest.raises(UnavailableError, match=r"status 503, accepted is 200 \(tried 3 times\)"):
        shop.land()
    assert len(server.asked) == 3


def test_a_later_try_may_succeed(shop: Any, server: Server) -> None:
    server.answers = [says(b"", 500), says(csv(shop), length=10_000), says(csv(shop))]
    shop.declare(place={"url": server.url})
    assert shop.land().n_landed == 2
    assert len(server.asked) == 3


def test_an_answer_that_ends_early_is_not_landed(shop: Any, server: Server) -> None:
    server.answers = [says(csv(shop), length=10_000)]
    shop.declare(place={"url": server.url})
    with pytest.raises(UnavailableError, match="bytes early"):
        shop.land()
    assert shop.days() == []


def test_a_silent_server_times_out(shop: Any, server: Server) -> None:
    server.answers = [lambda handler: time.sleep(1)]
    shop.declare(place={"url": server.url})
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="does not answer"):
        shop.land()
    assert time.monotonic() - began < 3


def test_a_server_that_drips_for_ever_times_out(
    shop: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TOTAL_SECONDS", 0.3)
    monkeypatch.setattr(web, "TRIES", 1)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(50):
                handler.wfile.write(b"x" * 70_000)
                time.sleep(0.1)
        except OSError:
            return  # the client has gone, as it should

    server.answers = [drip]
    shop.declare(place={"url": server.url})
    with pytest.raises(UnavailableError, match=r"not done after 0\.3 s"):
        shop.land()


def test_nobody_there_is_unavailable(shop: Any, server: Server) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shop.declare(place={"url": f"http://127.0.0.1:{port}/orders.csv"})
    with pytest.raises(UnavailableError, match="does not answer"):
        shop.land()


def test_an_error_page_is_no_delivery(shop: Any, server: Server) -> None:
    server.answers = [says(b"<html>Sorry</html>")]
    shop.declare(place={"url": server.url})
    with pytest.raises(ContractBrokenError, match="'id' is missing"):
        shop.land()


def test_a_token_from_the_environment_is_sent_and_never_shown(
    shop: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    shop.declare(place={"url": f"{server.url}/orders?token=${{SHOP_TOKEN}}"})
    server.answers = [says(csv(shop)), says(b"", 403)]
    report = shop.land()
    assert server.asked == ["/orders?token=s3cret"]
    assert "s3cret" not in report.model_dump_json() + str(shop.everything())
    with pytest.raises(UnavailableError) as caught:
        shop.land()
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_only_http_addresses_are_opened(shop: Any) -> None:
    shop.declare(place={"url": "file:///etc/hostname"})
    with pytest.raises(DeclarationError, match="must begin with http"):
        shop.land()
