"""The gateway as a BentoML service: the one public endpoint (see perennial.serve.gateway)."""

from __future__ import annotations

import gc

import bentoml

from perennial.declare.project import Project
from perennial.serve.authenticating import Doorkeeper
from perennial.serve.gateway import Gateway

gateway = Gateway(Project.find())
gateway.watch_events()
gc.collect()
gc.freeze()  # what is loaded stays: the collector need not look at it again


@bentoml.service(
    name="gateway",
    workers=1,
    traffic={"timeout": 30, "max_concurrency": 512},
    logging={"access": {"enabled": False}},  # the journal tells every answer
)
@bentoml.asgi_app(gateway.app(), path="/")
class GatewayService:
    """Answers /predict, /explain, /feedback and /events; described by /openapi.json."""

    async def __is_ready__(self) -> bool:
        return await gateway.is_ready()

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML leaves it without types
    async def close(self) -> None:
        """Close connections and free the journals."""
        await gateway.close()


# Before BentoML's own pages, too.
GatewayService.add_asgi_middleware(Doorkeeper, guard=gateway.guard)  # type: ignore[attr-defined]
