"""The table `[stories]` of a repository's `paceline.toml`: stories of several agents or sprints."""

from __future__ import annotations

from pydantic import Field

from paceline.agents.toml_tables import options_of
from paceline.domain.model import Model
from paceline.domain.status import Collaboration, RunOptions, SplitStories

REVIEW_ROUNDS = 3


class StoryOptions(Model):
    """From the table `[stories]`."""

    collaboration: Collaboration = Collaboration.TURNS
    """How the agents of a collaborative story share it."""
    review_rounds: int = Field(default=REVIEW_ROUNDS, ge=1, le=20)
    """How often the lead works at most, where the others review."""
    split: SplitStories = SplitStories.PARTS
    """How stories are done that the plan spreads over several sprints."""


def load_story_options(toml_text: str, file: str = "paceline.toml") -> StoryOptions:
    """The table `[stories]`; its defaults where there is none.

    Args:
        toml_text: the whole file; other tables in it are not looked at.
        file: its name, for messages.

    Raises:
        ConfigurationError: not TOML, or a value that does not fit; the message names the key.
    """
    return options_of(StoryOptions, toml_text, "stories", file)


def with_stories(options: RunOptions, written: StoryOptions) -> RunOptions:
    """A run's options with the repository's word, where the request says nothing."""
    return options.model_copy(
        update={
            "collaboration": options.collaboration or written.collaboration,
            "review_rounds": options.review_rounds or written.review_rounds,
            "split_stories": options.split_stories or written.split,
        }
    )
