"""Small files that others read while they are replaced."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def replace_text(path: Path, content: str) -> None:
    """Make `content` the whole of `path`; a reader sees the old text or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name that no other living thread of this machine has.
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
