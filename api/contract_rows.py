"""What operations say of themselves beside their routes: refusals of their own, tags, and what paths name."""

from __future__ import annotations

from collections.abc import Mapping

_STEER = ("CONFLICT",)
_PLAN = ("PLAN_INVALID", "PLAN_UNREADABLE", "CONFIGURATION")

OWN: Mapping[str, tuple[str, ...]] = {
    "start_sprint": (
        *_PLAN,
        "CONFLICT",
        "PLAN_CHANGED",
        "SANDBOX_UNAVAILABLE",
        "REPOSITORY",
        "REPOSITORY_MISSING",
        "REPOSITORY_DIRTY",
        "REPOSITORY_UNSUPPORTED",
        "BRANCH_CHECKED_OUT",
        "BRANCH_MOVED",
        "DISK_FULL",
    ),
    "grow_claim": ("STALE_FENCE", "CONFLICT", "FOREIGN_FILE"),
    "cancel_project": ("CONFLICT",),
    "amend_plan": (*_PLAN, "CONFLICT", "AMENDMENT_REFUSED"),
    "steer": _STEER,
    "check_completion": (),
    "force_complete": _STEER,
    "note_absence": ("CONFLICT",),
    "reset_agent": ("CONFLICT",),
    "answer_question": ("CONFLICT", "ALREADY_ANSWERED"),
    "redeliver_notification": ("CONFLICT",),
    "generate_artifacts": (),
    "delete_artifacts": ("CONFLICT",),
    "clean_up_old_artifacts": ("CONFLICT",),
    "start_rollback": ("CONFLICT", "CONFIGURATION", "REPOSITORY", "REPOSITORY_MISSING", "BRANCH_MOVED"),
    "stream_events": ("NOT_FOUND",),
    "validate_plan": _PLAN,
    "preview_plan": _PLAN,
    "create_webhook": ("CONFLICT", "CONFIGURATION"),
    "change_webhook": ("CONFLICT", "CONFIGURATION"),
    "remove_webhook": (),
    "rotate_webhook_secret": ("CONFIGURATION",),
    "ping_webhook": (),
    "redeliver_events": (),
    "reconcile_webhook": (),
    "start_oidc": ("NOT_FOUND", "OIDC", "OIDC_REFUSED", "OIDC_UNREACHABLE"),
    "end_oidc": ("NOT_FOUND", "OIDC", "OIDC_REFUSED", "OIDC_UNREACHABLE"),
    "sign_in": (),
    "sign_out": ("NOT_FOUND",),
    "end_session": (),
    "end_sessions": (),
    "download_artifacts": ("ARTIFACTS_REMOVED", "RANGE_UNSATISFIABLE"),
    "download_artifact": ("ARTIFACTS_REMOVED", "RANGE_UNSATISFIABLE"),
    "list_boundaries": ("CONFIGURATION", "REPOSITORY", "REPOSITORY_MISSING"),
    "add_retrospective_entry": (),
    "measure_metric": (),
    "create_token": ("CONFLICT",),
    "rotate_token": ("CONFLICT",),
    "revoke_token": ("CONFLICT",),
}
"""Codes that only the operation's author knows; what every operation, path and body may be refused for is
added by `api.contract`. Whatever changes something has a row, an empty one where it knows no more."""

TAGS: Mapping[str, str] = {
    "sprints": "Starting plans.",
    "projects": "Runs of plans: where they stand, their stories and events.",
    "claims": "Who holds and waits for which files, and agents that ask for more.",
    "steering": "What people do to a run while it goes on.",
    "completion": "Whether a run is complete, and what is missing.",
    "exports": "Tables of a run as CSV.",
    "agents": "What each agent does, and did.",
    "questions": "What waits for people, and their answers.",
    "plans": "Plans that are not run yet.",
    "webhooks": "Addresses outside that get events as they happen.",
    "notifications": "Messages to people outside.",
    "artifacts": "What runs leave behind.",
    "rollbacks": "Taking merged work back.",
    "reports": "Standups, reviews, retrospectives.",
    "metrics": "Metrics and success criteria, and what they came to.",
    "access": "Tokens, browser sessions and the audit log.",
    "health": "Whether the process can work.",
    "events": "The event stream.",
}

PARAMETERS: Mapping[str, tuple[str, str]] = {
    "project": ("Id of the run.", "allotment"),
    "project_id": ("Id of the run.", "allotment"),
    "story": ("Id of the story.", "Story 1.1"),
    "agent": ("Name of the agent.", "Digger"),
    "question": ("Id of the question.", "q1"),
    "notification": ("Id of the message.", "n1"),
    "kind": ("Which kind of report.", "standup"),
    "sprint": ("Id of the sprint.", "sprint-1"),
    "number": ("Which of the sprint's reports of the kind, from 1.", "1"),
    "table": ("Which table.", "stories"),
    "epic": ("Id of the epic.", "Epic 1"),
    "attempt": ("Which of the story's attempts, from 1.", "1"),
    "webhook": ("Id or name of the webhook.", "team"),
    "artifact": ("Id of the artifact.", "a1"),
    "session": ("Id of the session.", "s1"),
    "token": ("Id, prefix or name of the token.", "the chat bot"),
}
"""What a name in a path is, and an example."""
