"""Readers of the registry while another process writes it."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

WRITER = """
import sys
import feast
store = feast.FeatureStore(config=feast.RepoConfig(
    project="test", provider="local", entity_key_serialization_version=3,
    registry={"path": sys.argv[1], "registry_store_type": sys.argv[2]},
    online_store={"path": sys.argv[1] + ".online"},
    offline_store={"type": "perennial.features.offline_store.AsofOfflineStore"},
))
print("ready", flush=True)
for n in range(150):
    store.apply(feast.Entity(name="stop", value_type=feast.ValueType.STRING, description=str(n)))
"""
OURS = "perennial.features.registry_file.AtomicRegistryStore"


@pytest.fixture(scope="module")
def feast() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import feast
    return feast


def registry_of(feast: Any, path: Path) -> Any:
    from feast.infra.registry.registry import Registry
    from feast.repo_config import RegistryConfig

    config = RegistryConfig(path=str(path), registry_store_type=OURS, cache_ttl_seconds=600)
    return Registry("test", config, path.parent)


@pytest.mark.slow
def test_readers_always_find_a_whole_registry(feast: Any, tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    feast.FeatureStore(
        config=feast.RepoConfig(
            project="test",
            provider="local",
            entity_key_serialization_version=3,
            registry={"path": str(path), "registry_store_type": OURS},
            online_store={"path": str(tmp_path / "online.db")},
            offline_store={"type": "perennial.features.offline_store.AsofOfflineStore"},
        )
    ).apply(feast.Entity(name="stop", value_type=feast.ValueType.STRING))
    writer = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WRITER, str(path), OURS],
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        seen = set()
        while writer.poll() is None:
            seen.add(registry_of(feast, path).get_entity("stop", "test").description)
    assert writer.returncode == 0
    assert len(seen) > 10, "reading and writing overlapped"


def test_nothing_is_left_beside_the_registry(feast: Any, tmp_path: Path) -> None:
    registry = registry_of(feast, tmp_path / "registry.db")
    registry.apply_entity(feast.Entity(name="stop", value_type=feast.ValueType.STRING), "test")
    assert [path.name for path in tmp_path.iterdir()] == ["registry.db"]
