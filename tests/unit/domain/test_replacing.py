"""Who takes the stories of a lost agent: always somebody else who can do them, by rules in one order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.changes import ChangeKind, RunChange
from paceline.domain.plan import Agent, Contingency, Plan, Source, Story
from paceline.domain.replacing import Team, absent_agents, failing_agents, replaced, replacement
from paceline.domain.states import StoryState
from paceline.domain.status import StoryStatus
from paceline.domain.work import AgentDeclaration

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
STORY = Story(id="1.1", title="Dig", agents=["Mason"])
NAMES = ["Mason", "Roofer", "Joiner", "Smith", "Painter"]
KINDS = ["command", "simulated", "human"]
WORDS = ["stone", "wood", "iron"]


def plan(*contingency: str, agents: list[Agent] | None = None) -> Plan:
    return Plan(
        title="House",
        source=Source(kind="test", lines=1, digest="0" * 64),
        stories=[STORY],
        agents=agents or [],
        contingency=[Contingency(name="Away", text=text) for text in contingency],
    )


def team(written: Plan, spare: str = "", roles: Mapping[str, list[str]] | None = None) -> Team:
    declared = {name: AgentDeclaration(kind="simulated", roles=(roles or {}).get(name, [])) for name in NAMES}
    return Team(written, declared, frozenset(spare.split()))


def test_the_plan_comes_before_roles_and_roles_before_spares() -> None:
    roles = {"Mason": ["builder"], "Joiner": ["Builder"]}
    by_plan = replacement(
        team(plan("If the Mason is ill, the Roofer takes over."), "Smith", roles), "Mason", STORY
    )
    assert by_plan is not None
    assert (by_plan.agent, by_plan.rule) == ("Roofer", "plan")
    assert "Roofer takes over" in by_plan.why
    by_role = replacement(team(plan(), "Smith", roles), "Mason", STORY)
    assert by_role is not None
    assert (by_role.agent, by_role.rule, by_role.why) == (
        "Joiner",
        "role",
        "it has the same role, builder",
    )
    by_spare = replacement(team(plan(), "Smith"), "Mason", STORY)
    assert by_spare is not None
    assert (by_spare.agent, by_spare.rule) == ("Smith", "spare")
    assert replacement(team(plan()), "Mason", STORY) is None


def test_a_sentence_names_the_lost_agent_before_the_other_and_whole_words_only() -> None:
    assert replacement(team(plan("If the Roofer is ill, the Mason takes over.")), "Mason", STORY) is None
    assert replacement(team(plan("Masonry is hard. The Roofer helps.")), "Mason", STORY) is None


def test_skills_decide_by_how_many_are_shared() -> None:
    written = plan(
        agents=[
            Agent(id="Mason", focus_areas=["stone", "mortar"]),
            Agent(id="Joiner", focus_areas=["mortar"]),
            Agent(id="Smith", focus_areas=["Stone", "mortar"]),
        ]
    )
    found = replacement(team(written), "Mason", STORY)
    assert found is not None
    assert (found.agent, found.rule) == ("Smith", "skills")


def test_who_has_least_to_do_is_asked_first() -> None:
    declared = {name: AgentDeclaration(kind="simulated", roles=["builder"]) for name in NAMES}
    busy = Team(plan(), declared, load={"Joiner": 3, "Painter": 1, "Roofer": 2, "Smith": 2})
    found = replacement(busy, "Mason", STORY)
    assert found is not None
    assert found.agent == "Painter"


def test_the_others_of_a_story_stay_in_their_order() -> None:
    assert replaced(["Mason", "Roofer"], "Mason", "Smith") == ["Smith", "Roofer"]


@given(
    lost=st.sampled_from(NAMES),
    on_it=st.lists(st.sampled_from(NAMES), unique=True),
    absent=st.frozensets(st.sampled_from(NAMES)),
    spare=st.frozensets(st.sampled_from(NAMES)),
    declared=st.dictionaries(
        st.sampled_from(NAMES),
        st.builds(
            AgentDeclaration,
            kind=st.sampled_from(KINDS),
            roles=st.lists(st.sampled_from(WORDS), max_size=2),
            skills=st.lists(st.sampled_from(WORDS), max_size=2),
        ),
    ),
    sentence=st.lists(st.sampled_from([*NAMES, "helps", "if", "."]), max_size=6),
)
def test_a_replacement_can_do_the_story_and_is_never_the_lost_agent(
    lost: str,
    on_it: list[str],
    absent: frozenset[str],
    spare: frozenset[str],
    declared: dict[str, AgentDeclaration],
    sentence: list[str],
) -> None:
    story = Story(id="1.1", title="Dig", agents=list(dict.fromkeys([*on_it, lost])))
    found = replacement(Team(plan(" ".join(sentence)), declared, spare, absent), lost, story)
    if found is None:
        assert lost not in declared or not any(
            declared[name].kind == declared[lost].kind
            for name in spare & set(declared)
            if name not in story.agents and name not in absent
        )
        return
    assert found.agent != lost
    assert found.agent not in story.agents
    assert found.agent not in absent
    assert declared[found.agent].kind == declared[lost].kind
    assert found.why


def change(agent: str, number: int, at: datetime, why: str = "away", until: str = "") -> RunChange:
    return RunChange(
        project="p", revision=1, key=f"{agent}{at}", kind=ChangeKind.AWAY, target=agent, number=number,
        text=until, names=[why], at=at,
    )  # fmt: skip


def test_an_absence_ends_by_a_word_by_its_time_or_by_a_heartbeat() -> None:
    later = NOW + timedelta(hours=1)
    assert list(absent_agents([change("Mason", 1, NOW)], later, {"Mason": later})) == ["Mason"]
    assert absent_agents([change("Mason", 1, NOW), change("Mason", 0, later)], later, {}) == {}
    timed = [change("Mason", 1, NOW, until=later.isoformat())]
    assert list(absent_agents(timed, NOW, {})) == ["Mason"]
    assert absent_agents(timed, later, {}) == {}
    silent = [change("Mason", 1, NOW, "silent")]
    assert list(absent_agents(silent, later, {"Mason": NOW})) == ["Mason"]
    assert absent_agents(silent, later, {"Mason": later}) == {}


def row(story: str, agent: str, minute: int, state: StoryState, code: str = "") -> StoryStatus:
    at = NOW + timedelta(minutes=minute)
    return StoryStatus(
        id=story, title=story, sprint="1", agents=[agent], state=state, reason_code=code, updated_at=at
    )


def test_an_agent_is_failing_after_so_many_in_a_row_by_its_own_fault() -> None:
    failed = StoryState.FAILED
    rows = [
        row("1", "Mason", 1, failed, "AGENT_EXIT"),
        row("2", "Mason", 2, failed, "AGENT_TIMEOUT"),
        row("3", "Roofer", 1, failed, "AGENT_EXIT"),
        row("4", "Roofer", 2, StoryState.MERGED),
        row("5", "Roofer", 3, failed, "AGENT_EXIT"),
        row("6", "Smith", 1, failed, "CHECKS_FAILED"),
        row("7", "Smith", 2, failed, "AGENT_EXIT"),
        row("8", "Joiner", 1, failed, "AGENT_EXIT"),
        row("9", "Joiner", 2, StoryState.WAITING_FOR_PERSON),
    ]
    assert failing_agents(rows, {"9"}, 2) == {"Joiner": ["9", "8"], "Mason": ["2", "1"]}
    assert failing_agents(rows, set(), 2) == {"Mason": ["2", "1"]}
