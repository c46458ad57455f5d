"""The readable pages of a bundle, in markdown."""

from __future__ import annotations

from collections.abc import Sequence

from activities.no_change import NO_CHANGE
from activities.run_record import RunRecord
from paceline.domain import ids
from paceline.domain.events import Event
from paceline.domain.measurements import AimState, sprint_verdicts
from paceline.domain.plan import Plan, Story
from paceline.domain.proof import Proof
from paceline.domain.questions import Question
from paceline.domain.states import SUCCESS_STATES, StoryState
from paceline.domain.status import ProjectStatus, StoryStatus

_CONTENTS = """\
## What is here

- `requirements/`: the plan as it was given, and the stories with their acceptance criteria and checks
- `documentation/project-summary.md`: what was done, epic by epic, and what people decided
- `documentation/completion-summary.md`: the same as counts and lists, which `paceline plan show` reads
- `code/`: the change of each sprint branch as a patch (`git apply --binary`); in `changes.json` its files,
  with a log of all that were made, modified and deleted
- `decisions/`: questions with their answers, steering, changes of the plan and rollbacks
- `reports/`: standups, daily reports, velocity, reviews and retrospectives, where they were made
- `stories/`: logs, transcripts, evidence, diffs and proofs of each story
- `plan.json`, `status.json`, `events.jsonl`, `questions.json`, `proofs.json`: the same for programs
- `metrics.json`: metrics and success criteria with targets, actual values and verdicts, and every measurement
- `claims.jsonl`: every decision about who may change what, and why
- `manifest.json`: SHA-256 and size of every file, and how many secrets were taken out of it
"""


def readme(record: RunRecord) -> str:
    """The first page: where the run stands and what is in the bundle."""
    run, status = record.run, record.status
    lines = [f"# {_line(run.title)}", ""]
    if record.plan.goal:
        lines += [f"Goal: {_line(record.plan.goal)}", ""]
    counting = [story for story in status.stories if not story.removed]
    done = sum(story.state in SUCCESS_STATES for story in counting)
    removed = f"; {status.removed} removed from the plan" if status.removed else ""
    why = f" It ended because {_line(status.end_reason)}." if status.end_reason else ""
    lines += [
        f"Run `{run.id}` is **{run.state.value}**: {done} of {len(counting)} stories succeeded "
        f"({status.percent:.0f} %{removed}).{why}",
        "",
        "| story | title | state | merge |",
        "| --- | --- | --- | --- |",
        *[
            f"| {_cell(story.id)} | {_cell(story.title)} | {story.state.value} | {_commit(story)} |"
            for story in status.stories
        ],
        "",
    ]
    if run.repository is not None:
        branches = ", ".join(f"`{ids.sprint_branch(run.id, sprint)}`" for sprint in record.sprints)
        lines += [
            f"Repository `{run.repository}`, from commit `{run.base_commit}`; branches: {branches}.",
            "",
        ]
    return "\n".join(lines) + "\n" + _CONTENTS


def requirements(record: RunRecord) -> str:
    """Every story of the plan with its tasks, acceptance criteria and checks."""
    lines = [f"# Requirements of {_line(record.plan.title)}", ""]
    for story in record.plan.stories:
        lines += [f"## {_line(story.id)}: {_line(story.title)}", ""]
        if story.description:
            lines += [story.description.strip(), ""]
        lines += _section("Tasks", [item.text for item in story.tasks])
        lines += _section("Acceptance criteria", [item.text for item in story.acceptance_criteria])
        lines += _section("Checks", [f"`{check}`" for check in story.checks])
        lines += _section("Depends on", record_dependencies(record, story))
    return "\n".join(lines)


def record_dependencies(record: RunRecord, story: Story) -> list[str]:
    """The stories that really gate this one."""
    return [name for found in record.status.stories if found.id == story.id for name in found.dependencies]


def summary(record: RunRecord) -> str:
    """The project summary: counts, each epic, each story's outcome, and the decisions of people."""
    lines = [f"# Project summary: {_line(record.run.title)}", ""]
    lines += [f"- {state.value}: {count}" for state, count in _counts(record.status).items()]
    lines.append("")
    for epic, stories in _by_epic(record.status.stories).items():
        counting = [story for story in stories if not story.removed]
        done = sum(story.state in SUCCESS_STATES for story in counting)
        lines += [f"## {_line(epic or 'Stories without an epic')} ({done} of {len(counting)})", ""]
        for story in stories:
            proven_on = proven_commit(record, story)
            lines += _story(story, proven_on)
            lines += _proven([proof for proof in record.proofs if proof.story == story.id], proven_on)
    lines += _aims(record.aims)
    lines += _section("Steps of phases that are no story: nobody carried them out", left_steps(record.plan))
    lines += _decisions(record.questions)
    return "\n".join(lines)


def left_steps(plan: Plan) -> list[str]:
    """The steps of phases that mean no story, each with its phase and its agents."""
    return [
        f"{_line(phase.id)}: {_line(step.text)}" + (f" ({', '.join(step.agents)})" if step.agents else "")
        for phase in plan.phases
        for step in phase.steps
        if step.story is None
    ]


def _counts(status: ProjectStatus) -> dict[StoryState, int]:
    return {state: status.counts[state] for state in StoryState if status.counts.get(state)}


def _by_epic(stories: list[StoryStatus]) -> dict[str | None, list[StoryStatus]]:
    groups: dict[str | None, list[StoryStatus]] = {}
    for story in stories:
        groups.setdefault(story.epic, []).append(story)
    return groups


def proven_commit(record: RunRecord, story: StoryStatus) -> str | None:
    """The commit that a story's proofs are of: its merge, or the head on which it needed no change."""
    if story.reason_code != NO_CHANGE:
        return story.merge_commit
    proven = [each for each in record.events if each.name == "no_change.proven" and each.story == story.id]
    return str(proven[-1].data["commit"]) if proven else None


def _story(story: StoryStatus, proven_on: str | None) -> list[str]:
    lines = [f"### {_line(story.id)}: {_line(story.title)}", ""]
    attempts = f"{story.attempt} attempt{'' if story.attempt == 1 else 's'}"
    how = f"merge {_commit(story)}"
    if story.reason_code == NO_CHANGE and proven_on is not None:
        how = f"no change, proven on `{proven_on[:12]}`"
    lines.append(f"{story.state.value}, {attempts}, {how}.")
    if story.reason:
        lines.append(f"Reason: {_line(story.reason)}")
    if story.summary:
        lines += ["", story.summary.strip()]
    return [*lines, ""]


def _proven(proofs: list[Proof], commit: str | None) -> list[str]:
    """What answers for each criterion on the commit that the story was proven on."""
    lines: list[str] = []
    for proof in (each for each in proofs if each.commit == commit):
        how = f"`{_line(proof.command)}`" if proof.command else _line(proof.by or "")
        lines.append(f"- {proof.verdict.value.replace('_', ' ')}: {_line(proof.text)}")
        if how and proof.text != proof.command:
            lines[-1] += f" ({how})"
        if proof.tested_on is not None:
            lines[-1] += f", tested with others on `{proof.tested_on[:12]}`"
    return [*lines, ""] if lines else []


def _aims(aims: list[AimState]) -> list[str]:
    """Targets, actual values and verdicts, with who gave them."""
    if not aims:
        return []
    verdicts = sprint_verdicts(aims)
    rows = [
        f"| {_cell(aim.name)} | {_cell(aim.target)} | {_cell(aim.actual or '-')} | {aim.verdict.value} "
        f"| {_cell(', '.join(part for part in (aim.actor or '', aim.reason) if part))} |"
        for aim in aims
    ]
    return [
        "## Metrics and success criteria",
        "",
        "| name | target | actual | verdict | by |",
        "| --- | --- | --- | --- | --- |",
        *rows,
        "",
        *[f"- success of {_line(sprint)}: {verdict.value}" for sprint, verdict in verdicts.items()],
        *([""] if verdicts else []),
    ]


def decisions(record: RunRecord, told: Sequence[Event]) -> str:
    """What people decided, in the order of the log, after the questions with their answers.

    Args:
        record: the run.
        told: the events in which somebody decided.
    """
    lines = [f"# Decisions: {_line(record.run.title)}", ""]
    for question in sorted(record.questions, key=lambda question: (question.asked_at, question.id)):
        lines += [f"## {_line(question.id)}", "", f"{_line(question.text)}", ""]
    lines += _decisions(record.questions)
    lines += _section("Changes and steering", [_decided(event) for event in told])
    return "\n".join(lines)


def _decided(event: Event) -> str:
    about = f" {event.story}" if event.story else ""
    facts = ", ".join(
        f"{name} {value}"
        for name, value in sorted(event.data.items())
        if isinstance(value, (str, int, float)) and value != ""
    )
    return f"{event.at:%Y-%m-%d %H:%M} {event.name}{about} by {event.actor}" + (f": {facts}" if facts else "")


def _decisions(questions: list[Question]) -> list[str]:
    if not questions:
        return []
    lines = ["## Decisions of people", ""]
    for question in sorted(questions, key=lambda question: (question.asked_at, question.id)):
        answer = question.answer
        chosen = f" {_line(', '.join(answer.chosen))}" if answer and answer.chosen else ""
        said = f"{answer.decision.value}{chosen} by {_line(answer.actor)}" if answer else question.state
        note = f": {_line(answer.text)}" if answer and answer.text else ""
        lines.append(f"- {question.id} ({question.kind.value}): {said}{note}")
    return [*lines, ""]


def _section(title: str, entries: list[str]) -> list[str]:
    return [f"{title}:", "", *[f"- {_line(entry)}" for entry in entries], ""] if entries else []


def _commit(story: StoryStatus) -> str:
    if story.reason_code == NO_CHANGE:
        return "no change"
    return f"`{story.merge_commit[:12]}`" if story.merge_commit else "-"


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
