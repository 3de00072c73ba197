"""A bakery: a small project whose gateway is asked in process, and a slot that says anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sqlalchemy import update
from starlette.types import ASGIApp, Message

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep.journal import Entry, read
from perennial.keep.ledger import Ledger
from perennial.keep.ledger_tables import slots
from perennial.keep.partitions import partition
from perennial.keep.release_changes import Change, plan, start, transition
from perennial.keep.releases import Release, ReleaseKind
from perennial.serve.splitting import place

MODEL = "sells_out"
VERSION, OTHER = "0123456789ab", "ba9876543210"
NOON = datetime(2024, 5, 3, 12, tzinfo=UTC)
QUESTION = {"shop": "north", "oven": 1, "trays": 4, "baked_at": "2024-05-03T13:00:00Z"}
"""Asked an hour before `baked_at`: at noon, when everything below is fresh."""

SALE = {"sale_id": "s1", "schema": "till", "sold_at": "2024-05-03T11:00:00Z", "amount": 3}

SOURCES = {
    "version": 2,
    "sources": [
        {
            "name": "raw",
            "tables": [
                {
                    "name": "sales",
                    "description": "One row per sale.",
                    "columns": [
                        {
                            "name": name,
                            "data_type": kind,
                            "constraints": [{"type": "not_null"}] if name == "sold_at" else [],
                        }
                        for name, kind in (
                            ("sale_id", "varchar"),
                            ("schema", "varchar"),  # a name that pydantic's classes have themselves
                            ("_till", "smallint"),
                            ("sold_at", "timestamptz"),
                            ("amount", "integer"),
                            ("price", "double"),
                            ("is_cash", "boolean"),
                            ("best_before", "date"),
                            ("receipt", "bigint"),
                        )
                    ],
                    "config": {
                        "meta": {
                            "land": {
                                "from": {"path": "in/sales.csv"},
                                "key": ["sale_id"],
                                "event_time": "sold_at",
                                "events": {"from": "int_sales", "moments": {"sold_at": []}},
                            }
                        }
                    },
                },
                {
                    "name": "shops",
                    "description": "One row per shop; nobody posts it.",
                    "columns": [{"name": "shop", "data_type": "varchar"}],
                    "config": {
                        "meta": {
                            "land": {
                                "from": {"path": "in/shops.csv"},
                                "key": ["shop"],
                                "static_from": date(2024, 1, 1),
                            }
                        }
                    },
                },
            ],
        }
    ],
}

DECLARED: dict[str, Any] = {
    "description": "Whether the bread of one baking is sold out by the evening.",
    "owner": "bakery",
    "task": "binary",
    "rows": {"mart": "bakings", "key": ["baking_id"]},
    "label": {
        "column": "is_sold_out",
        "known_at": "known_at",
        "positive": "sold out",
        "negative": "some left",
    },
    "features": MODEL,
    "request": {
        "asked": {"field": "baked_at", "minutes_before": 60},
        "fields": [
            {
                "name": "shop",
                "type": "string",
                "max_length": 20,
                "feature": True,
                "description": "The shop.",
                "example": "north",
            },
            {
                "name": "oven",
                "type": "integer",
                "minimum": 0,
                "required": False,
                "description": "The oven's number.",
                "example": 1,
            },
            {
                "name": "trays",
                "type": "number",
                "minimum": 0,
                "maximum": 100,
                "required": False,
                "feature": True,
                "description": "How many trays.",
                "example": 4,
            },
            {
                "name": "baked_at",
                "type": "timestamp",
                "description": "When the bread is ready.",
                "example": "2024-05-03T13:00:00Z",
            },
        ],
    },
    "train": {"parameters": {}},
    "judge": {
        "primary": "roc_auc",
        "metrics": ["roc_auc"],
        "baselines": [{"kind": "yesterday"}],
    },
    "serve": {"max_batch": 20, "timeout_ms": 1000, "n_reasons": 2},
}

DEFINITIONS = """
from datetime import timedelta

import pandas as pd
from feast import Entity, FeatureService, FeatureView, Field, FileSource, RequestSource, ValueType
from feast.data_format import ParquetFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int32, String, UnixTimestamp

shop = Entity(name="shop", join_keys=["shop"], value_type=ValueType.STRING)
oven = Entity(name="oven", join_keys=["oven"], value_type=ValueType.INT64)


def mart(name):
    return FileSource(
        name=name,
        path=f"../data/lake/checked/marts/{name}",
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )


shop_sales = FeatureView(
    name="shop_sales",
    entities=[shop],
    ttl=timedelta(hours=6),
    schema=[Field(name="sold_per_hour", dtype=Float64), Field(name="top_seller", dtype=String)],
    source=mart("shop_sales"),
)
ovens = FeatureView(
    name="ovens",
    entities=[oven],
    ttl=None,
    schema=[Field(name="degrees", dtype=Int32)],
    source=mart("ovens"),
)
when = RequestSource(name="when", schema=[Field(name="baked_at", dtype=UnixTimestamp)])


@on_demand_feature_view(
    sources=[when, ovens],
    schema=[Field(name="hour", dtype=Float64), Field(name="degrees_over_200", dtype=Float64)],
    mode="pandas",
)
def baking(inputs: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "hour": pd.to_datetime(inputs["baked_at"], utc=True).dt.hour.astype("float64"),
            "degrees_over_200": inputs["ovens__degrees"].astype("float64") - 200,
        }
    )


sells_out = FeatureService(name="sells_out", features=[baking, shop_sales])
"""

STORE = {
    "project": "bakery",
    "provider": "local",
    "registry": {"path": "../var/feast/registry.db"},
    "offline_store": {"type": "perennial.features.offline_store.AsofOfflineStore"},
    "online_store": {
        "type": "perennial.features.online_store.GuardedSqliteOnlineStore",
        "path": "../var/feast/online.db",
    },
    "entity_key_serialization_version": 3,
}


def settings() -> Settings:
    return Settings(project=None, mlflow_uri=None, ledger_url=None)


def write_text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def declare(project: Project, **changes: Any) -> None:
    """Write the model's declaration with some of its top-level fields changed."""
    content = yaml.safe_dump({**DECLARED, **changes})
    write_text(project.root / "models" / f"{MODEL}.yaml", content)
    project.__dict__.pop("models", None)


def write_marts(project: Project) -> None:
    moments = pa.array([NOON.replace(hour=10), NOON.replace(hour=3)], pa.timestamp("us", "UTC"))
    times = {"event_timestamp": moments, "created_timestamp": moments}
    marts = {
        "shop_sales": {
            "shop": ["north", "south"],  # the south's values are nine hours old at noon
            "sold_per_hour": [12.5, 3.0],
            "top_seller": ["rye", "wheat"],
        },
        "ovens": {"oven": [1, 2], "degrees": pa.array([230, 190], pa.int32())},
    }
    for name, columns in marts.items():
        file = partition(project.lake / "checked" / "marts" / name, NOON.date())
        file.parent.mkdir(parents=True)
        pq.write_table(pa.table({**columns, **times}), file)


@pytest.fixture(scope="session")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its features registered and in the online store; made once, then copied."""
    project = Project(tmp_path_factory.mktemp("bakery"), settings())
    write_text(project.root / "data" / "__sources.yml", yaml.safe_dump(SOURCES))
    write_text(project.root / "bentofiles" / "gateway.yaml", "access: local\n")
    write_text(project.feature_repo / "bakery_features.py", DEFINITIONS)
    write_text(project.feature_repo / "feature_store.yaml", yaml.safe_dump(STORE))
    declare(project)
    write_marts(project)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third parties' deprecations while Feast is imported
        from perennial.features.refill import refill
        from perennial.features.repository import register

        register(project)
        assert refill(project, NOON) == ["ovens", "shop_sales"]
    return project.root


@pytest.fixture
def project(bakery: Path, tmp_path: Path) -> Project:
    shutil.copytree(bakery, tmp_path / "bakery")
    return Project(tmp_path / "bakery", settings())


def write_version(folder: Path, seed: int = 3, is_upside_down: bool = False) -> str:
    """Write what a slot serves: a small fitted model and its reference rows; the version."""
    import numpy as np

    from perennial.declare.train import Train
    from perennial.learn import version_files
    from perennial.learn.contract import Evidence
    from perennial.learn.lightgbm_fitting import fit

    random, n = np.random.default_rng(seed), 400
    trays, sold = random.uniform(0, 60, n), random.uniform(0, 20, n)
    rows = pa.table(
        {
            "shop": random.choice(["north", "south"], n),
            "trays": trays,
            "baking__hour": random.integers(5, 15, n).astype(float),
            "baking__degrees_over_200": random.normal(10, 10, n),
            "shop_sales__sold_per_hour": sold,
            "shop_sales__top_seller": random.choice(["rye", "wheat"], n),
        }
    )
    labels = ((4 * sold - trays + random.normal(0, 5, n) > 0) != is_upside_down).astype(float)
    days = np.datetime64("2024-01-01") + np.arange(n) // 40
    declared = Train.model_validate(
        {
            "parameters": {"num_leaves": 7, "min_data_in_leaf": 5},
            "stopping": {"days": 3, "rounds": 5, "max_rounds": 30},
        }
    )
    learner = fit(Evidence(rows, labels, days), "binary", declared, lambda n: None).learner
    digest = version_files.write(folder / "model", learner.save(), {"training.json": b"{}"})
    reference = rows.slice(0, 20)
    columns = {name: reference[name].to_pylist() for name in reference.column_names}
    content = {"columns": columns, "scores": learner.predict(reference).tolist()}
    write_text(folder / "reference.json", json.dumps(content))
    return digest[:12]


def scored(columns: dict[str, list[Any]], verb: str = "predict") -> dict[str, Any]:
    """What a well-behaved slot says: the score is a hundredth of the trays, or a half."""
    n = len(columns["shop"])
    said: dict[str, Any] = {
        "version": VERSION,
        "scores": [0.5 if trays is None else trays / 100 for trays in columns["trays"]],
        "unknown": [
            [] if shop == "north" else [{"field": "shop", "value": shop}]
            for shop in columns["shop"]
        ],
    }
    if verb == "explain":
        reasons = [
            {"feature": name, "value": 1, "contribution": part}
            for name, part in (("trays", -2.0), ("shop", 1.0), ("baking__hour", 0.5))
        ]
        said |= {"base": -0.25, "reasons": [reasons] * n}
    return said


class FakeSlot:
    """A server that answers what `says` makes of a question: bytes, or a status and bytes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, list[Any]]]] = []
        self.says: Callable[[str, dict[str, list[Any]]], Any] = lambda verb, columns: scored(
            columns, verb
        )
        self.tells: Callable[[str], Any] = lambda path: {}
        slot = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                verb, columns = self.path[1:], orjson.loads(body)["columns"]
                slot.asked.append((verb, columns))
                said = slot.says(verb, columns)
                status, content = said if isinstance(said, tuple) else (200, said)
                content = content if isinstance(content, bytes) else json.dumps(content).encode()
                with contextlib.suppress(ConnectionError):  # the gateway may have given up
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def do_GET(self) -> None:
                content = json.dumps(slot.tells(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port: int = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def slot() -> Iterator[FakeSlot]:
    fake = FakeSlot()
    yield fake
    fake.stop()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The refusal, whose shape is always the same."""
        assert self.headers["content-type"] == "application/json"
        assert self.json.keys() == {"error"}
        error: dict[str, Any] = self.json["error"]
        assert error.keys() == {"code", "message", "mistakes"}
        return error


Body = bytes | tuple[bytes, ...]
"""A whole body, or one that comes in pieces, without a declared length."""


@dataclass
class Asker:
    """Asks an ASGI application in process, all in one event loop."""

    app: ASGIApp
    runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def post(
        self, path: str, body: Any, kind: str | None = "application/json", **headers: str
    ) -> Reply:
        content = body if isinstance(body, bytes | tuple) else orjson.dumps(body)
        return self.ask("POST", path, content, kind, **headers)

    def get(self, path: str) -> Reply:
        return self.ask("GET", path, b"", None)

    def ask(self, method: str, path: str, body: Body, kind: str | None, **headers: str) -> Reply:
        return self.runner.run(self.asked(method, path, body, kind, **headers))

    async def asked(
        self, method: str, path: str, body: Body, kind: str | None, **headers: str
    ) -> Reply:
        """One request."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {} if kind is None else {"content-type": kind}
        given |= {"content-length": str(len(body))} if isinstance(body, bytes) else {}
        pieces = [body] if isinstance(body, bytes) else [*body, b""]
        coming = iter(enumerate(pieces, start=1))
        came: list[Message] = []

        async def receive() -> Message:
            n, piece = next(coming, (0, b""))
            if not n:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": n < len(pieces)}

        async def send(message: Message) -> None:
            came.append(message)

        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
        }
        await self.app(scope, receive, send)
        start, *rest = came
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, b"".join(each.get("body", b"") for each in rest))


class Bakery(Asker):
    """The bakery's gateway with the fake slot behind it."""

    def __init__(self, project: Project, slot: FakeSlot) -> None:
        from perennial.serve.gateway import Gateway

        self.project, self.slot = project, slot
        self.ledger = Ledger.of(project)
        self.serve(VERSION)
        self.gateway = Gateway(project)
        super().__init__(self.gateway.app())

    def serve(self, version: str) -> None:
        """Let the fake slot be the one that serves."""
        (blue, _) = self.ledger.reserve(MODEL, self.slot.port)
        assert blue.port == self.slot.port
        self.ledger.set_slot(MODEL, "blue", version, "proven")
        self.ledger.route(MODEL, "blue", version, "for the test", "test")

    def predict(self, question: Any) -> Reply:
        return self.post("/predict", question)

    def journaled(self, kind: str = "answer") -> list[Entry]:
        entries = read(self.project.var / "journal" / "predictions")
        return [entry for entry in entries if entry.content["kind"] == kind]

    def until(self, is_so: Callable[[], bool], seconds: float = 20) -> None:
        """Let the gateway go on until something is so; it has to become so in time."""

        async def wait() -> None:
            deadline = time.monotonic() + seconds
            while not is_so():
                assert time.monotonic() < deadline
                await asyncio.sleep(0.005)

        self.runner.run(wait())

    def close(self) -> None:
        self.runner.run(self.gateway.close())
        self.runner.close()


@dataclass
class Trial:
    """A bakery with a release under way; the challenger's score is always 0.9."""

    bakery: Bakery
    challenger: FakeSlot
    kind: ReleaseKind = "canary"
    release: Release = field(init=False)

    def __post_init__(self) -> None:
        ledger = self.bakery.ledger
        with ledger.engine.begin() as connection:
            there = slots.c.slot == "green"
            connection.execute(update(slots).where(there).values(port=self.challenger.port))
        ledger.set_slot(MODEL, "green", OTHER, "proven")
        route = ledger.live(MODEL)
        assert route is not None
        told = {"night": "2024-05-03", "why": "for the test", "stable": route.champion}
        begun = plan(MODEL, OTHER, "green", kind=self.kind, **told)
        self.release = start(ledger, begun, "test")
        self.challenger.says = self.answer

    def answer(self, verb: str, columns: dict[str, list[Any]]) -> dict[str, Any]:
        """What a challenger says when all is well."""
        trays = columns.get("trays", [None] * len(columns["shop"]))
        said = scored({**columns, "trays": trays}, verb)
        return {**said, "version": OTHER, "scores": [0.9] * len(columns["shop"])}

    def move(self, weight: float = 0.0, shadow: float = 0.0) -> None:
        """Another share from now on, and the gateway knows it."""
        state = "canary" if weight else "shadow"
        change = Change(state, "step", "for the test", weight=weight, shadow=shadow)
        self.release = transition(self.bakery.ledger, self.release, change, "test")
        desk = self.bakery.gateway.desks[MODEL]
        desk.router._read_at = -float("inf")
        self.bakery.runner.run(desk._present())
        self.bakery.until(lambda: desk.versions.challenger(OTHER) is not None)

    def shops(self, variant: str, n: int = 1) -> list[str]:
        """Shops whose questions go to this variant at a weight of a half (`sticky_by` shop)."""
        names = (f"shop {number}" for number in range(1000))
        is_challenged = variant == "challenger"
        id_ = self.release.id
        found = [each for each in names if (place(id_, {"shop": each}) < 0.5) == is_challenged]
        return found[:n]

    def question(self, variant: str) -> dict[str, Any]:
        """A question that goes to this variant at a weight of a half."""
        return {**QUESTION, "shop": self.shops(variant)[0]}


@pytest.fixture
def make_trial(make_gateway: Callable[..., Bakery]) -> Iterator[Callable[..., Trial]]:
    """A function that begins a release with some weight and share of copies."""
    challengers: list[FakeSlot] = []

    def make(
        weight: float = 0.0,
        shadow: float = 0.0,
        kind: ReleaseKind = "canary",
        is_begun: bool = True,
        **changes: Any,
    ) -> Trial:
        challengers.append(FakeSlot())
        patient = {"serve": {**DECLARED["serve"], "timeout_ms": 5000}}  # both arms, when busy
        usual = {"release": {"sticky_by": ["shop"]}, **patient}
        bakery = make_gateway(**{**usual, **changes})
        trial = Trial(bakery, challengers[-1], kind)
        if is_begun:
            trial.move(weight, shadow)
        return trial

    yield make
    for each in challengers:
        each.stop()


@pytest.fixture
def trial(make_trial: Callable[..., Trial]) -> Trial:
    """A release that has half of the shops."""
    return make_trial(weight=0.5)


@pytest.fixture
def make_gateway(project: Project, slot: FakeSlot) -> Iterator[Callable[..., Bakery]]:
    """A function that opens the gateway, with some of the model's declaration changed."""
    opened: list[Bakery] = []

    def make(**changes: Any) -> Bakery:
        declare(project, **changes)
        opened.append(Bakery(project, slot))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def shared_gateway(bakery: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bakery]:
    """One gateway for a module's tests, which leave no trace in it."""
    root = tmp_path_factory.mktemp("shared") / "bakery"
    shutil.copytree(bakery, root)
    slot = FakeSlot()
    opened = Bakery(Project(root, settings()), slot)
    yield opened
    opened.close()
    slot.stop()


@pytest.fixture
def listener() -> Iterator[tuple[int, list[Any]]]:
    """A port that somebody might be made to call, and who did."""
    called: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def wait() -> None:
            while not stop.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                called.append(address)
                connection.close()

        thread = threading.Thread(target=wait)
        thread.start()
        yield server.getsockname()[1], called
        with socket.create_connection(server.getsockname()[:2], 5):
            pass  # what was waiting before this one has been taken by now
        stop.set()
        thread.join()


@pytest.fixture
def gateway(make_gateway: Callable[..., Bakery]) -> Bakery:
    return make_gateway()


def within(seconds: float, begun: float) -> bool:
    return time.monotonic() - begun < seconds
