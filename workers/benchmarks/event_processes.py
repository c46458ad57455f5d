"""The processes of `paceline bench events`: an API, a writer, clients, and some that are slow or hostile.

Each is `python -m workers.benchmarks.event_processes NAME ...` and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy.orm import Session
from temporalio.client import Client as Temporal
from temporalio.contrib.pydantic import pydantic_data_converter

from paceline.domain.events import EventDraft, EventType
from paceline.settings import Settings
from paceline.store import events
from paceline.store.database import Database
from workers.api_server import bind, serving
from workers.benchmarks.event_clients import HANDSHAKE, Client

DROPPED_SHARE = 0.02
"""Of the clients, lose their connection at once, every `DROP_SECONDS`."""
DROP_SECONDS = 0.5
PER_ADDRESS = 25
"""Clients; the hostile have an address of their own too, where the machine has more than one for itself."""
SLOW = 20
"""Clients that never read."""
HOSTILE_PER_SECOND = 100
"""Connects of hostile ones."""
BULK = EventDraft(key="", type=EventType.WORKFLOW_EVENT, name="attempt.started", data={"text": "x" * 60_000})


async def serve(url: str, port: str, home: str) -> None:
    """The API, without Temporal, which no reader of events needs."""
    settings = Settings(
        home=Path(home), database_url=url, api_port=int(port), api_token=None, api_host="127.0.0.1"
    )
    client = await Temporal.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter)
    database = Database(url)
    with bind(settings) as listener:
        async with serving(listener, database, client, settings):
            _say("ready")
            await _stdin_ends()
    database.close()


async def write(url: str, project: str, rate: str, noted: str) -> None:
    """Append events at a rate, and note when each was committed."""
    database, pause = Database(url), 1 / float(rate)
    await _told_to_go()
    ended = asyncio.create_task(_stdin_ends())
    with Path(noted).open("w") as notes:  # noqa: ASYNC230 - nobody else uses this loop
        committed: list[float] = []
        # Called by the writer's thread right after the commit.
        database.add_listener(lambda _project: committed.append(time.monotonic()))
        due = time.monotonic()
        while not ended.done():
            number = await database.write(_append, project)
            notes.write(f"{number} {committed[-1]}\n")
            notes.flush()
            due += pause
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    database.close()


def _append(session: Session, project: str) -> int:
    story = f"Story 1.{random.randrange(40)}"  # noqa: S311 - no secret
    draft = EventDraft(
        key=f"bench-{time.monotonic_ns()}",
        type=EventType.WORKFLOW_EVENT,
        name="attempt.started",
        story=story,
        data={"attempt": 1, "agent": "Backend Agent", "agents": ["Backend Agent"], "confined": True},
    )
    return events.append_events(session, project, [draft])[0].number


async def listen(port: str, project: str, count: str, source: str, noted: str) -> None:
    """Clients, some of which lose their connection all the time.

    `PER_ADDRESS` come from each address, from `source` on.

    Told `reach N`, it says so when each has event N; in the end it notes what each got, and when.
    """
    prefix, _, first = source.rpartition(".")
    sources = [f"{prefix}.{int(first) + n // PER_ADDRESS}" if source else None for n in range(int(count))]
    clients = [Client(int(port), project, each) for each in sources]
    tasks = [asyncio.create_task(client.run()) for client in clients]
    await asyncio.gather(*(client.connected.wait() for client in clients))
    _say("ready")
    began = time.monotonic(), time.process_time()
    tasks.append(asyncio.create_task(_drop(clients)))
    while line := await _line():
        number = int(line.split()[1])
        while any(client.last < number for client in clients):  # noqa: ASYNC110 - each takes events by itself
            await asyncio.sleep(0.02)
        _say("reached")
    spent = (time.process_time() - began[1]) / (time.monotonic() - began[0])
    for task in tasks:
        task.cancel()
    with Path(noted).open("wb") as notes:  # noqa: ASYNC230 - nobody else uses this loop
        for client in clients:
            client.numbers.tofile(notes)
            client.times.tofile(notes)
    _say(
        json.dumps(
            {
                "counts": [len(client.numbers) for client in clients],
                "lost": sum(client.lost for client in clients),
                "doubled": sum(client.doubled for client in clients),
                "reconnects": sum(client.reconnects for client in clients),
                "last": [client.last for client in clients],
                "cpu_percent": round(100 * spent, 1),
            }
        )
    )


async def _drop(clients: list[Client]) -> None:
    while True:
        await asyncio.sleep(DROP_SECONDS)
        for client in random.sample(clients, math.ceil(len(clients) * DROPPED_SHARE)):
            client.drop()


async def disturb(port: str, project: str, bulk: str, source: str) -> None:
    """Clients that never read, frames that are none, messages that are too long, and connects at a rate.

    Each line that it is told begins or ends that; in the end it says how many connects it made.
    """
    _say("ready")
    made = 0
    while await _line():
        ended = asyncio.create_task(_line())
        made += await _disturb(int(port), project, bulk, source, ended)
        _say("stopped")
    _say(str(made))


async def _disturb(port: int, project: str, bulk: str, source: str, ended: asyncio.Task[str]) -> int:
    slow = [await _opened(port, bulk if number % 2 else project, source) for number in range(SLOW)]
    made, due = 0, time.monotonic()
    while not ended.done():
        with suppress(OSError):
            await _attack(await _opened(port, project, source), made % 4)
        made += 1
        due = max(due + 1 / HOSTILE_PER_SECOND, time.monotonic() - 1)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    for each in slow:
        each.close()
    return made


async def _attack(found: socket.socket, kind: int) -> None:
    loop = asyncio.get_running_loop()
    try:
        if kind == 1:
            await loop.sock_sendall(found, os.urandom(512))
        elif kind == 2:  # a masked text message of 100,000 bytes, beyond the limit
            head = b"\x81\xff" + (100_000).to_bytes(8, "big") + bytes(4)
            async with asyncio.timeout(0.5):
                await loop.sock_sendall(found, head + b"a" * 100_000)
        elif kind == 3:
            await loop.sock_sendall(found, (b"\x81\x84" + bytes(4) + b"spam") * 200)
    except TimeoutError:
        pass
    finally:
        found.close()


async def _opened(port: int, project: str, source: str) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.setblocking(False)
    if source:
        found.bind((source, 0))
    await loop.sock_connect(found, ("127.0.0.1", port))
    await loop.sock_sendall(found, HANDSHAKE.format(project=project, after=0, port=port).encode())
    return found


def fill(database: Database, project: str, count: int) -> None:
    """Events of 60 KB each, for clients that do not read them."""
    drafts = [BULK.model_copy(update={"key": str(number)}) for number in range(count)]
    for start in range(0, count, 50):
        database.write_now(events.append_events, project, drafts[start : start + 50])


async def _told_to_go() -> None:
    _say("ready")
    await _line()


async def _line() -> str:
    """What this process is told next; empty: to end."""
    return await asyncio.to_thread(sys.stdin.readline)


async def _stdin_ends() -> None:
    await asyncio.to_thread(sys.stdin.read)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    named = {"serve": serve, "write": write, "listen": listen, "disturb": disturb}
    asyncio.run(named[sys.argv[1]](*sys.argv[2:]))
