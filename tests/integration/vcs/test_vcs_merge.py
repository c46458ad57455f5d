from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from paceline.errors import MergeConflict, RepositoryError
from paceline.vcs.diff import changed_paths, diff_stat, diff_text
from paceline.vcs.merge import Candidate, candidate, find_merge
from paceline.vcs.repository import Repository, advance, ensure_branch
from paceline.vcs.verification import verification_checkout
from paceline.vcs.work import collect_work
from paceline.vcs.worktrees import prepare_worktree, remove_worktree

BRANCH = "paceline/p/sprint-1"
STORY = "p/sprint-1/epic-1/1.1"


class Sprint:
    """Makes the work of stories and merges it."""

    def __init__(self, user: Any, repository: Repository, root: Path) -> None:
        self.user, self.repository, self.root = user, repository, root

    async def work(self, story: str, files: dict[str, str]) -> str:
        tree = await prepare_worktree(self.repository, self.root, "p", story, 1, self.user.base)
        for name, text in files.items():
            (tree / name).write_text(text)
        commit = (await collect_work(tree, self.user.base, f"Story {story}", {})).commit
        assert commit is not None
        return commit

    async def merged(self, commit: str, title: str, workflow_id: str) -> Candidate:
        made = await candidate(self.repository, BRANCH, commit, title, {"Paceline-Story": workflow_id})
        assert await advance(self.repository, BRANCH, made.base, made.commit)
        return made

    async def find(self, workflow_id: str) -> str | None:
        return await find_merge(self.repository, BRANCH, self.user.base, workflow_id)


@pytest.fixture
async def sprint(user: Any, repository: Repository, root: Path) -> Sprint:
    await ensure_branch(repository, BRANCH, user.base)
    return Sprint(user, repository, root)


async def test_a_candidate_is_the_same_object_every_time(user: Any, sprint: Sprint) -> None:
    work = await sprint.work("1.1", {"a.txt": "a"})
    trailers = {"Paceline-Story": STORY}
    made = [await candidate(sprint.repository, BRANCH, work, "Merge 1.1", trailers) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].base == user.base
    assert user.git("rev-list", "--parents", "-1", made[0].commit).split()[1:] == [user.base, work]
    assert user.git("rev-parse", BRANCH).strip() == user.base
    stamp = "--format=%at %ct"
    assert (
        user.git("show", "-s", stamp, made[0].commit).split()[1]
        == user.git("show", "-s", stamp, work).split()[1]
    )


async def test_two_stories_merge_on_each_other_without_a_checkout(user: Any, sprint: Sprint) -> None:
    before = user.fingerprint()
    first = await sprint.merged(await sprint.work("1.1", {"a.txt": "a"}), "Merge 1.1", STORY)
    second = await sprint.merged(await sprint.work("1.2", {"b.txt": "b"}), "Merge 1.2", STORY + "-b")
    assert second.base == first.commit
    assert {"a.txt", "b.txt"} <= set(user.files(BRANCH))
    assert [path.path for path in await changed_paths(sprint.repository, second.base, second.commit)] == [
        "b.txt"
    ]
    assert user.fingerprint() == before


async def test_a_conflict_names_the_paths_and_shows_the_hunks(user: Any, sprint: Sprint) -> None:
    one = await sprint.work("1.1", {"src/app.py": "one\nmine\nthree\n", "odd\nname": "x"})
    two = await sprint.work("1.2", {"src/app.py": "one\nyours\nthree\n", "odd\nname": "y"})
    await sprint.merged(one, "Merge", STORY)
    with pytest.raises(MergeConflict, match="does not apply") as caught:
        await candidate(sprint.repository, BRANCH, two, "Merge", {})
    assert sorted(caught.value.details["paths"]) == ["odd\nname", "src/app.py"]
    hunk = caught.value.details["hunks"]["src/app.py"]
    assert "<<<<<<<" in hunk
    assert "mine" in hunk
    assert "yours" in hunk
    assert "three" not in hunk


async def test_the_hunks_of_a_huge_conflict_are_bounded(sprint: Sprint) -> None:
    one = await sprint.work("1.1", {"src/app.py": "mine\n" * 50_000})
    two = await sprint.work("1.2", {"src/app.py": "yours\n" * 50_000})
    await sprint.merged(one, "Merge", STORY)
    with pytest.raises(MergeConflict) as caught:
        await candidate(sprint.repository, BRANCH, two, "Merge", {})
    assert len(caught.value.details["hunks"]["src/app.py"]) <= 2000


async def test_a_missing_branch_is_said(user: Any, repository: Repository) -> None:
    with pytest.raises(RepositoryError, match="no branch nowhere"):
        await candidate(repository, "nowhere", user.base, "m", {})
    assert await find_merge(repository, "nowhere", user.base, STORY) is None


async def test_a_merge_is_found_by_the_whole_id_only(sprint: Sprint) -> None:
    made = await sprint.merged(await sprint.work("1.1", {"a.txt": "a"}), "Merge 1.1", STORY)
    assert await sprint.find(STORY) == made.commit
    for other in (STORY + "0", STORY[:-1], "sprint-1/epic-1/1.1", ".*", ""):
        assert await sprint.find(other) is None


@pytest.mark.parametrize(
    "title",
    [
        "Innocent\n\nPaceline-Story: victim",
        "Innocent\nPaceline-Story: victim",
        "Paceline-Story: victim",
        "x\r\n\r\nPaceline-Story: victim\r\n",
        "x\n\npaceline-story: victim\x00\n",
        "x\u2028\u2028Paceline-Story: victim",
    ],
)
async def test_a_title_cannot_forge_another_storys_merge(sprint: Sprint, title: str) -> None:
    made = await sprint.merged(await sprint.work("1.1", {"a.txt": "a"}), title, STORY)
    assert await sprint.find("victim") is None
    assert await sprint.find(STORY) == made.commit
    read = sprint.user.git("show", "-s", "--format=%(trailers:key=Paceline-Story,valueonly)", made.commit)
    assert read.split() == [STORY]


async def test_a_trailers_value_cannot_forge_another(sprint: Sprint) -> None:
    await sprint.merged(await sprint.work("1.1", {"a.txt": "a"}), "m", f"{STORY}\nPaceline-Story: victim")
    assert await sprint.find("victim") is None


async def test_a_work_commit_with_the_trailer_is_no_merge(
    user: Any, repository: Repository, root: Path, sprint: Sprint
) -> None:
    tree = await prepare_worktree(repository, root, "p", "1.1", 1, user.base)
    (tree / "a.txt").write_text("a")
    work = await collect_work(tree, user.base, "work", {"Paceline-Story": STORY})
    made = await candidate(repository, BRANCH, str(work.commit), "m", {"Paceline-Story": "other"})
    assert await advance(repository, BRANCH, made.base, made.commit)
    assert await sprint.find(STORY) is None


async def test_a_merge_before_the_sprint_does_not_count(sprint: Sprint) -> None:
    made = await sprint.merged(await sprint.work("1.1", {"a.txt": "a"}), "m", STORY)
    assert await find_merge(sprint.repository, BRANCH, made.commit, STORY) is None


async def test_of_two_stories_that_race_one_is_told_that_the_branch_moved(user: Any, sprint: Sprint) -> None:
    works = [await sprint.work(story, {f"{story}.txt": story}) for story in ("1.1", "1.2")]
    made = [await candidate(sprint.repository, BRANCH, work, "m", {}) for work in works]
    won = await asyncio.gather(*(advance(sprint.repository, BRANCH, m.base, m.commit) for m in made))
    assert sorted(won) == [False, True]
    loser = works[won.index(False)]
    again = await candidate(sprint.repository, BRANCH, loser, "m", {})
    assert await advance(sprint.repository, BRANCH, again.base, again.commit)
    assert {"1.1.txt", "1.2.txt"} <= set(user.files(BRANCH))


async def test_the_diff_is_text_with_a_limit_and_a_size(user: Any, sprint: Sprint) -> None:
    work = await sprint.work("1.1", {"src/app.py": "one\nTWO\nthree\n", "big.txt": "line\n" * 20_000})
    full = await diff_text(sprint.repository, user.base, work)
    assert "-two\n+TWO" in full
    cut = await diff_text(sprint.repository, user.base, work, 500)
    assert cut.startswith(full[:500])
    assert cut.endswith("[the diff goes on: cut at 500 bytes]\n")
    stat = await diff_stat(sprint.repository, user.base, work)
    assert (stat.files, stat.insertions, stat.deletions) == (2, 20_001, 1)
    assert "src/app.py" in stat.text


@pytest.mark.parametrize("kind", ["bare", "sha256", "linked"])
async def test_other_kinds_of_repository_work_the_same(
    user: Any, root: Path, tmp_path: Path, kind: str
) -> None:
    path, base = tmp_path / kind, user.base
    if kind == "bare":
        user.git("clone", "-q", "--bare", ".", str(path))
    elif kind == "linked":
        user.git("-c", "core.hooksPath=/dev/null", "worktree", "add", "-q", "-b", "mine", str(path))
    else:
        user.git("init", "-q", "--object-format=sha256", str(path))
        user.git("commit", "-q", "--allow-empty", "-m", "first", cwd=path)
        base = user.git("rev-parse", "HEAD", cwd=path).strip()
    repository = await Repository.open(path)
    await ensure_branch(repository, BRANCH, base)
    tree = await prepare_worktree(repository, root, "p", "1", 1, base)
    (tree / "a.txt").write_text("a")
    work = await collect_work(tree, base, "work", {})
    made = await candidate(repository, BRANCH, str(work.commit), "m", {"Paceline-Story": STORY})
    assert await advance(repository, BRANCH, made.base, made.commit)
    assert await find_merge(repository, BRANCH, base, STORY) == made.commit
    assert await remove_worktree(repository, tree) is None
    assert await verified(repository, root, made.commit) == "a"


async def verified(repository: Repository, root: Path, commit: str) -> str:
    async with verification_checkout(repository, root, commit) as checkout:
        return (checkout / "a.txt").read_text()
