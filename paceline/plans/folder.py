"""A folder as one plan: the files of a tool, epics and stories in files, or one plan among notes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from paceline.domain.collector import collector_paused
from paceline.domain.plan import Finding, Plan
from paceline.errors import PlanUnreadable
from paceline.plans import kiro, plain_table, spec_kit, task_list, task_master
from paceline.plans.backlog_md import is_task, read_tasks
from paceline.plans.document import Document
from paceline.plans.findings import Code, finding, in_order
from paceline.plans.folder_ids import tell_apart
from paceline.plans.folder_merge import in_file, merge
from paceline.plans.quantities import number_or_more
from paceline.plans.reader import READERS, read_plan

KIND = "folder of plans"

_ENDINGS = (".md", ".markdown", ".txt", ".json", ".yaml", ".yml")
_DIGITS = re.compile(r"(\d+)")

_OF_TOOLS = frozenset({spec_kit.KIND, kiro.KIND, task_master.KIND})
"""Formats that a tool keeps beside notes of its own, which may look like plans."""
_BY_THE_WAY = frozenset({task_list.KIND, plain_table.KIND})
"""Formats that notes have by chance."""
_CLEAR = 5.0
"""Evidence that a tool's own marks give, and a list that happens to have numbers does not."""
_WORK = frozenset({"tasks", "completed", "drafts", "archive"})
"""Where Backlog.md keeps tasks; decisions and documents are elsewhere."""


def is_text(path: str) -> bool:
    """Whether a file may hold a plan or a part of one, by the ending of its name."""
    return path.lower().endswith(_ENDINGS)


def joined_texts(files: Mapping[str, str]) -> str:
    """The texts of a folder as one, for people: each below a comment that names its file."""
    paths = sorted(filter(is_text, files), key=_natural)
    return "\n".join(f"<!-- {path} -->\n{files[path]}" for path in paths)


@collector_paused()
def read_folder(files: Mapping[str, str], name: str | None = None) -> Plan:
    """Read a folder's files as one plan.

    Args:
        files: the text of every file by its path in the folder.
        name: the folder's, for messages and as the title.

    Returns:
        The plan of all files that are plans; those that are none are named in a warning. Where a story has a
        heading in one file and a file of its own, what its own file says holds. Everything names its file.

    Raises:
        PlanUnreadable: no file is a plan, or one is no text.
    """
    paths = sorted(filter(is_text, files), key=_natural)
    documents = [Document(files[path], path) for path in paths]
    whole = Document("\n".join(f"{path}\n{files[path]}" for path in paths), name)
    tasks = [document for document in documents if is_task(document)]
    if tasks:
        return _read_backlog(tasks, documents, whole)
    plans = _read_all(documents)
    if not plans:
        raise PlanUnreadable(
            f"{name or 'The folder'} has no file that is a plan ({len(documents)} read); add one with a "
            "heading such as `#### Story 1.1: Title` for each story.",
            file=name,
        )
    kept = _without_notes(plans, files)
    notes = [path for path in plans if path not in kept]
    remarks = _left_out(
        notes, len(documents), "stand beside a tool's tasks", "Name the file itself, if it is the plan."
    )
    remarks += _no_plans([path for path in paths if path not in plans], len(documents))
    return _one(kept, whole, remarks)


def _one(plans: dict[str, Plan], whole: Document, remarks: list[Finding]) -> Plan:
    if len(plans) == 1:
        (plan,) = plans.values()
        return plan.model_copy(update={"warnings": in_order([*plan.warnings, *remarks])})
    remarks = [*tell_apart(plans), *remarks]
    parts = [in_file(plan, path) for path, plan in plans.items()]
    return merge(parts, whole.source(KIND), whole.file or parts[0].title, remarks)


def _read_backlog(tasks: list[Document], documents: list[Document], whole: Document) -> Plan:
    """Read tasks in a file each; decisions beside them look like tasks and are none."""
    work = [task for task in tasks if _is_work(task)] or tasks
    known = {document.file for document in tasks}
    others = [document for document in documents if document.file not in known]
    plan = read_tasks(work, whole, others)
    read = {document.file for document in work}
    aside = [task.file or "" for task in tasks if task.file not in read]
    remarks = _left_out(aside, len(documents), "are no tasks", "Move them to `tasks`, if they are work.")
    remarks += _no_plans([document.file or "" for document in others], len(documents))
    plan.warnings = in_order([*plan.warnings, *remarks])
    return plan


def _is_work(task: Document) -> bool:
    return not _WORK.isdisjoint(PurePosixPath(task.file or "").parts[:-1])


def _read_all(documents: Iterable[Document]) -> dict[str, Plan]:
    plans: dict[str, Plan] = {}
    for document in documents:
        try:
            plan = read_plan(document.raw, document.file)
        except PlanUnreadable:
            continue
        if plan.stories:
            plans[document.file or ""] = plan
    return plans


def _without_notes(plans: dict[str, Plan], files: Mapping[str, str]) -> dict[str, Plan]:
    """Leave out what a tool's tasks make notes of: files beside and below them, and lists made by the way."""
    tools = {path for path, plan in plans.items() if _is_of_tool(plan, files[path])}
    if not tools:
        return plans
    folders = {PurePosixPath(path).parent for path in tools}
    return {
        path: plan
        for path, plan in plans.items()
        if path in tools
        or (plan.source.kind not in _BY_THE_WAY and not folders.intersection(PurePosixPath(path).parents))
    }


def _is_of_tool(plan: Plan, text: str) -> bool:
    if plan.source.kind not in _OF_TOOLS:
        return False
    reader = next(reader for reader in READERS if reader.name == plan.source.kind)
    return reader.evidence(Document(text)).score >= _CLEAR


def _no_plans(left: list[str], count: int) -> list[Finding]:
    return _left_out(
        left, count, "are no plans", "Nothing, if they are notes; else give their stories headings."
    )


def _left_out(left: list[str], count: int, why: str, remedy: str) -> list[Finding]:
    if not left:
        return []
    names = ", ".join(f"`{name}`" for name in left[:5]) + (" and others" if len(left) > 5 else "")
    message = f"{len(left)} of {count} files {why} and are left out: {names}."
    return [finding(Code.FILES_SKIPPED, message, remedy, None, left[0])]


def _natural(path: str) -> list[str | int]:
    """`task-10` comes after `task-9`."""
    return [number_or_more(part) if part.isdecimal() else part for part in _DIGITS.split(path)]
