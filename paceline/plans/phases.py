"""The phases of an agent sprint plan: who does what when, and which story is meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paceline.domain.plan import Phase, PhaseMode, PhaseStep, Story
from paceline.plans.agents import ALL
from paceline.plans.fields import split_parenthesis
from paceline.plans.findings import Code
from paceline.plans.headings import Heading
from paceline.plans.inline import Text
from paceline.plans.labels import Labels, Words, per_table
from paceline.plans.outline import Bullet, BulletList, Paragraph, Section
from paceline.plans.reading import Reading
from paceline.plans.targets import Targets, key
from paceline.plans.time_boxes import day_range
from paceline.plans.wording import stems

_WEAKEST_MATCH = 0.3
_MODES: tuple[PhaseMode, ...] = ("sequential", "parallel", "collaborative")
_MODE_LABELS = Words("mode")


@per_table
def _named_stories(table: Labels) -> re.Pattern[str]:
    words = table.alternation("heading.story", "plural.story", "heading.task")
    return re.compile(
        rf"(?<!\w)(?:{words})\s*#?(?P<id>[\w.-]*\w)|\b(?P<prefixed>[A-Z][A-Z0-9]*-\d[\w.-]*)", re.IGNORECASE
    )


@per_table
def _mode_words(table: Labels) -> dict[PhaseMode, re.Pattern[str]]:
    return {mode: re.compile(table.alternation(f"value.{mode}"), re.IGNORECASE) for mode in _MODES}


class PhaseReader:
    """Reads phases; `match_stories` then says which story each step means."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.phases: list[Phase] = []

    def phase(self, section: Section, heading: Heading) -> Phase:
        """Read one phase's heading, mode and steps."""
        name, qualifier = split_parenthesis(heading.title)
        days = day_range(qualifier or "")
        if qualifier is not None and days is None:
            name = heading.title
        phase = Phase(id=heading.id, name=name if name != heading.id else None, line=section.line)
        phase.days = days or day_range(heading.title)
        for block in section.blocks:
            match block:
                case Paragraph():
                    for text in block.lines:
                        self._mode(phase, text)
                case BulletList():
                    for bullet in block.bullets:
                        self._entry(phase, bullet)
                case _:
                    pass
        self._reading.keep_others(phase.id, section)
        self.phases.append(phase)
        return phase

    def _mode(self, phase: Phase, text: Text) -> None:
        written = text.value if text.label else text.text
        mode = _mode_of(written)
        is_mode = text.lead is not None and (text.label is None or "mode" in text.text.lower() or mode)
        if mode is not None and is_mode and phase.mode is None:
            phase.mode, phase.mode_as_written = mode, written
        elif text.text:
            fact = Bullet(text)
            self._reading.keep_section(_as_section(phase, fact))

    def _entry(self, phase: Phase, bullet: Bullet) -> None:
        label = bullet.text.label
        if label is not None and label in _MODE_LABELS:
            phase.mode, phase.mode_as_written = _mode_of(bullet.text.value), bullet.text.value
            return
        text, flag = split_parenthesis(bullet.text.value)
        own_mode = _mode_of(flag) if flag is not None else None
        if own_mode is None:
            text = bullet.text.value
        step = PhaseStep(text=text, mode=own_mode, line=bullet.line)
        if label is not None:
            assigned = self._reading.team.assign(label, bullet.line)
            step.agents, step.agents_as_written = assigned.names, label
        if step.mode is None:
            step.mode = _step_mode(phase.mode, len(step.agents))
        phase.steps.append(step)
        for child in bullet.children:
            self._entry(phase, child)


def match_stories(
    phases: Sequence[Phase], stories: Sequence[Story], targets: Targets, reading: Reading
) -> None:
    """Say which story each step means, and which phase each story is in.

    A step that names a story means it. Otherwise the words of a step are compared with the titles of the
    stories of its agents, the best fit first, each story and each step at most once.
    """
    known = {story.id: story for story in stories}
    open_steps: list[tuple[Phase, PhaseStep]] = []
    for phase in phases:
        for step in phase.steps:
            named = [story for story in _named(step.text, targets) if story in known]
            step.story = next(iter(named), None)
            for story in named:
                known[story].phase = known[story].phase or phase.id
            if not named:
                open_steps.append((phase, step))
    _match_by_words(open_steps, [story for story in stories if story.phase is None])
    for phase in phases:
        for step in phase.steps:
            _remark_step(phase, step, known, reading)


def _match_by_words(steps: list[tuple[Phase, PhaseStep]], stories: list[Story]) -> None:
    by_stem: dict[str, list[int]] = {}
    words = [stems(story.title) for story in stories]
    for number, found in enumerate(words):
        for stem in found:
            by_stem.setdefault(stem, []).append(number)
    candidates: list[tuple[float, int, int]] = []
    for place, (_, step) in enumerate(steps):
        wanted = stems(step.text)
        for number in sorted({number for stem in wanted for number in by_stem.get(stem, [])}):
            score = _score(wanted, words[number], step, stories[number])
            if score >= _WEAKEST_MATCH:
                candidates.append((-score, place, number))
    taken: set[int] = set()
    for _, place, number in sorted(candidates):
        phase, step = steps[place]
        if step.story is None and number not in taken:
            taken.add(number)
            step.story, stories[number].phase = stories[number].id, phase.id


def _score(wanted: set[str], title: set[str], step: PhaseStep, story: Story) -> float:
    """Shared words by the shorter text, weighed by how well the agents fit; 0 where they do not."""
    agents = set(step.agents) & set(story.agents)
    if not wanted or not title or (step.agents and not agents):
        return 0.0
    fit = len(agents) / len(set(step.agents) | set(story.agents)) if step.agents else 1.0
    return len(wanted & title) / min(len(wanted), len(title)) * (0.5 + 0.5 * fit)


def _remark_step(phase: Phase, step: PhaseStep, stories: dict[str, Story], reading: Reading) -> None:
    if key(step.agents_as_written or "") in ALL:
        reading.warn(
            Code.ALL_AGENTS_ASSUMED,
            f"`{step.agents_as_written}` in {phase.id} means {', '.join(step.agents)}, not the coordinator.",
            "Name the agents if others are meant.",
            step.line or 0,
        )
    if step.story is None:
        reading.warn(
            Code.PHASE_STEP_WITHOUT_STORY,
            f"No story does the step `{step.text}` of {phase.id}, so nothing runs it.",
            "Write a story for it, or name the story's id in the step.",
            step.line or 0,
        )
        return
    story = stories[step.story]
    extra = [agent for agent in step.agents if agent not in story.agents]
    together = step.mode == "collaborative"
    holds = "in a collaborative step they do it together" if together else "the story's own line holds"
    if extra:
        reading.warn(
            Code.PHASE_ADDS_AGENT,
            f"{phase.id} gives `{story.id}` to {', '.join(extra)} as well, while the story names "
            f"{', '.join(story.agents) or 'nobody'}: {holds}.",
            f"Add {', '.join(extra)} to the agents of `{story.id}`, or take them off the step.",
            step.line or 0,
        )


def _named(text: str, targets: Targets) -> list[str]:
    found: list[str] = []
    for match in _named_stories().finditer(text):
        target = targets.find(match["id"] or match["prefixed"], "story")
        if target is not None:
            found.append(target.id)
    return list(dict.fromkeys(found))


def _mode_of(text: str | None) -> PhaseMode | None:
    found: list[PhaseMode] = [mode for mode in _MODES if _mode_words()[mode].search(text or "")]
    if "parallel" in found and "collaborative" in found:
        return "parallel+collaborative"
    return found[0] if found else None


def _step_mode(mode: PhaseMode | None, agents: int) -> PhaseMode | None:
    if mode != "parallel+collaborative":
        return mode
    return "collaborative" if agents > 1 else "parallel"


def _as_section(phase: Phase, bullet: Bullet) -> Section:
    """A section of its own for a line that a phase does not understand, so that it is kept like others."""
    title = Text(text=phase.id, line=bullet.line, value=phase.id)
    return Section(level=2, title=title, blocks=[Paragraph([bullet.text])])
