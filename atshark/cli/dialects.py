"""``atshark dialects``: what atshark knows, as a reference to read, and a check for dialect files of one's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from atshark.cli import DONE, UNUSABLE
from atshark.render import utf8_output
from capture.errors import AtsharkError
from decoder import catalog
from decoder.catalog import Dialect, Syntax, lint
from decoder.catalog import spec as schema
from decoder.catalog.examples import Example, examples

_MAX_EXAMPLES = 2


@click.command("dialects")
@click.argument("name", required=False)
@click.argument("command_name", metavar="[COMMAND|FILE]", required=False)
@click.option("--names", is_flag=True, help="List every name that is known, with its dialects.")
def command(name: str | None, command_name: str | None, names: bool) -> int:
    """List the dialects; or show dialect NAME, or COMMAND of it; or check a file: atshark dialects lint FILE.

    NAME is a dialect or a dialect file.
    """
    out, status = utf8_output(), DONE
    if names:
        lines = list(_names())
    elif name is None:
        lines = list(_list())
    elif name == "lint":
        lines, status = _lint(command_name)
    else:
        known = catalog.load([name])
        lineage = known.lineages[known.dialects[0].id]
        dialects = [one for one in known.dialects if one.id in lineage]
        lines = list(_overview(dialects[0]) if command_name is None else _entry(dialects, command_name))
    out.write("\n".join(lines) + "\n")
    return status


def _list() -> Iterator[str]:
    for name in [*catalog.own_files(), *catalog.names()]:
        dialect = catalog.load([name]).dialects[0]
        spec = dialect.file.dialect
        yield f"{name:14} {len(dialect.commands):3} commands, {len(dialect.urcs):2} URCs  {spec.title} [{spec.source}]"


def _lint(file: str | None) -> tuple[list[str], int]:
    """Check a dialect file: return what there is to say, and the exit status."""
    if file is None:
        raise click.UsageError("give the file to check: atshark dialects lint FILE")
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AtsharkError(f"{file}: cannot be read: {error}") from error
    checked = lint.load(text, file)
    bases = [one.file for one in catalog.load([file]).dialects[1:]]
    dialect = Dialect(checked)
    lines = [
        f"note: {command.name} has neither set, read nor exec"
        for command in checked.command
        if not command.set and not command.read and not command.exec
    ]
    mistakes = list(lint.references(checked, bases, text, file))
    said = f"{len(mistakes)} mistakes" if mistakes else "no mistakes"
    counted = f"{file}: {len(dialect.commands)} commands, {len(dialect.urcs)} URCs, {said}"
    return [*lines, *mistakes, counted], UNUSABLE if mistakes else DONE


def _names() -> Iterator[str]:
    """List every name that the catalog knows, each with the dialects that define it."""
    found: dict[str, list[str]] = {}
    for dialect in catalog.load().dialects:
        specs: list[schema.CommandSpec | schema.UrcSpec] = [*dialect.file.command, *dialect.file.urc]
        every = [name for spec in specs for name in (spec.name, *spec.aliases)]
        for name in dict.fromkeys([*every, *(spec.name for spec in dialect.file.basic)]):
            found.setdefault(name, []).append(dialect.id)
    for name in sorted(found):
        yield f"{name}\t{' '.join(found[name])}"


def _overview(dialect: Dialect) -> Iterator[str]:
    spec = dialect.file.dialect
    yield f"{spec.id}: {spec.title}"
    yield f"  {spec.zh}"
    yield f"  source: {spec.source}"
    if spec.modules:
        yield f"  modules: {', '.join(spec.modules)}"
    if spec.base:
        yield f"  on top of: {spec.base}"
    yield "\ncommands"
    for name, command in dialect.commands.items():
        yield f"  {name:16} {command.spec.section:16} {command.spec.en} / {command.spec.zh}"
    yield "\nURCs"
    for name, urc in dialect.urcs.items():
        yield f"  {name:16} {urc.spec.section:16} {urc.spec.en} / {urc.spec.zh}"
    if dialect.file.group:
        yield "\nlines that belong together"
    for group in dialect.file.group:
        yield f"  {group.name:16} {group.section:16} {group.en} / {group.zh}"
    if dialect.file.result:
        yield "\nresults of its own"
    for result in dialect.file.result:
        yield f"  {result.name:16} {result.section:16} {result.en} / {result.zh}"
    for kind, table in dialect.file.errors.items():
        yield f"\n+{kind.upper()} ERROR codes"
        for code, meaning in table.items():
            yield f"  {code:>5}  {meaning[0]} / {meaning[1]}"


def _entry(dialects: Sequence[Dialect], name: str) -> Iterator[str]:
    """Show a command or URC: of the first of the dialects (one, and those that it stands on) that has it."""
    key = name.upper().removeprefix("AT").removeprefix("+")
    dialect = next((one for one in dialects if key in one.commands or key in one.urcs), None)
    if dialect is None:
        first = dialects[0].id
        raise AtsharkError(f"{first} has no command or URC {name!r}; see: atshark dialects {first}")
    command, urc = dialect.commands.get(key), dialect.urcs.get(key)
    wire = f"+{key}" if key[:1].isalpha() else key
    shown: dict[str, list[str]] = {}
    if command is not None:
        spec = command.spec
        yield f"{key}: {spec.en} / {spec.zh} [{dialect.id} {spec.section}]"
        if isinstance(spec, schema.CommandSpec):
            forms = [f"AT{wire}=?"] + [f"AT{wire}?"] * spec.read + [f"AT{wire}"] * spec.exec
            yield "  " + "  ".join(forms)
        for title, syntaxes in ((f"AT{wire}=", command.syntaxes), (f"{wire}: ", command.answer)):
            for syntax in syntaxes:
                yield f"  {title}{_shape(syntax, shown)}"
        for late in command.late:
            yield f"  then, late: {late.urc if late.urc == 'CONNECT' else '+' + late.urc}"
        yield from _told(spec, command.effects)
        yield f"  time-out: {command.timeout_s} s"
    if urc is not None:
        yield f"URC {key}: {urc.spec.en} / {urc.spec.zh} [{dialect.id} {urc.spec.section}]"
        for syntax in urc.syntaxes:
            yield f"  {wire}: {_shape(syntax, shown)}"
        if urc.spec.line:
            yield f"  {urc.spec.line}"
            _shape(urc.line_syntax, shown)
        if urc.spec.answered is not None:
            yield f"  answered by AT+{urc.spec.answered.command}"
        yield from _told(urc.spec, urc.effects)
    for group in dialect.file.group:
        if any(line.line == key for line in (*group.start, *group.more, *group.end)):
            yield f"  part of: {group.en} / {group.zh} [{dialect.id} {group.section}]"
    if shown:
        yield "\nparameters"
    for lines in shown.values():
        yield from lines
    if dialect.file.result:
        yield "\nresults of its own"
    for result in dialect.file.result:
        yield f"  {result.name:16} {'done' if result.good else 'failed'}: {result.en} / {result.zh}"
    for one in _examples(dialect.id, key):
        yield f"\nexample: {one.name}"
        yield from (f"  {line}" for line in one.lines.strip().splitlines())


def _told(spec: schema.CommandSpec | schema.BasicSpec | schema.UrcSpec, effects: Sequence[str]) -> Iterator[str]:
    """What a line means and does beyond itself, and by what its entry was checked."""
    if spec.role:
        yield f"  role: {spec.role}"
    if isinstance(spec, schema.BasicSpec):
        return
    for means in spec.means:
        if means.value:
            values = {"good": means.good, "bad": [*means.bad, *([f"like {means.like}"] if means.like else [])]}
            what = "; ".join(f"{word} if {means.value} is {_listed(some)}" for word, some in values.items() if some)
        else:
            what = means.says + "".join(f" if {name} is {_listed(some)}" for name, some in means.when.items())
        yield f"  says of {means.fact}: {what}"
    for word, table in (("failed", spec.fails), ("done", spec.succeeds)):
        for name, some in table.items():
            yield f"  {word} if {name} is {_listed(some)}"
    if isinstance(spec, schema.CommandSpec):
        for end, good in spec.ends.items():
            yield f"  ends with: {end} ({'done' if good else 'failed'})"
    if effects:
        yield f"  does: {', '.join(effects)}"
    if spec.checked is False:
        yield "  not checked against a document or driver"
    elif isinstance(spec.checked, str):
        yield f"  checked: {spec.checked}"


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))


def _examples(dialect: str, name: str) -> list[Example]:
    """Find the shortest examples in which the command is given, or the URC comes."""
    line = re.compile(rf"^[<>]+ *(?:AT)?\+?{re.escape(name)}(?![A-Za-z0-9])", re.MULTILINE | re.IGNORECASE)
    found = [one for one in examples(dialect) if line.search(one.lines)]
    return sorted(found, key=lambda one: len(one.lines))[:_MAX_EXAMPLES]


def _shape(syntax: Syntax, shown: dict[str, list[str]]) -> str:
    """Write a syntax the way manuals do, and note its parameters in ``shown``."""
    words = []
    for param in syntax.params:
        spec = param.spec
        word = "|".join(f'"{one}"' for one in param.words) if param.words else f"<{param.name}>"
        words.append({"?": f"[{word}]", "*": f"{word}…", "~": word}.get(param.mark, word))
        details = [param.type] + ([spec.unit] if spec.unit else [])
        if spec.range:
            details.append(f"{spec.range[0]}-{spec.range[1]}")
        if spec.secret:
            details.append("secret")
        lines = [f"  {param.name:16} {spec.en} / {spec.zh} ({', '.join(details)})"]
        lines += [f"  {'':16}   {value}: {meaning[0]} / {meaning[1]}" for value, meaning in spec.values.items()]
        lines += [f"  {'':16}   bit {bit}: {meaning[0]} / {meaning[1]}" for bit, meaning in spec.bits.items()]
        lines += [f"  {'':16}   {kind} if {spec.by} is {value}" for value, kind in spec.cases.items()]
        shown.setdefault(param.name, lines)
    return ",".join(words)
