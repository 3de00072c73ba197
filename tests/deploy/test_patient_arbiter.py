"""What the supervisor hears of its processes, also after one was killed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.ioloop import IOLoop

from perennial.deploy.patient_arbiter import Listener

Heard = list[bytes]


def listener(heard: Heard) -> Listener:
    found = Listener(lambda said: heard.append(said["data"]), None, loop=IOLoop.current())
    found.start()
    return found


def saying(words: str) -> Any:
    """A process of the supervisor's that says something and ends."""
    worker = subprocess.Popen([sys.executable, "-c", f"print({words!r})"], stdout=subprocess.PIPE)
    return SimpleNamespace(
        pid=worker.pid, pipe_stdout=True, pipe_stderr=False, stdout=worker.stdout, worker=worker
    )


async def until_heard(heard: Heard) -> bytes:
    async with asyncio.timeout(20):
        while not heard:
            await asyncio.sleep(0.01)
    return b"".join(heard)


def test_a_pipe_s_number_that_was_another_process_s_is_listened_to_anew() -> None:
    async def live() -> None:
        first, second = listener([]), listener(heard := [])
        killed = saying("one")
        first.add_redirections(killed)
        number = killed.stdout.fileno()
        killed.worker.wait()
        killed.stdout.close()  # as when a process is reaped whose children keep its pipe open
        started = saying("two")
        assert started.stdout.fileno() == number, "the kernel gives the lowest free number"
        second.add_redirections(started)
        assert await until_heard(heard) == b"two\n"
        first.stop()  # takes nothing from the second
        started.worker.wait()
        second.hear_out(started)
        started.stdout.close()

    asyncio.run(live())


def test_the_last_words_of_a_process_are_written_down() -> None:
    async def live() -> None:
        listening = listener(heard := [])
        ended = saying("why it ended")
        listening.add_redirections(ended)
        ended.worker.wait()
        listening.hear_out(ended)
        assert heard == [b"why it ended\n"]
        assert listening.pipes == {}
        listening.hear_out(ended)
        ended.stdout.close()
        listening.hear_out(ended)
        assert len(heard) == 1

    asyncio.run(live())


def test_without_it_the_second_process_could_not_be_listened_to() -> None:
    """The mistake in circus that this is for; when it is mended there, this may go."""
    from circus.stream.redirector import Redirector

    async def live() -> None:
        first = Redirector(None, None, loop=IOLoop.current())
        second = Redirector(None, None, loop=IOLoop.current())
        first.start()
        second.start()
        killed = saying("one")
        first.add_redirections(killed)
        killed.worker.wait()
        killed.stdout.close()
        started = saying("two")
        with pytest.raises(ValueError, match="added twice"):
            second.add_redirections(started)
        started.worker.wait()
        started.stdout.close()

    asyncio.run(live())
