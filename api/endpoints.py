"""Who may ask what: one table of endpoint and least role. A test holds it to the application's routes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from starlette.routing import compile_path

from paceline.domain.access import Role, is_at_least

PREFIX = "/api/v1"
UNKNOWN = "unknown"
"""Stands for the template of a path that is none of the API's."""


class Access(NamedTuple):
    """Who may call one endpoint."""

    least: Role
    agents: bool = False
    """Whether an agent at work may too, for its own attempt, which the route checks."""
    limited: bool = True
    """Whether a token that is limited to projects may; the route then shows it no others."""
    open: bool = False
    """Whether everybody may, as it is where people say who they are."""

    def allows(self, role: Role) -> bool:
        """Whether a role may call it."""
        return self.agents if role is Role.AGENT else is_at_least(role, self.least)


_READ, _ACT = Access(Role.VIEWER), Access(Role.OPERATOR)
_OWN, _ADMIN = Access(Role.PRODUCT_OWNER), Access(Role.ADMIN)
_WHOLE = Access(Role.ADMIN, limited=False)
_OPEN = Access(Role.VIEWER, agents=True, open=True)
_PROJECT = f"{PREFIX}/projects/{{project}}"

ACCESS: Mapping[tuple[str, str], Access] = MappingProxyType(
    {
        ("GET", "/health"): _READ,
        ("GET", "/ready"): _READ,
        # It tells of every project.
        ("GET", "/metrics"): Access(Role.VIEWER, limited=False),
        ("GET", f"{PREFIX}/openapi.json"): _READ,
        ("POST", f"{PREFIX}/sprints"): _ACT,
        ("POST", f"{PREFIX}/plans/validate"): _ACT,
        ("POST", f"{PREFIX}/plans/preview"): _ACT,
        ("GET", f"{PREFIX}/projects"): _READ,
        ("GET", _PROJECT): _READ,
        ("GET", f"{_PROJECT}/plan"): _READ,
        ("GET", f"{_PROJECT}/sprints"): _READ,
        ("GET", f"{_PROJECT}/sprints/{{sprint}}"): _READ,
        ("GET", f"{_PROJECT}/epics"): _READ,
        ("GET", f"{_PROJECT}/epics/{{epic}}"): _READ,
        ("GET", f"{_PROJECT}/stories"): _READ,
        ("GET", f"{_PROJECT}/stories/{{story}}/attempts"): _READ,
        ("GET", f"{_PROJECT}/stories/{{story}}/attempts/{{attempt}}"): _READ,
        ("GET", f"{_PROJECT}/stories/{{story}}"): _READ,
        ("GET", f"{_PROJECT}/proofs"): _READ,
        ("GET", f"{_PROJECT}/claims"): _READ,
        ("GET", f"{_PROJECT}/claims/decisions"): _READ,
        ("POST", f"{_PROJECT}/stories/{{story}}/claim"): Access(Role.ADMIN, agents=True),
        ("GET", f"{_PROJECT}/events"): _READ,
        ("GET", f"{_PROJECT}/completion"): _READ,
        ("GET", f"{_PROJECT}/summary"): _READ,
        ("POST", f"{_PROJECT}/check-completion"): _ACT,
        ("POST", f"{_PROJECT}/force-complete"): _ADMIN,
        ("POST", f"{_PROJECT}/amend"): _OWN,
        ("POST", f"{_PROJECT}/cancel"): _ADMIN,
        # What some actions need beyond this: `needed_to_steer`.
        ("POST", f"{_PROJECT}/steer"): _ACT,
        ("POST", f"{_PROJECT}/absences"): _ACT,
        # With `confirmed_by` a product owner's, as the answer would be.
        ("POST", f"{_PROJECT}/rollbacks"): _ACT,
        ("GET", f"{_PROJECT}/rollbacks"): _READ,
        ("GET", f"{_PROJECT}/boundaries"): _READ,
        ("GET", f"{_PROJECT}/reports"): _READ,
        ("GET", f"{_PROJECT}/reports/{{kind}}/{{sprint}}/{{number}}"): _READ,
        ("GET", f"{_PROJECT}/standup"): _READ,
        ("GET", f"{_PROJECT}/export/{{table}}"): _READ,
        ("GET", f"{_PROJECT}/metrics"): _READ,
        # As the answer to the question about it would be.
        ("POST", f"{_PROJECT}/metrics"): _OWN,
        ("GET", f"{_PROJECT}/retrospective"): _READ,
        ("POST", f"{_PROJECT}/retrospective"): _ACT,
        ("GET", f"{PREFIX}/agents/status"): _READ,
        ("GET", f"{PREFIX}/agents/status/{{agent}}"): _READ,
        ("POST", f"{PREFIX}/agents/status/{{agent}}/reset"): _ACT,
        ("GET", f"{PREFIX}/agents/status-history/{{agent}}"): _READ,
        ("GET", f"{PREFIX}/questions"): _READ,
        ("GET", f"{PREFIX}/questions/{{question}}"): _READ,
        # What some kinds need beyond this: `needed_to_answer`.
        ("POST", f"{PREFIX}/questions/{{question}}/answer"): _ACT,
        ("GET", f"{PREFIX}/notifications"): _READ,
        ("POST", f"{PREFIX}/notifications/{{notification}}/redeliver"): _ADMIN,
        # What webhooks for all projects need beyond this: `api/routes/webhooks.py`.
        ("GET", f"{PREFIX}/webhooks"): _OWN,
        ("POST", f"{PREFIX}/webhooks"): _OWN,
        ("GET", f"{PREFIX}/webhooks/{{webhook}}"): _OWN,
        ("PATCH", f"{PREFIX}/webhooks/{{webhook}}"): _OWN,
        ("DELETE", f"{PREFIX}/webhooks/{{webhook}}"): _OWN,
        ("POST", f"{PREFIX}/webhooks/{{webhook}}/rotate"): _OWN,
        ("POST", f"{PREFIX}/webhooks/{{webhook}}/test"): _OWN,
        ("GET", f"{PREFIX}/webhooks/{{webhook}}/deliveries"): _OWN,
        ("POST", f"{PREFIX}/webhooks/{{webhook}}/redeliver"): _OWN,
        ("POST", f"{PREFIX}/webhooks/{{webhook}}/reconcile"): _OWN,
        ("POST", f"{PREFIX}/artifacts/{{project_id}}/generate"): _ACT,
        ("GET", f"{PREFIX}/artifacts/{{project_id}}/summary"): _READ,
        ("GET", f"{PREFIX}/artifacts/{{project_id}}/download"): _READ,
        ("GET", f"{PREFIX}/artifacts/{{project_id}}"): _READ,
        # As it is on disk: what an agent printed may have secrets that a bundle leaves out.
        ("GET", f"{PREFIX}/artifacts/{{project_id}}/files/{{artifact}}"): _ACT,
        ("DELETE", f"{PREFIX}/artifacts/{{project_id}}/artifacts"): _ADMIN,
        ("POST", f"{PREFIX}/artifacts/cleanup-old"): _WHOLE,
        ("GET", f"{PREFIX}/tokens"): _WHOLE,
        ("POST", f"{PREFIX}/tokens"): _WHOLE,
        ("POST", f"{PREFIX}/tokens/{{token}}/rotate"): _WHOLE,
        ("DELETE", f"{PREFIX}/tokens/{{token}}"): _WHOLE,
        ("POST", f"{PREFIX}/session"): _OPEN,
        ("GET", f"{PREFIX}/session"): _READ,
        ("DELETE", f"{PREFIX}/session"): _READ,
        ("GET", f"{PREFIX}/session/oidc/start"): _OPEN,
        ("GET", f"{PREFIX}/session/oidc/callback"): _OPEN,
        ("GET", f"{PREFIX}/sessions"): _WHOLE,
        ("DELETE", f"{PREFIX}/sessions"): _WHOLE,
        ("DELETE", f"{PREFIX}/sessions/{{session}}"): _WHOLE,
        ("GET", f"{PREFIX}/audit"): _WHOLE,
        ("GET", f"{PREFIX}/audit/check"): _WHOLE,
        # Of all projects an admin's.
        ("GET", f"{PREFIX}/events/stream"): _READ,
        ("GET", "/ws"): _READ,
    }
)
"""Of every endpoint, by method and path template; the WebSocket counts as GET."""


@dataclass(frozen=True)
class Endpoint:
    """What a request asks for."""

    method: str
    template: str
    project: str | None = None
    """The project that the path names."""

    @property
    def access(self) -> Access | None:
        """Who may; None where the API has no such endpoint."""
        return ACCESS.get(("GET" if self.method == "HEAD" else self.method, self.template))


class _Pattern(NamedTuple):
    methods: frozenset[str]
    template: str
    path: re.Pattern[str]
    convertors: dict[str, Any]


class Endpoints:
    """Finds the endpoint that a request will be routed to.

    Args:
        routes: methods and path of every route, with Starlette's convertors, in the order of routing.
    """

    def __init__(self, routes: Iterable[tuple[Iterable[str], str]]) -> None:
        self._patterns: list[_Pattern] = []
        for methods, path in routes:
            pattern, _, convertors = compile_path(path)
            self._patterns.append(_Pattern(frozenset(methods), template_of(path), pattern, convertors))

    def find(self, method: str, path: str) -> Endpoint:
        """The endpoint of a request; one of the template `UNKNOWN` where there is none."""
        for pattern in self._patterns:
            if method in pattern.methods and (found := pattern.path.match(path)):
                named = found.groupdict()
                return Endpoint(method, pattern.template, named.get("project") or named.get("project_id"))
        return Endpoint(method, UNKNOWN)

    @property
    def known(self) -> set[tuple[str, str]]:
        """Method and template of each."""
        return {(method, each.template) for each in self._patterns for method in each.methods}


def template_of(path: str) -> str:
    """A route's path as documents write it, without convertors."""
    return re.sub(r"\{(\w+):path\}", r"{\1}", path)
