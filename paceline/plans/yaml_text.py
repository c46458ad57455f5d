"""YAML of people, read safely: plain data only, bounded in size, depth and aliases."""

from __future__ import annotations

from typing import Any

import yaml

from paceline.errors import PlanUnreadable

SIZE_LIMIT = 32 * 1024 * 1024
"""Characters; 10,000 stories are a third of it."""
ALIAS_LIMIT = 32
"""Uses of anchors; nested ones multiply."""
DEPTH_LIMIT = 60


def load_yaml(text: str, file: str | None = None, *, strings: bool = False, first_line: int = 1) -> Any:
    """Read one YAML document.

    Args:
        text: all of it.
        file: its name, for messages only.
        strings: whether every scalar stays the text that is written, so that `1.10` is no number.
        first_line: the 1-based line of the source that the text starts at.

    Raises:
        PlanUnreadable: it is no YAML, holds more than data, or is beyond a limit.
    """
    if len(text) > SIZE_LIMIT:
        raise _unreadable(file, first_line, f"the YAML has more than {SIZE_LIMIT:,} characters")
    safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    plain: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check_events(yaml.parse(text, Loader=safe), file, first_line)
        # Both loaders make plain data only.
        return yaml.load(text, Loader=plain if strings else safe)  # noqa: S506 - see above
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        line = first_line + (mark.line if mark else 0)
        raise _unreadable(file, line, f"it is no YAML ({problem})") from None
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        raise _unreadable(file, first_line, f"it is no YAML ({type(error).__name__})") from None


def dump_yaml(value: Any) -> str:
    """Write plain data as YAML: keys in their order, any script as it is."""
    dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(value, Dumper=dumper, sort_keys=False, allow_unicode=True, width=100)


def _check_events(events: Any, file: str | None, first_line: int) -> None:
    aliases = depth = 0
    for event in events:
        line = first_line + event.start_mark.line
        if isinstance(event, yaml.AliasEvent):
            aliases += 1
            if aliases > ALIAS_LIMIT:
                raise _unreadable(file, line, f"the YAML uses more than {ALIAS_LIMIT} aliases")
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEPTH_LIMIT:
                raise _unreadable(file, line, f"the YAML nests deeper than {DEPTH_LIMIT} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _unreadable(file: str | None, line: int, what: str) -> PlanUnreadable:
    message = f"{file or 'The YAML'}: line {line}: {what}; correct it and read it again."
    return PlanUnreadable(message, file=file, line=line)
