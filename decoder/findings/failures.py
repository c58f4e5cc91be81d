"""Lines by which a module says that something failed, in a code of its own: ``+HTTPACTION: 1,603,0``.

Which values mean failure stands in the dialects (``fails``, ``succeeds``); here nobody knows a name. What the follower
of connections tells about the same line is not told twice.
"""

from __future__ import annotations

from decoder.catalog import Catalog, Command, UrcType
from decoder.catalog.conditions import among
from decoder.catalog.spec import CommandSpec, ParamSpec, UrcSpec, Values
from decoder.events import Message, Params
from decoder.findings.raising import Raise

RULE = "line.failure"


class Failures:
    """Looks for values that mean failure."""

    def __init__(self, catalog: Catalog, raise_: Raise) -> None:
        self._raise = raise_
        self._urcs: dict[tuple[str, str], UrcType] = {}
        self._answers: dict[tuple[str, str], Command] = {}
        self._dialects = {dialect.id: dialect for dialect in catalog.dialects}
        self._opening: set[tuple[str, str]] = set()
        for dialect in catalog.dialects:
            for urc in dialect.file.urc:
                if urc.fails or urc.succeeds:
                    self._urcs[dialect.id, urc.name] = dialect.urcs[urc.name]
            for command in dialect.file.command:
                if command.fails or command.succeeds:
                    self._answers[dialect.id, command.name] = dialect.commands[command.name]
                if command.opens is not None and command.opens.answer is not None:
                    self._opening.add((dialect.id, command.opens.answer.line))

    def names(self) -> set[str]:
        """Return the names of the lines that can say so."""
        return {name for _, name in [*self._urcs, *self._answers]}

    def message(self, one: Message) -> None:
        """Look at a line."""
        if one.name is None or one.dialect is None or one.kind not in ("urc", "information"):
            return
        key = (one.dialect, one.name)
        if one.owner is not None and (one.owner.form not in ("set", "exec") or key in self._opening):
            return
        found: Command | UrcType | None = self._urcs.get(key) if one.kind == "urc" else None
        found = found or self._answers.get(key)
        spec = found.spec if found is not None else None
        if not isinstance(spec, CommandSpec | UrcSpec):
            return
        name = failing(spec.fails, spec.succeeds, one.params)
        if name:
            known, value = _param(found, name), one.params[name]
            meaning = known.values.get(str(value)) if known is not None else None
            error = ""
            if meaning is None and known is not None and known.error:
                coded = self._dialects[one.dialect].error("CME ERROR", str(value))
                if coded is not None:
                    meaning, error = coded[1], f"{one.dialect} CME ERROR {coded[0]}"
            title = (known.en or name, known.zh or name) if known is not None else (name, name)
            why, why_zh = (
                f"{title[lang]} {value}" + (f": {meaning[lang]}" if meaning is not None else "") for lang in (0, 1)
            )
            values = {"line": one.text, "why": why, "why_zh": why_zh}
            self._raise.at(None, RULE, one, values, layer=found.layer if found is not None else "", error=error)


def failing(fails: Values, succeeds: Values, params: Params) -> str:
    """Return the parameter whose value means failure; "" if none does."""
    for name, values in fails.items():
        if name in params and among(params[name], values):
            return name
    for name, values in succeeds.items():
        if name in params and not among(params[name], values):
            return name
    return ""


def _param(found: Command | UrcType | None, name: str) -> ParamSpec | None:
    if found is None:
        return None
    syntaxes = found.answer if isinstance(found, Command) else [*found.syntaxes, found.line_syntax]
    return next((one.spec for syntax in syntaxes for one in syntax.params if one.name == name), None)
