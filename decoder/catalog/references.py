"""References in a dialect file that lead nowhere: to a line, a parameter, a state, a setting that nobody defines.

Strategy: what a line may refer to is collected once from the file and from those that it stands on (its ``base``);
then every key of the schema that names something is looked up. Nothing here stops a file from being loaded: what a
dangling reference describes does not happen. ``atshark dialects lint`` tells it, and a test that those which come with
atshark have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from decoder.catalog.conditions import covers, parse_match
from decoder.catalog.effects import (
    AddressSpec,
    ArrivesSpec,
    ClosesSpec,
    GroupSpec,
    ImageSpec,
    InferSpec,
    LineSpec,
    PositionSpec,
)
from decoder.catalog.spec import CommandSpec, DialectFile, FrameSpec, LateSpec, RawSpec, UrcSpec, Values
from decoder.catalog.words import parse_line, parse_syntax

_PARAMS = frozenset(PositionSpec.__struct_fields__) - {"by", "when", "valid", "speed_unit"}
"""Keys of a position that name a parameter."""
Problem = tuple[str, str]
"""A path like ``.command[3].late[0].urc``, and what is wrong there."""
_LATE_RESULTS = frozenset(["CONNECT", "NO CARRIER", "SEND OK", "SEND FAIL"])


class _Known:
    """What the lines of a file may refer to."""

    def __init__(self, files: Sequence[DialectFile]) -> None:
        self.commands = {one.name: one for file in files for one in file.command}
        self.urcs = {one.name: one for file in files for one in file.urc}
        self.basic = {one.name for file in files for one in file.basic}
        self.results = {one.name for file in files for one in file.result}
        every: list[CommandSpec] = [one for file in files for one in file.command]
        self.states = {state for one in every for each in one.sets for state in each.values}
        self.settings = {name for one in every if one.keeps is not None for name in one.keeps.values}
        self.tagged = any(one.keeps is not None and one.keeps.tags is not None for one in every)
        self.given = {name for one in every for name in (*_answered(one), *_sent(one))}
        self.given |= {name for one in self.urcs.values() for name in _answered(one)}

    def params(self, line: str) -> set[str] | None:
        """The parameters of the lines with this name; None if there is none, or nothing to say about it."""
        found: set[str] = set()
        command, urc = self.commands.get(line), self.urcs.get(line)
        if command is None and urc is None:
            return None
        return found | (_answered(command) | _sent(command) if command else set()) | (_answered(urc) if urc else set())

    def matches(self, pattern: str) -> bool:
        names = [*self.commands, *self.urcs, *self.basic]
        return any(covers(pattern, name) for name in names)

    def is_line(self, name: str) -> bool:
        return name in self.commands or name in self.urcs or name in self.basic or name in self.results


def _names(syntaxes: Iterable[str]) -> set[str]:
    return {word.name for syntax in syntaxes for word in parse_syntax(syntax)}


def _sent(command: CommandSpec) -> set[str]:
    return _names(command.set)


def _answered(one: CommandSpec | UrcSpec) -> set[str]:
    if isinstance(one, CommandSpec):
        return _names(one.answer)
    return _names(one.syntax) | {word.name for word in parse_line(one.line)[1]}


def dangling(file: DialectFile, bases: Sequence[DialectFile] = ()) -> Iterator[Problem]:
    """List the references of ``file`` that lead nowhere; ``bases``: the files that it stands on."""
    known = _Known([file, *bases])
    for name, param in file.param.items():
        if param.by and param.by not in file.param:
            yield f".param.{name}.by", f"param {name}: by = {param.by!r} is no parameter"
    for layer, patterns in file.layers.items():
        for pattern in patterns:
            if not known.matches(pattern):
                yield f".layers.{layer}", f"layers: no command or URC is called {pattern!r}"
    for name, needed in file.needs.items():
        for each in (name, *needed):
            if each not in known.commands:
                yield f".needs.{name}", f"needs: the command {each!r} is not defined here"
    for index, command in enumerate(file.command):
        for key, problem in _of_command(command, known):
            yield f".command[{index}].{key}", f"command {command.name}: {problem}"
    for index, urc in enumerate(file.urc):
        for key, problem in _of_urc(urc, known):
            yield f".urc[{index}].{key}", f"urc {urc.name}: {problem}"
    for index, group in enumerate(file.group):
        for key, problem in _of_group(group, known):
            yield f".group[{index}].{key}", f"group {group.name}: {problem}"


def _missing(key: str, names: Iterable[str], known: set[str], what: str = "parameter") -> Iterator[Problem]:
    for name in names:
        if name and name not in known:
            yield key, f"{key} names the {what} {name!r}, which does not exist here"


def _line(key: str, spec: LineSpec | None, known: _Known) -> Iterator[Problem]:
    if spec is None:
        return
    for name in spec.names:
        if not known.is_line(name):
            yield key, f"{key} names the line {name!r}, which nobody defines"
        elif (params := known.params(name)) is not None:
            yield from _missing(key, spec.where, params)


def _of_command(one: CommandSpec, known: _Known) -> Iterator[Problem]:
    sent, answered = _sent(one), _answered(one)
    both = sent | answered
    for late in one.late:
        yield from _of_late(late, sent, known)
    if one.payload is not None:
        yield from _missing("payload", [one.payload.length, one.payload.unless], sent)
    if one.opens is not None:
        opens = one.opens
        yield from _missing("opens", [opens.transport, opens.address, opens.port, opens.local_port], sent)
        if opens.key not in both and opens.key != "connect_id":
            yield from _missing("opens", [opens.key], both)
        yield from _line("opens", opens.answer, known)
    if one.leads is not None:
        leads = one.leads
        yield from _missing("leads", [leads.address, leads.port, leads.url], sent)
        if leads.key != "connect_id":
            yield from _missing("leads", [leads.key], both)
        yield from _line("leads", leads.answer, known)
    for name in one.ends:
        if name not in known.urcs:
            yield "ends", f"ends names the URC {name!r}, which nobody defines"
    if one.sends is not None:
        yield from _missing("sends", [one.sends.sent], answered)
    if one.keeps is not None:
        values = [value for value in one.keeps.values.values() if value[:1] not in "@="]
        yield from _missing("keeps", values, both)
        yield from _missing("keeps", one.keeps.tags or (), sent)
    if one.block is not None:
        yield from _missing("block", one.block.again, sent)
    if one.raw_after_connect is not None:
        yield from _missing("raw_after_connect", [one.raw_after_connect.length], sent)
    if one.stream is not None:
        yield from _missing("stream", one.stream.when, sent)
    for each in one.sets:
        yield from _missing("sets", [each.key, *each.values.values()], both)
        yield from _missing("sets", each.defaults, set(each.values.values()) | set(each.values))
    for key, state in (("encoding", one.encoding), ("answer_encoding", one.answer_encoding)):
        yield from _missing(key, [state] if state[:1] != "=" else [], known.states, "state")
    yield from _common(one.frame, one.raw_after_ok, one.closes, one.image, both)
    yield from _position(one.position, answered)
    if one.file is not None:
        yield from _missing("file", [*one.file.name.split(), one.file.size] if not one.file.key else [], both)
        yield from _missing("file", [one.file.key, one.file.offset, one.file.remaining, one.file.content], both)
        yield from _missing("file", [*one.file.append, one.file.checksum], both)
    yield from _tells(one.tells, both, both)
    yield from _infer(one.infer, both, known)
    for means in one.means:
        yield from _missing("means", [means.value] if means.value else [], both)
        yield from _missing("means", means.when, both)
    yield from _values(one.fails, one.succeeds, answered)


def _of_late(late: LateSpec, sent: set[str], known: _Known) -> Iterator[Problem]:
    params = known.params(late.urc)
    if params is None and late.urc not in _LATE_RESULTS | known.results:
        yield "late", f"late names the URC {late.urc!r}, which nobody defines"
    theirs = params if params is not None else set(late.where) | set(late.until) | set(late.bind)
    yield from _missing("late", [*late.where, *late.until, *late.bind], theirs)
    for text in late.match:
        their, our, _ = parse_match(text)
        if params is not None:
            yield from _missing("late", [their], params)
        yield from _missing("late", [our], sent)
    yield from _missing("late", late.when, sent)
    yield from _missing("late", [late.within] if isinstance(late.within, str) else [], sent)
    for name in late.single:
        yield from _missing("late", [name.lstrip("+")], theirs if name.startswith("+") else sent)
    if late.given is not None:
        yield from _missing("late", [late.given.state], known.states, "state")
        yield from _missing("late", [late.given.key], sent)


def _of_urc(one: UrcSpec, known: _Known) -> Iterator[Problem]:
    params = _answered(one)
    if one.answered is not None:
        command = known.commands.get(one.answered.command)
        if command is None:
            yield "answered", f"answered names the command {one.answered.command!r}, which nobody defines"
        for text in one.answered.match:
            their, our, _ = parse_match(text)
            yield from _missing("answered", [their], params)
            yield from _missing("answered", [our] if command else [], _sent(command) if command else set())
        yield from _missing("answered", one.answered.unless, params)
    if one.arrives is not None:
        yield from _arrives(one.arrives, params)
    yield from _missing("ends_stream", one.ends_stream, params | {"*"})
    yield from _missing("encoding", [one.encoding.partition("=")[0]], known.states, "state")
    yield from _missing("cached", one.cached, known.states, "state")
    yield from _missing("carried", one.carried, known.states, "state")
    yield from _common(one.frame, one.raw_after_ok, one.closes, one.image, params)
    yield from _position(one.position, params)
    yield from _tells(one.tells, params, params | known.given)
    yield from _infer(one.infer, params | known.given, known)
    yield from _missing("means", [each.value for each in one.means], params)
    yield from _values(one.fails, one.succeeds, params)


def _arrives(one: ArrivesSpec, params: set[str]) -> Iterator[Problem]:
    yield from _missing("arrives", [one.bytes, one.waiting, one.packets, one.dropped], params)
    yield from _missing("arrives", [*(one.tcp or ()), *(one.udp or ())], params)
    if one.key != "connect_id":
        yield from _missing("arrives", [one.key], params)


def _common(
    frame: FrameSpec | None,
    raw: RawSpec | None,
    closes: ClosesSpec | None,
    image: ImageSpec | None,
    params: set[str],
) -> Iterator[Problem]:
    if frame is not None:
        yield from _missing("frame", [*frame.when, frame.within], params | {"payload", "line", "next"})
    if raw is not None:
        yield from _missing("raw_after_ok", [raw.length, raw.crc16], params)
    if closes is not None:
        tables: list[Mapping[str, object]] = [closes.where, closes.peer or {}, closes.reset or {}, closes.lost or {}]
        yield from _missing("closes", [name for table in tables for name in table], params)
        if closes.key != "connect_id":
            yield from _missing("closes", [closes.key], params)
    if image is not None:
        yield from _missing("image", [image.version, image.size, image.digest], params)


def _position(position: PositionSpec | None, params: set[str]) -> Iterator[Problem]:
    if position is None:
        return
    usual = msgspec.structs.asdict(PositionSpec())
    named = [value for key, value in msgspec.structs.asdict(position).items() if value != usual[key] and key in _PARAMS]
    yield from _missing("position", [position.latitude, position.longitude, *named], params)
    yield from _missing("position", [*position.when, *position.valid], params)


def _tells(tells: AddressSpec | None, params: set[str], named: set[str]) -> Iterator[Problem]:
    if tells is not None:
        yield from _missing("tells", [tells.address, *tells.where], params)
        yield from _missing("tells", [tells.name], named)


def _infer(rules: list[InferSpec], params: set[str], known: _Known) -> Iterator[Problem]:
    for rule in rules:
        yield from _missing("infer", rule.when, params)
        values = [str(value) for value in rule.fields.values() if isinstance(value, str) and value[:1] not in "@="]
        fields = values if not known.tagged else []
        yield from _missing("infer", fields, params | known.settings | known.given, "parameter or setting")
        yield from _missing("infer", [rule.needs], params | known.given)


def _values(fails: Values, succeeds: Values, params: set[str]) -> Iterator[Problem]:
    yield from _missing("fails", fails, params)
    yield from _missing("succeeds", succeeds, params)


def _of_group(group: GroupSpec, known: _Known) -> Iterator[Problem]:
    shared: set[str] = set()
    for key, lines in (("start", group.start), ("more", group.more), ("end", group.end)):
        for one in lines:
            yield from _line(key, one, known)
            shared = shared.union(*(known.params(name) or () for name in one.names))
    yield from _missing("key", group.key, shared)
    yield from _missing("join", [group.join], shared)
