"""Write ``plugin/atshark.lua``: the parts of the plugin, with the dialect catalog as a Lua table in the first.

Run ``python -m wireshark.lua_catalog`` after a change to a dialect file or to one of the parts; a test fails while
the written file is stale.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from decoder import catalog
from decoder.catalog import DEFAULT_TIMEOUT_S, Catalog, Command, Dialect, Inline, Known, Syntax, UrcType, effects
from decoder.catalog import spec as schema
from decoder.catalog.conditions import parse_match

PLUGIN = Path(__file__).parent / "plugin"
OUTPUT = PLUGIN / "atshark.lua"
PARTS = ("engine.lua", "stream.lua", "standalone.lua", "dissector.lua", "foreign.lua", "statistics.lua")
"""What the plugin is put together from: pure Lua first, then what needs Wireshark."""
_MARK = "--@CATALOG@\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_FIELD_TYPES = {"flags": "int", "rssi": "int"}
_KEYWORDS = {"and", "break", "do", "else", "end", "false", "for", "function", "goto", "if", "in", "local", "nil",
             "not", "or", "repeat", "return", "then", "true", "until", "while"}  # fmt: skip


def lua(value: Any) -> str:
    """Write a value (None, bool, number, text, list, dict) as a Lua expression."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return '"' + "".join(_escape(character) for character in value) + '"'
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}={lua(item)}" for key, item in value.items() if item is not None) + "}"
    return "{" + ",".join(map(lua, value)) + "}"


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character >= " " else f"\\{ord(character):03d}"


def _key(key: str) -> str:
    return key if _NAME.match(key) and key not in _KEYWORDS else f"[{lua(key)}]"


def _syntax(syntax: Syntax) -> str:
    params = [
        lua(
            {
                "n": param.name,
                "t": param.type,
                "m": param.mark or None,
                "w": list(param.words) or None,
                "l": param.length or None,
                "v": param.labels or None,
                "pre": param.spec.prefix or None,
                "by": param.by or None,
                "cases": param.spec.cases or None,
                "bits": [[bit, meaning] for bit, meaning in param.bits] or None,
            }
        )
        for param in syntax.params
    ]
    named = [f"min={syntax.minimum}", f"max={syntax.maximum}"]
    if syntax.counted >= 0:
        named.append(f"counted={syntax.counted + 1}")
    if syntax.payload >= 0:
        named.append(f"payload={syntax.payload + 1}")
    if syntax.takes_rest:
        named.append("rest=true")
    return "{" + ",".join(params + named) + "}"


def _syntaxes(syntaxes: list[Syntax]) -> str:
    return "{" + ",".join(map(_syntax, syntaxes)) + "}"


def _match(rules: list[str]) -> list[list[Any]] | None:
    return [list(parse_match(rule)) for rule in rules] or None


def _given(late: schema.LateSpec) -> dict[str, Any] | None:
    return None if late.given is None else msgspec.structs.asdict(late.given)


def _late(command: Command) -> list[dict[str, Any]]:
    return [
        {
            "urc": late.urc,
            "where": {name: str(value) for name, value in late.where.items()} or None,
            "match": _match(late.match),
            "bind": late.bind or None,
            "given": _given(late),
            "when": late.when or None,
            "within": late.within,
            "default": late.default,
            "until": {name: str(value) for name, value in late.until.items()} or None,
            "single": late.single or None,
            "step": late.step or None,
            "forms": list(late.forms),
        }
        for late in command.late
    ]


def _command(command: Command) -> str:
    parts = [f"name={lua(command.name)}", f"dialect={lua(command.dialect)}", f"timeout={command.timeout_s}"]
    for name, syntaxes in (
        ("set", command.syntaxes), ("answer", command.answer), ("test_answer", command.test_answer),
    ):  # fmt: skip
        if syntaxes:
            parts.append(f"{name}={_syntaxes(syntaxes)}")
    parts.append(f"answers={lua(dict.fromkeys(sorted(command.answers), True))}")
    parts.append(f"answer_names={lua(dict.fromkeys(sorted(command.answer_names), True))}")
    if command.late:
        parts.append(f"late={lua(_late(command))}")
    if command.payload is not None and command.payload.after in ("ok", "ok-prompt"):
        parts.append(f"payload={lua({'after': command.payload.after, 'length': command.payload.length})}")
    if command.payload is not None:
        rule = command.payload
        facts = {"after": rule.after, "length": rule.length or None, "early": rule.end_early or None}
        facts["escape"] = "+++" in rule.end or None
        parts.append(f"data={lua(facts)}")
    if command.raw_after_ok is not None:
        parts.append(f"raw_after_ok={lua(command.raw_after_ok.length)}")
    if command.stream is not None:
        parts.append(f"stream={lua(_stream(command.stream))}")
        if not command.stream.escape_answer:
            parts.append(f"silent_escape={lua(dict.fromkeys(command.stream.forms, True))}")
    if command.bare:
        parts.append("bare=true")
    parts.append(f"forms={lua(dict.fromkeys(sorted(command.forms), True))}")
    if command.sets:
        sets = [
            {"key": rule.key, "values": rule.values, "defaults": {k: str(v) for k, v in rule.defaults.items()} or None}
            for rule in command.sets
        ]
        parts.append(f"sets={lua(sets)}")
    return "{" + ",".join(parts) + "}"


def _stream(rule: schema.StreamSpec) -> dict[str, Any]:
    return {
        "when": rule.when or None,
        "forms": dict.fromkeys(rule.forms, True) or None,
        "escape_answer": rule.escape_answer,
        "after": rule.after,
    }


def _urc(urc: UrcType) -> str:
    parts = [f"name={lua(urc.name)}", f"dialect={lua(urc.dialect)}"]
    if urc.syntaxes:
        parts.append(f"syntax={_syntaxes(urc.syntaxes)}")
    if urc.ok != "never":
        parts.append(f"ok={lua(urc.ok)}")
    if urc.spec.answered is not None:
        answered = urc.spec.answered
        parts.append(f"answered={lua({'command': answered.command, 'match': _match(answered.match)})}")
    if urc.spec.line:
        parts.append(f"line={lua(_line_pattern(urc))},line_syntax={_syntax(urc.line_syntax)}")
    if urc.spec.ends_stream:
        parts.append(f"ends_stream={lua({key: str(value) for key, value in urc.spec.ends_stream.items()})}")
    if urc.spec.raw_after_ok is not None:
        parts.append(f"raw_after_ok={lua(urc.spec.raw_after_ok.length)}")
    if urc.spec.reboot:
        parts.append("reboot=true")
    return "{" + ",".join(parts) + "}"


def _inline(inline: Inline) -> str:
    facts = {
        "name": inline.name,
        "cached": inline.cached or None,
        "behind": None if inline.payload_line == "same" else inline.payload_line,
        "exact": inline.exact or None,
        "bare": inline.bare or None,
    }
    return lua(facts)[:-1] + f",syntax={_syntax(inline.syntax)}}}"


def _texts(rivals: dict[str, list[Known]], write: Callable[[Known], str]) -> list[tuple[str, list[str]]]:
    return [(name, [write(one) for one in entries]) for name, entries in sorted(rivals.items())]


def _line_pattern(urc: UrcType) -> str:
    """Write the shape of a URC's line as a Lua pattern."""
    texts = [re.sub(r"([^\w\s])", r"%\1", text) for text in urc.line_parts]
    places = ["(.*)" if param.mark else "([^,]*)" for param in urc.line_syntax.params] + [""]
    return "^" + "".join(text + place for text, place in zip(texts, places, strict=True)) + "$"


def _group(dialect: str, group: effects.GroupSpec) -> dict[str, Any]:
    def patterns(lines: list[effects.LineSpec]) -> list[dict[str, Any]]:
        return [
            {"line": line.line, "where": {key: str(value) for key, value in line.where.items()} or None}
            for line in lines
        ]

    return {
        "name": group.name, "dialect": dialect, "key": group.key, "within": group.within,
        "start": patterns(group.start), "more": patterns(group.more), "finish": patterns(group.end),
    }  # fmt: skip


def _errors(dialect: Dialect) -> dict[str, Any]:
    tables = {kind: {code: text[0] for code, text in table.items()} for kind, table in dialect.file.errors.items()}
    return {**tables, "all": {code: text for table in tables.values() for code, text in table.items()}}


def fields(known: Catalog) -> list[list[str]]:
    """Every (command, parameter) with its type; a name that has two types in one command becomes a string."""
    types: dict[tuple[str, str], list[str]] = {}
    owners: list[tuple[str, list[Syntax]]] = [
        (name, [*command.syntaxes, *command.answer, *command.test_answer]) for name, command in known.commands.items()
    ] + [(name, urc.syntaxes) for name, urc in known.urcs.items()]
    for commands in known.rivals.values():
        owners += [(one.name, [*one.syntaxes, *one.answer, *one.test_answer]) for one in commands]
    for urcs in known.urc_rivals.values():
        owners += [(one.name, one.syntaxes) for one in urcs]
    owners += [(urc.name, [urc.line_syntax]) for urc in known.lines]
    for name, syntaxes in owners:
        for syntax in syntaxes:
            for param in syntax.params:
                kind = types.setdefault((name, param.name), ["", ""])
                if param.type != "ranges":
                    own = "string" if param.by else _FIELD_TYPES.get(param.type, param.type)
                    kind[0] = own if kind[0] in ("", own) else "string"
                    kind[1] = kind[1] or param.spec.en
                if param.quantity is not None:
                    measured = {"rssi": "int", "time": "clock"}.get(param.type, "float")
                    types[name, param.quantity_name] = [measured, param.spec.en]
    return [[name, param, kind or "string", text] for (name, param), (kind, text) in sorted(types.items())]


def table(known: Catalog) -> str:
    """Write the catalog as a Lua statement."""
    lines = ["local catalog = {"]
    lines.append(f"  default_timeout = {DEFAULT_TIMEOUT_S},")
    lines.append(f"  order = {lua([dialect.id for dialect in known.dialects])},")
    lines.append("  commands = {")
    lines.extend(f"    [{lua(name)}] = {_command(command)}," for name, command in sorted(known.commands.items()))
    lines.append("  },")
    lines.append("  urcs = {")
    lines.extend(f"    [{lua(name)}] = {_urc(urc)}," for name, urc in sorted(known.urcs.items()))
    lines.append("  },")
    lines.append("  inline = {")
    lines.extend(f"    {_inline(inline)}," for inline in known.inline)
    lines.append("  },")
    lines.append(f"  lines = {lua([urc.name for urc in known.lines])},")
    for title, rivals in (("rivals", _texts(known.rivals, _command)), ("urc_rivals", _texts(known.urc_rivals, _urc))):
        lines.append(f"  {title} = {{")
        lines.extend(f"    [{lua(name)}] = {{{','.join(texts)}}}," for name, texts in rivals)
        lines.append("  },")
    lines.append(f"  bases = {lua(dict.fromkeys(sorted(known.bases), True))},")
    lines.append(f"  modules = {lua({name: sorted(ids) for name, ids in sorted(known.modules.items())})},")
    lines.append("  groups = {")
    lines.extend(f"    {lua(_group(dialect, group))}," for dialect, group in known.groups)
    lines.append("  },")
    lines.append(f"  answering = {lua(dict.fromkeys(sorted(known.answering), True))},")
    lines.append("  errors = {")
    lines.extend(f"    [{lua(dialect.id)}] = {lua(_errors(dialect))}," for dialect in known.dialects)
    lines.append("  },")
    lines.append("  fields = {")
    lines.extend(f"    {lua(field)}," for field in fields(known))
    lines.append("  },")
    lines.append("}")
    return "\n".join(lines) + "\n"


def generate() -> str:
    """Return the text of ``atshark.lua``."""
    source = "\n".join((PLUGIN / part).read_text("utf-8") for part in PARTS)
    before, mark, after = source.partition(_MARK)
    assert mark, f"{PARTS[0]} has lost its catalog mark"
    notice = "-- Generated by `python -m wireshark.lua_catalog` from the dialect files; do not edit it here.\n"
    return before + notice + table(catalog.load(catalog.DEFAULT_DIALECTS)) + after


if __name__ == "__main__":
    OUTPUT.write_text(generate(), "utf-8")
