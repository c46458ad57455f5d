"""Record the histories that `test_histories` replays: `python -m tests.replay.record NAME [SCENARIO...]`.

A recorded set is never changed: a later version of the workflows records a further one under a new name.
"""

from __future__ import annotations

import asyncio
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from temporalio.client import WorkflowFailureError

from api.amendments import amend_run
from api.rollbacks import Wanted, ask
from paceline.contracts import CONTROL_TASK_QUEUE, ProjectInput
from paceline.domain.exchange import AmendRequest
from paceline.domain.ids import slug
from paceline.domain.questions import Decision, QuestionKind
from paceline.domain.rollback import RollbackKind
from paceline.domain.scope import ScopeInput
from paceline.domain.states import RunState, StoryState
from paceline.domain.work import AgentDeclaration
from paceline.settings import Settings
from paceline.store import questions
from tests.sample_plans import E, S, plan
from tests.steering import ACTOR, rows, steer, until_state
from tests.workflows.test_absence import LONG, QUICK, say
from tests.workflows.test_absence import PLAN as HOUSE
from tests.workflows.test_measures import PLAN as YARD
from tests.workflows.test_measures import SECOND, only_last
from tests.workflows.test_merge_line import Gate, commit_on, move
from tests.workflows.test_scope import AHEAD as MORE
from tests.workflows.test_scope import BEHIND as LESS
from tests.workflows.test_scope import PLAN as HARBOUR
from tests.workflows.test_scope import answered_all, ask_scope
from tests.workflows.test_split_stories import BAKERY
from tests.workflows.test_steering_unbegun import AGENTS as BUILDERS
from tests.workflows.test_steering_unbegun import HOUSE as LATER
from tests.workflows.test_steering_unbegun import until_begun
from tests.workflows.test_waiting_sprints import amend_waiting
from tests.world import ROOT, World, make_repository, open_world, scripted
from workers.temporal_server import EmbeddedServer

FOLDER = ROOT / "tests" / "histories"
CROSSING = [
    E("1", [S("1.1"), S("1.2", "Story 1.1")]),
    E("2", [S("2.1", "Story 1.1"), S("2.2", "Story 1.2")]),
]


async def simulated(world: World, repository: Path) -> str:
    """Two epics that wait for each other, and a claim that waits in line."""
    run = await world.start(plan(*CROSSING), project="simulated", max_parallel=1)
    await world.result(run.id)
    return run.id


async def continued(world: World, repository: Path) -> str:
    """The same with a history limit that makes epics and the sprint continue as new."""
    slow = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(0.2, 0.4), concurrency=9)}
    run = await world.start(plan(*CROSSING), project="continued", agents=slow)
    handle = world.client.get_workflow_handle(run.id)
    await handle.terminate("start again with a small limit")
    again = await world.client.start_workflow(
        "project", ProjectInput(project=run.id, history_limit=20), id=run.id, task_queue=CONTROL_TASK_QUEUE
    )
    await again.result()
    return run.id


async def people(world: World, repository: Path) -> str:
    """A failed attempt, an amendment, an approval, and a human story."""
    text = plan(E("1", [S("1.1", files=("a.txt",), approval=True), S("1.2", "Story 1.1", agent="Person")]))
    text = text.replace("### 1. Builder", "### 1. Person\n- **Role**: Decides\n\n### 2. Builder")
    agents = {
        **scripted("--behave", "exit", "--until-attempt", "1"),
        "Person": AgentDeclaration(kind="human"),
    }
    run = await world.start(text, project="people", repository=repository, agents=agents)
    await world.answer(await world.question(run.id), Decision.AMEND, "one more line")
    await world.answer(await world.question(run.id), Decision.APPROVE)
    await world.answer(await world.question(run.id), Decision.APPROVE, "done by hand")
    await world.result(run.id)
    return run.id


async def failed(world: World, repository: Path) -> str:
    """Attempts run out, a person gives up, a dependant is blocked."""
    text = plan(E("1", [S("1.1", files=("b.txt",), checks=("false",)), S("1.2", "Story 1.1")]))
    run = await world.start(text, project="failed", repository=repository, agents=scripted(max_attempts=2))
    await world.answer(await world.question(run.id), Decision.REJECT)
    await world.result(run.id)
    return run.id


async def cancelled(world: World, repository: Path) -> str:
    """A run that is cancelled while an agent works."""
    agents = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(600, 600))}
    run = await world.start(plan(E("1", [S("1.1")])), project="cancelled", agents=agents)

    async def works() -> bool:
        return any(event.name == "claim.granted" for event in await world.events(run.id))

    await world.until(works, "an agent at work")
    await world.client.get_workflow_handle(run.id).cancel()
    try:
        await world.result(run.id)
    except WorkflowFailureError:
        return run.id
    raise AssertionError("the cancelled run ended as if it was not")


async def unchanged(world: World, repository: Path) -> str:
    """A story that may change nothing: a person approves it, and its dependant merges."""
    first = S("1.1", files=("a.txt",), checks=("true",), change="none expected", approval=True)
    text = plan(E("1", [first, S("1.2", "Story 1.1", agent="Writer", files=("b.txt",))]))
    text = text.replace("### 1. Builder", "### 1. Writer\n- **Role**: Writes\n\n### 2. Builder")
    agents = {"Builder": scripted("--behave", "no-change")["*"], "Writer": scripted()["*"]}
    run = await world.start(text, project="unchanged", repository=repository, agents=agents)
    await world.answer(await world.question(run.id), Decision.APPROVE)
    await world.result(run.id)
    return run.id


async def steered(world: World, repository: Path) -> str:
    """A pause of the run, a retry, a reassignment, a story started again, a skip, and a forced end."""
    slow = AgentDeclaration(kind="simulated", simulated_seconds=(600, 600), concurrency=9)
    stories = [S("1.1"), S("1.2"), S("1.3", "Story 1.2"), S("1.4", "Story 1.1")]
    run = await world.start(
        plan(E("1", stories), agents=("Builder", "Other")), project="steered", agents={"*": slow}
    )
    await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
    await until_state(world, run.id, "Story 1.2", StoryState.WORKING)
    await steer(world, run.id, "pause")
    await steer(world, run.id, "retry", "1.1")
    await until_state(world, run.id, "Story 1.1", StoryState.PAUSED)
    await steer(world, run.id, "resume")
    await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
    await steer(world, run.id, "cancel", "1.2")
    await until_state(world, run.id, "Story 1.3", StoryState.BLOCKED)
    await steer(world, run.id, "retry", "1.2")
    await until_state(world, run.id, "Story 1.2", StoryState.WORKING)
    await steer(world, run.id, "reassign", "1.2", agents=["Other"])
    await steer(world, run.id, "skip", "1.4", reason="not now")
    await steer(world, run.id, "set_max_parallel", max_parallel=7)
    await steer(world, run.id, "force_complete", reason="recorded")
    await world.result(run.id)
    return run.id


async def unbegun(world: World, repository: Path) -> str:
    """What people do to sprints that have not begun: pause, end, retry, and leave one out."""
    asking = LATER.replace("Sprint 3: Roof", "Sprint 3: Roof (Optional)")
    run = await world.start(asking, project="unbegun", agents=BUILDERS)
    await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
    await steer(world, run.id, "cancel", "1.2")
    await steer(world, run.id, "retry", "1.2")
    await steer(world, run.id, "pause", "1.2")
    await steer(world, run.id, "pause", sprint="Sprint 2", epic="Epic 2")
    await steer(world, run.id, "set_max_parallel", sprint="Sprint 2", max_parallel=1)
    await steer(world, run.id, "skip", "1.1", reason="seen")
    await until_begun(world, run.id, "Sprint 2")
    await steer(world, run.id, "resume", "1.2")
    await steer(world, run.id, "resume", sprint="Sprint 2", epic="Epic 2")
    await world.question(run.id)
    await steer(world, run.id, "skip", sprint="Sprint 3", reason="no roof")
    await world.result(run.id)
    return run.id


async def reported(world: World, repository: Path) -> str:
    """A sprint of some days of half a second, and its clock."""
    slow = {"*": AgentDeclaration(kind="simulated", simulated_seconds=(0.6, 0.8), concurrency=1)}
    text = plan(E("1", [S("1.1", points=3), S("1.2", "Story 1.1", points=2)]))
    run = await world.start(text, project="reported", agents=slow, calendar={"day_length": "0.5s"})
    await world.result(run.id)
    return run.id


async def batched(world: World, repository: Path) -> str:
    """A sprint in waves."""
    run = await world.start(plan(*CROSSING), project="batched", mode="batch")
    await world.result(run.id)
    return run.id


async def amended(world: World, repository: Path) -> str:
    """An edited plan: a story and an epic more, and one story that is no more."""
    agents = {"Builder": AgentDeclaration(kind="simulated"), "Ann": AgentDeclaration(kind="human")}
    people = ("Builder", "Ann")
    text = plan(E("1", [S("1.1", agent="Ann"), S("1.2", "Story 1.1")]), agents=people)
    run = await world.start(text, project="amended", agents=agents)
    asked = await world.question(run.id)
    edited = plan(E("1", [S("1.1", agent="Ann"), S("1.3")]), E("2", [S("2.1", "Story 1.1")]), agents=people)
    wish = AmendRequest(plan=edited, apply=True, actor=ACTOR)
    await amend_run(run.id, wish, world.database, world.client)
    await until_state(world, run.id, "Story 1.3", StoryState.SETTLED)
    await world.answer(asked, Decision.APPROVE)
    await world.result(run.id)
    return run.id


async def carried(world: World, repository: Path) -> str:
    """A story that its sprint ended without goes on in the next one."""
    sprints = ("## Sprint 1: First", "### Epic 1: Part", "#### Story 1.1: Broken", "- **Agent**: Builder")
    more = ("## Sprint 2: Second", "### Epic 2: Part", "#### Story 2.1: Free", "- **Agent**: Builder")
    text = "\n\n".join(["# Sprint Plan: Two Boxes", *sprints, *more, ""])
    agents = {"*": AgentDeclaration(kind="simulated", failure_rate=1.0, max_attempts=1)}
    run = await world.start(text, project="carried", agents=agents, carry_over="person")
    await world.answer(await world.question(run.id), Decision.REJECT)
    await world.answer(await world.question(run.id), Decision.APPROVE)
    for _ in range(2):
        await world.answer(await world.question(run.id), Decision.REJECT)
    await world.result(run.id)
    return run.id


async def rolled_back(world: World, repository: Path) -> str:
    """A merged story is taken back after a person was asked, and brought back."""
    text = plan(E("1", [S("1.1", files=("a.txt",)), S("1.2", agent="Ann")]), agents=("Builder", "Ann"))
    agents = {**scripted(), "Ann": AgentDeclaration(kind="human")}
    run = await world.start(text, project="rolled", repository=repository, agents=agents)
    await until_state(world, run.id, "Story 1.1", StoryState.MERGED)
    wanted = Wanted(RollbackKind.STORY, "Story 1.1", ACTOR, None)
    asked, _ = await ask(run.id, wanted, world.database, world.client)
    question = await world.question(run.id, 2)
    await world.answer(question, Decision.APPROVE)
    await world.client.get_workflow_handle(asked.id).result()
    undo, _ = await ask(
        run.id, Wanted(RollbackKind.UNDO, str(asked.number), ACTOR, ACTOR), world.database, world.client
    )
    await world.client.get_workflow_handle(undo.id).result()
    await world.answer(await world.question(run.id), Decision.APPROVE)
    await world.result(run.id)
    return run.id


async def reminded(world: World, repository: Path) -> str:
    """A question that nobody answers in time: a reminder, the next person, and the wait goes on."""
    rules = {"remind_after": 0.5, "deadline": 1.2, "escalation": ["lead"]}
    human = {"*": AgentDeclaration(kind="human")}
    run = await world.start(plan(E("1", [S("1.1")])), project="reminded", agents=human, questions=rules)

    async def overdue() -> bool:
        return any(event.name == "question.overdue" for event in await world.events(run.id))

    await world.until(overdue, "an overdue question")
    await world.answer(await world.question(run.id), Decision.APPROVE)
    await world.result(run.id)
    return run.id


async def conflicting(world: World, repository: Path) -> str:
    """The branch went on in the file that a story changes: its agent resolves the conflict."""
    folder, name = repository.parent / "gate", "conflicting"
    folder.mkdir()
    gate = Gate(folder)
    text = plan(E("1", [S("1.1", files=("a.txt", "b.txt"))]))
    run = await world.start(text, project=name, repository=repository, agents=gate.agents())
    await gate.works(world, 1)
    branch = f"paceline/{name}/sprint"
    await move(world, run.id, repository, commit_on(repository, branch, "a.txt", "other\n"))
    gate.open(1)
    await gate.works(world, 2)
    gate.open(2)
    await world.result(run.id)
    return run.id


async def replaced(world: World, repository: Path) -> str:
    """An agent is away, and a spare one takes its stories."""
    agents = {"Mason": LONG, "Roofer": QUICK, "Stand-in": QUICK}
    run = await world.start(HOUSE, project="replaced", agents=agents)
    await until_state(world, run.id, "Story 1.1", StoryState.WORKING)
    await say(world, run.id, "Mason", id="one")
    await world.result(run.id)
    return run.id


async def misconfigured(world: World, repository: Path) -> str:
    """An agent whose command does not start: a person is asked at once."""
    missing = AgentDeclaration(kind="command", command=["no-such-program-here"], max_attempts=5)
    text = plan(E("1", [S("1.1", files=("a.txt",))]))
    run = await world.start(text, project="misconfigured", repository=repository, agents={"*": missing})
    await world.answer(await world.question(run.id), Decision.REJECT)
    await world.result(run.id)
    return run.id


async def late(world: World, repository: Path) -> str:
    """A sprint that will be late: a person is asked what to leave out of it, and leaves nothing out."""
    run = await world.start(HARBOUR, project="late", agents={"*": AgentDeclaration(kind="human")})
    await until_state(world, run.id, "Story 1.1", StoryState.WAITING_FOR_PERSON)
    sprint = (await rows(world, run.id))["Story 1.1"].sprint
    seen = ScopeInput(project=run.id, sprint=sprint, day=2, projected_days=9, planned_days=5)
    name = f"{run.id}@scope/1/day-2"
    await world.client.start_workflow("scope", seen, id=name, task_queue=CONTROL_TASK_QUEUE)
    await world.question(run.id, 2)

    async def over() -> bool:
        for each in await world.database.read(questions.list_questions, run.id):
            cut = each.kind is QuestionKind.CUT_SCOPE
            await world.answer(each, Decision.REJECT if cut else Decision.APPROVE)
        return (await world.status(run.id)).run.state is not RunState.RUNNING

    await world.until(over, "the end of the run")
    await world.result(run.id)
    await world.client.get_workflow_handle(name).result()
    return run.id


async def measured(world: World, repository: Path) -> str:
    """A sprint that waits for its success criteria, which are answered in two parts."""
    run = await world.start(
        YARD, project="measured", repository=repository, agents=scripted(), metrics={"ask": "wait"}
    )
    first = await world.question(run.id)
    await world.answer(first, Decision.AMEND, "1: met\nCoverage: 97 %")

    async def again() -> bool:
        return any(
            each.id != first.id for each in await world.database.read(questions.list_questions, run.id)
        )

    await world.until(again, "the question for the rest")
    await world.answer(await world.question(run.id), Decision.APPROVE)
    await world.result(run.id)
    return run.id


async def rejoined(world: World, repository: Path) -> str:
    """A sprint that waits for its success criteria when the plan gets one more story for it."""
    run = await amend_waiting(world, "rejoined", repository)
    await until_state(world, run, "Story 1.2", StoryState.MERGED)
    await world.answer(await world.question(run), Decision.APPROVE)
    await world.result(run)
    return run


async def superseded(world: World, repository: Path) -> str:
    """Two sprints that ask beside the run: the second one's question takes the place of the first's."""
    text = YARD.replace("\n## Success Metrics", SECOND)
    run = await world.start(text, project="superseded", repository=repository, agents=scripted())
    await world.result(run.id)
    await world.until(lambda: only_last(world, run.id), "one question is left")
    (left,) = await world.database.read(questions.list_questions, run.id)
    await world.answer(left, Decision.REJECT)
    await world.client.get_workflow_handle(left.workflow_id).result()
    return run.id


async def ahead(world: World, repository: Path) -> str:
    """A sprint that is ahead: a story of the next one is pulled in, and the plan's extra work added."""
    return await _rescoped(world, "ahead", HARBOUR + MORE, QuestionKind.EXTRA_WORK)


async def lessened(world: World, repository: Path) -> str:
    """A sprint that will be late: one story is deferred, another one simplified."""
    text = HARBOUR.replace("Paint\n", "Paint\n- **Dependencies**: Story 1.1\n")
    third = "#### Story 1.3: Rail\n- **Agent**: Mason\n- **Dependencies**: Story 1.1\n\n## Sprint 2"
    also = "- **Behind schedule**: Defer Story 1.3\n"
    text = text.replace("## Sprint 2", third) + LESS + also
    return await _rescoped(world, "lessened", text, QuestionKind.CUT_SCOPE)


async def _rescoped(world: World, name: str, text: str, kind: QuestionKind) -> str:
    run = await world.start(text, project=name, agents={"*": AgentDeclaration(kind="human")})
    asked = await ask_scope(world, run.id, kind)
    await world.answer(asked, Decision.APPROVE)
    await world.client.get_workflow_handle(asked.workflow_id).result()
    await world.until(lambda: answered_all(world, run.id), "the end of the run")
    await world.result(run.id)
    return run.id


async def in_parts(world: World, repository: Path) -> str:
    """A story that two sprints do: its first part is kept, its last one merges."""
    agents = {**scripted(), "Bob": AgentDeclaration(kind="human")}
    run = await world.start(BAKERY, project="bakery", repository=repository, agents=agents)
    for _ in range(2):
        question = await world.question(run.id)
        await world.answer(question, Decision.APPROVE)
        await until_state(world, run.id, question.story or "", StoryState.SETTLED)
    await world.result(run.id)
    return run.id


SCENARIOS = (
    *(simulated, continued, people, failed, cancelled, unchanged, steered, reported),
    *(batched, amended, carried, rolled_back, reminded, conflicting),
    *(replaced, misconfigured, late, measured, rejoined, superseded),
    *(ahead, lessened, in_parts, unbegun),
)


async def record(name: str, only: Sequence[str] = ()) -> int:
    """Run every scenario, or those named, and write the histories of all its workflows; returns how many."""
    written = 0
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(
            home=home / "temporal", temporal_address=None, temporal_port=0, temporal_ui_port=0
        )
        server = await EmbeddedServer.start(settings, lambda sentence: None)
        try:
            for scenario in [each for each in SCENARIOS if not only or each.__name__ in only]:
                place = home / scenario.__name__
                async with open_world(place / "home", server.address) as world, world.workers():
                    project = await scenario(world, make_repository(place / "repository"))
                    written += await _write(world, project, FOLDER / name / scenario.__name__)
        finally:
            await server.stop()
    return written


async def _write(world: World, project: str, folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    query = f"PacelineProject = '{project}' OR WorkflowId STARTS_WITH '{project}@'"
    async for listed in world.client.list_workflows(query):
        history = await world.client.get_workflow_handle(listed.id, run_id=listed.run_id).fetch_history()
        kept = {"workflow_id": listed.id, "history": history.to_json_dict()}
        file = folder / f"{slug(listed.id, 100)}.{(listed.run_id or '')[:8]}.json"
        # Identities and sticky queues carry the name of the machine that recorded.
        text = json.dumps(kept, indent=1, sort_keys=True).replace(platform.node(), "recorder")
        file.write_text(text + "\n")
        count += 1
    return count


if __name__ == "__main__":
    if (FOLDER / sys.argv[1]).exists():
        sys.exit(f"{FOLDER / sys.argv[1]} exists: recorded histories are not changed, choose a new name")
    total = asyncio.run(record(sys.argv[1], sys.argv[2:]))
    sys.stdout.write(f"recorded {total} histories\n")
    subprocess.run(["git", "add", str(FOLDER)], check=True, cwd=ROOT)
