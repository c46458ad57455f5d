"""The API as programs call it: problem documents become our errors again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

import httpx2
from pydantic import TypeAdapter
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from paceline.client.operations.access import AccessOperations
from paceline.client.operations.agents import AgentsOperations
from paceline.client.operations.artifacts import ArtifactsOperations
from paceline.client.operations.claims import ClaimsOperations
from paceline.client.operations.completion import CompletionOperations
from paceline.client.operations.exports import ExportsOperations
from paceline.client.operations.health import HealthOperations
from paceline.client.operations.metrics import MetricsOperations
from paceline.client.operations.notifications import NotificationsOperations
from paceline.client.operations.plans import PlansOperations
from paceline.client.operations.projects import ProjectsOperations
from paceline.client.operations.questions import QuestionsOperations
from paceline.client.operations.reports import ReportsOperations
from paceline.client.operations.rollbacks import RollbacksOperations
from paceline.client.operations.sprints import SprintsOperations
from paceline.client.operations.steering import SteeringOperations
from paceline.client.operations.webhooks import WebhooksOperations
from paceline.domain.claims import DecisionRecord
from paceline.domain.events import Event
from paceline.domain.exchange import PlanTexts
from paceline.domain.exports import ExportTable
from paceline.domain.measurements import AimState
from paceline.domain.notifications import Notification
from paceline.domain.questions import Answer, Question
from paceline.domain.reports import Report, ReportKind
from paceline.domain.retro_entries import RetroEntry
from paceline.domain.rollback import Rollback
from paceline.domain.status import AgentStatus, Artifact, ListedRun, Run, RunOptions
from paceline.errors import Forbidden, NotFound, PacelineError, ServerUnavailable, Unauthorized
from paceline.settings import Settings

AGAIN_SECONDS = 0.5
"""After so long a lost stream is taken up again."""
HEALTH_SECONDS = 2.0
_PAGE = 1000
_REFUSALS: dict[int, type[PacelineError]] = {4401: Unauthorized, 4403: Forbidden, 4404: NotFound}
"""What the stream's close codes mean; after any other it goes on."""
T = TypeVar("T")


def api_url(settings: Settings) -> str:
    """Where the API is, or would be on this machine."""
    return settings.base_url


class ApiClient(
    AccessOperations,
    AgentsOperations,
    ArtifactsOperations,
    ClaimsOperations,
    CompletionOperations,
    ExportsOperations,
    HealthOperations,
    MetricsOperations,
    NotificationsOperations,
    PlansOperations,
    ProjectsOperations,
    QuestionsOperations,
    ReportsOperations,
    RollbacksOperations,
    SprintsOperations,
    SteeringOperations,
    WebhooksOperations,
):
    """Every operation of one API as a method of its name, and what is made of several.

    Replies are the domain's models, refusals the errors of `paceline.errors`.

    Args:
        url: address without a path.
        token: sent as a bearer token where there is one.
        transport: instead of the network's.
    """

    @classmethod
    def of(cls, settings: Settings, url: str | None = None) -> ApiClient:
        """A client for the API of these settings, or of a URL with the settings' token."""
        token = settings.api_token.get_secret_value() if settings.api_token else None
        return cls(url or api_url(settings), token)

    async def __aenter__(self) -> ApiClient:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._http.aclose()

    async def answers(self) -> bool:
        """Whether an API of Paceline is there.

        Raises:
            ServerUnavailable: another program answers at the address.
        """
        try:
            reply = await self._http.get("/health", timeout=HEALTH_SECONDS)
        except httpx2.TransportError:
            return False
        if reply.status_code in (401, 403, 429):
            return True
        try:
            found: object = reply.json()
        except ValueError:
            found = None
        if reply.status_code != 200 or not isinstance(found, dict) or "version" not in found:
            raise ServerUnavailable(
                f"Another program answers at {self.url}; stop it, or set PACELINE_API_PORT to another port."
            )
        return True

    async def start(
        self,
        plan: PlanTexts,
        repository: Path | None,
        project: str | None,
        options: RunOptions,
        rerun: bool,
    ) -> tuple[Run, bool, list[str]]:
        """Start a plan; returns the run, whether it was there before, and the plan's warnings."""
        body = {
            **plan.model_dump(exclude_none=True),
            "repository": str(repository) if repository else None,
            "project": project,
            "options": options.model_dump(mode="json"),
            "rerun": rerun,
        }
        reply = await self._call("POST", "sprints", json=body)
        return Run.model_validate(reply["run"]), bool(reply["attached"]), list(reply["warnings"])

    async def projects(self, limit: int = 50) -> list[ListedRun]:
        """Runs, newest first."""
        return _parse(list[ListedRun], await self._call("GET", "projects", params={"limit": limit}))

    async def cancel(self, project: str) -> str:
        """Ask a run to stop; returns a sentence."""
        return (await self._call("POST", f"projects/{quote(project, safe='')}/cancel"))["message"]

    async def amend(self, project: str, plan: PlanTexts, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send an edited plan; returns what it changes, and whether it is followed now."""
        path = f"projects/{quote(project, safe='')}/amend"
        return await self._call("POST", path, json={**plan.model_dump(exclude_none=True), **body})

    async def questions(self, project: str | None = None) -> list[Question]:
        """Open questions, of one run or of all."""
        params = {"project": project} if project else {}
        return _parse(list[Question], await self._call("GET", "questions", params=params))

    async def agents(self, project: str | None = None) -> list[AgentStatus]:
        """What each agent does now, of one run or of all."""
        params = {"project": project} if project else {}
        return _parse(list[AgentStatus], await self._call("GET", "agents/status", params=params))

    async def claim_decisions(self, project: str) -> list[DecisionRecord]:
        """Everything that was decided about a run's claims, oldest first."""
        path, found = f"projects/{quote(project, safe='')}/claims/decisions", list[DecisionRecord]()
        while True:
            params = {"after": found[-1].number if found else 0, "limit": _PAGE}
            page = _parse(list[DecisionRecord], await self._call("GET", path, params=params))
            found += page
            if len(page) < _PAGE:
                return found

    async def answer(self, answer: Answer) -> dict[str, Any]:
        """Answer a question; returns what became of it, with a sentence as `message`."""
        body = answer.model_dump(mode="json", exclude={"question"})
        return await self._call("POST", f"questions/{quote(answer.question, safe='')}/answer", json=body)

    async def notifications(self, project: str | None, state: str | None) -> list[Notification]:
        """Messages to people outside, newest first."""
        given = {"project": project, "state": state, "limit": str(_PAGE)}
        params = {name: value for name, value in given.items() if value is not None}
        return _parse(list[Notification], await self._call("GET", "notifications", params=params))

    async def webhooks(self, method: str, *path: str, **arguments: Any) -> Any:
        """One of the calls about webhooks, below their path; returns what the API answers."""
        return await self._call(
            method, "/".join(["webhooks", *(quote(each, safe="") for each in path)]), **arguments
        )

    async def rollback(self, project: str, body: Mapping[str, Any]) -> tuple[Rollback, bool]:
        """Ask for a rollback; returns it, and whether it was there before."""
        reply = await self._call("POST", f"projects/{quote(project, safe='')}/rollbacks", json=dict(body))
        return _parse(Rollback, reply["rollback"]), bool(reply["attached"])

    async def reports(
        self, project: str, kind: ReportKind | None = None, sprint: str | None = None
    ) -> list[Report]:
        """The reports of a run's sprints, newest first."""
        wanted = {"kind": kind.value if kind else None, "sprint": sprint}
        params = {name: value for name, value in wanted.items() if value is not None}
        path = f"projects/{quote(project, safe='')}/reports"
        return _parse(list[Report], await self._call("GET", path, params=params))

    async def report_text(self, report: Report) -> str:
        """A report in markdown."""
        place = f"{report.kind.value}/{quote(report.sprint, safe='')}/{report.number}"
        return await self._markdown(f"projects/{quote(report.project, safe='')}/reports/{place}")

    async def standup_text(self, project: str) -> str:
        """The same in markdown."""
        return await self._markdown(f"projects/{quote(project, safe='')}/standup")

    async def retro_entries(self, project: str, sprint: str | None = None) -> list[RetroEntry]:
        """What people added to the retrospectives of a run, oldest first."""
        params = {"sprint": sprint} if sprint else {}
        path = f"projects/{quote(project, safe='')}/retrospective"
        return _parse(list[RetroEntry], await self._call("GET", path, params=params))

    async def add_retro_entry(self, project: str, body: Mapping[str, Any]) -> RetroEntry:
        """Add to a retrospective."""
        path = f"projects/{quote(project, safe='')}/retrospective"
        return _parse(RetroEntry, await self._call("POST", path, json=dict(body)))

    async def measure(self, project: str, body: Mapping[str, Any]) -> AimState:
        """Say what one of them came to."""
        path = f"projects/{quote(project, safe='')}/metrics"
        return _parse(AimState, await self._call("POST", path, json=dict(body)))

    async def bundle(self, project: str) -> tuple[Artifact, str]:
        """The bundle of a run as it stands now, and its path on the machine of the API."""
        quoted = quote(project, safe="")
        artifact = _parse(Artifact, await self._call("POST", f"artifacts/{quoted}/generate"))
        summary = await self._call("GET", f"artifacts/{quoted}/summary")
        return artifact, str(summary["bundle_path"])

    async def export(self, project: str, table: ExportTable, write: Callable[[bytes], object]) -> None:
        """Hand over a table of a run as CSV, part by part."""
        async for part in self.export_table(project, table.value):
            write(part)

    @asynccontextmanager
    async def _socket(self, query: Mapping[str, str | int]) -> AsyncGenerator[AsyncGenerator[str]]:
        parts = urlsplit(self.url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        address = urlunsplit((scheme, parts.netloc, f"{parts.path}/ws", urlencode(query), ""))
        async with connect(address, additional_headers=self._headers, proxy=None, compression=None) as socket:

            async def texts() -> AsyncGenerator[str]:
                async for message in socket:
                    yield message if isinstance(message, str) else message.decode()

            yield texts()

    async def events(self, project: str | None, after: int = 0) -> AsyncGenerator[Event]:
        """Events of one run after a number until the connection ends; resume with the last number seen.

        Without a run, the events of all runs from now on.
        """
        with suppress(ConnectionClosed, InvalidHandshake, OSError):
            async for event in self._listen(project, after):
                yield event

    async def follow(self, project: str, after: int = 0) -> AsyncGenerator[Event]:
        """Events of one run after a number, each once and in order; a lost connection is made again.

        Raises:
            NotFound: there is no such run, or the token does not show it.
            Unauthorized: the token is not good, or not good any more.
            Forbidden: the token does not allow it.
        """
        while True:
            try:
                async for event in self._listen(project, after):
                    after = event.number
                    yield event
            except ConnectionClosed as ended:
                code = ended.rcvd.code if ended.rcvd is not None else 0
                if code in _REFUSALS:
                    raise _REFUSALS[code](
                        f"The events of {project} are not given: {ended.rcvd.reason if ended.rcvd else code}."
                    ) from ended
            except (InvalidHandshake, OSError):
                # Perhaps it is only away for a moment; a refusal is said by a plain request.
                with suppress(ServerUnavailable):
                    await self.get_project(project)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, project: str | None, after: int) -> AsyncGenerator[Event]:
        query: dict[str, str | int] = {} if project is None else {"project_id": project, "after": after}
        async with self._socket(query) as texts:
            async for text in texts:
                # A heartbeat only says that the stream lives.
                if json.loads(text)["type"] != "HEARTBEAT":
                    yield Event.model_validate_json(text)

    async def _markdown(self, path: str) -> str:
        return (await self._send("GET", f"/api/v1/{path}", headers={"Accept": "text/markdown"})).text

    async def _call(self, method: str, path: str, **arguments: Any) -> Any:
        return (await self._send(method, f"/api/v1/{path}", **arguments)).json()


def _parse(kind: type[T], value: Any) -> T:
    return TypeAdapter(kind).validate_python(value)
