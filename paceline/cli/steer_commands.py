"""`paceline pause`, `resume`, `cancel`, `retry`, `skip` and the like: steering a run while it goes on."""

from __future__ import annotations

import getpass
import json
from typing import Annotated, Any

import typer

from paceline.cli.calling import call_api
from paceline.cli.parameters import Agents, OneStory, Project, Story
from paceline.cli.terminal import printable, say
from paceline.domain.steering import SteerAction

Sprint = Annotated[str | None, typer.Option("--sprint", help="Only this sprint.")]
Epic = Annotated[str | None, typer.Option("--epic", help="Only this epic, in the sprint that runs.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept with the event.")]
GivenReason = Annotated[str, typer.Option("--reason", help="Why; it has to be said.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Who does it; default: your login name.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def pause(
    project: Project,
    sprint: Sprint = None,
    epic: Epic = None,
    story: Story = None,
    now: Annotated[
        bool, typer.Option("--now", help="With --story: stop an agent that works; its work is kept.")
    ] = False,
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Let a run or a part of it stand still.

    Nothing new starts, and stories stop before their next step.
    """
    _steer(SteerAction.PAUSE, project, _part(sprint, epic, story), reason, actor, as_json, now=now)


def resume(
    project: Project,
    sprint: Sprint = None,
    epic: Epic = None,
    story: Story = None,
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Let what was paused go on."""
    _steer(SteerAction.RESUME, project, _part(sprint, epic, story), reason, actor, as_json)


def cancel(
    project: Project,
    sprint: Sprint = None,
    epic: Epic = None,
    story: Story = None,
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Stop a run or a part of it; its work is preserved.

    Nothing more of it is merged.
    """
    _steer(SteerAction.CANCEL, project, _part(sprint, epic, story), reason, actor, as_json)


def retry(
    project: Project, story: OneStory, reason: Reason = "", actor: Actor = None, as_json: AsJson = False
) -> None:
    """Give a story another attempt, or start it again.

    It is started again where it had ended without success.
    """
    _steer(SteerAction.RETRY, project, {"story": story}, reason, actor, as_json)


def skip(
    project: Project,
    reason: GivenReason,
    sprint: Sprint = None,
    epic: Epic = None,
    story: Story = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Leave a story, an epic or a sprint out.

    Who depends on it may start without it.
    """
    _steer(SteerAction.SKIP, project, _part(sprint, epic, story), reason, actor, as_json)


def reassign(
    project: Project,
    story: OneStory,
    agent: Agents,
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Give a story to another agent.

    What was done so far is preserved and gone on from.
    """
    _steer(SteerAction.REASSIGN, project, {"story": story}, reason, actor, as_json, agents=agent)


def reprioritise(
    project: Project,
    story: OneStory,
    priority: Annotated[str, typer.Option("--priority", help="Critical, High, Medium, Low, or P0 to P3.")],
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Change how urgent a story is.

    It starts, and stands in the waiting line, by its new priority.
    """
    _steer(SteerAction.REPRIORITISE, project, {"story": story}, reason, actor, as_json, priority=priority)


def set_parallel(
    project: Project,
    max_parallel: Annotated[int, typer.Argument(min=1, help="How many stories run at once.")],
    sprint: Sprint = None,
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Change how many stories of a sprint run at once.

    Without --sprint, of every sprint.
    """
    part = _part(sprint, None, None)
    _steer(SteerAction.SET_MAX_PARALLEL, project, part, reason, actor, as_json, max_parallel=max_parallel)


def force_complete(
    project: Project,
    reason: GivenReason,
    sprint: Sprint = None,
    epic: Epic = None,
    story: Story = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Say that a run or a part of it is done as it is.

    What has not ended counts as done and is not merged.
    """
    _steer(SteerAction.FORCE_COMPLETE, project, _part(sprint, epic, story), reason, actor, as_json)


def _part(sprint: str | None, epic: str | None, story: str | None) -> dict[str, Any]:
    named = (("sprint", sprint), ("epic", epic), ("story", story))
    return {name: value for name, value in named if value is not None}


def _steer(
    action: SteerAction,
    project: str,
    part: dict[str, Any],
    reason: str,
    actor: str | None,
    as_json: bool,
    **more: Any,
) -> None:
    body: dict[str, Any] = {
        "action": action,
        **part,
        "reason": reason,
        "actor": actor or getpass.getuser(),
        **{name: value for name, value in more.items() if value},
    }
    reply = call_api(lambda client: client.steer(project, **body))
    say(json.dumps(reply, indent=2, ensure_ascii=False) if as_json else printable(reply["message"]))
