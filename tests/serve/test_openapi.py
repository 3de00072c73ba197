"""The OpenAPI document tells the truth: schemathesis asks whatever it allows and forbids."""

from __future__ import annotations

import warnings
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from .conftest import DECLARED, MODEL, QUESTION, Bakery, scored

VERBS = ["predict", "explain", "rank", "feedback"]
POSTS = [f"/{verb}{path}" for verb in VERBS for path in ("", f"/{MODEL}")] + ["/events/sales"]


@pytest.fixture(scope="module")
def document(shared_gateway: Bakery) -> Any:
    return shared_gateway.get("/openapi.json").json


def test_it_describes_every_path(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert sorted(document["paths"]) == sorted(POSTS)
    assert document["paths"]["/events/sales"].keys() == {"post", "get"}
    names = [each["operationId"] for path in document["paths"].values() for each in path.values()]
    assert len(set(names)) == len(names)


def test_a_question_is_described_as_it_is_declared(document: Any) -> None:
    schema = document["components"]["schemas"][f"{MODEL}_question"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["shop", "baked_at"]
    declared = DECLARED["request"]["fields"]
    for field in declared:
        told = schema["properties"][field["name"]]
        assert told["description"] == field["description"]
        assert told["examples"] == [field["example"]]
    assert schema["properties"]["shop"]["maxLength"] == 20
    assert schema["properties"]["baked_at"]["format"] == "date-time"


def test_its_examples_are_answered(shared_gateway: Bakery, document: Any) -> None:
    properties = document["components"]["schemas"][f"{MODEL}_question"]["properties"]
    example = {name: told["examples"][0] for name, told in properties.items()}
    assert example == QUESTION
    assert shared_gateway.predict(example).status == 200


def test_every_schema_that_it_refers_to_is_there(document: Any) -> None:
    text = orjson.dumps(document).decode()
    for reference in text.split('"$ref":"')[1:]:
        name = reference.split('"')[0].removeprefix("#/components/schemas/")
        assert name in document["components"]["schemas"]


def from_here(app: Any) -> Any:
    """The application, asked from this machine; the library's own client tells no address."""

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": ("127.0.0.1", 1)}, receive, send)

    return asked


@pytest.fixture(scope="module")
def operations(shared_gateway: Bakery) -> Any:
    """Schemathesis' view of the gateway; the slot answers in process, so that it is quick."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third parties' deprecations while it is imported
        import schemathesis

    async def ask(port: int, verb: str, columns: dict[str, list[Any]], timeout_ms: int) -> bytes:
        return orjson.dumps(scored(columns, verb))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_gateway.gateway.client, "ask", ask)
        yield schemathesis.openapi.from_asgi("/openapi.json", from_here(shared_gateway.app))


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("path", ["/predict", "/explain", "/rank", "/feedback", "/events/sales"])
def test_answers_and_refusals_are_as_described(operations: Any, path: str, mode: str) -> None:
    """No 5xx, documented statuses, declared content types and schemas; wrong data is refused.

    Right data may still be refused: a JSON schema does not bound moments to the years that count.
    """
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    seen: set[int] = set()

    @given(case=operations[path]["POST"].as_strategy(generation_mode=GenerationMode(mode)))
    @settings(
        max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def ask(case: Any) -> None:
        response = case.call_and_validate(excluded_checks=[positive_data_acceptance])
        seen.add(response.status_code)

    ask()
    assert (200 in seen) == (mode == "positive")
    assert seen <= {200, 400, 415, 422}


@pytest.mark.slow
def test_reading_how_far_events_are_is_as_described(operations: Any) -> None:
    response = operations["/events/sales"]["GET"].Case().call_and_validate()
    assert response.status_code == 200
