"""`--watch`: what a command shows, drawn anew when an event tells of a change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Annotated, Any, Generic, TypeVar

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from paceline.cli.settings import load_settings
from paceline.cli.terminal import complain, is_read, say, wide_console
from paceline.client.api import ApiClient
from paceline.errors import ServerUnavailable

Watch = Annotated[
    bool, typer.Option("--watch", help="Show it anew at each change, until Ctrl-C; with --json a line each.")
]
REST_SECONDS = 0.25
"""The shortest time between two looks: a burst of events is looked at once."""
LOOK_SECONDS = 15.0
"""The longest: that an agent fell silent is no event."""
RECONNECT_SECONDS = (0.2, 5.0)
"""The first and the longest pause before the stream is opened again."""
PATIENCE_SECONDS = 60.0
"""How long an API may be away."""
T = TypeVar("T")


@dataclass(frozen=True)
class View(Generic[T]):
    """What is watched, and how it is shown.

    Args:
        look: asks the API.
        draw: for people, within so many lines.
        data: for programs.
        project: whose events tell of changes; None: those of all runs.
        over: whether nothing will change any more.
    """

    look: Callable[[ApiClient], Awaitable[T]]
    draw: Callable[[T, int], RenderableType]
    data: Callable[[T], Any]
    project: str | None = None
    over: Callable[[T], bool] = lambda _: False


def watch(view: View[T], as_json: bool) -> None:
    """Show it until it is over or somebody presses Ctrl-C, which is the exit status 130."""
    with _Lines(view) if as_json else _Screen(view) as shown:
        asyncio.run(_watch(view, shown.show))


async def _watch(view: View[T], show: Callable[[T], None]) -> None:
    changed = asyncio.Event()
    async with ApiClient.of(load_settings()) as client:
        # Before the first look, so that what changes in between is looked at again.
        after = 0 if view.project is None else (await client.get_project(view.project)).last_event
        listener = asyncio.create_task(_listen(client, view.project, after, changed))
        try:
            await _look(client, view, show, changed)
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


async def _look(client: ApiClient, view: View[T], show: Callable[[T], None], changed: asyncio.Event) -> None:
    answered, told = time.monotonic(), False
    while True:
        changed.clear()
        try:
            found = await view.look(client)
        except ServerUnavailable:
            if time.monotonic() - answered > PATIENCE_SECONDS:
                raise
            if not told:
                complain(f"No API answers at {client.url} now; this goes on when it does.")
            told = True
        else:
            answered, told = time.monotonic(), False
            show(found)
            if view.over(found) or not is_read():
                return
        await asyncio.sleep(REST_SECONDS)
        with suppress(TimeoutError):
            async with asyncio.timeout(RECONNECT_SECONDS[1] if told else LOOK_SECONDS):
                await changed.wait()


async def _listen(client: ApiClient, project: str | None, after: int, changed: asyncio.Event) -> None:
    pause, longest = RECONNECT_SECONDS
    while True:
        async for event in client.events(project, after):
            after, pause = event.number, RECONNECT_SECONDS[0]
            changed.set()
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)
        # What happened while nobody listened is in the next look.
        changed.set()


class _Lines(Generic[T]):
    """A line of JSON at each change."""

    def __init__(self, view: View[T]) -> None:
        self._view = view
        self._last = ""

    def __enter__(self) -> _Lines[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, found: T) -> None:
        """Print it where it is not what was printed last."""
        text = json.dumps(self._view.data(found), ensure_ascii=False)
        if text != self._last:
            say(text)
        self._last = text


class _Screen(Generic[T]):
    """A picture that is drawn anew; where there is no terminal, the next one below the last."""

    def __init__(self, view: View[T]) -> None:
        self._view = view
        self._console = wide_console()
        self._live = Live(console=self._console, auto_refresh=False) if _draws(self._console) else None
        self._last = ""

    def __enter__(self) -> _Screen[T]:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, found: T) -> None:
        """Draw it."""
        if self._live is not None:
            self._live.update(self._view.draw(found, self._console.height - 2), refresh=True)
            return
        text = json.dumps(self._view.data(found))
        if text != self._last:
            self._console.print(self._view.draw(found, 1_000_000))
            self._console.print()
        self._last = text


def _draws(console: Console) -> bool:
    """Whether lines can be drawn over."""
    return console.file.isatty() and not console.is_dumb_terminal
