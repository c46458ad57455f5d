"""One error tree; every class has a stable code that the API, the workers and the command line map from.

PacelineError                       PACELINE
├── PlanError                       PLAN_INVALID
│   └── PlanUnreadable              PLAN_UNREADABLE
├── NotFound                        NOT_FOUND
│   └── ArtifactsRemoved            ARTIFACTS_REMOVED
├── RangeUnsatisfiable              RANGE_UNSATISFIABLE
├── Conflict                        CONFLICT
│   ├── AlreadyAnswered             ALREADY_ANSWERED
│   ├── StaleFence                  STALE_FENCE
│   ├── PlanChanged                 PLAN_CHANGED
│   ├── AmendmentRefused            AMENDMENT_REFUSED
│   ├── PreconditionFailed          PRECONDITION_FAILED
│   ├── IdempotentRequestUnderWay   IDEMPOTENT_REQUEST_UNDER_WAY
│   └── IdempotentAnswerNotKept     IDEMPOTENT_ANSWER_NOT_KEPT
├── InvalidRequest                  REQUEST_INVALID
│   ├── CursorInvalid               CURSOR_INVALID
│   ├── IdempotencyKeyInvalid       IDEMPOTENCY_KEY_INVALID
│   └── IdempotencyKeyReused        IDEMPOTENCY_KEY_REUSED
├── Refused                         REFUSED
│   ├── ForeignFile                 FOREIGN_FILE
│   ├── Forbidden                   FORBIDDEN
│   ├── CsrfRefused                 CSRF_REFUSED
│   ├── NotListed                   NOT_LISTED
│   └── Unauthorized                UNAUTHORIZED
├── OidcError                       OIDC
│   ├── OidcRefused                 OIDC_REFUSED
│   └── OidcUnreachable             OIDC_UNREACHABLE
├── RateLimited                     RATE_LIMITED
├── ConfigurationError              CONFIGURATION
│   └── SandboxUnavailable          SANDBOX_UNAVAILABLE
├── RepositoryError                 REPOSITORY
│   ├── RepositoryMissing           REPOSITORY_MISSING
│   ├── RepositoryDirty             REPOSITORY_DIRTY
│   ├── RepositoryUnsupported       REPOSITORY_UNSUPPORTED
│   ├── BranchCheckedOut            BRANCH_CHECKED_OUT
│   ├── BranchMoved                 BRANCH_MOVED
│   ├── DiskFull                    DISK_FULL
│   └── MergeConflict               MERGE_CONFLICT
├── AgentError                      AGENT
│   ├── AgentExit                   AGENT_EXIT
│   ├── AgentNonsense               AGENT_NONSENSE
│   ├── AgentTimeout                AGENT_TIMEOUT
│   ├── DiskQuota                   DISK_QUOTA
│   ├── WorktreeSetup               WORKTREE_SETUP
│   └── UnclaimedChange             UNCLAIMED_CHANGE
├── ModelError                      MODEL
│   ├── ModelUnreachable            MODEL_UNREACHABLE
│   ├── ModelTimeout                MODEL_TIMEOUT
│   ├── ModelUnauthorized           MODEL_UNAUTHORIZED
│   ├── ModelRateLimited            MODEL_RATE_LIMITED
│   ├── ModelRefused                MODEL_REFUSED
│   ├── ModelTooLong                MODEL_TOO_LONG
│   └── ModelNonsense               MODEL_NONSENSE
├── NotifyError                     NOTIFY
│   ├── NotifyUnreachable           NOTIFY_UNREACHABLE
│   ├── NotifyTimeout               NOTIFY_TIMEOUT
│   ├── NotifyRefused               NOTIFY_REFUSED
│   ├── NotifyGone                  NOTIFY_GONE
│   ├── NotifyAddress               NOTIFY_ADDRESS
│   ├── NotifyCommand               NOTIFY_COMMAND
│   └── NotifySecret                NOTIFY_SECRET
└── ServerUnavailable               SERVER_UNAVAILABLE
    └── PortBusy                    PORT_BUSY
"""

from __future__ import annotations

from typing import Any, ClassVar


class PacelineError(Exception):
    """Something a user can act on, said in one sentence.

    Args:
        message: what happened, where, and what to do.
        details: machine-readable facts beside the sentence; JSON types only.
    """

    code: ClassVar[str] = "PACELINE"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details


class PlanError(PacelineError):
    """The plan was read and has errors that stop a run; `details["findings"]` lists them."""

    code = "PLAN_INVALID"


class PlanUnreadable(PlanError):
    """The document has no structure that a reader recognises."""

    code = "PLAN_UNREADABLE"


class NotFound(PacelineError):
    """The named thing does not exist."""

    code = "NOT_FOUND"


class ArtifactsRemoved(NotFound):
    """What a run left was removed; `details` has `reason`, `removed_at` and `actor`."""

    code = "ARTIFACTS_REMOVED"


class RangeUnsatisfiable(PacelineError):
    """A part of a file is asked for that it does not have; `details` has its `bytes`."""

    code = "RANGE_UNSATISFIABLE"


class Conflict(PacelineError):
    """The request contradicts what is already so."""

    code = "CONFLICT"


class AlreadyAnswered(Conflict):
    """The question has its answer; `details` says who gave it."""

    code = "ALREADY_ANSWERED"


class StaleFence(Conflict):
    """The holder was replaced: its fencing number is no longer the current one."""

    code = "STALE_FENCE"


class PlanChanged(Conflict):
    """A run of this project is under way with another text of the plan."""

    code = "PLAN_CHANGED"


class AmendmentRefused(Conflict):
    """An edited plan changes what cannot change any more; `details["refusals"]` lists it."""

    code = "AMENDMENT_REFUSED"


class PreconditionFailed(Conflict):
    """What is to be changed is not any more what `If-Match` names; `details["etag"]` says what it is now."""

    code = "PRECONDITION_FAILED"


class IdempotentRequestUnderWay(Conflict):
    """The request of this `Idempotency-Key` is being carried out."""

    code = "IDEMPOTENT_REQUEST_UNDER_WAY"


class IdempotentAnswerNotKept(Conflict):
    """The request of this `Idempotency-Key` was carried out, and its answer is not kept."""

    code = "IDEMPOTENT_ANSWER_NOT_KEPT"


class InvalidRequest(PacelineError):
    """A request to the API is not what its description says."""

    code = "REQUEST_INVALID"


class CursorInvalid(InvalidRequest):
    """The cursor is not one that this list gave."""

    code = "CURSOR_INVALID"


class IdempotencyKeyInvalid(InvalidRequest):
    """The `Idempotency-Key` is empty, too long, doubled, or has characters that it may not have."""

    code = "IDEMPOTENCY_KEY_INVALID"


class IdempotencyKeyReused(InvalidRequest):
    """The `Idempotency-Key` came before with another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class Refused(PacelineError):
    """The request is understood and not allowed."""

    code = "REFUSED"


class ForeignFile(Refused):
    """A story would change a file of an agent who is not its own, and the rule or a person refuses it."""

    code = "FOREIGN_FILE"


class Forbidden(Refused):
    """The caller's role or projects do not allow it; `details` has `role` and `needed`."""

    code = "FORBIDDEN"


class CsrfRefused(Refused):
    """A browser session's request brings no header, or another session's, that only its own page knows."""

    code = "CSRF_REFUSED"


class NotListed(Refused):
    """Whoever calls is known, and not on the list of users, or has no role."""

    code = "NOT_LISTED"


class Unauthorized(Refused):
    """A token is needed and was missing or wrong."""

    code = "UNAUTHORIZED"


class OidcError(PacelineError):
    """The OpenID provider gives answers that nobody can be signed in by."""

    code = "OIDC"


class OidcRefused(OidcError):
    """A sign-in by OpenID did not come to its end, or what the provider vouches with is not good."""

    code = "OIDC_REFUSED"


class OidcUnreachable(OidcError):
    """The OpenID provider does not answer."""

    code = "OIDC_UNREACHABLE"


class RateLimited(PacelineError):
    """Too many requests in a short time; `details["retry_after"]` says in how many seconds to go on."""

    code = "RATE_LIMITED"


class ConfigurationError(PacelineError):
    """A setting is missing or contradicts another."""

    code = "CONFIGURATION"


class SandboxUnavailable(ConfigurationError):
    """Agents may only run in a sandbox, and none works on this machine; `details["reason"]` says why."""

    code = "SANDBOX_UNAVAILABLE"


class RepositoryError(PacelineError):
    """Git refused, or the repository is in a state Paceline does not touch."""

    code = "REPOSITORY"


class RepositoryMissing(RepositoryError):
    """The path is not a git repository with at least one commit."""

    code = "REPOSITORY_MISSING"


class RepositoryDirty(RepositoryError):
    """The checkout has uncommitted changes that the run would not see."""

    code = "REPOSITORY_DIRTY"


class RepositoryUnsupported(RepositoryError):
    """The repository uses something that worktrees cannot give an agent; `details["feature"]` says what."""

    code = "REPOSITORY_UNSUPPORTED"


class BranchMoved(RepositoryError):
    """The sprint branch is not where Paceline left it; `details` has `branch`, `expected` and `found`."""

    code = "BRANCH_MOVED"


class DiskFull(RepositoryError):
    """The volume of the worktrees has too little room for another attempt."""

    code = "DISK_FULL"


class BranchCheckedOut(RepositoryError):
    """The sprint branch is checked out somewhere; `details["checkout"]` says where. No fault of the work."""

    code = "BRANCH_CHECKED_OUT"


class MergeConflict(RepositoryError):
    """The story's work does not apply on the sprint branch; `details["paths"]` lists the files."""

    code = "MERGE_CONFLICT"


class AgentError(PacelineError):
    """An agent's attempt failed."""

    code = "AGENT"


class AgentExit(AgentError):
    """The agent's process ended with a non-zero exit status."""

    code = "AGENT_EXIT"


class AgentNonsense(AgentError):
    """The agent's work result is not what the contract says."""

    code = "AGENT_NONSENSE"


class AgentTimeout(AgentError):
    """The agent ran longer than its limit and was stopped."""

    code = "AGENT_TIMEOUT"


class DiskQuota(AgentError):
    """The agent's worktree took more room than an attempt may; its work is preserved up to a bound."""

    code = "DISK_QUOTA"


class WorktreeSetup(AgentError):
    """The set-up command of a new worktree failed, or changed files that git knows."""

    code = "WORKTREE_SETUP"


class UnclaimedChange(AgentError):
    """The agent changed paths that its story did not claim; `details["paths"]` lists them."""

    code = "UNCLAIMED_CHANGE"


class ModelError(PacelineError):
    """A model was asked for a plan and gave none; `details["model"]` names it."""

    code = "MODEL"


class ModelUnreachable(ModelError):
    """The model's service cannot be reached, or fails again and again."""

    code = "MODEL_UNREACHABLE"


class ModelTimeout(ModelError):
    """The model's service gave no answer in the time it has."""

    code = "MODEL_TIMEOUT"


class ModelUnauthorized(ModelError):
    """The model's service does not accept the key."""

    code = "MODEL_UNAUTHORIZED"


class ModelRateLimited(ModelError):
    """The model's service takes no more requests for now."""

    code = "MODEL_RATE_LIMITED"


class ModelRefused(ModelError):
    """The model or its service declined the request."""

    code = "MODEL_REFUSED"


class ModelTooLong(ModelError):
    """The notes or the answer are longer than a limit."""

    code = "MODEL_TOO_LONG"


class ModelNonsense(ModelError):
    """The answer is no plan; `details["answer"]` is what it was, where there was one."""

    code = "MODEL_NONSENSE"


class NotifyError(PacelineError):
    """A message to people outside did not arrive."""

    code = "NOTIFY"


class NotifyUnreachable(NotifyError):
    """Its receiver cannot be reached."""

    code = "NOTIFY_UNREACHABLE"


class NotifyTimeout(NotifyError):
    """Its receiver did not take it in the time it has."""

    code = "NOTIFY_TIMEOUT"


class NotifyRefused(NotifyError):
    """Its receiver answered with another status than a success; `details["status"]`."""

    code = "NOTIFY_REFUSED"


class NotifyGone(NotifyError):
    """Its receiver answered with status 410: it wants nothing any more."""

    code = "NOTIFY_GONE"


class NotifyAddress(NotifyError):
    """Its receiver's address is one that webhooks may not go to."""

    code = "NOTIFY_ADDRESS"


class NotifyCommand(NotifyError):
    """The command that takes it does not start, or ended with another status than 0."""

    code = "NOTIFY_COMMAND"


class NotifySecret(NotifyError):
    """An environment variable with its address or secret is missing."""

    code = "NOTIFY_SECRET"


class ServerUnavailable(PacelineError):
    """A server that is needed does not answer or cannot be had."""

    code = "SERVER_UNAVAILABLE"


class PortBusy(ServerUnavailable):
    """Another program listens on the port."""

    code = "PORT_BUSY"
