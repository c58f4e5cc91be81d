"""Names, types and units of LwM2M objects and resources. The table is objects.toml."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import NamedTuple

_TABLES = tomllib.loads((resources.files("decoder.protocols.frames") / "objects.toml").read_text("utf-8"))
OBJECTS: dict[int, str] = {int(number): name for number, name in _TABLES["objects"].items()}
_IPSO = range(3200, 3351)


class Resource(NamedTuple):
    """What a resource is: its name, type ("" if unknown) and unit."""

    name: str
    type: str
    unit: str


UNKNOWN = Resource("", "", "")


def resource(obj: int | None, number: int) -> Resource:
    """Look a resource up; without an object, only those that mean the same everywhere."""
    tables = _TABLES["resources"]
    own = tables.get(str(obj), {})
    found = own.get(str(number)) or (tables["ipso"].get(str(number)) if obj is None or obj in _IPSO else None)
    return Resource(*found) if found else UNKNOWN
