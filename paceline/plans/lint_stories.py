"""Findings about single stories: what they prove, what they change, and whose files those are."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.domain.globs import is_glob, patterns_overlap
from paceline.domain.plan import Finding, Plan
from paceline.domain.schedule import lock_patterns
from paceline.plans.findings import Code, finding


def check_stories(plan: Plan) -> Iterator[Finding]:
    """Stories without proof, files, an agent or a phase."""
    for story in plan.stories:
        if story.done:
            continue
        if not story.acceptance_criteria and not story.proofs():
            yield finding(
                Code.STORY_WITHOUT_PROOF,
                f"`{story.id}` has neither acceptance criteria nor checks, so nothing proves it.",
                "Add `- **Checks**:` with a command in backticks, or `- **Acceptance Criteria**:`.",
                story.line,
            )
        if not lock_patterns(story, plan):
            yield finding(
                Code.STORY_WITHOUT_FILES,
                f"`{story.id}` names no files, so a command agent takes the whole repository for it.",
                "Add `- **Files**:` with paths or globs in backticks.",
                story.files_line or story.line,
            )
        if not story.agents:
            message = f"`{story.id}` names no agent, so only an agent declared for all can do it."
            yield finding(Code.STORY_WITHOUT_AGENT, message, "Add `- **Agent**: name`.", story.line)
        if plan.phases and story.phase is None:
            yield finding(
                Code.STORY_IN_NO_PHASE,
                f"`{story.id}` is in no phase; its dependencies alone say when it runs.",
                f"Add a step that names `{story.id}` to a phase.",
                story.line,
            )


def check_empty_epics(plan: Plan) -> Iterator[Finding]:
    """Epics without stories: what depends on them waits for nothing."""
    for epic in plan.epics:
        if not epic.stories and plan.stories:
            message = f"`{epic.id}` has no stories, so what depends on it waits for nothing."
            yield finding(Code.EPIC_WITHOUT_STORIES, message, "Write its stories, or delete it.", epic.line)


def check_paths(plan: Plan) -> Iterator[Finding]:
    """Paths that lead out of the repository or into git's own folder."""
    for story in plan.stories:
        line = story.files_line or story.line
        for path in lock_patterns(story, plan):
            reason = unsafe(path)
            if reason:
                yield _unsafe_finding(f"`{story.id}`", path, reason, line)
    for shared in plan.resources.shared:
        reason = unsafe(shared.path)
        if reason:
            yield _unsafe_finding("The list of shared resources", shared.path, reason, shared.line)
    for owned in plan.resources.owned:
        for path in [*owned.files, *owned.globs]:
            reason = unsafe(path)
            if reason:
                yield _unsafe_finding(f"The resources of `{owned.agent}`", path, reason, owned.line)


def unsafe(path: str) -> str | None:
    """Why a path may not be used, as the end of a sentence; None where it may."""
    segments = path.split("/")
    if not path.strip():
        return "is empty"
    if "\0" in path:
        return "contains a NUL character"
    if "\\" in path:
        return "contains a backslash"
    if path.startswith(("/", "~")) or path[1:2] == ":":
        return "is absolute"
    if ".." in segments:
        return "leaves the repository with `..`"
    # Windows drops blanks and dots at the end of a name, and knows a short form of it.
    if any(segment.rstrip(" .").lower() in {".git", "git~1"} for segment in segments):
        return "leads into git's own folder"
    return None


def check_ownership(plan: Plan) -> Iterator[Finding]:
    """Stories that change files which the plan gives to an agent who is not theirs."""
    literal: dict[str, set[str]] = {}
    globs: list[tuple[str, str]] = []
    for owned in plan.resources.owned:
        for path in [*owned.files, *owned.globs]:
            if is_glob(path):
                globs.append((path, owned.agent))
            else:
                literal.setdefault(path, set()).add(owned.agent)
    for story in plan.stories:
        for pattern in lock_patterns(story, plan):
            owners = set(literal.get(pattern, set()))
            owners |= {agent for glob, agent in globs if patterns_overlap(pattern, glob)}
            if is_glob(pattern):
                owners |= {a for path, who in literal.items() if patterns_overlap(pattern, path) for a in who}
            if owners and not owners & set(story.agents):
                names = " and ".join(sorted(owners))
                yield finding(
                    Code.OWNERSHIP_CROSSED,
                    f"`{story.id}` of {', '.join(story.agents) or 'nobody'} changes `{pattern}`, which "
                    f"belongs to {names}; it gets the lock like any other.",
                    f"Give the story to {names}, or the file to the story's agent, if that was not meant.",
                    story.files_line or story.line,
                )


def _unsafe_finding(where: str, path: str, reason: str, line: int | None) -> Finding:
    shown = path.replace("\0", "\\0")
    return finding(
        Code.UNSAFE_PATH,
        f"{where} names the path `{shown}`, which {reason}.",
        "Write a path relative to the repository's root with forward slashes, such as `src/app.py`.",
        line,
    )
