"""The base of every data model: closed, so that a misspelt field is an error and not a silent loss."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value that refuses unknown fields."""

    model_config = ConfigDict(extra="forbid")


class Frozen(BaseModel):
    """A value that refuses unknown fields and change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
