"""The rules of findings: what each says, in English and Chinese, where that is defined, and what to try.

The files of this folder hold them all, by what they are about. {names} in a message are values: those of a line, or
what the code that finds it gives; NAME_label is the meaning of a coded value. A rule with ``on`` is looked for by what
it says there; the others are raised by code.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import msgspec

from capture.chunk import Side
from decoder.catalog.spec import LayerName
from decoder.events import Finding, Severity
from decoder.values import printable

Lang = Literal["en", "zh"]
_SIDES = {"mcu": "MCU", "module": "模组"}
"""What the sides are called in Chinese."""
_MAX_VALUE = 200
LAYERS = ("line", *get_args(LayerName), "")
"""What stands on what: where a lower one is broken, those above it fail. "" is not known."""


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """A rule. ``en`` and ``zh`` are its message, with values of the line in braces.

    ``on``: which kind of message it is about; ``line``: names, of frames protocols; ``where``: parameters, each a
    value, a list of values, or a comparison ("<10"); ``has``: parameters that must be there; ``form``, ``change``: of
    commands, of connections. ``layer``: what is broken, from power up to the application (see :data:`LAYERS`);
    ``guessed``: it is no more than possible, whatever else was found.
    ``words``: of values that are one of a few, what they are called in English and in Chinese.
    """

    id: str
    severity: Severity
    en: str
    zh: str
    try_en: str = ""
    try_zh: str = ""
    reference: str | None = None
    on: Literal["command", "answer", "frame", "socket"] | None = None
    line: list[str] = []
    where: dict[str, Any] = {}
    has: list[str] = []
    layer: str = ""
    guessed: bool = False
    form: list[str] = msgspec.field(default_factory=lambda: ["set", "exec"])
    change: list[str] = []
    words: dict[str, tuple[str, str]] = {}

    def advice(self, lang: Lang = "en") -> str:
        """Return what to try; empty if nothing general can be said."""
        return (self.try_zh or self.try_en) if lang == "zh" else self.try_en


class Advice(msgspec.Struct, forbid_unknown_fields=True):
    """What to try when the module answers with an error code, or with no reason in a layer.

    ``dialect``: whose code it is, if not one of the standard's.
    """

    en: str
    zh: str
    error: str = ""
    code: int = 0
    layer: str = ""
    dialect: str = ""


class Layer(msgspec.Struct, forbid_unknown_fields=True):
    """Error codes that say which layer is broken. ``dialect``: whose codes they are, if not the standard's."""

    error: str
    layer: str
    codes: list[int]
    dialect: str = ""


def _key(dialect: str, error: str, code: int) -> str:
    """Return how findings name an error code, in their field ``error``."""
    return f"{dialect} {error} {code}".lstrip()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[Rule] = []
    advice: list[Advice] = []
    layer: list[Layer] = []


_BARE = ("command.error", "line.failure")
"""Rules that know nothing better to try than what the layer tells."""


@cache
def _load() -> tuple[dict[str, Rule], dict[str, Advice], dict[str, str]]:
    folder = resources.files(__package__)
    texts = [one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".toml")]
    files = [msgspec.convert(tomllib.loads(text), _File) for text in texts]
    coded = [one for file in files for one in file.layer]
    layers = {_key(one.dialect, one.error, code): one.layer for one in coded for code in one.codes}
    return (
        {rule.id: rule for file in files for rule in file.rule},
        {one.layer or _key(one.dialect, one.error, one.code): one for file in files for one in file.advice},
        layers,
    )


def rules() -> dict[str, Rule]:
    """All rules, by their id."""
    return _load()[0]


def advice(found: Finding, lang: Lang = "en") -> str:
    """Return what to try for a finding: by the error code that it is about, else by the layer, else by its rule."""
    known = _load()[1]
    one = known.get(found.error) if isinstance(found.error, str) else None
    if one is None and found.rule in _BARE:
        one = known.get(layer(found))
    if one is not None:
        return one.zh if lang == "zh" else one.en
    rule = rules().get(found.rule)
    return rule.advice(lang) if rule is not None else ""


def layer(found: Finding) -> str:
    """Return which layer a finding says is broken, of :data:`LAYERS`; "" if it does not say."""
    by_code = _load()[2].get(found.error, "") if isinstance(found.error, str) else ""
    by_line = found.layer if isinstance(found.layer, str) else ""
    rule = rules().get(found.rule)
    return by_code or by_line or (rule.layer if rule is not None else "")


def message(found: Finding, lang: Lang = "en") -> str:
    """Return the message of a finding in a language."""
    return found.message_zh if lang == "zh" and isinstance(found.message_zh, str) else found.message


def found(
    rule_id: str,
    time_ns: int | None,
    side: Side | None,
    values: Mapping[str, object],
    *,
    severity: Severity | None = None,
    reference: str | None = None,
    **more: Any,
) -> Finding:
    """Make a finding of a rule, in both languages; ``more`` are fields of :class:`Finding`.

    ``values`` stand for the braces of its message; what nobody knows is shown as "?". ``severity`` and ``reference``
    are those of the rule if not given.
    """
    rule = rules()[rule_id]
    shown = {name: printable(str(value))[:_MAX_VALUE] for name, value in values.items()}
    english = {name: rule.words[value][0] if value in rule.words else value for name, value in shown.items()}
    chinese = {
        name: rule.words[value][1] if value in rule.words else _SIDES.get(value, value) for name, value in shown.items()
    }
    texts = [
        template.format_map(defaultdict(lambda: "?", known))
        for template, known in ((rule.en, english), (rule.zh, chinese))
    ]
    return Finding(
        time_ns, side, rule_id, severity or rule.severity, texts[0], reference or rule.reference, texts[1], **more
    )  # fmt: skip
