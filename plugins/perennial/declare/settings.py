"""Settings of one machine: from the environment (`PERENNIAL_…`), never from declarations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs from machine to machine. Every default works on one laptop."""

    model_config = SettingsConfigDict(env_prefix="PERENNIAL_", frozen=True, extra="ignore")

    project: str | None = Field(None, description="The project's folder; else found from here up.")
    simulations: str = Field(
        "",
        description="Rehearsals in force, separated by commas: names of files in "
        "data/simulations without their ending. Nothing is simulated when it is empty.",
    )
    ledger_url: str | None = Field(
        None, description="SQLAlchemy URL of the shared state; SQLite below var/ when unset."
    )
    feature_store: str = Field(
        "feature_store.yaml",
        description="The file in feature_repo/ that says what Feast keeps where "
        "(feature_store.redis.yaml: the online store in Redis).",
    )
    mlflow_uri: str | None = Field(
        None, description="MLflow tracking URI; SQLite and files below var/ when unset."
    )
    host: str = Field("127.0.0.1", description="The address the gateway listens on.")
    gateway_access: Literal["keys"] | None = Field(
        None,
        description="keys: the gateway asks for API keys here even where bentofiles/gateway.yaml "
        "declares access: local. It can only be made stricter.",
    )
    api_key: SecretStr | None = Field(
        None, description="The token that this project's own commands show to its gateway."
    )
    gateway_port: int = Field(3000, ge=1, le=65535, description="The gateway's port.")
    airflow_password: SecretStr | None = Field(
        None, description="Of the user admin of Airflow's pages; a random one when unset."
    )
    slot_host: str | None = Field(
        None,
        description="Where slots are asked when each runs on a machine of its own: a host name, in "
        "which {model} and {slot} are filled in. Each then follows the ledger by itself, without "
        "the supervisor. Unset: on this machine, under the supervisor.",
    )
    slot_bind: str = Field("127.0.0.1", description="The address that a slot listens on.")
    supervisor_port: int = Field(
        5555, ge=1, le=65533, description="The supervisor's first control port (it takes three)."
    )
    slot_port: int = Field(
        3100, ge=1, le=65535, description="The first slot's port; the others follow."
    )
    airflow_port: int = Field(
        8080, ge=1, le=65535, description="The port of Airflow's pages and API, on loopback."
    )

    def host_of(self, model: str, slot: str) -> str:
        """Where a slot is asked."""
        template = self.slot_host or "127.0.0.1"
        return template.replace("{model}", model).replace("{slot}", slot)
