"""Compute sessions as processes of this machine, each below a supervisor that outlives the server.

Nothing is kept in memory: a folder a session says what it is, and a lock whether it runs, so that
any number of servers may share the folder and any of them may die.
"""

import asyncio
import contextlib
import functools
import os
import platform
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex
from uuid import UUID

import psutil

from tenantry.adapters import process_tree, session_supervisor
from tenantry.adapters.session_folder import KILL_SECONDS, PATH, Place, written_whole
from tenantry.compute.model import AgentData, AgentStatus
from tenantry.compute.ports import Sample, SessionOrder, SessionState
from tenantry.config import make_data_folder
from tenantry.errors import ConnectionError, StateConflict

ANSWER_SECONDS = 10.0
PAUSE = 0.05
KEPT = timedelta(days=7)
"""For how long the folder of an ended session is kept: its output, and the proof that it ran."""


class LocalAgents:
    """One agent: this machine. Its name is made once and kept in the folder."""

    def __init__(self, state_dir: Path, *, grace: float = 5.0) -> None:
        self._folder = state_dir.absolute() / "sessions"
        self._grace = grace
        self._begun: set[int] = set()
        make_data_folder(self._folder)

    @functools.cached_property
    def name(self) -> str:
        """What this agent is called; another folder or machine has another name."""
        path = self._folder.parent / "name"
        with contextlib.suppress(FileExistsError), written_whole(path, os.link) as fresh:
            fresh.write_text(f"local-{token_hex(4)}")
        return path.read_text()

    def described(self, now: datetime) -> AgentData:
        """This machine as an agent."""
        return AgentData(
            name=self.name,
            address=f"local:{platform.node()}",
            status=AgentStatus.ALIVE,
            cpu=os.cpu_count() or 1,
            memory=psutil.virtual_memory().total,
            gpu=0.0,
            registered_at=now,
            heartbeat_at=now,
        )

    async def start_session(self, agent: str, order: SessionOrder) -> None:
        """Start the command below a supervisor."""
        await asyncio.to_thread(self._start, self._place(agent, order.id), order)

    async def session_state(self, agent: str, session_id: UUID) -> SessionState | None:
        """From the session's folder."""
        return await asyncio.to_thread(self._place(agent, session_id).state)

    async def list_sessions(self, agent: str) -> set[UUID]:
        """Those whose lock is held."""
        return await asyncio.to_thread(self._list, agent)

    async def sample(self, agent: str) -> list[Sample]:
        """In one look at all processes."""
        return await asyncio.to_thread(self._sample, agent)

    async def terminate_session(self, agent: str, session_id: UUID) -> SessionState:
        """TERM to all of its processes, KILL to those that are left, until there are none."""
        place = self._place(agent, session_id)
        await asyncio.to_thread(place.bar)
        for number, seconds in ((signal.SIGTERM, self._grace), (signal.SIGKILL, KILL_SECONDS)):
            if await self._signalled(place, number, seconds):
                break
        else:
            await asyncio.to_thread(place.end_supervisor)
        state = await asyncio.to_thread(place.state)
        self._reap()
        if state is None or state.running:
            raise ConnectionError(f"Compute session {session_id} does not end.")
        return state

    async def _signalled(self, place: Place, number: int, seconds: float) -> bool:
        """Signal what runs, newcomers too, until nothing does (True) or the time is over."""
        deadline = time.monotonic() + seconds
        told: set[int] = set()
        while left := await asyncio.to_thread(place.processes):
            process_tree.send([p for p in left if p.pid not in told], number)
            # A process that asks to be ended is asked once; one that is killed cannot refuse.
            told |= {p.pid for p in left} if number == signal.SIGTERM else set()
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(PAUSE)
        while await asyncio.to_thread(place.is_locked):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(PAUSE / 10)
        return True

    def _place(self, agent: str, session_id: UUID) -> Place:
        if agent != self.name:
            raise ConnectionError(f"Agent {agent} is not this machine.")
        return Place(self._folder, session_id)

    def _start(self, place: Place, order: SessionOrder) -> None:
        self._reap()
        place.prepare(order)
        answer = self._supervise(place.folder)
        if not answer:
            raise ConnectionError("The session's supervisor did not answer.")
        trouble = place.trouble()
        if trouble is not None:
            raise StateConflict(f"{order.command[0]}: {trouble}")

    def _supervise(self, folder: Path) -> str:
        """Begin a supervisor and wait for its answer."""
        script = session_supervisor.__file__
        reading, writing = os.pipe()
        try:
            pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", script, str(folder)],
                {"PATH": PATH, "LC_ALL": "C.UTF-8"},
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, writing, 1),
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (
                        os.POSIX_SPAWN_OPEN,
                        2,
                        str(folder / "supervisor.log"),
                        os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                        0o600,
                    ),
                ],
            )
            self._begun.add(pid)
            os.close(writing)
            writing = -1
            answered = select.poll()
            answered.register(reading, select.POLLIN)
            ready = answered.poll(ANSWER_SECONDS * 1000)
            return os.read(reading, 1000).decode(errors="replace") if ready else ""
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)

    def _reap(self) -> None:
        """Collect supervisors that have ended, those that this process began."""
        for pid in list(self._begun):
            try:
                collected, _ = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                collected = pid
            if collected:
                self._begun.discard(pid)

    def _places(self, agent: str) -> Iterator[Place]:
        if agent != self.name:
            raise ConnectionError(f"Agent {agent} is not this machine.")
        for path in self._folder.iterdir():
            with contextlib.suppress(ValueError):
                yield Place(self._folder, UUID(path.name))

    def _list(self, agent: str) -> set[UUID]:
        self._reap()
        found = set()
        for place in self._places(agent):
            state = place.state()
            if state is not None and state.running:
                found.add(place.id)
            elif state is not None and state.ended_at and state.ended_at < datetime.now(UTC) - KEPT:
                shutil.rmtree(place.folder, ignore_errors=True)
        return found

    def _sample(self, agent: str) -> list[Sample]:
        running = [place for place in self._places(agent) if place.is_running()]
        families = process_tree.children_by_parent() if running else {}
        samples = [place.sample(families) for place in running]
        return [sample for sample in samples if sample is not None]
