"""Templates of pages: nothing put in becomes markup, nothing left out is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from perennial.draw.elements import tag
from perennial.draw.templates import templates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.j2").write_text("{% if name %}\n<p>{{ name | loud }}</p>\n{% endif %}\n")
    return tmp_path


def render(folder: Path, **given: object) -> str:
    return templates(folder, loud=lambda text: text).get_template("page.j2").render(**given)


def test_what_a_template_names_and_is_not_given_is_an_error(folder: Path) -> None:
    with pytest.raises(UndefinedError, match="'name' is undefined"):
        render(folder)


def test_a_template_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(TemplateNotFound, match=r"no\.j2"):
        templates(folder).get_template("no.j2")


def test_data_cannot_become_markup_and_what_is_drawn_stays(folder: Path) -> None:
    assert render(folder, name="<b>") == "<p>&lt;b&gt;</p>\n"
    assert render(folder, name=tag("b", "<i>")) == "<p><b>&lt;i&gt;</b></p>\n"
