"""Runs processes together: starts them, waits until they answer, shows their lines, and stops them all as one.

If one ends unasked, or Ctrl-C or SIGTERM arrives, all are stopped, in the order opposite to their start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from local.child import Child, how_to_start
from local.site import SetupError

_T = TypeVar("_T")
_SECONDS_TO_ANSWER = 60
_SECONDS_TO_STOP = 15
_LONGEST_LINE = 1 << 20


class AskedToStop(Exception):
    """Ctrl-C or SIGTERM: no fault."""


@dataclass(frozen=True)
class _Running:
    child: Child
    process: asyncio.subprocess.Process
    shown: asyncio.Task[None]


class Supervisor:
    """To be used in the main thread, inside `asyncio.run`. `ended` fails with the reason why all must stop."""

    def __init__(self) -> None:
        self._running: list[_Running] = []
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._end, AskedToStop())

    async def start(self, *children: Child) -> None:
        """Start these together and return when each answers. Raises SetupError, AskedToStop."""
        for child in children:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LONGEST_LINE,
                **how_to_start(child),
            )
            self._running.append(_Running(child, process, asyncio.create_task(self._show(child, process))))
        await self.meanwhile(asyncio.gather(*(_answering(child) for child in children)))

    async def meanwhile(self, work: Awaitable[_T]) -> _T:
        """Wait for `work`, unless all must stop before. Raises SetupError, AskedToStop, and what `work` raises."""
        task = asyncio.ensure_future(work)
        await asyncio.wait((task, self.ended), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.ended
        return await task

    async def stop(self) -> None:
        """Stop what runs, the newest first: who needs another goes before it. What hangs is killed."""
        self._end(AskedToStop())
        self.ended.exception()
        for running in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                running.process.send_signal(running.child.stop_signal)
            try:
                await asyncio.wait_for(running.process.wait(), _SECONDS_TO_STOP)
            except TimeoutError:
                say(running.child.name, f"did not stop within {_SECONDS_TO_STOP} s and was killed")
            # The whole session: a process of its own that a child left behind goes too.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(running.process.pid, signal.SIGKILL)
            await running.shown

    async def _show(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Print what the child prints, line by line, until it ends; then all must stop."""
        assert process.stdout is not None
        last = "it said nothing"
        try:
            while not process.stdout.at_eof():
                if line := await _line(process.stdout):
                    last = line
                    say(child.name, line)
            code = await process.wait()
            self._end(SetupError(f"{child.name} stopped with exit code {code}: {last}"))
        except OSError as error:  # nobody reads what we print any more
            self._end(error)

    def _end(self, reason: Exception) -> None:
        if not self.ended.done():
            self.ended.set_exception(reason)


def say(name: str, line: str) -> None:
    """One line of the common log."""
    print(f"{name:>9} | {line}", flush=True)


async def _line(stream: asyncio.StreamReader) -> str:
    try:
        return (await stream.readline()).decode(errors="replace").rstrip()
    except ValueError:
        return f"(a line of more than {_LONGEST_LINE} characters)"


async def _answering(child: Child) -> None:
    begun = time.monotonic()
    while True:
        try:
            return await asyncio.to_thread(child.ask)
        except OSError as error:
            if time.monotonic() - begun > _SECONDS_TO_ANSWER:
                raise SetupError(f"{child.name} did not answer within {_SECONDS_TO_ANSWER} s: {error}") from error
        await asyncio.sleep(0.05)
