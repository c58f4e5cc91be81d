"""Lines of the module with payload in them: where it begins, and how long it is."""

from __future__ import annotations

import re
from typing import NamedTuple

from decoder.catalog.arguments import Syntax
from decoder.catalog.spec import BasicSpec, CommandSpec, UrcSpec


class Inline(NamedTuple):
    """A module line with payload in it: where the payload begins, how many bytes, by which state it is encoded.

    ``exact``: it ends where its length says, line end or not. ``bare``: the line has no name in front. ``length``: the
    name of the parameter in the place ``counter``, which counts it; ``connects``: a parameter names its connection.
    """

    name: str
    head: re.Pattern[bytes]
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


def inline(name: str, syntax: Syntax, encoding: str, spec: CommandSpec | BasicSpec | UrcSpec) -> Inline:
    """Compile what stands in front of the payload of a line."""
    comma = isinstance(spec, UrcSpec) and spec.comma
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
        parts[-1] = parts[-1].removesuffix(b",").replace(b'[^,"', b'[^:,"') + b":"
    elif line != "same":
        behind = rb"\r\n" if line == "next" else rb"(?:,|\r\n(?:\r\n)?)"
        parts[-1] = parts[-1].removesuffix(b",").replace(b"[^,", b"[^\\r\\n,") + rb"[ \t]*" + behind
    title = b"" if bare else rb"\+%b%b" % (re.escape(name.encode()), b"," if comma else rb"[ \t]*+[:=][ \t]*+")
    pattern = rb"[\r\n \0]*+(?P<line>" + title + rb"[ \t]*+".join(parts) + rb")"
    length = syntax.params[syntax.payload].length
    names = [param.name for param in syntax.params[: syntax.payload]]
    cached = spec.cached if isinstance(spec, UrcSpec) else {}
    carried = spec.carried if isinstance(spec, UrcSpec) else {}
    return Inline(
        name,
        re.compile(pattern),
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
    )
