from __future__ import annotations

from pathlib import Path
from typing import Any

from paceline.vcs.repository import Repository
from paceline.vcs.work import collect_work
from paceline.vcs.worktrees import prepare_worktree, remove_worktree


def use_filter(user: Any, **commands: str) -> str:
    """A filter of the user's for text files whose command runs a script of the repository."""
    base = user.commit({".gitattributes": "*.txt filter=own\n", "tools/clean.sh": "tr a-z A-Z\n"})
    for name, command in commands.items():
        user.git("config", f"filter.own.{name}", command)
    return base


async def test_a_filter_that_an_agent_rewrote_writes_nowhere(
    user: Any, repository: Repository, root: Path, tmp_path: Path, bubblewrap: str
) -> None:
    base = use_filter(user, clean="sh tools/clean.sh", smudge="cat")
    tree = await prepare_worktree(repository, root, "p", "1", 1, base)
    caught = tmp_path / "caught"
    (tree / "tools/clean.sh").write_text(f"touch {caught} {user.path}/caught {tree}/caught\ncat\n")
    (tree / "new.txt").write_text("text")
    before = user.fingerprint()
    work = await collect_work(tree, base, "work", {})
    assert sorted(each.path for each in work.changed) == ["new.txt", "tools/clean.sh"]
    await remove_worktree(repository, tree)
    assert not caught.exists()
    assert user.fingerprint() == before


async def test_filters_still_decide_on_the_bytes_with_names_as_git_gives_them(
    user: Any, repository: Repository, root: Path
) -> None:
    base = use_filter(user, clean="""sh tools/clean.sh && printf '%s' %f""", smudge="sed 's/^/> /'")
    tree = await prepare_worktree(repository, root, "p", "1", 1, base)
    (tree / "it's new.txt").write_text("text\n")
    work = await collect_work(tree, base, "work", {})
    assert work.commit is not None
    assert user.show(work.commit, "it's new.txt") == "TEXT\nit's new.txt"
    next_tree = await prepare_worktree(repository, root, "p", "2", 1, work.commit)
    assert (next_tree / "it's new.txt").read_text() == "> TEXT\n> it's new.txt"
