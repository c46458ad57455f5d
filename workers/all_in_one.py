"""Everything in one process tree: Temporal, the database, the workers and the API; and each part alone."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from temporalio.client import Client

from api.security import required_token
from paceline.contracts import WORK_TASK_QUEUE
from paceline.errors import ConfigurationError, ServerUnavailable
from paceline.settings import Settings
from paceline.store import migrate
from paceline.store.database import Database
from workers.api_server import bind, serving, url_of
from workers.observing import serving_metrics
from workers.search_attributes import ensure_search_attributes
from workers.temporal_client import connect
from workers.temporal_server import EmbeddedServer, open_temporal
from workers.worker import running_workers

Say = Callable[[str], None]

QUICK_END_SECONDS = 30.0
QUICK_ENDS = 5
"""Ends of the Temporal server, each soon after its start, after which it is not started again."""


@dataclass(frozen=True)
class Running:
    """What runs: the addresses to look at, and the task that ends only when something failed for good."""

    api_url: str | None
    temporal_address: str
    ui_url: str | None
    embedded: EmbeddedServer | None
    failure: asyncio.Task[None]


@asynccontextmanager
async def all_in_one(settings: Settings, say: Say, *, with_api: bool = True) -> AsyncGenerator[Running]:
    """Run everything while the context is open.

    Args:
        settings: home, ports and addresses.
        say: is told in whole sentences what happens.
        with_api: also listen for HTTP.

    Raises:
        ConfigurationError: the API would listen beyond loopback without a token.
        PortBusy: a port is taken.
        ServerUnavailable: there is no Temporal server to be had.
    """
    async with AsyncExitStack() as stack:
        listener = None
        if with_api:
            required_token(settings)
            listener = stack.enter_context(bind(settings))
        database = await _migrated(settings)
        stack.callback(database.close)
        temporal = await stack.enter_async_context(open_temporal(settings, say))
        # The port may have been picked just now, and agents are told where to ask.
        told = settings if listener is None else settings.model_copy(update={"api_url": url_of(listener)})
        await stack.enter_async_context(running_workers(temporal.client, database, told))
        watched: list[Awaitable[None]] = []
        if listener is not None:
            served = serving(listener, database, temporal.client, settings)
            watched.append(await stack.enter_async_context(served))
        if temporal.embedded is not None:
            watched.append(_keep_alive(temporal.embedded, say))
        failure = asyncio.create_task(_first_end(watched), name="watch")
        stack.push_async_callback(_stop, failure)
        yield Running(
            api_url=url_of(listener) if listener else None,
            temporal_address=temporal.address,
            ui_url=temporal.ui_url,
            embedded=temporal.embedded,
            failure=failure,
        )


async def serve(settings: Settings, say: Say, *, with_api: bool = True) -> None:
    """Run everything until a signal to stop, and stop it cleanly.

    Raises:
        what `all_in_one` raises; ServerUnavailable: a part ended and could not be started again.
    """

    async def run() -> None:
        async with all_in_one(settings, say, with_api=with_api) as running:
            if running.api_url:
                say(f"API: {running.api_url}")
            if running.ui_url:
                say(f"Temporal's UI: {running.ui_url}")
            say("Paceline is up; Ctrl-C stops it, and what runs goes on at the next start.")
            await running.failure

    await until_signal(run(), say)


async def serve_api(settings: Settings, say: Say) -> None:
    """Run only the API, against a Temporal server and a migrated database that are there.

    Raises:
        ConfigurationError: the database has another schema, a token is needed, or Temporal does not let this
            client register search attributes.
        ServerUnavailable: Temporal does not answer.
    """

    async def run() -> None:
        required_token(settings)
        with bind(settings) as listener:
            client, database = await _connected(settings)
            try:
                async with serving(listener, database, client, settings) as task:
                    say(f"API: {url_of(listener)}")
                    await task
            finally:
                database.close()

    await until_signal(run(), say)


async def serve_worker(
    settings: Settings, say: Say, *, work_queues: Sequence[str] = (), control: bool = True
) -> None:
    """Run only a worker, against a Temporal server and a migrated database that are there.

    Args:
        settings: addresses, folders and timings.
        say: is told in whole sentences what happens.
        work_queues: task queues whose agents this machine runs; none: the default one.
        control: also run workflows and the sweep; False for a machine that only has agents.

    Raises:
        ConfigurationError: the database has another schema, or Temporal does not let this client register
            search attributes.
        ServerUnavailable: Temporal does not answer.
    """

    async def run() -> None:
        client, database = await _connected(settings)
        try:
            queues = list(work_queues) or [WORK_TASK_QUEUE]
            async with (
                serving_metrics(settings) as metrics,
                running_workers(client, database, settings, work_queues=queues, control=control),
            ):
                if metrics is not None:
                    say(f"Metrics: {metrics}")
                where = temporal_address(settings)
                say(f"A worker for {', '.join(queues)} runs for the Temporal server at {where}.")
                await asyncio.Event().wait()
        finally:
            database.close()

    await until_signal(run(), say)


def temporal_address(settings: Settings) -> str:
    """Where a Temporal server is expected: the one that is named, or this machine's embedded one."""
    return settings.temporal_address or f"127.0.0.1:{settings.temporal_port}"


async def until_signal(work: Awaitable[None], say: Say) -> None:
    """Run until the work ends or SIGINT or SIGTERM comes; then cancel it and wait for its clean end."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            task.cancel()
            say("Stopping ...")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _migrated(settings: Settings) -> Database:
    settings.home.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(migrate.upgrade, settings.resolved_database_url)
    return Database(settings.resolved_database_url)


async def _connected(settings: Settings) -> tuple[Client, Database]:
    url = settings.resolved_database_url
    if not await asyncio.to_thread(migrate.is_current, url):
        raise ConfigurationError("The database does not have this version's schema; run `paceline migrate`.")
    client = await connect(temporal_address(settings), settings.temporal_namespace)
    await ensure_search_attributes(client)
    return client, Database(url)


async def _keep_alive(server: EmbeddedServer, say: Say) -> None:
    """Start the embedded server again whenever it ends; what it knows is in its file."""
    quick_ends = 0
    while quick_ends < QUICK_ENDS:
        began = time.monotonic()
        status = await server.wait()
        quick_ends = quick_ends + 1 if time.monotonic() - began < QUICK_END_SECONDS else 1
        say(f"The Temporal server ended with status {status}; it is started again.")
        await server.restart()
    raise ServerUnavailable(
        f"The Temporal server ended {QUICK_ENDS} times in a row; its log is {server.log}."
    )


async def _first_end(watched: list[Awaitable[None]]) -> None:
    """Wait until one part ends, and pass its failure on; without parts to watch, for ever."""
    tasks = [asyncio.ensure_future(part) for part in watched]
    if not tasks:
        await asyncio.Event().wait()
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            if task.get_name() != "api":  # its own context stops it, with time for open requests
                task.cancel()
    for task in done:
        task.result()
    raise ServerUnavailable("The API stopped by itself; the log above has the reason.")


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
