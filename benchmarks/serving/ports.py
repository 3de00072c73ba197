"""Free ports in a row."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(n: int) -> int:
    """The first of `n` ports in a row on loopback that nothing listens on."""
    while True:
        with ExitStack() as stack:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
            try:
                for port in range(first + 1, first + n):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return first
