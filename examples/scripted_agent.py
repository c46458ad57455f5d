#!/usr/bin/env python3
"""The scripted command agent: no model, only prepared edits, made in the worktree like any agent would.

It reads a work order, edits the files that the order claims in the current folder, and writes a work result.
For a story with a recipe (`--recipes DIR`, one TOML file a story) it makes the recipe's edits; for any other
story it leaves a line in each claimed path, so that every plan can be tried with it. It never touches a path
that the order does not claim, except when `--behave unclaimed` tells it to.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import threading
import time
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

BEHAVIOURS = ("well", "nonsense", "exit", "hang", "unclaimed", "no-change")
COMMENT_SIGN = {".md": "", ".txt": "", ".js": "// ", ".ts": "// ", ".tsx": "// ", ".sql": "-- "}
DEFAULT_COMMENT_SIGN = "# "
DEFAULT_SECONDS = (0.3, 1.5)


class CannotDo(Exception):
    """The story cannot be done as ordered; `outcome` is what the work result says of it."""

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


# Claimed paths ---


def covers(pattern: str, path: str) -> bool:
    """Whether a claimed path or glob means a path.

    `**` stands for any number of folders, `*`, `?` and `[...]` stay within one; `folder/` is all below it.
    """
    parts = [part for part in pattern.split("/") if part not in ("", ".")]
    return pattern == path or _match([*parts, "**"] if pattern.endswith("/") else parts, path.split("/"))


def _match(pattern: list[str], path: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_match(pattern[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _match(pattern[1:], path[1:])


def concrete(pattern: str, name: str) -> str:
    """A path inside a claim: the path itself, or for a glob or a folder a file called after `name`."""
    if not pattern.endswith("/") and not set("*?") & set(pattern):
        return pattern.removeprefix("./")
    *folders, last = f"{pattern}*".split("/") if pattern.endswith("/") else pattern.split("/")
    last = f"{name}.txt" if last in ("*", "**", ".") else last
    kept = [folder for folder in folders if folder not in ("**", ".", "")]
    return "/".join([*kept, last]).replace("*", name).replace("?", "x")


def slug(text: str) -> str:
    """Lower-case letters and digits with hyphens between them."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "story"


class Worktree:
    """The current folder, with the claimed paths as the only ones that can be written."""

    def __init__(self, root: Path, claimed: list[str]) -> None:
        self.root = root.resolve()
        self.claimed = claimed

    def read(self, path: str) -> str | None:
        """The text of a file, or None where there is none."""
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def write(self, path: str, text: str) -> None:
        """Write a claimed file; anything else is refused before a byte is written."""
        outside = ".." in PurePosixPath(path).parts or not (self.root / path).resolve().is_relative_to(
            self.root
        )
        if outside or not any(covers(claim, path) for claim in self.claimed):
            claims = ", ".join(self.claimed) or "nothing"
            raise CannotDo("blocked", f"The work needs {path}, and the story claims {claims}.")
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def add_text(self, path: str, text: str) -> None:
        """Append text as comment lines, once: a retry that starts from earlier work finds it there."""
        sign = COMMENT_SIGN.get(PurePosixPath(path).suffix, DEFAULT_COMMENT_SIGN)
        block = "".join(f"{sign}{line}".rstrip() + "\n" if sign else f"{line}\n" for line in text.split("\n"))
        before = self.read(path) or ""
        if block in before:
            return
        gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
        self.write(path, before + gap + block)


# The work ---


def find_recipe(folder: Path | None, story: str) -> dict[str, Any] | None:
    """The recipe of a story, by the story's id; None where there is none."""
    for file in sorted(folder.glob("*.toml")) if folder else []:
        recipe = tomllib.loads(file.read_text(encoding="utf-8"))
        if recipe["story"] == story:
            return recipe
    return None


def apply_edit(tree: Worktree, edit: dict[str, str]) -> str:
    """Make one prepared edit and say what was done. An edit that is there already is left as it is."""
    path, text = edit["path"], tree.read(edit["path"])
    if "create" in edit:
        if text != edit["create"]:
            tree.write(path, edit["create"])
        return f"wrote {path}"
    if text is not None and text.count(edit["find"]) == 1:
        tree.write(path, text.replace(edit["find"], edit["replace"]))
        return f"edited {path}"
    if text is not None and edit["replace"] in text:
        return f"found {path} edited"
    first_line = edit["find"].strip().splitlines()[0]
    raise CannotDo("failed", f"{path} does not hold the place to edit, which begins with: {first_line}")


def do_recipe(tree: Worktree, recipe: dict[str, Any], seconds: float) -> str:
    """Make every edit of a recipe, taking about so many seconds; returns its summary."""
    edits: list[dict[str, str]] = recipe["edit"]
    for edit in edits:
        time.sleep(seconds / len(edits))
        say(apply_edit(tree, edit))
    return str(recipe["summary"])


def do_anything(tree: Worktree, order: dict[str, Any], seconds: float) -> str:
    """Leave a line in every claimed path: what the agent does for a story it has no recipe for."""
    name = slug(f"{order['story']} {order['title']}")[:60].strip("-")
    paths = [concrete(claim, name) for claim in tree.claimed]
    line = f"{order['story']}: {order['title']} ({', '.join(order['agents'])})"
    for path in paths:
        time.sleep(seconds / len(paths))
        tree.add_text(path, line)
        say(f"added a line to {path}")
    places = ", ".join(paths) or "nothing, as nothing is claimed"
    return f"No recipe for this story: added a line to {places}."


def do_amendments(tree: Worktree, order: dict[str, Any]) -> list[str]:
    """Write down word for word what people asked for, in the most readable file that is claimed."""
    amendments: list[str] = order.get("amendments", [])
    if not amendments or not tree.claimed:
        return []
    paths = [concrete(claim, slug(order["story"])) for claim in tree.claimed]
    path = next((path for path in paths if path.endswith((".md", ".txt"))), paths[0])
    for text in amendments:
        tree.add_text(path, text)
        say(f"wrote what was asked into {path}: {text}")
    return [f"Written into {path}, as asked: {text}" for text in amendments]


def believable_seconds(order: dict[str, Any]) -> float:
    """A duration between the two of `DEFAULT_SECONDS`, the same each time for the same story."""
    shortest, longest = DEFAULT_SECONDS
    share = sum(order["title"].encode()) % 100 / 100
    return shortest + share * (longest - shortest)


def work(order: dict[str, Any], tree: Worktree, recipes: Path | None, pace: float) -> dict[str, Any]:
    """Do the story and return its work result. `pace` multiplies the time it takes; 0 takes none."""
    recipe = find_recipe(recipes, order["story"])
    try:
        if recipe is not None:
            summary = do_recipe(tree, recipe, pace * float(recipe["seconds"]))
        else:
            summary = do_anything(tree, order, pace * believable_seconds(order))
        return result("done", " ".join([summary, *do_amendments(tree, order)]))
    except CannotDo as problem:
        say(str(problem))
        question = str(problem) if problem.outcome == "blocked" else None
        return result(problem.outcome, str(problem), question)


def result(outcome: str, summary: str, question: str | None = None) -> dict[str, Any]:
    """A work result; a script spends no tokens and no money."""
    return {"outcome": outcome, "summary": summary, "question": question, "tokens": 0, "cost_usd": 0.0}


# Misbehaving on purpose, for tests of what Paceline does about it ---


def misbehave(how: str, tree: Worktree, result_file: Path) -> None:
    """Go wrong in one way. Returns only where the agent goes on to work as it should."""
    say(f"misbehaving on purpose: {how}")
    if how == "nonsense":
        result_file.write_text("All done, trust me.", encoding="utf-8")
        sys.exit(0)
    if how == "exit":
        sys.exit("the scripted agent was told to exit with a failure")
    if how == "hang":
        hang()
    if how == "no-change":
        write_result(result_file, result("done", "Nothing was changed, on purpose."))
        sys.exit(0)
    (tree.root / "unclaimed.txt").write_text("No story claims this file.\n", encoding="utf-8")


def hang() -> NoReturn:
    """Wait until somebody ends the process."""
    while True:
        threading.Event().wait()


# In and out ---


def say(line: str) -> None:
    """One line of progress."""
    print(line, flush=True)


def write_result(file: Path, content: dict[str, Any]) -> None:
    """Write the work result so that nobody reads half of it."""
    draft = file.with_name(f"{file.name}.new")
    draft.write_text(json.dumps(content, indent=2), encoding="utf-8")
    draft.replace(file)


def arguments() -> argparse.Namespace:
    """What the command line says, and the environment where it says nothing."""
    parser = argparse.ArgumentParser(description="The scripted command agent")
    parser.add_argument(
        "--order", default=os.environ.get("PACELINE_WORK_ORDER"), help="the work order to read"
    )
    parser.add_argument(
        "--result", default=os.environ.get("PACELINE_WORK_RESULT"), help="the work result to write"
    )
    parser.add_argument("--recipes", type=Path, help="folder with a TOML file of edits for each story")
    parser.add_argument("--pace", type=float, default=1.0, help="multiplies the time a story takes; 0: none")
    parser.add_argument("--behave", choices=BEHAVIOURS, default="well", help="go wrong on purpose, for tests")
    parser.add_argument("--until-attempt", type=int, help="behave so up to this attempt, and well after it")
    chosen = parser.parse_args()
    if not chosen.order or not chosen.result:
        parser.error("give --order and --result, or PACELINE_WORK_ORDER and PACELINE_WORK_RESULT")
    return chosen


def main() -> None:
    """One attempt at one story."""
    chosen = arguments()
    order: dict[str, Any] = json.loads(Path(chosen.order).read_text(encoding="utf-8"))
    tree, result_file = Worktree(Path.cwd(), order["claimed"]), Path(chosen.result)
    say(f"{order['agent']} starts {order['story']}: {order['title']} (attempt {order['attempt']})")
    if chosen.behave != "well" and order["attempt"] <= (chosen.until_attempt or order["attempt"]):
        misbehave(chosen.behave, tree, result_file)
    finished = work(order, tree, chosen.recipes, chosen.pace)
    write_result(result_file, finished)
    say(f"{finished['outcome']}: {finished['summary']}")


if __name__ == "__main__":
    main()
