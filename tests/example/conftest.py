"""The shipped example, built for some real days in this process."""

from __future__ import annotations

import pytest

from perennial.declare.project import Project

from .building import END, FIRST, MODEL, copy_of_the_example, with_a_small_model


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example with its days landed, checked, layered and made into training rows."""
    from perennial.check import check
    from perennial.features import features
    from perennial.land import land
    from perennial.layer import layer

    project = with_a_small_model(copy_of_the_example(tmp_path_factory.mktemp("example")))
    land("all", FIRST, END, project=project)
    check("raw", FIRST, END, project=project)
    layer(FIRST, END, project=project)
    check("marts", FIRST, END, project=project)
    features(MODEL, FIRST, END, project=project)
    return project
