"""A run as it goes: a live table on a terminal, lines anywhere else."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from paceline.cli.terminal import STYLE, counts_line, event_line, say, story_row
from paceline.domain.events import Event
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.status import ProjectStatus, StoryStatus

_EVENTS = 8
_WIDEST_STATE = max(len(state.value) for state in StoryState)
"""A state is never cut off, however narrow the terminal is."""
_HEADINGS = ("story", "title", "agents", "state", "try", "why")


class Progress(Protocol):
    """Where a run's progress is shown."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, status: ProjectStatus) -> None:
        """The run stands so now."""
        ...

    def happened(self, event: Event) -> None:
        """One more event."""
        ...

    def say(self, sentence: str) -> None:
        """Something beside the run."""
        ...

    def pause(self) -> None:
        """Leave the terminal to a question."""
        ...

    def resume(self) -> None:
        """Take the terminal again."""
        ...


class Lines:
    """One line an event, for logs and pipes."""

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, status: ProjectStatus) -> None:
        """States are in the events already."""

    def happened(self, event: Event) -> None:
        """Print the event."""
        line = event_line(event)
        if line is not None:
            say(line)

    def say(self, sentence: str) -> None:
        """Print it."""
        say(sentence)

    def pause(self) -> None:
        """Nothing to stop."""

    def resume(self) -> None:
        """Nothing to start."""


class LiveTable:
    """The stories as a table that is drawn anew, with the latest events under it."""

    def __init__(self) -> None:
        self._console = Console()
        self._status: ProjectStatus | None = None
        self._events: deque[str] = deque(maxlen=_EVENTS)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)

    def __enter__(self) -> LiveTable:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, status: ProjectStatus) -> None:
        """Draw the table."""
        self._status = status
        self._draw()

    def happened(self, event: Event) -> None:
        """Put the event under the table."""
        line = event_line(event)
        if line is not None:
            self._events.append(line)
            self._draw()

    def say(self, sentence: str) -> None:
        """Print it above the table."""
        self._console.print(Text(sentence))

    def pause(self) -> None:
        """Stop drawing; the table stays above the question."""
        self._live.stop()

    def resume(self) -> None:
        """Draw again, below what was typed."""
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._live.start()
        self._draw()

    def _draw(self) -> None:
        if self._status is None or not self._live.is_started:
            return
        events = Text("\n".join(self._events), style="dim", no_wrap=True, overflow="ellipsis")
        table = stories_table(self._status, self._console.height - _EVENTS - 6)
        self._live.update(Group(table, Text(counts_line(self._status)), events), refresh=True)


def stories_table(status: ProjectStatus, height: int | None = None) -> Table:
    """The stories of a run; where they are more than fit, those that move are kept.

    Args:
        status: the run.
        height: the most rows; None for all.
    """
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, min_width=_WIDEST_STATE if heading == "state" else None)
    shown = status.stories if height is None else _fitting(status.stories, max(height, 3))
    for story in shown:
        row = [Text(text, no_wrap=True, overflow="ellipsis") for text in story_row(story)]
        row[3].stylize(STYLE.get(story.state, ""))
        table.add_row(*row)
    hidden = len(status.stories) - len(shown)
    if hidden:
        table.add_row("", Text(f"and {hidden} more", style="dim"))
    return table


def _fitting(stories: list[StoryStatus], height: int) -> list[StoryStatus]:
    if len(stories) <= height:
        return stories
    moving = [story for story in stories if story.attempt and story.state not in FINAL_STATES]
    others = [story for story in stories if story not in moving]
    kept = {id(story) for story in (moving + others)[: height - 1]}
    return [story for story in stories if id(story) in kept]
