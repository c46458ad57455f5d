"""What a model is asked for: a plan in the names of the normal form, where everything quotes the notes."""

from __future__ import annotations

import json
from typing import Any, cast

from pydantic import Field, ValidationError

from paceline.domain.model import Model

_FIRST_BRACES = 20
"""Places where an object may begin; prose before an answer has few braces."""
_PROBLEMS = 10
_UNKNOWN_TO_SERVICES = frozenset(
    {"title", "default", "description"}
    | {f"{end}{what}" for end in ("min", "max") for what in ("Length", "Items", "imum")}
)
"""Words of a JSON schema that some services refuse, and none needs."""

STORY_LIMIT = 500
_TEXT = 2_000
_NAME = 100


class Quoting(Model):
    """Something that the notes say; `quote` is copied from them letter for letter."""

    quote: str = Field(default="", max_length=_TEXT)


class ProposedText(Quoting):
    """A task, a criterion or the goal."""

    text: str = Field(min_length=1, max_length=_TEXT)


class ProposedDependency(Quoting):
    """The id of a story that has to be done first."""

    story: str = Field(min_length=1, max_length=_NAME)


class ProposedEpic(Quoting):
    """A group of stories."""

    id: str = Field(min_length=1, max_length=_NAME)
    title: str = Field(min_length=1, max_length=_TEXT)


class ProposedStory(Quoting):
    """A piece of work."""

    id: str = Field(min_length=1, max_length=_NAME)
    title: str = Field(min_length=1, max_length=_TEXT)
    epic: str | None = Field(default=None, max_length=_NAME)
    agents: list[str] = Field(default_factory=list[str], max_length=20)
    points: float | None = Field(default=None, ge=0, le=1_000_000)
    priority: str | None = Field(default=None, max_length=_NAME)
    dependencies: list[ProposedDependency] = Field(default_factory=list[ProposedDependency], max_length=100)
    tasks: list[ProposedText] = Field(default_factory=list[ProposedText], max_length=100)
    acceptance_criteria: list[ProposedText] = Field(default_factory=list[ProposedText], max_length=100)
    files: list[str] = Field(default_factory=list[str], max_length=100)
    checks: list[str] = Field(default_factory=list[str], max_length=100)


class ProposedPlan(Model):
    """The whole answer. It has no source, review or findings: those are not for a model to write."""

    title: str = Field(min_length=1, max_length=_TEXT)
    goal: ProposedText | None = None
    epics: list[ProposedEpic] = Field(default_factory=list[ProposedEpic], max_length=STORY_LIMIT)
    stories: list[ProposedStory] = Field(min_length=1, max_length=STORY_LIMIT)


class NotAPlan(ValueError):
    """An answer that is no proposed plan; the text says why, in words that a model can act on."""


def read_answer(text: str) -> ProposedPlan:
    """Read an answer: JSON, bare, in a fence or after some thinking.

    Raises:
        NotAPlan: it is something else.
    """
    found = _object_in(text)
    try:
        # Numbers in quotes are numbers; a model means the same.
        plan = ProposedPlan.model_validate(found)
    except ValidationError as error:
        raise NotAPlan(_problems(error)) from None
    ids = [story.id for story in plan.stories]
    twice = next((each for at, each in enumerate(ids) if each in ids[:at]), None)
    if twice is not None:
        raise NotAPlan(f"stories: the id {twice!r} is used twice")
    return plan


def answer_schema() -> dict[str, Any]:
    """The JSON schema of an answer, as strict services want it: everything required, nothing else allowed."""
    return cast("dict[str, Any]", _strict(ProposedPlan.model_json_schema()))


def _object_in(text: str) -> object:
    text = text.rpartition("</think>")[2]
    decoder = json.JSONDecoder()
    objects: list[Any] = []
    at = text.find("{")
    for _ in range(_FIRST_BRACES):
        if at < 0:
            break
        end = at + 1
        try:
            found, end = decoder.raw_decode(text, at)
            objects.append(found)
        except (ValueError, RecursionError):
            pass
        at = text.find("{", end)
    # Before an answer, some models think aloud in braces too.
    plans = [each for each in objects if "stories" in each]
    is_cut = text.count("{") > text.count("}")
    if plans or (objects and not is_cut):
        return (plans or objects)[0]
    raise NotAPlan(f"the answer is not one JSON object{', it ends too early' if is_cut else ''}")


def _problems(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    lines = [
        f"{'.'.join(map(str, each['loc'])) or 'the answer'}: {each['msg']}" for each in found[:_PROBLEMS]
    ]
    more = len(found) - len(lines)
    return "; ".join([*lines, f"and {more} more"] if more else lines)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(each) for each in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    written = cast("dict[str, Any]", schema)
    found = {name: _strict(value) for name, value in written.items() if name not in _UNKNOWN_TO_SERVICES}
    for name in ("properties", "$defs"):
        if name in written:
            # The keys are names of ours, and `title` is one of them.
            found[name] = {key: _strict(value) for key, value in written[name].items()}
    if "properties" in found:
        found["required"] = list(found["properties"])
    return found
