from __future__ import annotations

import logging
from pathlib import Path

import pytest

from perennial.declare.project import Project
from perennial.declare.settings import Settings
from perennial.keep.watermark import Watermark, record, watermarks


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, Settings(project=None, mlflow_uri=None, ledger_url=None))


def test_there_is_none_before_the_first_event(project: Project) -> None:
    assert watermarks(project) == {}


def test_what_was_recorded_is_read_and_replaced_as_a_whole(project: Project) -> None:
    record(project, {"a": Watermark(7, 3), "b": Watermark(1, 1)})
    assert watermarks(project) == {"a": Watermark(7, 3), "b": Watermark(1, 1)}
    record(project, {"a": Watermark(8, 3)})
    assert watermarks(project) == {"a": Watermark(8, 3)}


def test_nothing_is_left_beside_it(project: Project) -> None:
    record(project, {"a": Watermark(7, 3)})
    assert [path.name for path in (project.var / "state").iterdir()] == ["fresh.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"fresh": 1}}', "null"])
def test_a_damaged_file_means_that_all_is_read_again_and_is_told(
    project: Project, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    record(project, {"a": Watermark(7, 3)})
    (project.var / "state" / "fresh.json").write_text(text)
    with caplog.at_level(logging.WARNING):
        assert watermarks(project) == {}
    assert "fresh.json is damaged" in caplog.text
    record(project, {"a": Watermark(9, 2)})
    assert watermarks(project) == {"a": Watermark(9, 2)}
