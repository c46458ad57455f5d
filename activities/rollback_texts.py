"""What people are told before merged work is taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paceline.domain.rollback import START, Choice, Outcome, Rollback, RollbackKind

_SHOWN = 50


def title_of(rollback: Rollback) -> str:
    """What is asked for, as the begin of a sentence."""
    if rollback.kind is RollbackKind.STORY:
        return f"Roll back {rollback.target}"
    if rollback.kind is RollbackKind.UNDO:
        return f"Undo rollback {rollback.target}"
    where = (
        "the start of the sprint" if rollback.target == START else f"what was there after {rollback.target}"
    )
    return f"Return to {where}"


def question_of(
    rollback: Rollback,
    outcomes: Mapping[Choice, Outcome],
    dependants: Mapping[str, str],
    running: Mapping[str, str],
) -> str:
    """The question, with everything that is at stake."""
    whole = outcomes["all"]
    lines = [f"{title_of(rollback)}, as {rollback.asked_by} asks?"]
    if dependants:
        lines += ["", "These merged stories build on it and would go with it (amend: leave them):"]
        lines += [f"- {story}: {reason}" for story, reason in _first(dependants)]
    else:
        if whole.reverts:
            lines += ["", f"It takes away: {_list(whole.reverts)}."]
        if whole.restores:
            lines += ["", f"It brings back: {_list(whole.restores)}."]
    if running:
        lines += ["", "These stories build on it and go on; they may meet a conflict or failing checks:"]
        lines += [f"- {story}: {reason}" for story, reason in _first(running)]
    differs = outcomes["named"].fingerprint() != whole.fingerprint()
    for name, outcome in [("approve", whole), *([("amend", outcomes["named"])] if differs else [])]:
        if outcome.conflict:
            lines += ["", f"With `{name}` it is refused: {outcome.conflict}"]
        if outcome.failures:
            lines += ["", f"With `{name}` these checks of the remaining stories fail:"]
            lines += [f"- {each}" for each in outcome.failures[:10]]
    return "\n".join(lines)[:20_000]


def context_of(
    outcomes: Mapping[Choice, Outcome],
    branch: str,
    head: str,
    dependants: Mapping[str, str],
    running: Mapping[str, str],
) -> dict[str, str]:
    """The facts beside the question."""
    found = {"branch": branch, "head": head, "diff_summary": outcomes["all"].stat}
    if outcomes["named"].stat != outcomes["all"].stat:
        found["diff_summary_amend"] = outcomes["named"].stat or outcomes["named"].conflict[:2000]
    if dependants:
        found["dependants"] = _list(list(dependants))
    if running:
        found["running"] = _list(list(running))
    failures = [each for outcome in outcomes.values() for each in outcome.failures]
    if failures:
        found["failing_checks"] = "\n".join(dict.fromkeys(failures))[:4000]
    return found


def _first(stories: Mapping[str, str]) -> list[tuple[str, str]]:
    shown = list(stories.items())[:_SHOWN]
    return [*shown, ("and", f"{len(stories) - _SHOWN} more")] if len(stories) > _SHOWN else shown


def _list(stories: Sequence[str]) -> str:
    more = f" and {len(stories) - _SHOWN} more" if len(stories) > _SHOWN else ""
    return ", ".join(stories[:_SHOWN]) + more
