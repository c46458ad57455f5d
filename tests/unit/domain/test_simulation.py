"""The simulation does what a run would do: compared with a slow and plain rendering of the same rule."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from paceline.domain.globs import patterns_overlap
from paceline.domain.network import Limits, Network, network
from paceline.domain.plan import Dependency, File, Plan, Source, Sprint, Story
from paceline.domain.simulation import Course, simulate

PATTERNS = ("a.py", "b.py", "src/x.py", "src/**", "src/*.py", "**/x.py", "docs/")


def a_plan(stories: list[Story], sprints: list[Sprint] | None = None) -> Plan:
    source = Source(kind="test", lines=1, digest="")
    return Plan(title="T", source=source, stories=stories, sprints=sprints or [])


def a_story(identity: str, *waits: str, points: float = 1, agents: str = "", files: str = "own") -> Story:
    return Story(
        id=identity,
        title=identity,
        points=points,
        agents=agents.split(),
        files=[File(path=f"{identity}.py" if path == "own" else path) for path in files.split()],
        dependencies=[Dependency(as_written=before, resolved=[before]) for before in waits],
    )


def course_of(plan: Plan, limits: Limits | None = None) -> tuple[Network, Course]:
    net = network(plan, limits or Limits())
    points = {story.id: story.points or 0.0 for story in plan.stories}
    return net, simulate(net, [points[name] for name in net.stories])


def starts(plan: Plan, limits: Limits | None = None) -> dict[str, float]:
    net, course = course_of(plan, limits)
    return dict(zip(net.stories, course.start, strict=True))


def test_a_story_starts_when_those_it_waits_for_have_ended() -> None:
    plan = a_plan([a_story("a", points=3), a_story("b", points=5), a_story("c", "a", "b"), a_story("d", "a")])
    assert starts(plan) == {"a": 0, "b": 0, "c": 5, "d": 3}


def test_slots_agents_and_files_are_waited_for_and_the_heaviest_goes_first() -> None:
    light, heavy = a_story("light", points=1), a_story("heavy", points=9)
    assert starts(a_plan([light, heavy]), Limits(max_parallel=1)) == {"heavy": 0, "light": 9}
    same = [a_story("x", agents="Ada", points=2), a_story("y", agents="Ada Bo", points=3)]
    assert starts(a_plan(same)) == {"y": 0, "x": 3}
    assert starts(a_plan(same), Limits(concurrency={"Ada": 2})) == {"x": 0, "y": 0}
    files = [a_story("f", files="src/**", points=2), a_story("g", files="src/deep/g.py", points=1)]
    assert starts(a_plan(files)) == {"f": 0, "g": 2}


def test_a_story_without_files_has_the_repository_to_itself() -> None:
    plan = a_plan([a_story("a", points=2), a_story("b", files="", points=3), a_story("c", points=1)])
    assert starts(plan) == {"b": 0, "a": 3, "c": 3}
    assert starts(plan, Limits(whole_repository=False)) == {"a": 0, "b": 0, "c": 0}


def test_others_with_files_do_not_pass_a_claim_of_the_whole_repository_for_ever() -> None:
    row = [a_story(f"s{n}", *([f"s{n - 1}"] if n else []), points=2) for n in range(30)]
    other = [a_story(f"t{n}", *([f"t{n - 1}"] if n else []), points=3) for n in range(30)]
    begun = starts(a_plan([*row, *other, a_story("all", files="")]))
    assert begun["all"] < begun["s29"]


def test_people_claim_nothing() -> None:
    plan = a_plan([a_story("a", agents="Eve", files=""), a_story("b", agents="Eve", files=""), a_story("c")])
    assert starts(plan, Limits(people=["Eve"], max_parallel=1)) == {"a": 0, "b": 0, "c": 0}


def test_sprints_run_one_after_the_other_and_optional_ones_only_if_wanted() -> None:
    sprints = [Sprint(id="S1"), Sprint(id="S2", optional=True), Sprint(id="S3")]
    stories = [a_story(name, points=2) for name in "abc"]
    for story, sprint in zip(stories, ("S3", "S1", "S2"), strict=True):
        story.sprints = [sprint]
    assert starts(a_plan(stories, sprints)) == {"b": 0, "a": 2}
    assert starts(a_plan(stories, sprints), Limits(optional_sprints=True)) == {"b": 0, "c": 2, "a": 4}


def test_a_batch_waits_for_the_whole_wave_before_it() -> None:
    plan = a_plan([a_story("a", points=1), a_story("b", points=5), a_story("c", "a")])
    assert starts(plan)["c"] == 1
    assert starts(plan, Limits(mode="batch"))["c"] == 5


def test_the_chain_tells_what_the_end_waited_for() -> None:
    hot = [
        a_story("a", points=2, files="hot"),
        a_story("b", points=1, files="hot"),
        a_story("c", "b", points=4),
    ]
    net, course = course_of(a_plan(hot))
    assert [net.stories[story] for story in course.chain()] == ["c", "b"]
    net, course = course_of(a_plan([*hot[:2], a_story("d", "a", points=9), a_story("e", "b", points=9)]))
    assert [net.stories[story] for story in course.chain()] == ["e", "b", "a"]


def test_running_stories_keep_what_they_hold() -> None:
    plan = a_plan([a_story("a", files="hot"), a_story("b", files="hot", points=9)])
    net = network(plan, Limits())
    course = simulate(net, [0.5, 9.0], {0: 3.0})
    assert (course.start, course.end) == ([0.0, 0.5], [0.5, 9.5])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    count = draw(st.integers(1, 9))
    stories: list[Story] = []
    for number in range(count):
        files = draw(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2))
        agents = draw(st.lists(st.sampled_from(("Ada", "Bo")), max_size=2, unique=True))
        waits = (
            draw(st.lists(st.sampled_from([f"s{n}" for n in range(number)]), max_size=2)) if number else []
        )
        points = draw(st.sampled_from((1.0, 2.0, 3.5, 5.25)))
        story = a_story(f"s{number}", *waits, points=points, agents=" ".join(agents), files=" ".join(files))
        stories.append(story)
    return a_plan(stories)


def plainly(plan: Plan, slots: int) -> dict[str, float]:
    """The rule without any index: at each event look at everybody who waits, heaviest and oldest first."""
    net = network(plan, Limits(max_parallel=slots))
    stories = {story.id: story for story in plan.stories}
    rows = {name: (net.weight[n], net.turn[n]) for n, name in enumerate(net.stories)}
    begun: dict[str, float] = {}
    ends: dict[str, float] = {}
    ended: list[str] = []
    asked: list[str] = []

    def fits(name: str) -> bool:
        going = [stories[other] for other in ends if other not in ended]
        clash = any(
            set(each.agents) & set(stories[name].agents) or overlap(each, stories[name]) for each in going
        )
        return len(going) < slots and not clash

    def grant(name: str, now: float) -> None:
        begun[name] = now
        ends[name] = now + (stories[name].points or 0)

    def fresh() -> Iterator[str]:
        for name in sorted(rows, key=lambda each: rows[each][1]):
            waits = [target for dependency in stories[name].dependencies for target in dependency.resolved]
            if name not in asked and all(before in ended for before in waits):
                yield name

    now = 0.0
    while True:
        for name in sorted((n for n in asked if n not in begun), key=lambda n: (-rows[n][0], asked.index(n))):
            if fits(name):
                grant(name, now)
        for name in list(fresh()):
            asked.append(name)
            if fits(name):
                grant(name, now)
        going = [name for name in net.stories if name in ends and name not in ended]
        if not going:
            return begun
        last = min(going, key=lambda name: ends[name])
        now = ends[last]
        ended.append(last)


def overlap(one: Story, other: Story) -> bool:
    return any(patterns_overlap(a.path, b.path) for a in one.files for b in other.files)


@given(plans(), st.integers(1, 4))
def test_the_index_changes_nothing(plan: Plan, slots: int) -> None:
    assert starts(plan, Limits(max_parallel=slots)) == plainly(plan, slots)


def test_where_globs_touch_too_many_others_they_count_as_all_files() -> None:
    nested = ["/".join(["d"] * (n % 100 + 1)) + "/**" for n in range(12_000)]
    stories = [a_story(f"s{n}", files=path) for n, path in enumerate(nested)]
    few = network(a_plan(stories[:100]), Limits())
    many = network(a_plan([*stories, a_story("apart", files="e.py")]), Limits())
    assert (few.exact, any(few.whole)) == (True, False)
    assert (many.exact, sum(many.whole), many.whole[-1]) == (False, 12_000, False)
    assert sum(len(many.conflicts[pattern]) for own in many.patterns for pattern in own) == 1
