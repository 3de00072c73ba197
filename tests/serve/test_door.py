"""Who gets in: every route of every process against every kind of bad credential."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.errors import DeclarationError
from perennial.keep import api_keys
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import audit
from perennial.keep.scopes import PUBLIC, SCOPES, Scope
from perennial.serve.authenticating import access_of, must_be_safe

from .conftest import MODEL, QUESTION, SALE, Bakery, FakeSlot, settings, write_text, write_version

BENTOFILES = Path(__file__).parents[2] / "bentofiles"
OURS = {
    "/predict", "/predict/{model}", "/explain", "/explain/{model}", "/feedback",
    "/feedback/{model}", "/events/{source}", "/openapi.json",
}  # fmt: skip


def open_door(project: Project, **declared: Any) -> None:
    """Declare the gateway."""
    write_text(project.root / "bentofiles" / "gateway.yaml", json.dumps(declared))
    project.__dict__.pop("gateway", None)


class Keys:
    """Tokens of every kind, good and bad."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.good = {scope: self.make(scope) for scope in SCOPES}

    def make(self, *scopes: Scope, **how: timedelta) -> str:
        return api_keys.create(self.ledger, "test", scopes, "test", **how)[1]

    def bad(self) -> dict[str, list[list[str]]]:
        """Headers of whoever should be told nothing."""
        good = self.good["predict"]
        key_id, secret = good.split(".")
        stored = api_keys.find(self.ledger, key_id).hash
        revoked = self.make(*SCOPES)
        api_keys.revoke(self.ledger, revoked.split(".")[0], "test", "lost")
        rotated = self.make(*SCOPES)
        api_keys.rotate(self.ledger, rotated.split(".")[0], "test", timedelta(minutes=-1))
        values = {
            "empty": "",
            "no kind": good,
            "basic": "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode(),
            "digest": f"Digest {good}",
            "nothing": "Bearer ",
            "id alone": f"Bearer {key_id}",
            "secret alone": f"Bearer {secret}",
            "wrong secret": f"Bearer {key_id}.{'x' * len(secret)}",
            "shortened": f"Bearer {good[:-1]}",
            "lengthened": f"Bearer {good}x",
            "another's secret": f"Bearer {key_id}.{self.good['admin'].split('.')[1]}",
            "unknown": f"Bearer 0123456789ab.{secret}",
            "the hash": f"Bearer {key_id}.{stored}",
            "expired": f"Bearer {self.make(*SCOPES, expires_in=timedelta(seconds=-11))}",
            "revoked": f"Bearer {revoked}",
            "rotated away": f"Bearer {rotated}",
            "alg none": f"Bearer {forged('none', b'')}",
            "signed with the hash": f"Bearer {forged('HS256', stored.encode())}",
            "long": "Bearer " + "x" * 100_000,
            "latin": "Bearer \xff\xfe.\xff",
            "two in one": f"Bearer {good}, Bearer {good}",
        }
        headers = {name: [["authorization", value]] for name, value in values.items()}
        twice = [["authorization", f"Bearer {good}"], ["authorization", f"Bearer {secret}"]]
        return {
            "none": [],
            "cookie": [["cookie", f"token={good}"]],
            "x-api-key": [["x-api-key", good]],
            "given twice": twice,
            **headers,
        }


def forged(algorithm: str, secret: bytes) -> str:
    """A JSON web token that claims everything."""

    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    signed = f"{part({'alg': algorithm})}.{part({'scopes': SCOPES, 'sub': 'admin'})}"
    mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest() if secret else b""
    return f"{signed}.{base64.urlsafe_b64encode(mac).decode()}"


class Asking:
    """A process that asks every route of a service with each set of headers, and tells."""

    def __init__(self, project: Project, service: Path, given: dict[str, list[list[str]]]) -> None:
        counters = project.var / "counters" / service.name
        counters.mkdir(parents=True, exist_ok=True)
        clean = {name: value for name, value in os.environ.items() if "PROMETHEUS" not in name}
        environment = {
            **clean,
            "PERENNIAL_PROJECT": str(project.root),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BENTOML_HOME": str(project.var / "bentoml"),
            "PROMETHEUS_MULTIPROC_DIR": str(counters),
            "OTEL_SDK_DISABLED": "true",  # half of the time of a request that is refused
        }
        program = Path(__file__).with_name("every_route.py")
        self._log = project.root / f"{service.name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "ignore", str(program), str(service)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=environment,
            )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(given))
        self._process.stdin.close()
        self._process.stdin = None

    def found(self) -> dict[str, Any]:
        """The routes, and what each answered."""
        try:
            told, _ = self._process.communicate(timeout=120)
        finally:
            self._process.kill()
        assert self._process.returncode == 0, self._log.read_text()[-3000:]
        found: dict[str, Any] = json.loads(told.splitlines()[-1])
        return found


@dataclass
class EveryRoute:
    """What all routes of the gateway with keys, and of a slot, answer."""

    bad: set[str]
    gateway: dict[str, Any]
    slot: dict[str, Any]

    def told(self, names: Iterable[str]) -> list[list[Any]]:
        """The gateway's answers to some of the sets of headers."""
        return [each for each in self.gateway["answers"] if each[2] in names]


@pytest.fixture(scope="module")
def every_route(bakery: Path, tmp_path_factory: pytest.TempPathFactory) -> EveryRoute:
    """One process for the gateway and one for a slot, side by side, for all that is asked."""
    root = tmp_path_factory.mktemp("locked") / "bakery"
    shutil.copytree(bakery, root)
    project = Project(root, settings())
    open_door(project, access="keys")
    shutil.copytree(BENTOFILES / "gateway", root / "bentofiles" / "gateway")
    shutil.copytree(BENTOFILES / "predictor", root / "predictor")
    write_version(root / "predictor")
    keys = Keys(Ledger.of(project))
    bad = keys.bad()
    good = {scope: [["authorization", f"Bearer {token}"]] for scope, token in keys.good.items()}
    assert not bad.keys() & good.keys()
    asking = [
        Asking(project, root / "bentofiles" / "gateway", {**bad, **good}),
        Asking(project, root / "predictor", {"nobody": []}),
    ]
    gateway, slot = (each.found() for each in asking)
    return EveryRoute(set(bad), gateway, slot)


@pytest.mark.faults
@pytest.mark.serving
def test_no_bad_credential_opens_any_route_of_the_gateway(every_route: EveryRoute) -> None:
    routes, bad = set(every_route.gateway["routes"]), every_route.bad
    assert routes >= OURS
    assert {"/metrics", "/", "/schema.json", *PUBLIC} <= routes, "BentoML's too"
    answers = every_route.told(bad)
    assert len(answers) > 20 * 9 * len(bad)
    bodies = set()
    for method, path, name, status, headers, body in answers:
        told = (method, path, name, status, body)
        assert headers["x-content-type-options"] == "nosniff", told
        assert headers["cache-control"] == "no-store", told
        assert not any(each.lower() == "server" for each in headers), told
        if path in PUBLIC:
            assert status < 500 or path == "/readyz", told
            assert len(body) < 200, told
            continue
        assert status == 401, told
        assert headers["www-authenticate"] == 'Bearer realm="perennial"', told
        bodies.add(body)
    assert len(bodies) == 1, "one answer to all of them: nobody learns which part was wrong"


@pytest.mark.faults
@pytest.mark.serving
def test_a_key_opens_what_its_scope_says_and_nothing_else(every_route: EveryRoute) -> None:
    answers = every_route.told(SCOPES)
    assert len(answers) > 20 * 9 * len(SCOPES)
    opens = {
        "predict": {"predict"}, "explain": {"predict"}, "rank": {"predict"},
        "feedback": {"feedback"}, "events": {"feedback"}, "metrics": {"metrics", "admin"},
        "openapi.json": {"predict", "feedback", "admin"}, "admin": {"admin"},
    }  # fmt: skip
    for method, path, scope, status, _, body in answers:
        told = (method, path, scope, status, body)
        if path in PUBLIC:
            continue
        may = opens.get(path[1:].split("/")[0]) if path.startswith("/") else None
        if may is None:
            assert status == 404, told  # BentoML's own pages among them
        elif scope not in may:
            assert status == 403, told
        else:
            assert status not in (401, 403), told


SLOTS = {"/predict", "/explain", "/version"}
BENTOS = {
    "/livez", "/healthz", "/readyz", "/metrics", "/schema.json", "/docs.json", "/",
    "/static_content/x", "/assets/x",
}  # fmt: skip


@pytest.mark.faults
@pytest.mark.serving
def test_a_slot_has_no_route_that_could_change_anything(every_route: EveryRoute) -> None:
    found = every_route.slot
    assert SLOTS <= set(found["routes"]) <= SLOTS | BENTOS
    for method, path, _, status, _, body in found["answers"]:
        if status < 300 and path not in BENTOS:
            assert method in ("GET", "HEAD", "OPTIONS"), (method, path, body)


@pytest.mark.faults
def test_slots_and_the_supervisor_listen_on_loopback_only(project: Project) -> None:
    from perennial.deploy import supervisor

    assert Settings(project=None).slot_bind == "127.0.0.1"
    assert Settings(project=None).host == "127.0.0.1"
    assert all(re.match(r"tcp://127\.0\.0\.1:\d+$", each) for each in supervisor.endpoints(project))


# The door itself, in process


@pytest.fixture
def make_locked(project: Project, slot: FakeSlot) -> Iterator[Callable[..., tuple[Bakery, Keys]]]:
    """A function that opens the gateway with keys, and more declared of it."""
    opened: list[Bakery] = []

    def make(**declared: Any) -> tuple[Bakery, Keys]:
        open_door(project, **{"access": "keys", **declared})
        opened.append(Bakery(project, slot))
        return opened[-1], Keys(opened[-1].ledger)

    yield make
    for each in opened:
        each.close()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_key_is_answered_and_its_day_of_use_kept(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, keys = make_locked()
    assert gateway.post("/predict", QUESTION).status == 401
    reply = gateway.post("/predict", QUESTION, **bearer(keys.good["predict"]))
    assert reply.status == 200
    assert gateway.post("/events/sales", SALE, **bearer(keys.good["feedback"])).status == 200
    gateway.runner.run(gateway.gateway.guard.close())
    used = {key.id: key.last_used for key in api_keys.all_keys(keys.ledger)}
    assert used[keys.good["predict"].split(".")[0]] is not None
    assert used[keys.good["admin"].split(".")[0]] is None


def test_the_kind_may_be_written_in_any_case(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, keys = make_locked()
    for kind in ("bearer", "BEARER", "Bearer "):
        token = f"{kind} {keys.good['predict']}"
        assert gateway.post("/predict", QUESTION, authorization=token).status == 200


def test_what_is_refused_at_the_door_is_not_read_and_leaves_no_line_of_its_own(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, _ = make_locked()
    for _ in range(30):
        assert gateway.post("/predict", (b"x" * 2_000_000,), "text/plain").status == 401
    gateway.until(lambda: gateway.gateway.guard.keys is not None)
    folder = gateway.project.var / "journal" / "predictions"
    assert not any(path.read_bytes() for path in folder.glob("*.jsonl"))


def test_who_asks_too_often_waits_and_nobody_else(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, keys = make_locked(rate={"per_second": 0.01, "burst": 2})
    first, second = bearer(keys.good["predict"]), bearer(keys.make("predict"))
    replies = [gateway.post("/predict", QUESTION, **first) for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[2].error["code"] == "too_often"
    assert 90 <= int(replies[2].headers["retry-after"]) <= 100
    assert gateway.post("/predict", QUESTION, **second).status == 200


def test_denied_calls_of_the_admin_paths_are_on_record_and_bounded(
    make_locked: Callable[..., tuple[Bakery, Keys]],
) -> None:
    gateway, keys = make_locked()
    owner = keys.good["predict"].split(".")[0]
    assert gateway.post(f"/admin/release/{MODEL}/abort", {}).status == 401
    for _ in range(300):
        gateway.post(f"/admin/release/{MODEL}/abort", {}, **bearer(keys.good["predict"]))
    gateway.runner.run(gateway.gateway.guard.close())
    with gateway.ledger.engine.connect() as connection:
        query = select(audit).where(audit.c.action == "denied").order_by(audit.c.id)
        rows = connection.execute(query).all()
    assert rows[0].actor == "nobody"
    assert rows[0].subject == f"/admin/release/{MODEL}/abort"
    assert {row.actor for row in rows[1:]} == {f"key {owner}"}
    assert len(rows) <= 22
    assert sum(json.loads(row.detail)["n_since_last_row"] for row in rows) == 301


def test_nobody_comes_in_by_websocket(make_locked: Callable[..., tuple[Bakery, Keys]]) -> None:
    gateway, keys = make_locked()
    came: list[Any] = []

    async def ask() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            came.append(message)

        header = (b"authorization", f"Bearer {keys.good['admin']}".encode())
        await gateway.app({"type": "websocket", "path": "/x", "headers": [header]}, receive, send)

    gateway.runner.run(ask())
    assert [each["type"] for each in came] == ["websocket.close"]


def from_address(gateway: Bakery, client: str, path: str = "/predict", **headers: str) -> int:
    """The status that a client of this address gets."""

    async def ask() -> int:
        inner, came = gateway.app, []

        async def receive() -> Any:
            return {"type": "http.request", "body": json.dumps(QUESTION).encode()}

        async def send(message: Any) -> None:
            came.append(message)

        given = {"content-type": "application/json", **headers}
        scope = {
            "type": "http", "method": "POST", "path": path, "raw_path": path.encode(),
            "query_string": b"", "client": (client, 9),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        await inner(scope, receive, send)
        return int(came[0]["status"])

    return gateway.runner.run(ask())


def test_without_keys_only_this_machine_is_answered(gateway: Bakery) -> None:
    for client in ("127.0.0.1", "127.0.0.9", "::1"):
        assert from_address(gateway, client) == 200
    for client in ("10.0.0.1", "169.254.1.1", "192.168.1.2", "fe80::1", "8.8.8.8", "elsewhere"):
        assert from_address(gateway, client) == 403


def test_without_keys_no_page_of_another_site_is_answered(gateway: Bakery) -> None:
    for origin in ("http://127.0.0.1:3000", "http://localhost:8080", "http://[::1]:3000"):
        assert from_address(gateway, "127.0.0.1", origin=origin) == 200
    for origin in ("http://bakery.example", "null", "", "http://127.0.0.1.example", "http://["):
        assert from_address(gateway, "127.0.0.1", origin=origin) == 403


def test_without_keys_a_rate_is_kept_per_address(project: Project, slot: FakeSlot) -> None:
    open_door(project, access="local", rate={"per_second": 0.01, "burst": 1})
    gateway = Bakery(project, slot)
    try:
        statuses = [from_address(gateway, each) for each in ("127.0.0.1", "127.0.0.2") * 2]
        assert statuses == [200, 200, 429, 429]
    finally:
        gateway.close()


# Where keys may be left out


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org", ""])
def test_without_keys_the_gateway_does_not_listen_to_other_machines(
    project: Project, host: str
) -> None:
    wide = Project(project.root, settings().model_copy(update={"host": host}))
    with pytest.raises(DeclarationError) as told:
        must_be_safe(wide)
    assert "PERENNIAL_HOST" in str(told.value)
    assert "bentofiles/gateway.yaml" in str(told.value)
    keyed = {"host": host, "gateway_access": "keys"}
    must_be_safe(Project(project.root, settings().model_copy(update=keyed)))


def test_the_command_says_so_before_it_listens(project: Project) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perennial.cli", "gateway"],
        env={**os.environ, "PERENNIAL_PROJECT": str(project.root), "PERENNIAL_HOST": "0.0.0.0"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == DeclarationError.exit_code
    assert "PERENNIAL_HOST is 0.0.0.0" in done.stderr
    assert "access: local" in done.stderr


def test_a_machine_can_only_be_stricter_than_what_is_declared(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perennial.declare.declared import read_settings

    open_door(project, access="keys")
    monkeypatch.setenv("PERENNIAL_GATEWAY_ACCESS", "local")
    with pytest.raises(DeclarationError, match="PERENNIAL_GATEWAY_ACCESS"):
        read_settings()
    monkeypatch.setenv("PERENNIAL_GATEWAY_ACCESS", "keys")
    open_door(project, access="local")
    assert access_of(Project(project.root, read_settings())) == "keys"


def test_bounds_are_those_that_are_declared(project: Project, slot: FakeSlot) -> None:
    open_door(project, access="local", max_body_bytes=1000, max_depth=2, max_rows=3)
    gateway = Bakery(project, slot)
    label = {"prediction_id": "0" * 32, "label": 1}
    try:
        assert gateway.post("/predict", b" " * 1001).status == 413
        assert gateway.post("/predict", b"[[[]]]").status == 400
        for path, row in (("/predict", QUESTION), ("/events/sales", SALE), ("/feedback", label)):
            assert gateway.post(path, [row] * 3).status == 200
            assert "1 to 3 rows, got 4" in gateway.post(path, [row] * 4).error["message"]
    finally:
        gateway.close()
