"""Settings of a process, from the environment (`PACELINE_...`) and `paceline.toml`."""

from __future__ import annotations

from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that a process may be told from outside. Durations are seconds.

    `home` holds the database, the artifact folder, worktrees and Temporal's database file. `api_token` is
    needed by every request when the API listens on anything but loopback.
    """

    model_config = SettingsConfigDict(env_prefix="PACELINE_", extra="ignore")

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("paceline")))
    cache: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("paceline")))
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    temporal_binary: Path | None = None
    temporal_port: int = Field(default=7233, ge=0, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=0, le=65535)
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8420, ge=0, le=65535)
    api_token: SecretStr | None = None
    open_loopback: bool = True
    """Whether an API on loopback without `api_token` lets everybody of this machine in, as an admin."""
    rate_per_second: float = Field(default=50.0, ge=0)
    """Requests of one token a second, in the long run; 0: not limited."""
    rate_burst: int = Field(default=500, ge=1)
    """Requests that it may send at once."""
    event_heartbeat: float = Field(default=15.0, gt=0)
    """An event stream without an event for so long says that it lives."""
    stream_opens_per_second: float = Field(default=10.0, ge=0)
    """WebSockets that one address opens a second, in the long run; 0: not limited."""
    stream_opens_burst: int = Field(default=200, ge=1)
    """WebSockets that it may open at once."""
    streams_per_address: int = Field(default=500, ge=0)
    """WebSockets that one address may have open; 0: not limited."""

    session_idle: float = Field(default=28_800.0, gt=0)
    """After which a browser session ends that is not used."""
    session_lifetime: float = Field(default=604_800.0, gt=0)
    """After which it ends in any case."""
    allowed_users: str = ""
    """Who may come in, with commas between: names, e-mail addresses, or patterns such as `*@example.org`."""
    users_file: Path | None = None
    """A file that lists users with their roles, which is read again when it changes."""
    oidc_issuer: str | None = None
    """The OpenID provider's address; None: nobody signs in by one."""
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    """None: a public client, which PKCE protects."""
    oidc_redirect_url: str | None = None
    """Where the provider sends browsers back to: `<address>/api/v1/session/oidc/callback`."""
    oidc_scopes: str = "openid email profile"
    oidc_name_claim: str = "email"
    """What is the name of who signs in, and so the actor."""
    oidc_groups_claim: str = "groups"
    oidc_roles: str = ""
    """The roles of groups, such as `devs=operator,leads=admin`."""
    oidc_default_role: str | None = None
    """Of who is in none of these groups and has no role by the list; None: they are not let in."""
    oidc_email_verified: bool = True
    """Whether an e-mail address counts only where the provider says that it is verified."""

    api_url: str | None = None
    """Where the command line finds the API; None: where this machine's API would listen."""

    log_format: Literal["text", "json"] = "text"
    """How `up`, `api`, `worker` and `run` log: lines for people, or one JSON object a line."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """What is logged at least; requests and activities are at `info`."""
    metrics_host: str = "127.0.0.1"
    """Where a worker's metrics are served; beyond loopback `api_token` is needed."""
    metrics_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of a worker's metrics; None: they are not served."""
    temporal_metrics_address: str | None = None
    """`host:port` where Temporal's SDK serves its own metrics, to everybody who reaches it."""

    models_file: Path | None = None
    """The file that declares models which may propose plans; None: the nearest `paceline.toml`."""

    check_timeout: float = Field(default=600.0, gt=0)
    """Limit of one check command."""
    agent_grace: float = Field(default=3.0, ge=0)
    """Between the polite and the final signal to an agent's process group."""
    adoption_grace: float = Field(default=120.0, gt=0)
    """How long an agent whose worker died goes on unwatched before it is stopped."""
    sweep_interval: float = Field(default=20.0, gt=0)
    """Between two looks for claims that nobody holds and for waiters that were not told."""

    agent_lost_after: float = Field(default=600.0, gt=0)
    """An agent that works and whose heartbeat this process saw stand still for so long is lost."""

    artifact_days: float = Field(default=0.0, ge=0, le=36_500)
    """Days after the end of a run for which its artifacts are kept; 0: for ever."""
    artifact_bytes: int = Field(default=0, ge=0)
    """Bytes that all artifacts may take; of runs that ended the oldest go first. 0: any number."""
    webhook_key: SecretStr | None = Field(default=None, min_length=32)
    """Random text of 32 characters or more that addresses and secrets of webhooks are encrypted with; after a
    comma older ones, which only open."""
    webhook_networks: str | None = None
    """Networks, separated by commas, that webhooks may go to beside public addresses."""
    webhook_timeout: float = Field(default=10.0, gt=0, le=60)
    """Of one try to deliver an event to a webhook."""
    webhook_tries: int = Field(default=20, ge=1, le=1000)
    """After so many an event is given up; people can have it sent again."""
    webhook_pause: float = Field(default=5.0, gt=0, le=3600)
    """Before the second try; doubled for each further one, up to an hour."""
    webhook_patience: float = Field(default=259_200.0, gt=0)
    """A webhook to which nothing arrives for so long is paused."""

    worktree_disk_quota: int = Field(default=20_000_000_000, gt=0)
    """Bytes that the worktree of one attempt may take, its private repository included."""
    worktree_file_quota: int = Field(default=1_000_000, gt=0)
    """Files that the worktree of one attempt may have."""
    worktree_min_free: int = Field(default=1_000_000_000, ge=0)
    """Bytes that must be free on the volume of the worktrees before an attempt starts."""

    @field_validator("webhook_networks")
    @classmethod
    def _networks(cls, given: str | None) -> str | None:
        for each in (given or "").split(","):
            if each.strip():
                ip_network(each.strip())
        return given

    @cached_property
    def resolved_database_url(self) -> str:
        """The database URL, by default a SQLite file in `home`."""
        return self.database_url or f"sqlite:///{self.home / 'paceline.db'}"

    @property
    def base_url(self) -> str:
        """Where the API is, or would be on this machine."""
        if self.api_url:
            return self.api_url.rstrip("/")
        host = "127.0.0.1" if self.api_host in ("", "0.0.0.0", "::") else self.api_host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.api_port}" if ":" in host else f"http://{host}:{self.api_port}"

    @property
    def artifact_root(self) -> Path:
        """Where large outputs are kept."""
        return self.home / "artifacts"

    @property
    def worktree_root(self) -> Path:
        """Where attempts and verifications are checked out."""
        return self.home / "worktrees"
