"""Row 36 for training: a disk that is full at any step leaves the candidate that was there."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from perennial.errors import UnavailableError
from perennial.train import train
from perennial.train.candidate import candidate_folder, read_candidate

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("no_registry")]

FIRST, SECOND = "2024-01-21", "2024-01-25"


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond `n_bytes`."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_disk_that_is_full_at_any_file_leaves_the_candidate_that_was_there(
    make_project: Any,
) -> None:
    """The limit lets one more of the version's files through each time, from none on."""
    project = make_project()
    before = train("ripeness", FIRST, project=project)
    folder = candidate_folder(project, "ripeness")
    sizes = sorted({path.stat().st_size for path in folder.iterdir()})
    assert len(sizes) >= 4
    for size in (1, *(size + 1 for size in sizes[:-1])):
        with files_of_at_most(size), pytest.raises(UnavailableError, match="large"):
            train("ripeness", SECOND, project=project)
        assert read_candidate(project, "ripeness").digest == before.digest
        assert sorted(path.name for path in folder.parent.iterdir()) == ["candidate", "trained"]
    after = train("ripeness", SECOND, project=project)
    assert after.digest != before.digest
    assert read_candidate(project, "ripeness").digest == after.digest
