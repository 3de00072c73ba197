"""One model version as a BentoML service on its dedicated slot (see perennial.serve.predictor)."""

from __future__ import annotations

from pathlib import Path

import bentoml

from perennial.serve.predictor import Predictor

predictor = Predictor(Path(__file__).parent)


@bentoml.service(
    name="predictor",
    workers=1,
    traffic={"timeout": 30, "max_concurrency": 512},
    logging={"access": {"enabled": False}},  # the journal tells every answer
)
@bentoml.asgi_app(predictor.app(), path="/")
class PredictorService:
    """Answers /predict and /explain for columns of features; ready once it has proven itself."""

    def __is_ready__(self) -> bool:
        return predictor.is_proven
