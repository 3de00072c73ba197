from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perennial.errors import IntegrityError, UnavailableError
from perennial.serve.predictor import MAX_BODY_BYTES, Predictor

from .conftest import Asker, write_version

ROWS: dict[str, list[Any]] = {
    "shop": ["north", "moon", None],
    "trays": [1, 50.5, None],
    "baking__hour": [7.0, 13.0, None],
    "baking__degrees_over_200": [30.0, -10.0, None],
    "shop_sales__sold_per_hour": [12.5, 3.0, None],
    "shop_sales__top_seller": ["rye", "spelt", None],
}


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packaged") / "version"
    write_version(folder)
    return folder


@pytest.fixture(scope="module")
def predictor(packaged: Path) -> Predictor:
    return Predictor(packaged)


@pytest.fixture(scope="module")
def slot(predictor: Predictor) -> Iterator[Asker]:
    asker = Asker(predictor.app())
    yield asker
    asker.runner.close()


@pytest.fixture
def folder(packaged: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(packaged, tmp_path / "version"))


def test_it_answers_as_the_learner_does(predictor: Predictor, slot: Asker) -> None:
    reply = slot.post("/predict", {"columns": ROWS})
    assert reply.status == 200
    assert reply.json == {
        "version": predictor.version,
        "scores": predictor.learner.predict(ROWS).tolist(),
        "unknown": [
            [],
            [
                {"field": "shop", "value": "moon"},
                {"field": "shop_sales__top_seller", "value": "spelt"},
            ],
            [],
        ],
    }
    assert len(set(reply.json["scores"])) == 3


def test_columns_may_come_in_any_order_and_more_of_them(slot: Asker) -> None:
    turned = {name: ROWS[name] for name in sorted(ROWS, reverse=True)} | {"more": [1, 2, 3]}
    expected = slot.post("/predict", {"columns": ROWS}).json
    assert slot.post("/predict", {"columns": turned}).json == expected


def test_base_and_reasons_sum_to_the_log_odds_of_the_score(slot: Asker) -> None:
    answer = slot.post("/explain", {"columns": ROWS}).json
    assert answer["scores"] == slot.post("/predict", {"columns": ROWS}).json["scores"]
    for row, (score, reasons) in enumerate(zip(answer["scores"], answer["reasons"], strict=True)):
        assert {each["feature"] for each in reasons} == ROWS.keys()
        sizes = [abs(each["contribution"]) for each in reasons]
        assert sizes == sorted(sizes, reverse=True)
        total = answer["base"] + sum(each["contribution"] for each in reasons)
        assert total == pytest.approx(math.log(score / (1 - score)), abs=1e-9)
        assert all(each["value"] == ROWS[each["feature"]][row] for each in reasons)


def test_it_says_which_version_it_is_and_how_well_it_was_proven(
    predictor: Predictor, slot: Asker
) -> None:
    told = slot.get("/version").json
    assert told.pop("memory_mb") > 10
    assert told == {"version": predictor.version, "largest_difference": 0.0}
    assert predictor.is_proven


@pytest.mark.parametrize("verb", ["/predict", "/explain"])
@pytest.mark.parametrize(
    "columns",
    [
        {},
        {name: [] for name in ROWS},
        {name: values[: 1 + (name == "shop")] for name, values in ROWS.items()},
        {name: values for name, values in ROWS.items() if name != "trays"},
        {**ROWS, "trays": ["one", "two", "three"]},
        {**ROWS, "trays": "abc"},
        {**ROWS, "trays": {"0": 1, "1": 2, "2": 3}},
        {**ROWS, "trays": [[1], [2], [3]]},
        {**ROWS, "trays": [1, [2], 3]},
        {**ROWS, "shop": [["north"], "north", "north"]},
        {**ROWS, "shop": [{"a": 1}, "north", "north"]},
        {**ROWS, "trays": 7},
        {**ROWS, "trays": None},
        [],
        None,
        "columns",
        7,
    ],
)
def test_wrong_columns_are_refused(slot: Asker, verb: str, columns: Any) -> None:
    reply = slot.post(verb, {"columns": columns})
    assert reply.status == 422
    assert reply.error["code"] == "invalid"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'"columns"', b"{}", b"[" * 9999, b"\xff"])
def test_a_body_without_columns_is_refused(slot: Asker, body: bytes) -> None:
    for verb in ("/predict", "/explain"):
        assert slot.post(verb, body).status == 422


@pytest.mark.parametrize("value", [True, 2**64, 10**300, -(2**63), 1e-320, 0, -0.0])
def test_any_number_is_a_number(slot: Asker, value: Any) -> None:
    columns = {**ROWS, "trays": [value, None, value]}
    reply = slot.post("/predict", json.dumps({"columns": columns}).encode())
    assert reply.status == 200
    assert all(0 < score < 1 for score in reply.json["scores"])


@pytest.mark.parametrize("value", [True, 7, 1.5, "", "\u0000", "x" * 10_000])
def test_any_category_that_was_not_learned_is_unknown(slot: Asker, value: Any) -> None:
    answer = slot.post("/predict", {"columns": {**ROWS, "shop": [value] * 3}}).json
    assert {"field": "shop", "value": value} in answer["unknown"][0]


def test_it_takes_json_only_and_no_more_than_its_bound(slot: Asker) -> None:
    assert slot.post("/predict", b"\x80\x04}q\x00.", "application/vnd.bentoml+pickle").status == 415
    assert slot.post("/predict", (b" " * MAX_BODY_BYTES, b" ")).status == 413
    assert slot.get("/predict").status == 405
    assert slot.post("/nothing", {}).status == 404


def flip(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])


def with_reference(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def tamper(folder: Path) -> None:
        path = folder / "reference.json"
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return tamper


def set_score(score: Any) -> Callable[[Path], None]:
    return with_reference(lambda content: content["scores"].__setitem__(3, score))


@pytest.mark.parametrize(
    "tamper",
    [
        lambda folder: flip(folder / "model" / "model.txt"),
        lambda folder: flip(folder / "model" / "features.json"),
        lambda folder: (folder / "model" / "features.json").unlink(),
        lambda folder: (folder / "model" / "more.txt").touch(),
        lambda folder: (folder / "model" / "manifest.json").unlink(),
        lambda folder: (folder / "reference.json").unlink(),
        lambda folder: (folder / "reference.json").write_bytes(b"{"),
        lambda folder: (folder / "reference.json").write_bytes(b"\xff"),
        lambda folder: (folder / "reference.json").write_bytes(b"[]"),
        lambda folder: (folder / "reference.json").write_bytes(b'{"columns": 1, "scores": [1]}'),
        set_score(0.5),
        set_score(float("nan")),
        set_score(None),
        set_score("0.5"),
        with_reference(lambda content: content.pop("scores")),
        with_reference(lambda content: content["scores"].pop()),
        with_reference(lambda content: content.update(scores=[], columns={})),
        with_reference(lambda content: content["columns"].pop("trays")),
        with_reference(lambda content: content["columns"]["trays"].pop()),
        with_reference(lambda content: content["columns"].update(trays=["x"] * 20)),
        with_reference(lambda content: content["columns"]["trays"].reverse()),
    ],
)
def test_what_is_not_as_it_was_packaged_never_answers(
    folder: Path, tamper: Callable[[Path], Any]
) -> None:
    tamper(folder)
    with pytest.raises(IntegrityError):
        Predictor(folder)


def test_no_model_is_unavailable(folder: Path) -> None:
    shutil.rmtree(folder / "model")
    with pytest.raises(UnavailableError):
        Predictor(folder)


def test_scores_keep_their_last_bit_over_json(predictor: Predictor, slot: Asker) -> None:
    columns = _many(200)
    scores = slot.post("/predict", {"columns": columns}).json["scores"]
    np.testing.assert_array_equal(scores, predictor.learner.predict(columns))


def _many(n: int) -> dict[str, list[Any]]:
    random = np.random.default_rng(5)
    return {
        name: random.choice(["north", "south"], n).tolist()
        if name == "shop"
        else random.choice(["rye", "wheat"], n).tolist()
        if name == "shop_sales__top_seller"
        else random.normal(10, 10, n).tolist()
        for name in ROWS
    }
