"""Ready declarations for coding agents that are installed on many machines."""

from __future__ import annotations

import shutil

from paceline.domain.work import AgentDeclaration
from paceline.errors import ConfigurationError

_NETWORK = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
]
_IDLE = 900.0

_CLAUDE = (
    "claude -p --output-format stream-json --verbose --permission-mode acceptEdits "
    "--allowedTools Bash,Edit,Write,MultiEdit,Read,Glob,Grep"
)
_CODEX = "codex exec --json -s workspace-write -C {worktree} --ephemeral -"
_OPENCODE = "opencode run --format json --dir {worktree} --auto"
_AIDER = "aider --message-file {prompt} --yes-always --no-auto-commits --no-stream --no-check-update {files}"


def _words(command: str) -> list[str]:
    return command.split()


PRESETS: dict[str, AgentDeclaration] = {
    "claude": AgentDeclaration(
        command=_words(_CLAUDE),
        output="claude",
        idle_timeout=_IDLE,
        environment=["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "CLAUDE_CONFIG_DIR", *_NETWORK],
    ),
    "codex": AgentDeclaration(
        command=_words(_CODEX),
        output="codex",
        # An unreachable service makes it reconnect for ever; only this limit ends that.
        idle_timeout=_IDLE,
        environment=["OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_API_KEY", "CODEX_HOME", *_NETWORK],
    ),
    "opencode": AgentDeclaration(
        command=_words(_OPENCODE),
        output="opencode",
        idle_timeout=_IDLE,
        environment=[
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "OPENROUTER_API_KEY",
            "OPENCODE_CONFIG",
            *_NETWORK,
        ],
    ),
    "aider": AgentDeclaration(
        command=_words(_AIDER),
        output="text",
        idle_timeout=_IDLE,
        environment=["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "AIDER_MODEL", *_NETWORK],
    ),
}


def preset(name: str) -> AgentDeclaration:
    """A copy of the ready declaration of a known agent.

    Raises:
        ConfigurationError: no such preset; the message names those there are.
    """
    if name not in PRESETS:
        raise ConfigurationError(f"There is no agent preset {name!r}; use one of {', '.join(PRESETS)}.")
    return PRESETS[name].model_copy(deep=True)


def detect_installed(path: str | None = None) -> list[str]:
    """Names of the presets whose program is on PATH, best known first.

    Args:
        path: another list of folders than PATH.
    """
    return [name for name, known in PRESETS.items() if shutil.which(known.command[0], path=path)]
