"""The Lua plugin as one file: its parts, and the names and types of parameters of the dialects in force.

The decoder decodes, and the export carries what it found; the plugin shows it. So it needs no catalog: only which
fields to register, because Wireshark takes them when it starts. A parameter of a dialect that came later is shown all
the same, by generic fields.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import metadata, resources
from itertools import chain

from decoder.catalog import Catalog, Syntax

PARTS = (
    "text", "tags", "decode", "links", "fields", "columns", "items", "payload", "tree", "raw", "ip", "packets",
    "foreign", "statistics",
)  # fmt: skip
"""What the plugin is put together from: each part may use those before it, by their names."""
MAX_FIELDS = 20_000
"""So many fields of single commands at most; Wireshark registers 10,000 in 0.03 s, and more make no filter easier."""
_MAX_NAME = 60
_KINDS = {
    "int": "int",
    "flags": "int",
    "rssi": "int",
    "pdu-length": "int",
    "float": "float",
    "bool": "bool",
    "hex": "bytes",
}
_MEASURED = {"rssi": "int", "time": "clock"}

_HEAD = """\
-- The dissector of atshark; `atshark wireshark install` has put it together.
-- {stamp}
if rawget(_G, "atshark_plugin") then return end -- another copy of the plugin was loaded first
rawset(_G, "atshark_plugin", true)
"""


def plugin(known: Catalog) -> str:
    """Return the text of ``atshark.lua`` for the dialects of ``known``."""
    table = f"local catalog = {{\nparams = {{\n{_params(known)}}},\ncommands = {{\n{_commands(known)}}},\n}}\n"
    here = resources.files("wireshark") / "plugin"
    parts = [
        f"local {name} = (function()\n{(here / f'{name}.lua').read_text('utf-8')}end)()\n"
        for name in PARTS
    ]  # fmt: skip
    body = "\n".join([table, *parts])
    return _HEAD.format(stamp=stamp(known)) + body


def stamp(known: Catalog) -> str:
    """Say in one line of which version the plugin is, and of which fields."""
    digest = hashlib.sha256((_params(known) + _commands(known)).encode()).hexdigest()[:8]
    return f"atshark {metadata.version('atshark')}, {len(known.dialects)} dialects, fields {digest}"


def stamp_in(text: str) -> str:
    """Return the stamp of an installed plugin, "" if it has none."""
    return next((line.removeprefix("-- ") for line in text.splitlines()[:6] if line.startswith("-- atshark ")), "")


def fields(known: Catalog) -> dict[tuple[str, str], str]:
    """Tell for each (command or URC, parameter) what its field holds: int, float, bool, bytes, clock or string.

    A parameter that has two types in the syntaxes of one command holds text, which any value can be written as.
    """
    kinds: dict[tuple[str, str], set[str]] = {}
    for name, syntaxes in _syntaxes(known):
        for syntax in syntaxes:
            for param in syntax.params:
                if param.type != "ranges":
                    kind = "string" if param.by else _KINDS.get(param.type, "string")
                    kinds.setdefault((name, param.name), set()).add(kind)
                if param.quantity is not None:
                    kinds.setdefault((name, param.quantity_name), set()).add(_MEASURED.get(param.type, "float"))
    return {key: one.pop() if len(one) == 1 else "string" for key, one in sorted(kinds.items()) if _fit(*key)}


def _fit(*names: str) -> bool:
    return all(name.isascii() and name.replace("_", "").replace("-", "").isalnum() for name in names[1:]) and all(
        len(name) <= _MAX_NAME for name in names
    )


def _syntaxes(known: Catalog) -> Iterator[tuple[str, Iterable[Syntax]]]:
    for one in chain(known.commands.values(), *known.rivals.values()):
        yield one.name, [*one.syntaxes, *one.answer, *one.test_answer]
    for urc in chain(known.urcs.values(), *known.urc_rivals.values()):
        yield urc.name, urc.syntaxes
    for urc in known.lines:
        yield urc.name, [urc.line_syntax]


def types(known: Catalog) -> dict[str, str]:
    """Tell for each parameter what its field holds in most commands; text where that is not clear.

    Truth is a number where others have numbers.
    """
    counts: dict[str, Counter[str]] = {}
    for (_, param), kind in fields(known).items():
        counts.setdefault(param, Counter())[kind] += 1
    found = {}
    for param, count in counts.items():
        if "int" in count:
            count["int"] += count.pop("bool", 0)
        (kind, most), *others = count.most_common()
        found[param] = "string" if others and others[0][1] == most else kind
    return found


def _params(known: Catalog) -> str:
    return "".join(f'{{"{name}","{kind}"}},\n' for name, kind in sorted(types(known).items()))


def _commands(known: Catalog) -> str:
    by_command: dict[str, list[str]] = {}
    for (name, param), kind in list(fields(known).items())[:MAX_FIELDS]:
        by_command.setdefault(name, []).append(f'["{param}"]="{kind}"')
    return "".join(f"[{_quoted(name)}]={{{','.join(params)}}},\n" for name, params in by_command.items())


def _quoted(text: str) -> str:
    """Write text as a Lua string."""
    return '"' + "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else _escaped(c) for c in text) + '"'


def _escaped(character: str) -> str:
    return "".join(f"\\{byte:03d}" for byte in character.encode("utf-8"))
