"""The text that a coding agent is given: a work order in markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from paceline.agents.outputs import BLOCKED, NEEDS_PERSON
from paceline.domain.work import ReviewRequest, TurnOrder, WorkOrder


def render_prompt(order: WorkOrder) -> str:
    """A work order as markdown; what people said is in it word for word."""
    heading = f"# Story {order.story}: {' '.join(order.title.split())}"
    if order.review is not None:
        return _review(order, order.review, heading)
    parts = [heading, _where(order), (order.description or "").strip()]
    parts += [
        _part(order),
        _list("Tasks", order.tasks, numbered=True),
        _list("It is accepted when", order.acceptance_criteria),
        _paths(order),
        _checks(order),
        _list("What the last retrospective asks for", order.improvements),
        _amendments(order),
        _reviews(order),
        _conflict(order),
        _failures(order),
        _delivered(order),
        _rules(order),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _review(order: WorkOrder, review: ReviewRequest, heading: str) -> str:
    if review.lead:
        return _peer_review(order, review, heading)
    asked = "\n".join(f"{each.number}. {each.text}" for each in review.criteria)
    parts = [
        heading.replace("# Story", "# Review of story"),
        f"You are {order.agent} and review work that others did. It is checked out in the current folder as "
        f"commit `{review.commit}`; {_what_changed(review)}",
        (order.description or "").strip(),
        _list("Tasks", order.tasks, numbered=True),
        f"## Criteria to judge\n\n{asked}",
        "## Rules\n\n"
        "- Change nothing. For each criterion say whether the work meets it, and why in a sentence; where "
        "you cannot tell, say that it is not met.\n"
        "- Write your answer as JSON to the file that the environment variable PACELINE_WORK_RESULT names: "
        '`{"outcome": "done", "summary": "...", "advice": [{"number": 1, "met": true, "note": "..."}]}`.\n'
        "- Your answer is advice to a person: what you do not answer, a person is asked.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _peer_review(order: WorkOrder, review: ReviewRequest, heading: str) -> str:
    asked = "\n".join(f"{each.number}. {each.text}" for each in review.criteria)
    parts = [
        heading.replace("# Story", "# Review of story"),
        f"You are {order.agent}. {', '.join(order.agents)} do this story together: {review.lead} works, and "
        f"you review what it did. This is round {review.round} of at most {review.of}. The work is in the "
        f"current folder; {_what_changed(review)}",
        (order.description or "").strip(),
        _list("Tasks", order.tasks, numbered=True),
        f"## It is accepted when\n\n{asked}" if asked else "",
        _checks(order),
        "## Rules\n\n"
        "- Change nothing: what you change here is put back.\n"
        f"- What you write goes to {review.lead} word for word, which works on it in the next round.\n"
        "- Write your answer as JSON to the file that the environment variable PACELINE_WORK_RESULT names: "
        '`{"outcome": "done", "approved": true, "summary": "..."}`, or `"approved": false` and in `summary` '
        "what has to be done.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what_changed(review: ReviewRequest) -> str:
    if review.base == review.commit:
        return "they found that nothing had to be changed."
    return f"`git diff {review.base} {review.commit}` shows what changed."


def _where(order: WorkOrder) -> str:
    if order.turn is not None:
        return _turn(order, order.turn)
    lines = [f"You are {order.agent}, working alone on this story; this is attempt {order.attempt}."]
    if len(order.agents) > 1:
        lines.append(f"The story belongs to {', '.join(order.agents)} together.")
    if order.epic:
        lines.append(f"It is part of {order.epic}.")
    if order.goal:
        lines.append(f"The goal of the sprint: {order.goal}")
    return "\n".join(lines)


def _turn(order: WorkOrder, turn: TurnOrder) -> str:
    """Who works before and after, and what those before left."""
    lines = [
        f"You are {order.agent}. {', '.join(order.agents)} do this story together, one after the other in "
        f"this worktree; yours is turn {turn.number} of {turn.of}.",
        f"This is attempt {order.attempt}.",
        *(["You are the last: leave it so that the checks pass."] if turn.number == turn.of else []),
        *([f"It is part of {order.epic}."] if order.epic else []),
        *([f"The goal of the sprint: {order.goal}"] if order.goal else []),
    ]
    said = _list("What was done before you", turn.before)
    return "\n".join(lines) + (f"\n\n{said}" if said else "")


def _part(order: WorkOrder) -> str:
    """Which share of the story this sprint has, and what becomes of it."""
    part = order.part
    if part is None or part.of < 2:
        return ""
    heading = f"## {part.told().capitalize()}\n\n"
    if not part.into:
        return (
            f"{heading}The plan spreads this story over {part.of} sprints, and this is the last of them. The "
            "work of the parts before is in place. Do all that is left: the story merges with this part."
        )
    return (
        f"{heading}The plan spreads this story over {part.of} sprints. Do this sprint's share of it, and "
        f"leave the rest to {' and '.join(part.later)}. Your work is kept and the next part goes on from "
        "it. All of it merges with the last part, and its checks have to pass only then. Say in your summary "
        "what is left."
    )


def _paths(order: WorkOrder) -> str:
    if not order.claimed:
        return "## Paths\n\nThis story claimed no paths: change no files."
    text = _list("Paths you may change", [f"`{path}`" for path in order.claimed])
    return (
        f"{text}\n\nOthers work on the rest at the same time: work that changes any other path is refused. "
        "If you need another file, run `paceline claim PATH`; you may change it where that says `granted`. "
        "Where it does not, finish without it, or stop and write to the file that the environment variable "
        'PACELINE_WORK_RESULT names: `{"outcome": "blocked", "summary": "...", "needs_files": ["PATH"]}`.'
    )


def _checks(order: WorkOrder) -> str:
    if not order.checks:
        return ""
    listed = "\n".join(order.checks)
    return f"## Checks\n\nThese commands must exit with 0 on the merged result:\n\n```\n{listed}\n```"


def _amendments(order: WorkOrder) -> str:
    if not order.amendments:
        return ""
    said = "\n\n".join(order.amendments)
    return f"## What people said\n\nThis goes before everything above.\n\n{said}"


def _reviews(order: WorkOrder) -> str:
    if not order.reviews:
        return ""
    last = order.reviews[-1].round
    said = [f"{each.agent} (round {each.round}): {each.text}" for each in order.reviews if each.comments]
    return (
        "## What the others said of your work\n\n"
        f"Your work of round {last} is in place. Do what they ask, or say in your summary why not.\n\n"
        + "\n\n".join(said)
    )


def _conflict(order: WorkOrder) -> str:
    """Both sides, as the agent has to bring them together."""
    found = order.conflict
    if found is None:
        return ""
    since = f" since `{found.base[:12]}`" if found.base else ""
    parts = [
        "## Resolve a conflict",
        f"The earlier work on this story (`{found.work}`) does not apply on `{found.branch}` any more. You "
        "start on the branch's new head. What applied of the earlier work is in place already; the files "
        "below are as the branch has them now. Bring into them what the story needs, and keep what others "
        "changed.",
        "\n".join(f"- `{path}`" for path in found.paths),
    ]
    merged = [f"{each.story or each.subject} (`{each.commit[:12]}`)" for each in found.merged]
    if merged:
        parts.append("#" + _list(f"Who changed them on the branch{since}", merged))
    for title, text in (
        (f"What the branch changed{since}", found.branch_changed),
        ("What the earlier work on this story changed", found.story_changed),
        ("The places in conflict; the branch's side comes first", "\n".join(found.hunks.values())),
    ):
        if text:
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
            parts.append(f"### {title}\n\n{fence}\n{text.rstrip()}\n{fence}")
    return "\n\n".join(parts)


def _failures(order: WorkOrder) -> str:
    lines = [
        f"Attempt {earlier.attempt} ({earlier.reason_code}): {earlier.reason}"
        + (f" Its work is at `{earlier.preserved_ref}`." if earlier.preserved_ref else "")
        for earlier in order.earlier_attempts
    ]
    return _list("Why earlier attempts did not end in a merge", lines)


def _delivered(order: WorkOrder) -> str:
    lines = [f"{done.story} ({done.title}): {done.summary}".rstrip(": ") for done in order.delivered]
    return _list("What this builds on", lines)


def _rules(order: WorkOrder) -> str:
    where = f" `{order.worktree}`" if order.worktree else ""
    nothing = (
        "- Where everything is as the story wants it already, change nothing, and say how you know: the "
        "story is done then too, if its checks pass.\n"
    )
    return (
        "## Rules\n\n"
        f"- Work only in the current folder{where}, a git worktree made for you. Leave your changes in it; "
        "you need not commit, and you must not push, merge or switch branches.\n"
        f"{nothing if order.change == 'optional' else ''}"
        "- Nobody can answer while you work. If only a person can decide how to go on, stop, and make the "
        f"last line of your last message `{NEEDS_PERSON} <your question>`.\n"
        f"- If something outside your reach stops you, make that line `{BLOCKED} <what it is>`.\n"
        "- Otherwise end with a short summary of what you changed and why."
    )


def _list(title: str, entries: Iterable[str], numbered: bool = False) -> str:
    lines = [f"{f'{at}.' if numbered else '-'} {entry}" for at, entry in enumerate(entries, 1)]
    return f"## {title}\n\n" + "\n".join(lines) if lines else ""
