"""What follows the refusal of an unreadable document: the smallest plan, and a model if one is declared."""

from __future__ import annotations

import shlex
import sys
import textwrap

from paceline.cli.models import find_models
from paceline.cli.settings import load_settings
from paceline.errors import ConfigurationError, PacelineError


def way_out(error: PacelineError, plan: str) -> str:
    """Some lines that help on, for a person at a terminal; logs and programs get the sentence alone.

    Args:
        error: why a plan was not read.
        plan: as given on the command line.
    """
    example = error.details.get("example")
    if not isinstance(example, str) or not sys.stderr.isatty():
        return ""
    shown = textwrap.indent(example.rstrip("\n"), "    ")
    text = f"\nThe smallest plan looks like this:\n\n{shown}\n"
    names = _model_names()
    if names and plan != "-":
        command = shlex.join(["paceline", "plan", "propose", plan, "--with-model", names[0]])
        text += f"\nOr let a model propose one for you to review:\n\n    {command}\n"
    return text


def _model_names() -> list[str]:
    try:
        return list(find_models(load_settings()).declared)
    except ConfigurationError:
        # It is not what the person asked about; `plan propose` says it.
        return []
