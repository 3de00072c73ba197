"""Lets forked processes end with the process they were forked from.

Airflow's workers outlive a scheduler that is killed: each of them holds a piece of the others'
pipes, so none ever reads its end. Four idle workers and what they were forked from would stay
behind with every kill. What they were doing is taken up again by the next scheduler.
"""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # Linux only, like the supervisor


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def so_do_all_that_are_forked() -> None:
    """From now on also every process forked from this one, and from those; no started program."""
    parent = os.getpid()

    def remember() -> None:
        nonlocal parent
        parent = os.getpid()

    def follow() -> None:
        die_with_parent()
        if os.getppid() != parent:  # it ended before the kernel was told
            os._exit(1)

    os.register_at_fork(before=remember, after_in_child=follow)
