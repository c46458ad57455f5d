"""Findings about single stories and epics: what is missing, and names that are too long."""

from __future__ import annotations

from collections.abc import Iterator

from paceline.domain.ids import SLUG_LIMIT
from paceline.domain.plan import Finding, Plan, Story
from paceline.domain.schedule import lock_patterns
from paceline.plans.findings import Code, finding_at

_TITLE_LIMIT = 120
"""Characters of a title that the subject of a merge keeps."""
_SHOWN = 60
"""Characters of a long name that a sentence shows."""


def check_stories(plan: Plan) -> Iterator[Finding]:
    """Stories without proof, files, an agent or a phase."""
    for story in plan.stories:
        if story.done:
            continue
        if not story.acceptance_criteria and not story.proofs():
            yield _without_proof(story)
        if not lock_patterns(story, plan):
            yield finding_at(
                story,
                Code.STORY_WITHOUT_FILES,
                f"`{story.id}` names no files, so a command agent takes the whole repository for it.",
                "Add `- **Files**:` with paths or globs in backticks.",
                story.files_line,
            )
        if not story.agents:
            message = f"`{story.id}` names no agent, so only an agent declared for all can do it."
            yield finding_at(story, Code.STORY_WITHOUT_AGENT, message, "Add `- **Agent**: name`.")
        if plan.phases and story.phase is None:
            yield finding_at(
                story,
                Code.STORY_IN_NO_PHASE,
                f"`{story.id}` is in no phase; its dependencies alone say when it runs.",
                "Add a step that names the story to a phase.",
            )


def _without_proof(story: Story) -> Finding:
    remedy = "Add `- **Checks**:` with a command in backticks, or `- **Acceptance Criteria**:`."
    missing = f"`{story.id}` has neither acceptance criteria nor checks"
    if story.change == "optional":
        message = f"{missing}, so nothing proves that it is done where it changes nothing."
        return finding_at(story, Code.NO_CHANGE_WITHOUT_PROOF, message, remedy)
    return finding_at(story, Code.STORY_WITHOUT_PROOF, f"{missing}, so nothing proves it.", remedy)


def check_lengths(plan: Plan) -> Iterator[Finding]:
    """Titles and ids that are cut where they are shown."""
    for story in plan.stories:
        if len(story.title) > _TITLE_LIMIT:
            yield finding_at(
                story,
                Code.TITLE_TOO_LONG,
                f"The title of `{_short(story.id)}` has {len(story.title)} characters, and the subject of "
                f"its merge keeps {_TITLE_LIMIT}: `{_short(story.title)}`.",
                "Write a shorter title, and the rest as the story's description.",
            )
        if len(story.id) > SLUG_LIMIT and not _is_named_by_title(story):
            yield finding_at(
                story,
                Code.ID_TOO_LONG,
                f"The id `{_short(story.id)}` has {len(story.id)} characters, and its workflow and branch "
                f"keep {SLUG_LIMIT}, with a number made of the rest.",
                "Write a short id, such as `US-1`, and the rest as the title.",
            )


def check_empty_epics(plan: Plan) -> Iterator[Finding]:
    """Epics without stories: what depends on them waits for nothing."""
    for epic in plan.epics:
        if not epic.stories and plan.stories:
            message = f"`{epic.id}` has no stories, so what depends on it waits for nothing."
            yield finding_at(epic, Code.EPIC_WITHOUT_STORIES, message, "Write its stories, or delete it.")


def _is_named_by_title(story: Story) -> bool:
    """Work without an id is called after its title, of which the title's own limit speaks."""
    return story.id.endswith(story.title)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
