"""Trains in the scratch project: run by a process of its own, with that version's own library.

`python -P in_scratch.py ASKED`, where ASKED is JSON: `root`, `parents` (model, version, folder of
its files each) and `train`, the arguments of the stage. It ends with the process that started it.
The library that it imports is that of the code which is repeated, so it asks little of it.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # Linux only, like the supervisor


def die_with(parent: int) -> None:
    """Have the kernel kill this process when the one that started it ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def serve(project: Any, model: str, version: str, folder: str) -> None:
    """Let these files be what serves, as a release would; nothing is started."""
    from perennial.keep.ledger import Ledger, bento_folder

    ledger = Ledger.of(project)
    slot = ledger.reserve(model, 4000)[0].slot
    ledger.set_slot(model, slot, version, "proven")
    ledger.route(model, slot, version, "it served then", "reproduce")
    shutil.copytree(folder, bento_folder(project, model, version) / "src" / "model")


def main(asked: dict[str, Any]) -> None:
    """Put the parents in place and train."""
    die_with(asked["parent_process"])
    from perennial.declare.project import Project
    from perennial.train import train

    project = Project(Path(asked["root"]))
    for each in asked["parents"]:
        serve(project, *each)
    train(**asked["train"], project=project)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
