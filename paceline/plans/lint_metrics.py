"""Findings about metrics that no story covers, by the words that both use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from paceline.domain.plan import Finding, Item, Metric, Plan
from paceline.plans.findings import Code, finding_at
from paceline.plans.wording import stem, stems

_WORD = re.compile(r"[A-Za-z]\w*")


def check_metrics(plan: Plan) -> Iterator[Finding]:
    """Metrics in words of which some are in no story, and metrics with a number of which none is.

    A number says little of what must be built, so one common word is enough there; a sentence says it all.
    """
    told = {(found.file, found.line) for found in plan.warnings if found.code == Code.METRIC_UNCOVERED}
    metrics = [each for each in plan.metrics if (each.file or plan.source.file, each.line) not in told]
    covered = _words_of_stories(plan) if metrics and plan.stories else set[str]()
    for metric in metrics if covered else []:
        uncovered = _uncovered(metric, covered)
        if uncovered:
            remedy = "Write a story or a criterion for it, or change the metric."
            yield finding_at(metric, Code.METRIC_UNCOVERED, uncovered, remedy)


def _uncovered(metric: Metric, covered: set[str]) -> str | None:
    in_words = metric.value is None
    words = [word for word in dict.fromkeys(_WORD.findall(metric.target)) if stems(word)]
    missing = [word for word in words if stem(word.lower()) not in covered]
    if in_words and missing:
        return f"The metric `{metric.name}` asks for `{', '.join(missing)}`, which no story mentions."
    if not in_words and len(missing) == len(words) and stems(metric.name).isdisjoint(covered):
        return f"The metric `{metric.name}` has no word in common with any story."
    return None


def _words_of_stories(plan: Plan) -> set[str]:
    items: list[Item] = [*(plan.definition_of_done or []), *(plan.deliverables or [])]
    for sprint in plan.sprints:
        items += [*sprint.deliverables, *sprint.success_criteria, *sprint.definition_of_done]
    found = {word for item in items for word in stems(item.text)}
    for story in plan.stories:
        found |= stems(story.title) | stems(story.description or "")
        for item in [*story.tasks, *story.acceptance_criteria]:
            found |= stems(item.text)
    return found
