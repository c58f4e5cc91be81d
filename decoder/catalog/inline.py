"""Lines of the module with payload in them: where it begins, and how long it is."""

from __future__ import annotations

import re
from functools import cached_property

import msgspec

from decoder.catalog.arguments import Syntax
from decoder.catalog.spec import BasicSpec, CommandSpec, UrcSpec
from decoder.catalog.words import parse_line

_PREFIXES = frozenset("^$%*#!")
Spec = CommandSpec | BasicSpec | UrcSpec


class Inline(msgspec.Struct, frozen=True, dict=True):
    """A module line with payload in it: where the payload begins, how many bytes, by which state it is encoded.

    ``dialect``: whose it is. ``exact``: it ends where its length says, line end or not. ``bare``: the line has no name
    in front. ``length``: the name of the parameter in the place ``counter``, which counts it; ``connects``: a parameter
    names its connection.
    """

    name: str
    dialect: str
    pattern: bytes
    syntax: Syntax
    encoding: str
    cached: dict[str, list[int]]
    carried: dict[str, list[int]]
    counter: int
    exact: bool
    bare: bool
    length: str
    connects: bool
    payload_line: str
    shared: bool
    """It is an answer, and a URC has the same name: only a command that waits for it tells them apart."""
    tail: int
    """How many parameters may stand behind the payload."""
    title: bytes
    """How the line calls itself."""

    @cached_property
    def head(self) -> re.Pattern[bytes]:
        """What stands in front of the payload."""
        return re.compile(self.pattern)


def spelt(name: str) -> bytes:
    """Return how the name of a line stands on the wire: with a plus sign, if it has no sign of its own."""
    return (name if name[:1] in _PREFIXES else "+" + name).encode()


def inline(
    name: str, dialect: str, syntax: Syntax, encoding: str, spec: Spec, *, comma: bool, shared: bool = False
) -> Inline:
    """Compile what stands in front of the payload of a line. ``comma``: it has the shape ``+NAME,…:payload``."""
    bare = isinstance(spec, CommandSpec) and spec.bare
    line = "same" if isinstance(spec, BasicSpec) else spec.payload_line
    parts = []
    for param in syntax.params[: syntax.payload]:
        if param.words:
            words = b"|".join(re.escape(word.encode()) for word in param.words)
            parts.append(rb'"?(?P<%b>%b)"?[ \t]*,' % (param.name.encode(), words))
        elif param.type == "ip":
            parts.append(rb'(?P<%b>"?[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*"?),' % param.name.encode())
        else:
            parts.append(rb'(?P<%b>"[^"\r\n]*+"|[^,"\r\n]*+),' % param.name.encode())
    if comma:
        behind = rb":\r\n" if line == "next" else b":"
        parts[-1] = parts[-1].removesuffix(b",").replace(b'[^,"', b'[^:,"') + behind
    elif line != "same":
        behind = rb"\r\n" if line == "next" else rb"(?:,|\r\n(?:\r\n)?)"
        parts[-1] = parts[-1].removesuffix(b",").replace(b"[^,", b"[^\\r\\n,") + rb"[ \t]*" + behind
    own = parse_line(spec.line)[0][0] if isinstance(spec, UrcSpec) else ""
    begin = own.encode().rstrip(b": ") if own else spelt(name)
    title = b"" if bare else re.escape(begin) + (b"," if comma else rb"[ \t]*+[:=][ \t]*+")
    pattern = rb"[\r\n \0]*+(?P<line>" + title + rb"[ \t]*+".join(parts) + rb")"
    length = syntax.params[syntax.payload].length
    names = [param.name for param in syntax.params[: syntax.payload]]
    cached = spec.cached if isinstance(spec, UrcSpec) else {}
    carried = spec.carried if isinstance(spec, UrcSpec) else {}
    return Inline(
        name,
        dialect,
        pattern,
        syntax,
        encoding,
        cached,
        carried,
        names.index(length),
        comma,
        bare,
        length,
        "connect_id" in names,
        line,
        shared and line != "same",
        len(syntax.params) - syntax.payload - 1,
        begin,
    )
