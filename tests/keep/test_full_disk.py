"""A full disk is told as such, whoever writes; other failures are not hidden behind it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from perennial.errors import UnavailableError
from perennial.keep import full_disk

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("number", full_disk.FULL)
def test_a_full_disk_is_told_with_what_could_not_be_written(number: int) -> None:
    said = f"the ledger could not be written: .*{os.strerror(number)}.*'x'"
    with pytest.raises(UnavailableError, match=said), full_disk.told("the ledger"):
        raise OSError(number, os.strerror(number), "x")


def test_what_is_no_full_disk_stays_what_it_is() -> None:
    with pytest.raises(FileNotFoundError), full_disk.told("the ledger"):
        Path("nowhere").read_text()
    with pytest.raises(OSError, match="without a number"), full_disk.told("the ledger"):
        raise OSError("without a number")


def test_a_full_disk_is_known_by_the_words_of_the_system() -> None:
    assert full_disk.is_told_in("IO Error: [Errno 28] No space left on device: 'x'")
    assert full_disk.is_told_in(os.strerror(errno.EDQUOT))
    assert not full_disk.is_told_in("Parser Error: syntax error at end of input")
    assert not full_disk.is_told_in(None)
