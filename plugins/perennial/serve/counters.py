"""Where a server's counters are: files that Prometheus' client maps into memory.

It makes them with holes. To fill a hole while the disk is full kills the process (SIGBUS), so their
space is taken beforehand: a gateway that cannot journal must be there to say so.
"""

from __future__ import annotations

import os
from pathlib import Path

from perennial.errors import UnavailableError

KINDS = (
    "counter",
    "histogram",
    "summary",
    *(f"gauge_{mode}" for mode in ("all", "liveall", "livesum", "mostrecent", "livemostrecent")),
)
RESERVED_BYTES = 1024 * 1024
"""Of each kind: some 8,000 values."""


def reserve(folder: Path, pid: int) -> None:
    """Make the files of the process `pid`; raises UnavailableError when there is no room."""
    for kind in KINDS:
        descriptor = os.open(folder / f"{kind}_{pid}.db", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, RESERVED_BYTES)
        except OSError as error:
            raise UnavailableError(
                f"{folder}: no room for the server's counters "
                f"({len(KINDS) * RESERVED_BYTES // 2**20} MB): {error.strerror}"
            ) from error
        finally:
            os.close(descriptor)
