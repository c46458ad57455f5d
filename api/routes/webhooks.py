"""Webhooks: addresses outside that get events as they happen, for product owners."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, field_validator, model_validator
from sqlalchemy.orm import Session

from api.deps import NEVER_KEPT, DatabaseDep, ProjectFilter, SettingsDep
from api.paging import MOMENT_TEXT, PageOf200
from api.permissions import Acting, ActingDep
from paceline.domain.access import Role
from paceline.domain.addresses import networks_of
from paceline.domain.model import Model
from paceline.domain.notifications import Notification
from paceline.domain.webhooks import (
    LONGEST_URL,
    EventFilter,
    Reconciliation,
    WebhookName,
    WebhookSubscription,
    checked_url,
    known_filters,
    secret_bytes,
    secret_of,
    shown_address,
)
from paceline.errors import Refused
from paceline.settings import Settings
from paceline.store import notifications, webhook_deliveries, webhook_reconcile, webhooks
from paceline.store.database import Database
from paceline.store.runs import project_name
from paceline.store.sealing import Seal
from paceline.store.webhooks import Sealed

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

ProjectName = Annotated[str, Field(min_length=1, max_length=200)]
Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL, description="https:// or http://.")]
Filters = Annotated[
    list[EventFilter],
    Field(max_length=100, description="Types, names, or beginnings of names as story.*; none: all events."),
]
StateFilter = Annotated[
    Literal["waiting", "sent", "dead"] | None, Query(description="Only those in this state.")
]
_SECRET_LENGTH = 32
_ALL = "a webhook for the events of all projects"


class WebhookRequest(Model):
    """A webhook to be made."""

    name: WebhookName
    url: Url
    projects: list[ProjectName] = Field(
        default_factory=list[str], max_length=1000, description="Only these; none: all, for admins."
    )
    events: Filters = Field(default_factory=list[str])
    secret: str | None = Field(
        default=None, max_length=200, description="whsec_ and base64; default: one is made."
    )
    after: int | None = Field(
        default=None,
        ge=0,
        le=2**53,
        description="Also events that there are already, with higher numbers; default: only new ones.",
    )
    actor: str = Field(default="unknown", min_length=1, max_length=200)

    _known = field_validator("events")(known_filters)

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, given: str | None) -> str | None:
        if given is not None:
            secret_bytes(given)
        return given


class WebhookChange(Model):
    """What of a webhook is to be otherwise."""

    url: Url | None = None
    events: Filters | None = None
    active: bool | None = Field(
        default=None, description="False: it is paused; true: it goes on where it was paused."
    )
    reason: str = Field(default="paused by a person", min_length=1, max_length=500)

    @field_validator("events")
    @classmethod
    def _known(cls, given: list[str] | None) -> list[str] | None:
        return None if given is None else known_filters(given)


class SecretRequest(Model):
    """A new secret for a webhook."""

    grace: float = Field(
        default=86_400.0,
        ge=0,
        le=webhooks.LONGEST_GRACE.total_seconds(),
        description="Seconds in which messages are signed with the old secret too.",
    )


class RedeliverRequest(Model):
    """What is to be sent again: exactly one of these, a run's name beside `since` and, if wanted, `dead`."""

    delivery: str | None = Field(default=None, max_length=200, description="Id of one.")
    dead: bool = Field(default=False, description="Everything that was given up.")
    since: int | None = Field(default=None, ge=1, le=2**53, description="A run's events from this number on.")
    project: str | None = Field(default=None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _one(self) -> RedeliverRequest:
        if [self.delivery is not None, self.dead, self.since is not None].count(True) != 1:
            raise ValueError("give one of `delivery`, `dead` and `since`")
        if self.since is not None and self.project is None:
            raise ValueError("give `project` beside `since`: numbers are a run's own")
        return self


class ReconcileRequest(Model):
    """Which run to compare, and whether to mend what is found."""

    project: str | None = Field(default=None, min_length=1, max_length=200)
    deliver: bool = Field(default=True, description="Deliver what is given up or missing.")


class WebhookMade(Model):
    """A webhook with its secret, which is never shown again."""

    webhook: WebhookSubscription
    secret: str


class Redelivered(Model):
    """How many messages are sent again; events that were not to be sent at first follow beside them."""

    queued: int


@router.get("", operation_id="list_webhooks")
async def list_webhooks(database: DatabaseDep, acting: ActingDep) -> list[WebhookSubscription]:
    """Every webhook by name, without secrets and without paths of addresses."""
    return await database.read(webhooks.list_webhooks, acting.within)


@router.post("", operation_id="create_webhook", status_code=201, dependencies=[NEVER_KEPT])
async def create_webhook(
    body: WebhookRequest, database: DatabaseDep, settings: SettingsDep, acting: ActingDep
) -> WebhookMade:
    """Make one; its secret is in this answer and nowhere else."""
    projects = await database.read(_names, body.projects)
    if not projects:
        acting.need(Role.ADMIN, _ALL)
    if acting.within is not None and not (projects and set(projects) <= acting.within):
        raise Refused(f"This token is limited to projects; name some of: {', '.join(sorted(acting.within))}.")
    seal = Seal(settings.webhook_key)
    secret = body.secret or _new_secret()
    made = await database.write(
        webhooks.create_webhook,
        body.name,
        _sealed(body.url, settings),
        seal.seal(secret),
        acting.named(body.actor),
        projects,
        body.events,
        body.after,
    )
    return WebhookMade(webhook=made, secret=secret)


@router.get("/{webhook}", operation_id="get_webhook")
async def get_webhook(webhook: str, database: DatabaseDep, acting: ActingDep) -> WebhookSubscription:
    """One, by its id or name."""
    return await database.read(webhooks.get_webhook, webhook, acting.within)


@router.patch("/{webhook}", operation_id="change_webhook")
async def change_webhook(
    webhook: str, body: WebhookChange, database: DatabaseDep, settings: SettingsDep, acting: ActingDep
) -> WebhookSubscription:
    """Change its address or filter, pause it, or let it go on."""
    found = await _own(database, acting, webhook)
    changes: dict[str, Any] = {"events": body.events, "active": body.active, "reason": body.reason}
    if body.url is not None:
        changes["url"] = _sealed(body.url, settings)
    return await database.write(webhooks.change_webhook, found.id, acting.within, **changes)


@router.delete("/{webhook}", operation_id="remove_webhook")
async def remove_webhook(webhook: str, database: DatabaseDep, acting: ActingDep) -> WebhookSubscription:
    """Forget it, with what it has not got yet."""
    found = await _own(database, acting, webhook)
    return await database.write(webhooks.remove_webhook, found.id, acting.within)


@router.post("/{webhook}/rotate", operation_id="rotate_webhook_secret", dependencies=[NEVER_KEPT])
async def rotate_secret(
    webhook: str,
    database: DatabaseDep,
    settings: SettingsDep,
    acting: ActingDep,
    body: SecretRequest | None = None,
) -> WebhookMade:
    """Give it a new secret, which is in this answer and nowhere else."""
    found = await _own(database, acting, webhook)
    secret, grace = _new_secret(), timedelta(seconds=(body or SecretRequest()).grace)
    sealed = Seal(settings.webhook_key).seal(secret)
    made = await database.write(webhooks.rotate_secret, found.id, sealed, grace, acting.within)
    return WebhookMade(webhook=made, secret=secret)


@router.post("/{webhook}/test", operation_id="ping_webhook", status_code=202)
async def ping(webhook: str, database: DatabaseDep, acting: ActingDep) -> Notification:
    """Have a worker send it a ping, once; its deliveries say what came of that."""
    found = await _own(database, acting, webhook)
    return await database.write(webhooks.queue_ping, found.id, acting.within)


@router.get("/{webhook}/deliveries", operation_id="list_deliveries")
async def list_deliveries(
    webhook: str,
    database: DatabaseDep,
    acting: ActingDep,
    page: PageOf200,
    project: ProjectFilter = None,
    state: StateFilter = None,
) -> list[Notification]:
    """Its messages, newest first, with how often each was tried and why it did not arrive."""
    hook = await database.read(webhooks.get_webhook, webhook, acting.within)
    after = page.after(MOMENT_TEXT)
    listed = notifications.list_notifications
    found = await database.read(listed, project, state, page.fetch, None, after, webhook=hook.id)
    return page.cut(found, lambda message: (message.made_at, message.id))


@router.post("/{webhook}/redeliver", operation_id="redeliver_events")
async def redeliver(
    webhook: str, body: RedeliverRequest, database: DatabaseDep, acting: ActingDep
) -> Redelivered:
    """Send one message again, all that were given up, or a run's events from a number on."""
    found = await _own(database, acting, webhook)
    if body.delivery is not None:
        again = await database.write(notifications.redeliver, [body.delivery], None, found.id)
        return Redelivered(queued=len(again))
    if body.since is not None and body.project is not None:
        fn = webhook_deliveries.redeliver_since
        return Redelivered(queued=await database.write(fn, found.id, body.project, body.since))
    dead = await database.write(webhook_deliveries.redeliver_dead, found.id, body.project)
    return Redelivered(queued=dead)


@router.post("/{webhook}/reconcile", operation_id="reconcile_webhook")
async def reconcile(
    webhook: str, database: DatabaseDep, acting: ActingDep, body: ReconcileRequest | None = None
) -> Reconciliation:
    """Compare what it got with the events by their numbers, say the gaps, and deliver them."""
    found, wanted = await _own(database, acting, webhook), body or ReconcileRequest()
    compared = await database.read(webhook_reconcile.compare, found, wanted.project)
    queued = 0
    if wanted.deliver and any(each.gaps for each in compared):
        queued = await database.write(webhook_reconcile.mend, found.id, compared)
    return Reconciliation(webhook=found.id, projects=compared, queued=queued)


async def _own(database: Database, acting: Acting, webhook: str) -> WebhookSubscription:
    """One that the caller may do something with: with those for all projects only admins may."""
    found = await database.read(webhooks.get_webhook, webhook, acting.within)
    if not found.projects:
        acting.need(Role.ADMIN, _ALL)
    else:
        acting.about(", ".join(found.projects)[:200])
    return found


def _names(session: Session, given: list[str]) -> list[str]:
    return list(dict.fromkeys(project_name(session, each) for each in given))


def _sealed(url: str, settings: Settings) -> Sealed:
    try:
        checked = checked_url(url, networks_of(settings.webhook_networks or ""))
    except ValueError as error:
        raise Refused(f"A webhook cannot have this address: {error}.") from None
    return Sealed(Seal(settings.webhook_key).seal(checked), shown_address(checked))


def _new_secret() -> str:
    return secret_of(secrets.token_bytes(_SECRET_LENGTH))
