"""The remarks that reading and linting make: stable codes, their severity, and a collector."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from paceline.domain.plan import Finding, Severity


class Code(StrEnum):
    """Stable names; `docs/reference/findings.md` says what each means."""

    # Errors: a run is refused.
    NO_STORIES = "NO_STORIES"
    DUPLICATE_ID = "DUPLICATE_ID"
    UNKNOWN_AGENT = "UNKNOWN_AGENT"
    AMBIGUOUS_AGENT = "AMBIGUOUS_AGENT"
    UNKNOWN_DEPENDENCY = "UNKNOWN_DEPENDENCY"
    AMBIGUOUS_DEPENDENCY = "AMBIGUOUS_DEPENDENCY"
    SELF_DEPENDENCY = "SELF_DEPENDENCY"
    DEPENDENCY_CYCLE = "DEPENDENCY_CYCLE"
    UNSAFE_PATH = "UNSAFE_PATH"
    DEPENDENCY_DEFERRED = "DEPENDENCY_DEFERRED"
    SPRINT_ORDER_AGAINST_DEPENDENCY = "SPRINT_ORDER_AGAINST_DEPENDENCY"
    PROPOSAL_NOT_REVIEWED = "PROPOSAL_NOT_REVIEWED"

    # Warnings of the linter.
    STORY_WITHOUT_PROOF = "STORY_WITHOUT_PROOF"
    NO_CHANGE_WITHOUT_PROOF = "NO_CHANGE_WITHOUT_PROOF"
    STORY_WITHOUT_FILES = "STORY_WITHOUT_FILES"
    STORY_WITHOUT_AGENT = "STORY_WITHOUT_AGENT"
    STORY_IN_NO_PHASE = "STORY_IN_NO_PHASE"
    EPIC_WITHOUT_STORIES = "EPIC_WITHOUT_STORIES"
    PHASE_AGAINST_DEPENDENCY = "PHASE_AGAINST_DEPENDENCY"
    FILES_SHARED_IN_WAVE = "FILES_SHARED_IN_WAVE"
    OWNERSHIP_CROSSED = "OWNERSHIP_CROSSED"
    PHASE_NAMES_NO_AGENT = "PHASE_NAMES_NO_AGENT"
    STORY_OVER_ALLOCATED = "STORY_OVER_ALLOCATED"
    STORY_UNDER_ALLOCATED = "STORY_UNDER_ALLOCATED"
    AGENT_LOAD_DIFFERS = "AGENT_LOAD_DIFFERS"
    DEPENDENCY_ON_OPTIONAL = "DEPENDENCY_ON_OPTIONAL"
    DONE_BEFORE_DEPENDENCY = "DONE_BEFORE_DEPENDENCY"
    DONE_MARKS_DIFFER = "DONE_MARKS_DIFFER"
    TITLE_TOO_LONG = "TITLE_TOO_LONG"
    ID_TOO_LONG = "ID_TOO_LONG"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"

    # Warnings of readers: what is written, and what it was taken for.
    NO_TITLE = "NO_TITLE"
    PARTIAL_DEPENDENCY = "PARTIAL_DEPENDENCY"
    QUALIFIER_NOT_UNDERSTOOD = "QUALIFIER_NOT_UNDERSTOOD"
    RANGE_WITH_GAPS = "RANGE_WITH_GAPS"
    ALL_AGENTS_ASSUMED = "ALL_AGENTS_ASSUMED"
    EITHER_AGENT = "EITHER_AGENT"
    FILES_IN_WORDS = "FILES_IN_WORDS"
    CHANGE_NOT_UNDERSTOOD = "CHANGE_NOT_UNDERSTOOD"
    CHECK_WITHOUT_COMMAND = "CHECK_WITHOUT_COMMAND"
    POINTS_NOT_A_NUMBER = "POINTS_NOT_A_NUMBER"
    POINTS_DIFFER = "POINTS_DIFFER"
    TEAM_SIZE_DIFFERS = "TEAM_SIZE_DIFFERS"
    PHASE_STEP_WITHOUT_STORY = "PHASE_STEP_WITHOUT_STORY"
    PHASE_ADDS_AGENT = "PHASE_ADDS_AGENT"
    SHARED_FILE_UNUSED = "SHARED_FILE_UNUSED"
    METRIC_UNCOVERED = "METRIC_UNCOVERED"
    ROWS_DIFFER = "ROWS_DIFFER"
    AGENT_ALIAS = "AGENT_ALIAS"
    AGENT_POOL = "AGENT_POOL"
    AGENT_NOT_DESCRIBED = "AGENT_NOT_DESCRIBED"
    MITIGATION_SHARED = "MITIGATION_SHARED"
    SPRINT_OPTIONAL = "SPRINT_OPTIONAL"
    WORK_WITHOUT_ID = "WORK_WITHOUT_ID"
    TEXT_REPAIRED = "TEXT_REPAIRED"
    REPORT_IMPORTED = "REPORT_IMPORTED"
    ID_ASSIGNED = "ID_ASSIGNED"
    PATH_COMPLETED = "PATH_COMPLETED"
    METHOD_NOT_WRITTEN = "METHOD_NOT_WRITTEN"
    COUNT_DIFFERS = "COUNT_DIFFERS"
    FOLLOW_UP_WORK = "FOLLOW_UP_WORK"
    DATE_NOT_UNDERSTOOD = "DATE_NOT_UNDERSTOOD"
    ORDER_FROM_FORMAT = "ORDER_FROM_FORMAT"
    OPTIONAL_TASK = "OPTIONAL_TASK"
    TASK_LEFT_OUT = "TASK_LEFT_OUT"
    TASK_BEGUN = "TASK_BEGUN"
    DEPENDENCY_CANCELLED = "DEPENDENCY_CANCELLED"
    STATUS_NOT_UNDERSTOOD = "STATUS_NOT_UNDERSTOOD"
    FILES_SKIPPED = "FILES_SKIPPED"
    ID_QUALIFIED = "ID_QUALIFIED"
    TITLE_REPEATED = "TITLE_REPEATED"
    EPICS_INFERRED = "EPICS_INFERRED"
    MITIGATIONS_PAIRED = "MITIGATIONS_PAIRED"
    MITIGATIONS_NOT_PAIRED = "MITIGATIONS_NOT_PAIRED"
    SPRINT_UNDER_CAPACITY = "SPRINT_UNDER_CAPACITY"
    SPRINT_OVER_CAPACITY = "SPRINT_OVER_CAPACITY"
    DAYS_ORDER_NOTHING = "DAYS_ORDER_NOTHING"
    LEAD_NOT_ASSIGNED = "LEAD_NOT_ASSIGNED"
    VALUE_UNDECIDED = "VALUE_UNDECIDED"
    METADATA_DIFFERS = "METADATA_DIFFERS"
    METRIC_REPEATED = "METRIC_REPEATED"
    POINTS_WITHOUT_ROWS = "POINTS_WITHOUT_ROWS"
    POINTS_ASSUMED = "POINTS_ASSUMED"
    PROPOSAL_NOT_IN_TEXT = "PROPOSAL_NOT_IN_TEXT"


ERRORS = frozenset(
    {
        Code.NO_STORIES,
        Code.DUPLICATE_ID,
        Code.UNKNOWN_AGENT,
        Code.AMBIGUOUS_AGENT,
        Code.UNKNOWN_DEPENDENCY,
        Code.AMBIGUOUS_DEPENDENCY,
        Code.SELF_DEPENDENCY,
        Code.DEPENDENCY_CYCLE,
        Code.UNSAFE_PATH,
        Code.DEPENDENCY_DEFERRED,
        Code.SPRINT_ORDER_AGAINST_DEPENDENCY,
        Code.PROPOSAL_NOT_REVIEWED,
    }
)


def finding(code: Code, message: str, remedy: str, line: int | None, file: str | None = None) -> Finding:
    """A remark with the severity that its code has.

    Args:
        code: what kind of remark.
        message: one sentence that says what is so.
        remedy: what to write instead.
        line: 1-based source line.
        file: the plan's name.
    """
    severity: Severity = "error" if code in ERRORS else "warning"
    return Finding(code=code.value, severity=severity, message=message, remedy=remedy, file=file, line=line)


class Placed(Protocol):
    """Anything of a plan that knows where it is written."""

    line: int | None
    file: str | None


def finding_at(thing: Placed, code: Code, message: str, remedy: str, line: int | None = None) -> Finding:
    """A remark about a story, sprint or other part of a plan, in the file that it is written in.

    Args:
        thing: what it is about.
        code: what kind of remark.
        message: one sentence that says what is so.
        remedy: what to write instead.
        line: 1-based source line; without it, where the thing begins.
    """
    return finding(code, message, remedy, line or thing.line, thing.file)


def in_order(findings: list[Finding]) -> list[Finding]:
    """Errors first, then by line; what was found first stays first within a line."""
    return sorted(findings, key=lambda found: (found.severity != "error", found.line or 0))
