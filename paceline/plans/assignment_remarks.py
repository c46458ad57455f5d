"""What sprint assignment tables state of the whole plan, against what stands in them."""

from __future__ import annotations

from paceline.domain.plan import Agent, Epic, Story
from paceline.plans.assignment_sections import SectionReader
from paceline.plans.findings import Code
from paceline.plans.lint_points import load_of

_SHOWN = 4


def remark_totals(found: SectionReader, epics: list[Epic], stories: list[Story], agents: list[Agent]) -> None:
    """Compare the stated total, the size of the team and the numbers of sprints and stories."""
    _remark_total(found, epics, stories)
    _remark_team(found, agents)
    _remark_counts(found, stories)
    _remark_choices(found, stories)


def _remark_total(found: SectionReader, epics: list[Epic], stories: list[Story]) -> None:
    total = found.overview.total
    own = [story for story in stories if story.epic is not None]
    known = [story.points for story in own if story.points is not None]
    if total is None or not known or len(known) != len(own) or total.fits(sum(known)):
        return
    optional = {sprint.id for sprint in found.sprints if sprint.optional}
    loads = [(name, load_of(story, name)) for story in stories for name in story.sprints]
    required = sum(load or 0 for name, load in loads if name not in optional)
    everything = sum(load or 0 for _, load in loads)
    rows = f"the rows of all sprints to {everything:g}"
    if optional:
        rows = f"the rows of the sprints that are not optional to {required:g}, {rows}"
    what = f"`{epics[0].id}`" if len(epics) == 1 else "The plan"
    found.reading.warn(
        Code.POINTS_DIFFER,
        f"{what} states {total.text} points; its stories add up to {sum(known):g}, {rows}.",
        "Change the number that is wrong, or say what it counts; all are kept as written.",
        total.line,
    )


def _remark_team(found: SectionReader, agents: list[Agent]) -> None:
    team = found.overview.team
    described = [agent for agent in agents if agent.title is not None]
    if team is None or not described or team.fits(len(described)):
        return
    qualified = [f"`{agent.id}` {agent.qualifier}" for agent in described if agent.qualifier]
    which = f" ({', '.join(qualified[:_SHOWN])})" if qualified else ""
    found.reading.warn(
        Code.TEAM_SIZE_DIFFERS,
        f"The team is said to be `{team.text}`, and {len(described)} roles are described{which}.",
        "Change the number, or the roles.",
        team.line,
    )


def _remark_counts(found: SectionReader, stories: list[Story]) -> None:
    overview = found.overview
    counts = (
        (overview.sprints, len(found.sprints), "sprints"),
        (overview.stories, sum(story.kind == "story" for story in stories), "stories"),
    )
    for stated, count, what in counts:
        if stated is not None and not stated.fits(count):
            found.reading.warn(
                Code.COUNT_DIFFERS,
                f"The plan speaks of `{stated.text}`, and has {count} {what}.",
                "Change the number that is wrong; both are kept.",
                stated.line,
            )


def _remark_choices(found: SectionReader, stories: list[Story]) -> None:
    """Say what was decided where the tables leave a choice."""
    for sprint in found.sprints:
        if sprint.optional:
            found.reading.warn(
                Code.SPRINT_OPTIONAL,
                f"`{sprint.id}` runs only if a person says so (`{sprint.condition or 'optional'}`).",
                "Take the remark off the heading if the sprint always runs.",
                sprint.line or 1,
            )
    groups: dict[tuple[str | None, int | None], list[int]] = {}
    for risk in found.risks:
        if risk.mitigation_line is not None:
            groups.setdefault((risk.sprint, risk.mitigation_line), []).append(risk.line or 1)
    for (sprint, line), lines in groups.items():
        if len(lines) > 1:
            found.reading.warn(
                Code.MITIGATION_SHARED,
                f"One mitigation is written for {len(lines)} risks{f' of `{sprint}`' if sprint else ''}; "
                "each of them has all of it.",
                "Write the mitigation below its risk.",
                line or 1,
            )
    for story in stories:
        if story.kind == "task" and story.id.startswith(f"{story.sprints[0]}: "):
            found.reading.warn(
                Code.WORK_WITHOUT_ID,
                f"`{story.title}` has no id, so it is work beside the stories and is called `{story.id}`.",
                "Give it an id if it is a story.",
                story.line or 1,
            )
