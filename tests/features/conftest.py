"""The market, registered and filled once, then copied for each test that writes to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from perennial.declare.project import Project

from ..real_servers import Redis  # noqa: TID252  # tests are no installed package
from .market import NOON, STORE, declare, fill


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A market whose online store shows noon; not to be written to."""
    from perennial.features.refill import refill
    from perennial.features.repository import register

    project = declare(tmp_path_factory.mktemp("market") / "market")
    fill(project)
    register(project)
    refill(project, NOON)
    return project


@pytest.fixture
def market(prepared: Project, tmp_path: Path) -> Project:
    """A market of one's own."""
    shutil.copytree(prepared.root, tmp_path / "market")
    return Project(tmp_path / "market", prepared.settings)


@pytest.fixture(params=["sqlite", pytest.param("redis", marks=pytest.mark.redis)])
def any_market(request: pytest.FixtureRequest, market: Project) -> Project:
    """A market of one's own, once with SQLite and once with Redis as its online store."""
    if request.param == "redis":
        move_to_redis(market, request.getfixturevalue("redis_server"))
    return market


@pytest.fixture
def redis_market(market: Project, redis_server: Redis) -> Project:
    """A market of one's own whose online store is Redis."""
    return move_to_redis(market, redis_server)


def move_to_redis(market: Project, server: Redis) -> Project:
    """Have its online store be an empty Redis database, and fill that."""
    import redis

    from perennial.features.refill import refill

    with redis.Redis(port=server.port) as client:
        client.flushall()
    store = {
        "type": "perennial.features.online_redis.GuardedRedisOnlineStore",
        "connection_string": f"127.0.0.1:{server.port}",
    }
    file = market.feature_repo / "feature_store.yaml"
    file.write_text(yaml.safe_dump({**STORE, "online_store": store}), encoding="utf-8")
    refill(market, NOON)
    return market
