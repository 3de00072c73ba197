"""A disk that takes no more: one error for whoever writes, and no fault of what is declared."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from perennial.errors import UnavailableError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space is left, or none that this user, or a file, may take."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Tell a full disk as `UnavailableError`, with `what` could not be written.

    Any other `OSError` stays as it is. Also a decorator.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise UnavailableError(f"{what} could not be written: {error}") from error


def is_told_in(message: str | None) -> bool:
    """Whether a library that tells its errors in words only has met a full disk."""
    return any(os.strerror(number) in (message or "") for number in FULL)
