"""Each version is asked by its own declarations, also after a rollback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perennial.declare.project import Project
from perennial.serve.versions import MOST_KEPT, Declared, Versions

from .conftest import DECLARED, MODEL, declare


@pytest.fixture
def versions(project: Project) -> Versions:
    return Versions(project, project.model(MODEL))


def with_bound(project: Project, trays: int) -> None:
    """Declare another greatest number of trays."""
    fields = [
        {**each, "maximum": trays} if each["name"] == "trays" else each
        for each in DECLARED["request"]["fields"]
    ]
    declare(project, request={**DECLARED["request"], "fields": fields})


def bound(declared: Declared) -> Any:
    return next(each.maximum for each in declared.model.request.fields if each.name == "trays")


async def tried(versions: Versions, version: str) -> Declared:
    """The declarations of a challenger, once they have been read."""
    for _ in range(2000):
        if (declared := versions.challenger(version)) is not None:
            return declared
        await asyncio.sleep(0.01)
    raise AssertionError("never read")


def test_a_rollback_returns_to_the_declarations_of_the_version_before(
    project: Project, versions: Versions
) -> None:
    async def live() -> list[Any]:
        seen = [bound(await versions.champion("old"))]
        with_bound(project, 50)
        seen.append(bound(await tried(versions, "new")))
        with_bound(project, 20)  # for a version that is still to come
        seen.append(bound(await versions.champion("new")))
        seen.append(bound(await versions.champion("old")))
        return seen

    assert asyncio.run(live()) == [100, 50, 50, 100]


def test_a_challenger_is_not_waited_for_while_it_is_read(versions: Versions) -> None:
    async def live() -> None:
        await versions.champion("old")
        assert versions.challenger("new") is None
        both = await asyncio.gather(versions.champion("new"), versions.champion("new"))
        assert both[0] is both[1] is versions.challenger("new")

    asyncio.run(live())


@pytest.mark.parametrize("is_broken", [False, True])
def test_only_so_many_are_kept_and_the_one_that_serves_always(
    project: Project, versions: Versions, is_broken: bool
) -> None:
    async def live() -> None:
        first = await versions.champion("old")
        if is_broken:
            (project.root / "models" / f"{MODEL}.yaml").write_text("task: [", encoding="utf-8")
        for number in range(2 * MOST_KEPT):
            await tried(versions, f"v{number}")
        assert len(versions._of) == MOST_KEPT
        assert await versions.champion("old") is first

    asyncio.run(live())


def test_what_is_looked_up_alike_is_looked_up_together(
    project: Project, versions: Versions, make_other: Callable[[], None]
) -> None:
    async def live() -> tuple[Declared, Declared, Declared]:
        old = await versions.champion("old")
        same = await tried(versions, "same")
        make_other()
        return old, same, await tried(versions, "other")

    old, same, other = asyncio.run(live())
    assert same is not old
    assert same.features is old.features
    assert other.features is not old.features


@pytest.fixture
def make_other(project: Project) -> Callable[[], None]:
    def make() -> None:
        fields = [{**each, "feature": False} for each in DECLARED["request"]["fields"]]
        declare(project, request={**DECLARED["request"], "fields": fields})

    return make
