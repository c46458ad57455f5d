"""Lines of a sprint review about what was to be so at its end."""

from __future__ import annotations

from paceline.domain.aims import Verdict
from paceline.domain.report_words import one_line
from paceline.domain.sprint_review import ReviewedCriterion, ReviewedMetric, SprintReview


def criterion_lines(found: SprintReview) -> list[str]:
    """As checkboxes, with who ticked them; reports of earlier versions have only their texts."""
    if not found.criteria:
        return found.success_criteria
    lines = [
        f"[{'x' if each.verdict is Verdict.MET else ' '}] {one_line(each.text)}: {_verdict(each)}"
        for each in found.criteria
    ]
    said = {Verdict.MET: "The sprint was a success.", Verdict.MISSED: "The sprint was no success."}
    return [*lines, said.get(found.success or Verdict.UNKNOWN, "The sprint is no success yet.")]


def metric_line(found: ReviewedMetric) -> str:
    """A metric with its target, its actual value, and the verdict with who gave it."""
    return f"{found.name}: target {found.target}, {found.actual or 'not measured'}" + (
        f", {_verdict(found)}" if found.verdict is not Verdict.UNKNOWN or found.actual else ""
    )


def _verdict(found: ReviewedMetric | ReviewedCriterion) -> str:
    why = ", ".join(part for part in (found.actor or "", one_line(found.reason)) if part)
    return f"{found.verdict.value} ({why})" if why else found.verdict.value
