"""Registers Paceline's search attributes with a Temporal server."""

from __future__ import annotations

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from paceline.errors import ConfigurationError, ServerUnavailable
from paceline.search_attributes import ALL

TYPE_NAMES = {
    IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD: "Keyword",
    IndexedValueType.INDEXED_VALUE_TYPE_INT: "Int",
}
TYPES = {key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in ALL}


def start_dev_arguments() -> list[str]:
    """The registration as flags of `temporal server start-dev`, which honours them on a new database only."""
    return [
        part for name, kind in TYPES.items() for part in ("--search-attribute", f"{name}={TYPE_NAMES[kind]}")
    ]


async def ensure_search_attributes(client: Client) -> list[str]:
    """Registers those of Paceline's search attributes that the namespace does not have; safe to repeat.

    Returns:
        The names that were missing.

    Raises:
        ConfigurationError: one exists with another type, or the server does not let this client register.
        ServerUnavailable: the server does not answer.
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        existing = dict(listed.custom_attributes)
        _refuse_other_types(client.namespace, existing)
        missing = {name: kind for name, kind in TYPES.items() if name not in existing}
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:  # somebody else registered them in between
            raise _explained(error, client.namespace) from error
        return []
    return sorted(missing)


def _refuse_other_types(namespace: str, existing: dict[str, IndexedValueType.ValueType]) -> None:
    for name, kind in TYPES.items():
        if name in existing and existing[name] != kind:
            raise ConfigurationError(
                f"the Temporal namespace {namespace} has the search attribute {name} with another type than "
                f"{TYPE_NAMES[kind]}; remove it there, or set PACELINE_TEMPORAL_NAMESPACE to another one."
            )


def _explained(error: RPCError, namespace: str) -> ConfigurationError | ServerUnavailable:
    if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
        return ServerUnavailable(
            f"the Temporal server stopped answering while search attributes were registered: {error.message}."
        )
    pairs = " ".join(f"--name {name} --type {TYPE_NAMES[kind]}" for name, kind in TYPES.items())
    return ConfigurationError(
        f"the Temporal server did not let Paceline register its search attributes ({error.message}); "
        f"ask its operator to run `temporal operator search-attribute create --namespace {namespace} "
        f"{pairs}`."
    )
