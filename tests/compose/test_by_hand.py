"""Every service of docker-compose.yaml started by hand, with its own command and environment.

No Docker, no supervisor: one PostgreSQL, one Redis, and processes that find each other only through
what the file says. Names of containers become ports of this machine.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.keep.ledger import Ledger
from perennial.replay.orchestrator import Orchestrator

from .. import real_servers  # noqa: TID252  # tests are no installed package
from ..second_world import second_world  # noqa: TID252  # tests are no installed package
from .conftest import ROOT, SERVICES, Processes, answers, until

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.serving,
    pytest.mark.slow,
    pytest.mark.timeout(1500),
]

MODEL = "rental_minutes"
NIGHT = "2024-06-04"
SECRETS = {
    "POSTGRES_PASSWORD": "not-asked-for",
    "REDIS_PASSWORD": "of-the-test",
    "AIRFLOW_PASSWORD": "of-the-test-too",
    "AIRFLOW_FERNET_KEY": "SpnJFdAmmmZpGVzcGbvqLZfi9WtKGcuQF2mk4ODxM2U=",
    "AIRFLOW_SECRET_KEY": "s" * 64,
    "AIRFLOW_JWT_SECRET": "j" * 64,
}


@dataclass
class Cluster:
    """The second project, its services, and where they answer."""

    world: Any
    processes: Processes
    here: dict[str, str]
    own: dict[str, str]

    def start(self, service: str) -> subprocess.Popen[bytes]:
        """Start a service as the file says."""
        declared = SERVICES[service]
        command = [self.put(each.replace("flight_delay", MODEL)) for each in declared["command"]]
        command = [self.here["5000"] if each == "5000" else each for each in command]
        return self.processes.start(service, command, self.world.root, self.environment(service))

    def environment(self, service: str) -> dict[str, str]:
        """A service's environment, with ports of this machine."""
        declared = SERVICES[service]["environment"]
        return {**{name: self.put(str(value)) for name, value in declared.items()}, **self.own}

    def put(self, text: str) -> str:
        """A text of the file as it is on this machine."""
        text = re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", text)
        text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: SECRETS[found.group(1)], text)
        for there, here in self.here.items():
            if there != "5000":
                text = text.replace(there, here)
        return text

    def run(self, *arguments: str) -> str:
        """What a command prints that is run where the controller runs."""
        self.world.environment = {**self.world.environment, **self.environment("controller")}
        return str(self.world.run(*arguments))


@pytest.fixture
def cluster(tmp_path: Path, processes: Processes) -> Iterator[Cluster]:
    """The second project, declared for several machines, and its databases."""
    with contextlib.ExitStack() as stack:
        postgres = stack.enter_context(real_servers.postgres())
        redis = stack.enter_context(real_servers.redis(SECRETS["REDIS_PASSWORD"]))
        world = stack.enter_context(second_world().second_project(tmp_path / "project"))
        stack.callback(processes.end)
        for name in ("perennial", "airflow", "mlflow"):
            postgres.create(name)
        for name in ("dags", "plugins"):
            (world.root / name).symlink_to(ROOT / name)
        nights = {"nights": {"start": date(2024, 6, 1), "end": date(2024, 7, 1)}}
        (world.root / "params.yaml").write_text(yaml.safe_dump(nights), encoding="utf-8")
        ease(world.root / "models" / f"{MODEL}.yaml")
        use_redis(world.root / "feature_repo")
        mlflow, airflow = real_servers.free_port(), real_servers.free_port()
        here = {
            "postgres:5432": f"127.0.0.1:{postgres.port}",
            "redis:6379": f"127.0.0.1:{redis.port}",
            "mlflow:5000,127.0.0.1:5000": f"127.0.0.1:{mlflow}",
            "mlflow:5000": f"127.0.0.1:{mlflow}",
            "airflow-api-server:8080": f"127.0.0.1:{airflow}",
            "127.0.0.1:8080": f"127.0.0.1:{airflow}",
            "slot-{model}-{slot}": "localhost",
            "0.0.0.0": "127.0.0.1",
            "/project": str(world.root),
            "5000": str(mlflow),
        }
        ports = {name: each for name, each in world.environment.items() if "_PORT" in name}
        own = {**ports, "PERENNIAL_AIRFLOW_PORT": str(airflow)}
        yield Cluster(world, processes, here, own)


def ease(declaration: Path) -> None:
    """Fewer rows and quicker statistics than a real project would want."""
    content = yaml.safe_load(declaration.read_text(encoding="utf-8"))
    judge = {"held_back_days": 7, "min_rows": 300, "resamples": 100, "limits": {}}
    content["judge"] = {**content.get("judge", {}), **judge, "baselines": [{"kind": "yesterday"}]}
    watch = {"min_rows": 60, "resamples": 100, "min_effect": 0.4, "max_loss": 5.0}
    content["watch"] = {**content.get("watch", {}), **watch}
    declaration.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def use_redis(repository: Path) -> None:
    """What feature_store.redis.yaml is beside this repository's own feature_store.yaml."""
    ours = yaml.safe_load((ROOT / "feature_repo" / "feature_store.redis.yaml").read_text("utf-8"))
    store = yaml.safe_load((repository / "feature_store.yaml").read_text("utf-8"))
    store["online_store"] = ours["online_store"]
    (repository / "feature_store.redis.yaml").write_text(yaml.safe_dump(store), encoding="utf-8")


def start_airflow(cluster: Cluster) -> Orchestrator:
    """Airflow with a Celery worker, healthy."""
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        cluster.start(f"airflow-{name}")
    url = f"http://{cluster.here['airflow-api-server:8080']}"
    until(lambda: is_healthy(url), cluster.processes.told, 300)
    return Orchestrator(url, "admin", SECRETS["AIRFLOW_PASSWORD"])


def live(cluster: Cluster, airflow: Orchestrator, dag: str, night: str) -> dict[str, str]:
    """Wait for a DAG's run of a night to succeed; the states of its tasks."""
    told = cluster.processes.told

    def run() -> str | None:
        with contextlib.suppress(Exception):  # until the DAG files are read
            return airflow.run_of(dag, night)
        return None

    until(lambda: run() is not None, told, 300)
    found = str(run())
    until(lambda: airflow.state(dag, found) in ("success", "failed"), told, 400)
    tasks = airflow.tasks(dag, found)
    assert airflow.state(dag, found) == "success", (tasks, told())
    return tasks


def trigger(airflow: Orchestrator, dag: str, night: str) -> bool:
    """Whether a run could be started; not before the DAG files are read."""
    with contextlib.suppress(Exception):
        airflow.trigger(dag, night)
        return True
    return False


def test_a_day_arrives_through_celery(cluster: Cluster) -> None:
    cluster.start("mlflow")
    assert cluster.start("airflow-init").wait(240) == 0, cluster.processes.told()
    airflow = start_airflow(cluster)
    night = "2024-06-01"
    until(lambda: trigger(airflow, "arrive", night), cluster.processes.told, 300)
    tasks = live(cluster, airflow, "arrive", night)
    assert set(tasks.values()) == {"success"}
    assert list((cluster.world.root / "data" / "lake" / "checked" / "marts").rglob("*.parquet"))
    assert not (cluster.world.root / "var" / "airflow" / "airflow.db").exists()
    worker = cluster.processes.log("airflow-worker")
    until(lambda: worker.read_text("utf-8").count("succeeded in") == len(tasks), worker.read_text)


def test_a_night_lived_by_services_that_share_only_databases_and_a_folder(
    cluster: Cluster,
) -> None:
    told = cluster.processes.told
    cluster.start("mlflow")
    assert cluster.start("airflow-init").wait(240) == 0, told()
    until(lambda: answers(f"http://{cluster.here['mlflow:5000']}/health"), told)
    for service in ("blue", "green"):
        cluster.start(f"slot-flight_delay-{service}")
    cluster.start("controller")
    freshener = cluster.start("freshener")
    period = ("--start", "2024-05-01", "--end", "2024-06-03")
    assert "serves" in cluster.run("bootstrap", "--model", MODEL, *period)
    assert not (cluster.world.root / "var" / "state" / "perennial.db").exists()
    assert not (cluster.world.root / "var" / "feast" / "online.db").exists()
    until(lambda: freshener.poll() == 0, told)  # another version serves: Docker starts it anew
    cluster.start("freshener")
    cluster.start("gateway")
    until(lambda: answers(f"http://127.0.0.1:{cluster.world.gateway_port}/readyz"), told)
    question = {"station": "harbour", "kind": "city", "taken_at": "2024-06-03T00:10:00Z"}
    with pytest.raises(urllib.error.HTTPError, match="401"):
        cluster.world.post("/predict", question)
    token = cluster.run("keys", "create", "--name", "test", "--scope", "predict").split()[-1]
    cluster.world.token = token
    until(lambda: is_known(cluster, question), told)
    answer = cluster.world.post("/predict", question)
    url = cluster.environment("gateway")["PERENNIAL_LEDGER_URL"]
    serving = Ledger(url).current(MODEL)
    assert serving is not None
    assert answer["version"] == serving[0].version
    assert answer["missing"] == ["station_activity"], "slow views are in Redis, no event came yet"
    airflow = start_airflow(cluster)
    until(lambda: trigger(airflow, "arrive", NIGHT), told, 300)
    live(cluster, airflow, "arrive", NIGHT)
    assert live(cluster, airflow, f"nightly_{MODEL}", NIGHT)["stand_by"] == "success"
    assert (cluster.world.root / "var" / "reports" / "decide" / MODEL / f"{NIGHT}.json").is_file()


def is_known(cluster: Cluster, question: dict[str, str]) -> bool:
    """Whether the gateway has read the new key; that takes it a second at most."""
    try:
        return bool(cluster.world.post("/predict", question))
    except urllib.error.HTTPError:
        return False


def is_healthy(url: str) -> bool:
    """Whether every process of Airflow says that it is."""
    import urllib.request

    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=5) as response:
            states = json.loads(response.read())
    except OSError:
        return False
    return all((each or {}).get("status") == "healthy" for each in states.values())
