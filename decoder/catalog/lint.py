"""Reading a dialect file, with an error that names file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence

import msgspec

from capture.errors import AtsharkError
from decoder.catalog.conditions import parse_match
from decoder.catalog.references import dangling
from decoder.catalog.spec import CommandSpec, DialectFile, UrcSpec
from decoder.catalog.words import parse_line, parse_syntax


def load(text: str, name: str) -> DialectFile:
    """Parse and check a dialect file. Raises :class:`AtsharkError` that begins with ``name:line:``."""
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        raise AtsharkError(f"{name}:{line}: not valid TOML: {error}") from error
    except RecursionError as error:
        raise AtsharkError(f"{name}: nested too deeply to be a dialect") from error
    try:
        result = msgspec.convert(parsed, DialectFile)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise AtsharkError(f"{name}:{_line_of(text, path.rstrip('`'), message)}: {message}") from error
    except RecursionError as error:
        raise AtsharkError(f"{name}: nested too deeply to be a dialect") from error
    _check(result, text, name)
    return result


def references(file: DialectFile, bases: Sequence[DialectFile], text: str, name: str) -> Iterator[str]:
    """List the references of a file that lead nowhere, each a line ``name:line: what``."""
    for path, problem in dangling(file, bases):
        yield f"{name}:{_line_of(text, path, '')}: {problem}"


def _check(file: DialectFile, text: str, name: str) -> None:
    tables: list[tuple[str, list[tuple[CommandSpec | UrcSpec, list[str]]]]] = [
        ("command", [(command, [*command.set, *command.answer, *command.test_answer]) for command in file.command]),
        ("urc", [(urc, [*urc.syntax, " ".join(word.name for word in parse_line(urc.line)[1])]) for urc in file.urc]),
    ]
    for table, entries in tables:
        seen: set[str] = set()
        for index, (entry, syntaxes) in enumerate(entries):
            problem = f"{table} {entry.name!r} is defined twice" if entry.name in seen else ""
            seen.add(entry.name)
            problem = problem or _match_problem(entry)
            for syntax in syntaxes:
                problem = problem or _syntax_problem(file.param.keys() | entry.param.keys(), syntax)
            if problem:
                raise AtsharkError(f"{name}:{_line_of(text, f'.{table}[{index}]', '')}: {problem}")


def _match_problem(entry: CommandSpec | UrcSpec) -> str:
    late = entry.late if isinstance(entry, CommandSpec) else []
    answered = entry.answered if isinstance(entry, UrcSpec) else None
    try:
        for rule in [rule for one in late for rule in one.match] + (answered.match if answered else []):
            parse_match(rule)
    except ValueError as error:
        return str(error)
    return ""


def _syntax_problem(defined: set[str], syntax: str) -> str:
    try:
        words = parse_syntax(syntax)
    except ValueError as error:
        return str(error)
    names = {word.name for word in words}
    for word in words:
        if word.length and word.length not in names:
            return f"{word.name} is counted by {word.length!r}, which the syntax {syntax!r} does not have"
        if not word.words and word.name not in defined:
            return f"the parameter {word.name!r} of the syntax {syntax!r} has no [param.{word.name}]"
    return ""


def _line_of(text: str, path: str, message: str) -> int:
    """Find the line of a msgspec path like ``.command[3].late[0].urc``: header first, then the key below it."""
    lines = text.splitlines()
    table = re.match(r"\.(\w+)(?:\[(\d+)\])?(?:\[\.\.\.\])?(.*)", path)
    key = re.search(r"unknown field `(\w+)`", message) or re.search(r"\.(\w+)(?:\[[^\]]*\])*\Z", path)
    if not table:
        start = 0
    elif table[2]:
        headers = [i for i, line in enumerate(lines) if line.strip() == f"[[{table[1]}]]"]
        start = headers[int(table[2])] if int(table[2]) < len(headers) else 0
    else:
        headers = [i for i, line in enumerate(lines) if re.match(rf"\s*\[{table[1]}\b", line)]
        start = headers[0] if headers else 0
    if key:
        pattern = re.compile(rf"\s*{re.escape(key[1])}\s*=|.*[{{,]\s*{re.escape(key[1])}\s*=")
        for index in range(start, len(lines)):
            if index > start and lines[index].startswith("[["):
                break
            if pattern.match(lines[index]):
                return index + 1
    return start + 1
