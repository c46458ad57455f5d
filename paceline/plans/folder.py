"""A folder as one plan: tasks that are files, epics and stories in files, or one plan among notes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from paceline.domain.plan import Dependency, Epic, Finding, Plan, Sprint, Story
from paceline.errors import PlanUnreadable
from paceline.plans.backlog_md import is_task, read_tasks
from paceline.plans.document import Document
from paceline.plans.findings import Code, finding, in_order
from paceline.plans.reader import read_plan
from paceline.plans.resolve import DependencyReader, Target, Targets

KIND = "folder of plans"

_ENDINGS = (".md", ".markdown", ".txt", ".json", ".yaml", ".yml")
_DIGITS = re.compile(r"(\d+)")


def is_text(path: str) -> bool:
    """Whether a file may hold a plan or a part of one, by the ending of its name."""
    return path.lower().endswith(_ENDINGS)


def joined_texts(files: Mapping[str, str]) -> str:
    """The texts of a folder as one, for people: each below a comment that names its file."""
    return "\n".join(
        f"<!-- {path} -->\n{files[path]}" for path in sorted(filter(is_text, files), key=_natural)
    )


def read_folder(files: Mapping[str, str], name: str | None = None) -> Plan:
    """Read a folder's files as one plan.

    Args:
        files: the text of every file by its path in the folder.
        name: the folder's, for messages and as the title.

    Returns:
        The plan of all files that are plans; those that are none are named in a warning. Where a story has a
        heading in one file and a file of its own, what its own file says holds.

    Raises:
        PlanUnreadable: no file is a plan, or one is damaged.
    """
    paths = sorted(filter(is_text, files), key=_natural)
    documents = [Document(files[path], path) for path in paths]
    whole = Document("\n".join(f"{path}\n{files[path]}" for path in paths), name)
    tasks = [document for document in documents if is_task(document)]
    if tasks:
        plan = read_tasks(tasks, whole, [each for each in documents if not is_task(each)])
        plan.warnings = in_order([*plan.warnings, *_skipped(documents, tasks)])
        return plan
    plans: list[tuple[Document, Plan]] = []
    for document in documents:
        try:
            plan = read_plan(document.raw, document.file)
        except PlanUnreadable:
            continue
        if plan.stories:
            plans.append((document, plan))
    if not plans:
        raise PlanUnreadable(
            f"{name or 'The folder'} has no file that is a plan ({len(documents)} read); add one with a "
            "heading such as `#### Story 1.1: Title` for each story.",
            file=name,
        )
    remarks = _skipped(documents, [document for document, _ in plans])
    return _merged([plan for _, plan in plans], whole, remarks)


def _merged(plans: list[Plan], whole: Document, remarks: list[Finding]) -> Plan:
    if len(plans) == 1:
        return plans[0].model_copy(update={"warnings": in_order([*plans[0].warnings, *remarks])})
    # A file with one story says more about it than the overview that lists it.
    plans = sorted(plans, key=lambda plan: len(plan.stories) == 1)
    found: list[Story] = []
    places: dict[str, int] = {}
    epics: dict[str, Epic] = {}
    sprints: dict[str, Sprint] = {}
    for plan in plans:
        for sprint in plan.sprints:
            sprints.setdefault(sprint.id, sprint)
        for epic in plan.epics:
            epics.setdefault(epic.id, epic)
        for story in plan.stories:
            place = places.setdefault(story.id, len(found))
            if place < len(found) and len(plan.stories) == 1:
                found[place] = _joined(found[place], story, epics)
            else:
                found.append(story)
    dependencies = _resolve(found, list(epics.values()))
    members: dict[str, list[str]] = {epic: [] for epic in epics}
    for story in found:
        members[story.epic or ""].append(story.id)
    for epic in epics.values():
        epic.stories = members[epic.id]
    agents = {agent.id: agent for plan in plans for agent in plan.agents}
    return Plan(
        title=whole.file or plans[0].title,
        project=next((plan.project for plan in plans if plan.project), None),
        source=whole.source(KIND),
        goal=next((plan.goal for plan in plans if plan.goal), None),
        sprints=list(sprints.values()),
        epics=[epic for epic in epics.values() if epic.stories or not epic.implicit],
        stories=found,
        agents=list(agents.values()),
        phases=[phase for plan in plans for phase in plan.phases],
        metrics=[metric for plan in plans for metric in plan.metrics],
        risks=[risk for plan in plans for risk in plan.risks],
        contingency=[each for plan in plans for each in plan.contingency],
        facts=[fact for plan in plans for fact in plan.facts],
        warnings=in_order([*(each for plan in plans for each in plan.warnings), *dependencies, *remarks]),
    )


def _joined(listed: Story, own: Story, epics: Mapping[str, Epic]) -> Story:
    """What a story's own file says, and from the overview what it leaves out."""
    rest = {
        name: getattr(listed, name)
        for name in type(own).model_fields
        if getattr(own, name) in (None, [], False) and getattr(listed, name) not in (None, [])
    }
    if own.epic is None or epics[own.epic].implicit:
        rest["epic"] = listed.epic
    return own.model_copy(update=rest)


def _resolve(stories: list[Story], epics: list[Epic]) -> list[Finding]:
    """Resolve again what names a story of another file."""
    targets = [Target(story.id, story.title, "story") for story in stories]
    targets += [Target(epic.id, epic.title, "epic") for epic in epics if not epic.implicit]
    reader = DependencyReader(Targets(targets))
    for story in stories:
        resolved: list[Dependency] = []
        for each in story.dependencies:
            again = reader.read(each.as_written, each.line or 1) if not each.resolved else []
            resolved.extend(again or [each])
        story.dependencies = resolved
    return reader.warnings


def _skipped(documents: list[Document], read: list[Document]) -> list[Finding]:
    taken = {id(document) for document in read}
    left = [document.file or "" for document in documents if id(document) not in taken]
    if not left:
        return []
    names = ", ".join(f"`{name}`" for name in left[:5]) + (" and others" if len(left) > 5 else "")
    return [
        finding(
            Code.FILES_SKIPPED,
            f"{len(left)} of {len(documents)} files are no plans and are left out: {names}.",
            "Nothing, if they are notes; else give their stories headings.",
            None,
            left[0],
        )
    ]


def _natural(path: str) -> list[str | int]:
    """`task-10` comes after `task-9`."""
    return [int(part) if part.isdecimal() else part for part in _DIGITS.split(path)]
