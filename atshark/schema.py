"""The JSON Schema of what ``atshark decode --format jsonl`` prints.

``python -m atshark.schema`` writes docs/jsonl.schema.json; a test keeps it true.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import msgspec

from decoder.events import Record

_OPTIONAL = {
    "Transaction": ("labels", "request", "shown", "channel"),
    "Urc": ("labels", "channel"),
    "Data": ("channel",),
    "Socket": ("channel",),
    "Call": ("channel",),
    "Position": ("channel",),
    "Frame": ("data", "channel"),
    "Group": ("data", "channel"),
    "Error": ("number",),
    "Result": ("done",),
    "Finding": ("message_zh", "line", "error", "layer", "channel"),
}
OUTPUT = Path(__file__).parent.parent / "docs" / "jsonl.schema.json"


def json_schema() -> dict[str, Any]:
    """Make the schema from the record types."""
    (reference,), components = msgspec.json.schema_components([Record], ref_template="#/$defs/{name}")
    for name in (
        "Transaction",
        "Urc",
        "Data",
        "Socket",
        "Call",
        "Position",
        "Flow",
        "Frame",
        "Group",
        "Finding",
        "Summary",
        "DialectUse",
        "Cause",
        "Evidence",
    ):
        component = components[name]
        component["required"] = [key for key in component["properties"] if key not in _OPTIONAL.get(name, ())]
        component["additionalProperties"] = False
    for component in components.values():
        if "description" in component:  # a docstring; Python 3.13 has taken its indentation already
            component["description"] = inspect.cleandoc(component["description"])
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "atshark records, one a line"}
    return {**schema, **reference, "$defs": components}


def text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(text(), "utf-8")
