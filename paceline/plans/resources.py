"""Shared and agent-owned files of an agent sprint plan."""

from __future__ import annotations

from collections.abc import Sequence

from paceline.domain.globs import covers, is_glob
from paceline.domain.plan import OwnedResources, Resources, SharedResource, Story
from paceline.plans.findings import Code
from paceline.plans.headings import heading_words
from paceline.plans.inline import code_spans
from paceline.plans.outline import Bullet, BulletList, Section, bullets_under
from paceline.plans.paths import FileList, globs_for_words, read_files
from paceline.plans.reading import Reading

_SHARED = frozenset({"shared", "locked", "locking", "locks"})
_OWNED = frozenset({"specific", "owned", "ownership"})


def is_shared_section(section: Section) -> bool:
    """Whether a heading announces files that need a lock."""
    words = heading_words(section)
    return bool(words & _SHARED) and bool(words & {"resource", "resources", "file", "files"})


def is_owned_section(section: Section) -> bool:
    """Whether a heading announces files that agents own."""
    words = heading_words(section)
    return bool(words & _OWNED) and bool(words & {"resource", "resources", "file", "files"})


def read_shared(section: Section, resources: Resources, reading: Reading) -> None:
    """Read bullets such as "`path` - note"."""
    for bullet in bullets_under(section):
        path, note = _path_and_note(bullet)
        if path is None:
            reading.keep_section(_only(section, bullet))
            continue
        resources.shared.append(SharedResource(path=path, note=note, line=bullet.line))
    reading.keep_others(section.title.text, section)


def read_owned(section: Section, resources: Resources, reading: Reading) -> None:
    """Read bullets such as "**Agent**: `path`, words"."""
    for bullet in bullets_under(section):
        label = bullet.text.label
        if label is None:
            reading.keep_section(_only(section, bullet))
            continue
        names = reading.team.assign(label, bullet.line).names
        found = read_files([bullet.text.value, *(child.text.text for child in bullet.children)])
        for name in names:
            resources.owned.append(
                OwnedResources(
                    agent=name,
                    files=[file.path for file in found.files if not is_glob(file.path)],
                    globs=[*(file.path for file in found.files if is_glob(file.path)), *found.globs],
                    other=found.words,
                    line=bullet.line,
                )
            )
    reading.keep_others(section.title.text, section)


def read_words(story: Story, found: FileList, resources: Resources, reading: Reading) -> None:
    """Turn a file list in words into globs to lock, and say so."""
    globs = list(found.globs)
    for words in found.words:
        globs.extend(globs_for_words(words, resources.owned))
    story.lock_globs = list(dict.fromkeys(globs))
    if found.words and story.lock_globs:
        meant = ", ".join(f"`{glob}`" for glob in story.lock_globs)
        reading.warn(
            Code.FILES_IN_WORDS,
            f"`{story.id}` gives its files in words, `{', '.join(found.words)}`; {meant} is locked for them.",
            f"Write {meant} if that is meant, or the paths.",
            story.line or 0,
        )


def remark_unused(stories: Sequence[Story], resources: Resources, reading: Reading) -> None:
    """Say which shared files no story changes."""
    paths = {file.path for story in stories for file in story.files}
    globs = {glob for story in stories for glob in story.lock_globs}
    for shared in resources.shared:
        used = shared.path in paths or covers(globs, shared.path)
        used = used or any(covers([shared.path], path) for path in paths)
        if not used:
            reading.warn(
                Code.SHARED_FILE_UNUSED,
                f"`{shared.path}` needs a lock, and no story lists it.",
                "Add it to the files of the story that changes it: no story may change other files.",
                shared.line or 0,
            )


def _path_and_note(bullet: Bullet) -> tuple[str | None, str | None]:
    text = bullet.text.text
    spans = code_spans(text)
    path = spans[0].strip() if spans and text.startswith("`") else None
    rest = text.partition("`")[2].partition("`")[2] if path else text
    if path is None:
        head, _, rest = text.partition(" ")
        path = head.rstrip(":") if "/" in head or "." in head.strip(".") else None
    note = rest.strip().lstrip("-:\u2013\u2014").strip()
    return path, note or None


def _only(section: Section, bullet: Bullet) -> Section:
    return Section(
        level=section.level, title=section.title, blocks=[BulletList([bullet])], parent=section.parent
    )
