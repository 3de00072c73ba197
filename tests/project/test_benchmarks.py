"""The benchmarks end without a result when an answer is wrong, and write only where they may."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
N = 40


@pytest.fixture(scope="module")
def asking() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("serving.asking")


@pytest.fixture(scope="module")
def sections() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(BENCHMARKS)
        yield importlib.import_module("sections")


@pytest.fixture
def server(asking: ModuleType, tmp_path: Path) -> Any:
    """Two versions, `old` and `new`, that ought to answer 0.2 and 0.3; each courier asks twice."""
    questions = tmp_path / "questions.jsonl"
    bodies = [orjson.dumps({"courier": number % (N // 2)}) for number in range(N)]
    questions.write_bytes(b"\n".join(bodies) + b"\n")
    offline = {"old": [0.2] * N, "new": [0.3] * N}
    return asking.Server("a gateway", 1, 1, questions, offline)


def answer_with(monkeypatch: pytest.MonkeyPatch, asking: ModuleType, versions: list[str]) -> None:
    """Let courier `n` be answered by `versions[n]`; more of them than couriers: by the question."""
    told = iter(versions * (N // len(versions)))
    scores = {"old": 0.2, "new": 0.3, "wrong": 0.2 + 1e-6}

    def ask(server: Any, body: bytes) -> dict[str, Any]:
        version = next(told)
        return {"version": "old" if version == "wrong" else version, "score": scores[version]}

    monkeypatch.setattr(asking, "ask", ask)


def test_a_split_by_half_that_keeps_its_couriers_is_taken(
    asking: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, asking, ["old", "new"] * (N // 4))
    found = asking.answered(server)
    assert found.largest_difference == 0
    assert found.shares == {"new": 0.5, "old": 0.5}
    asking.must_split(server, found, found)


def test_an_answer_that_is_not_the_offline_one_ends_the_run(
    asking: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, asking, ["old"] * (N // 2 - 1) + ["wrong"])
    with pytest.raises(SystemExit, match="answers otherwise than the model"):
        asking.answered(server)


def test_a_courier_with_two_versions_ends_the_run(
    asking: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, asking, ["old"] * (N // 2) + ["new"] * (N // 2))
    with pytest.raises(SystemExit, match="old answered for courier 0, and then new"):
        asking.answered(server)


def test_a_split_that_is_not_near_one_half_ends_the_run(
    asking: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, asking, ["old", "old", "old", "new"] * (N // 8))
    found = asking.answered(server)
    with pytest.raises(SystemExit, match="splits by"):
        asking.must_split(server, found, found)


def test_a_version_that_never_answers_ends_the_run(
    asking: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, asking, ["old"])
    found = asking.answered(server)
    with pytest.raises(SystemExit, match="splits by"):
        asking.must_split(server, found, found)


def test_couriers_that_changed_sides_meanwhile_end_the_run(
    asking: ModuleType, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, asking, ["old", "new"] * (N // 4))
    before = asking.answered(server)
    answer_with(monkeypatch, asking, ["new", "old"] * (N // 4))
    with pytest.raises(SystemExit, match="changed their version"):
        asking.must_split(server, before, asking.answered(server))


def test_a_section_is_filled_and_all_else_stays(sections: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n")
    sections.fill(page, "x", "new")
    assert page.read_text() == "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\nb\n"


def test_a_page_without_the_marks_is_left_alone(sections: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x: begin -->\nb\n")
    with pytest.raises(SystemExit, match="has no section"):
        sections.fill(page, "x", "new")
    assert page.read_text() == "a\n<!-- x: begin -->\nb\n"


def test_the_documents_have_the_sections_that_are_filled() -> None:
    docs = BENCHMARKS.parent / "docs"
    wanted = {
        "benchmarks.md": ("serving", "gateway", "look-up", "journal", "learning"),
        "guardrails.md": ("releases",),
    }
    for page, names in wanted.items():
        text = (docs / page).read_text(encoding="utf-8")
        for name in names:
            _, has_begin, rest = text.partition(f"<!-- {name}: begin -->\n")
            filled, has_end, _ = rest.partition(f"<!-- {name}: end -->\n")
            assert all((has_begin, has_end)), f"{page} lacks the section {name}"
            assert filled.startswith(("|", "`", "As shipped")), f"nothing was measured for {name}"
