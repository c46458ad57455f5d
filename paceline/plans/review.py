"""A plan that a model proposed cannot run until a person accepts it; this says so, and takes it back."""

from __future__ import annotations

from paceline.domain.plan import Fact, Plan
from paceline.plans.findings import Code, finding, in_order

PROPOSED = "proposal"
"""What `source.kind` says of a plan that nobody has accepted."""
ACCEPTED = "accepted proposal"

_OF_PROPOSALS = frozenset({Code.PROPOSAL_NOT_REVIEWED.value, Code.PROPOSAL_NOT_IN_TEXT.value})


def is_pending(plan: Plan) -> bool:
    """Whether a person has yet to accept it."""
    return plan.source.kind == PROPOSED or any(
        each.code == Code.PROPOSAL_NOT_REVIEWED for each in plan.warnings
    )


def with_reminder(plan: Plan, file: str | None) -> Plan:
    """The plan with the error that keeps a proposal from running; any other plan as it is.

    The error is part of the plan, so that it stays with the stories where several files become one plan.

    Args:
        plan: as it was read.
        file: the name of what it was read from.
    """
    marks = [each for each in plan.warnings if each.code == Code.PROPOSAL_NOT_REVIEWED]
    # A mark that someone made a mere warning of would let the plan run.
    if not is_pending(plan) or any(each.severity == "error" for each in marks):
        return plan
    others = [each for each in plan.warnings if each not in marks]
    notes = plan.source.file or "the notes"
    reminder = finding(
        Code.PROPOSAL_NOT_REVIEWED,
        f"A model proposed this plan from {notes}, and no person has accepted it.",
        f"Compare it with {notes}, correct it, and accept it with `paceline plan accept {file or 'FILE'}`.",
        1,
        file,
    )
    return plan.model_copy(update={"warnings": in_order([reminder, *others])})


def accepted(plan: Plan, by: str, day: str) -> Plan:
    """The plan after a person's review: it may run, and says whose word that is.

    Args:
        plan: a proposal, edited or not.
        by: the person.
        day: when, as `2026-01-31`.

    Returns:
        A plan whose facts name the person, the day, and the remarks that were accepted with it.
    """
    doubts = [each.message for each in plan.warnings if each.code == Code.PROPOSAL_NOT_IN_TEXT]
    facts = [
        Fact(section="Review", name="accepted by", value=by),
        Fact(section="Review", name="accepted on", value=day),
        *([Fact(section="Review", name="accepted although", value=doubts)] if doubts else []),
    ]
    return plan.model_copy(
        update={
            "source": plan.source.model_copy(update={"kind": ACCEPTED}),
            "facts": [*plan.facts, *facts],
            "warnings": [each for each in plan.warnings if each.code not in _OF_PROPOSALS],
        }
    )
