"""The rules of findings: what each says, in English and Chinese, where that is defined, and what to try.

``rules.toml`` holds them all, also those that the decoder itself raises. A rule with ``on`` is looked for by what it
says there; the others are raised by code.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal, get_args

import msgspec

from decoder.catalog.spec import LayerName
from decoder.events import Finding, Severity

Lang = Literal["en", "zh"]
LAYERS = ("line", *get_args(LayerName), "")
"""What stands on what: where a lower one is broken, those above it fail. "" is not known."""


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """A rule. ``en`` and ``zh`` are its message, with values of the line in braces.

    ``on``: which kind of message it is about; ``line``: names, of frames protocols; ``where``: parameters, each a
    value, a list of values, or a comparison ("<10"); ``has``: parameters that must be there; ``form``, ``change``: of
    commands, of connections. ``layer``: what is broken, from power up to the application (see :data:`LAYERS`);
    ``guessed``: it is no more than possible, whatever else was found.
    ``translations``: of rules that the decoder raises: patterns of its messages, and what they are in Chinese.
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
    translations: list[tuple[str, str]] = []

    def advice(self, lang: Lang = "en") -> str:
        """Return what to try; empty if nothing general can be said."""
        return (self.try_zh or self.try_en) if lang == "zh" else self.try_en


class Advice(msgspec.Struct, forbid_unknown_fields=True):
    """What to try when the module answers with an error code, or with no reason in a layer."""

    en: str
    zh: str
    error: str = ""
    code: int = 0
    layer: str = ""


class Layer(msgspec.Struct, forbid_unknown_fields=True):
    """Error codes that say which layer is broken."""

    error: str
    layer: str
    codes: list[int]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[Rule]
    advice: list[Advice]
    layer: list[Layer] = []


_BARE = ("command.error", "line.failure")
"""Rules that know nothing better to try than what the layer tells."""


@cache
def _load() -> tuple[dict[str, Rule], dict[str, Advice], dict[str, str]]:
    text = resources.files("decoder.findings").joinpath("rules.toml").read_text("utf-8")
    file = msgspec.convert(tomllib.loads(text), _File)
    layers = {f"{one.error} {code}": one.layer for one in file.layer for code in one.codes}
    return (
        {rule.id: rule for rule in file.rule},
        {one.layer or f"{one.error} {one.code}": one for one in file.advice},
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
    """Return the message of a finding in a language; what has no translation is introduced by its rule's title."""
    if lang == "en":
        return found.message
    if isinstance(found.message_zh, str):
        return found.message_zh
    rule = rules().get(found.rule)
    if rule is None:
        return found.message
    for pattern, zh in rule.translations:
        if match := re.fullmatch(pattern, found.message, re.DOTALL):
            return zh.format(**match.groupdict())
    return f"{rule.zh}: {found.message}"
