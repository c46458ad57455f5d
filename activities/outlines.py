"""What the workflows have to know of the plan: only keys, edges and weights, never its texts."""

from __future__ import annotations

from collections import Counter

from temporalio import activity

from activities.carrying import carried
from activities.context import ActivityContext, RunContext
from activities.heartbeat import heartbeating
from activities.reports import has_clock
from paceline.contracts import (
    EpicRef,
    EpicSlice,
    EpicStep,
    ProjectInput,
    ProjectOutline,
    SprintOutline,
    SprintRef,
    SprintStep,
    StoryRef,
    StorySettled,
)
from paceline.domain import graph
from paceline.domain.aims import ended_aims
from paceline.domain.plan import Story
from paceline.domain.states import FINAL_STATES, StoryState
from paceline.domain.status import RunMode
from paceline.store import merge_line, status
from paceline.vcs.repository import ensure_branch


class OutlineActivities:
    """Read the plan of a run for its workflows."""

    def __init__(self, context: ActivityContext) -> None:
        self._context = context

    @activity.defn(name="load-project")
    async def load_project(self, step: ProjectInput) -> ProjectOutline:
        """The sprints of a run, in order."""
        run = await self._context.run(step.project, step.revision)
        options = run.run.options
        sprints = [
            SprintRef(
                key=sprint.id,
                title=sprint.name or sprint.id,
                optional=sprint.optional,
                gates=[gate.value for gate in run.gates(sprint.id)],
                approve_start=options.approve_start == "sprints",
                approve_end=bool(options.approve_sprints),
            )
            for sprint in run.plan.sprints
        ]
        finish = options.finish
        return ProjectOutline(
            title=run.plan.title[:200],
            goal=(run.plan.goal or "")[:1000],
            sprints=sprints,
            finish=bool(finish and finish.push and run.run.repository),
            approve_start=options.approve_start == "run",
            doubts=_doubts(options.doubts),
        )

    @activity.defn(name="load-sprint")
    async def load_sprint(self, step: SprintStep) -> SprintOutline:
        """The epic slices of a sprint; makes the sprint's branch where stories will merge."""
        async with heartbeating():
            return await self._sprint(step)

    async def _sprint(self, step: SprintStep) -> SprintOutline:
        run = await self._context.run(step.project, step.revision)
        counts: dict[str, int] = {}
        for story in stories_of(run, step.sprint):
            counts[run.epic_of(story)] = counts.get(run.epic_of(story), 0) + 1
        titles = {epic.id: epic.title for epic in run.plan.epics}
        order = [epic.id for epic in run.plan.epics if epic.id in counts]
        order += [key for key in counts if key not in titles]
        goal = next((sprint.goal for sprint in run.plan.sprints if sprint.id == step.sprint), None)
        pending = await self._pending(run, step)
        return SprintOutline(
            goal=(goal or run.plan.goal or "")[:1000],
            branch=await self._ensure_branch(run, step.sprint),
            epics=[
                EpicRef(
                    key=key,
                    title=titles.get(key, key)[:200],
                    stories=counts[key],
                    pending=pending.get(key, 0),
                )
                for key in order
            ],
            clock=has_clock(run),
            measures=bool(ended_aims(run.plan, step.sprint)),
        )

    async def _pending(self, run: RunContext, step: SprintStep) -> Counter[str]:
        """Stories by epic that have not begun; nobody asks of a run that was not changed."""
        if not step.revision:
            return Counter()
        rows = await self._context.database.read(status.story_statuses, step.project)
        waiting = {row.id for row in rows if row.state is StoryState.PENDING}
        return Counter(run.epic_of(each) for each in stories_of(run, step.sprint) if each.id in waiting)

    async def _ensure_branch(self, run: RunContext, sprint: str) -> str | None:
        if run.run.repository is None or run.run.base_commit is None:
            return None
        repository = await self._context.repository(run)
        sprints = [each.id for each in run.plan.sprints]
        before = sprints[: sprints.index(sprint)]
        start = run.run.base_commit
        for earlier in before:
            # A later sprint builds on the earlier one's work.
            start = await repository.resolve(f"refs/heads/{run.branch(earlier)}") or start
        branch = run.branch(sprint)
        head = await ensure_branch(repository, branch, start)
        await self._context.database.write(merge_line.begin_head, run.line(branch), head)
        return branch

    @activity.defn(name="load-epic")
    async def load_epic(self, step: EpicStep) -> EpicSlice:
        """The stories of one epic in one sprint with their edges, and dependencies settled before it."""
        run = await self._context.run(step.project, step.revision)
        mine = [story for story in stories_of(run, step.sprint) if run.epic_of(story) == step.epic]
        notify = dependants(run, step.sprint)
        outside = {key for story in mine for key in run.edges.get(story.id, [])}
        rows = await self._context.database.read(status.story_statuses, step.project)
        again = await self._context.database.read(carried, step.project, rows) if step.revision else {}
        own = {story.id for story in mine}
        settled = [
            StorySettled(story=row.id, state=row.state)
            for row in rows
            if row.state in FINAL_STATES
            and row.id in own | outside
            # Of its own sprint, an epic hears by signal; one that begins again, or looks again, missed some.
            and (row.sprint != step.sprint or step.revision)
        ]
        settled += [StorySettled(story=s.id, state=StoryState.SETTLED) for s in run.plan.stories if s.done]
        title = next((epic.title for epic in run.plan.epics if epic.id == step.epic), step.epic)
        waves = waves_of(run, step.sprint)
        # Who waits for a whole wave has to hear of each story of it.
        every = {run.epic_of(story) for wave in waves for story in map(run.story, wave)}
        return EpicSlice(
            title=title[:200],
            waves=waves,
            settled=[each for each in settled if each.story in own | outside],
            stories=[
                StoryRef(
                    key=story.id,
                    title=story.title[:120],
                    agent=" + ".join(story.agents)[:120],
                    dependencies=run.edges.get(story.id, []),
                    notify=sorted((notify.get(story.id, set()) | every) - {step.epic}),
                    weight=run.line_weight(story),
                    rank=run.ranks.get(story.id, 0),
                    again=again.get(story.id),
                )
                for story in mine
            ],
        )


def stories_of(run: RunContext, sprint: str) -> list[Story]:
    """The stories to do in a sprint."""
    return [story for story in run.plan.stories if run.sprint_of(story) == sprint and not story.done]


def waves_of(run: RunContext, sprint: str) -> list[list[str]]:
    """The stories of a sprint in batch mode, by wave; empty in a run that starts each as soon as it can."""
    if run.run.options.mode is not RunMode.BATCH:
        return []
    mine = {story.id for story in stories_of(run, sprint)}
    edges = {key: [each for each in run.edges.get(key, []) if each in mine] for key in sorted(mine)}
    return graph.topological_waves(edges)


def dependants(run: RunContext, sprint: str) -> dict[str, set[str]]:
    """Story key to the epics of this sprint with a story that depends on it."""
    found: dict[str, set[str]] = {}
    for story in stories_of(run, sprint):
        for dependency in run.edges.get(story.id, []):
            found.setdefault(dependency, set()).add(run.epic_of(story))
    return found


def _doubts(sentences: list[str]) -> str:
    """What a person is asked about the reading of the plan; empty where it is clear."""
    if not sentences:
        return ""
    listed = "\n".join(f"- {sentence}" for sentence in sentences)
    return f"The plan can be read in more than one way:\n\n{listed}\n\nIs this how it is meant?"[:20_000]
