"""The rules of findings: what each says, in English and Chinese, where that is defined, and what to try.

``rules.toml`` holds them all, also those that the decoder itself raises. A rule with ``on`` is looked for by what it
says there; the others are raised by code.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

from decoder.events import Finding, Severity

Lang = Literal["en", "zh"]


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """A rule. ``en`` and ``zh`` are its message, with values of the line in braces.

    ``on``: which kind of message it is about; ``line``: names; ``where``: parameters, each a value, a list of values,
    or a comparison ("<10"); ``has``: parameters that must be there; ``form``, ``change``: of commands, of connections.
    ``translations``: of rules that the decoder raises: patterns of its messages, and what they are in Chinese.
    """

    id: str
    severity: Severity
    en: str
    zh: str
    try_en: str = ""
    try_zh: str = ""
    reference: str | None = None
    on: Literal["command", "answer", "socket"] | None = None
    line: list[str] = []
    where: dict[str, Any] = {}
    has: list[str] = []
    form: list[str] = msgspec.field(default_factory=lambda: ["set", "exec"])
    change: list[str] = []
    translations: list[tuple[str, str]] = []

    def advice(self, lang: Lang = "en") -> str:
        """Return what to try; empty if nothing general can be said."""
        return (self.try_zh or self.try_en) if lang == "zh" else self.try_en


class Advice(msgspec.Struct, forbid_unknown_fields=True):
    """What to try when the module answers with an error code."""

    error: str
    code: int
    en: str
    zh: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[Rule]
    advice: list[Advice]


@cache
def _load() -> tuple[dict[str, Rule], dict[tuple[str, str], Advice]]:
    text = resources.files("decoder.findings").joinpath("rules.toml").read_text("utf-8")
    file = msgspec.convert(tomllib.loads(text), _File)
    return {rule.id: rule for rule in file.rule}, {(one.error, str(one.code)): one for one in file.advice}


def rules() -> dict[str, Rule]:
    """All rules, by their id."""
    return _load()[0]


def advice(found: Finding, lang: Lang = "en") -> str:
    """Raise what to try for a finding: by the error code that it is about, else by its rule."""
    if found.rule == "command.error":
        for (kind, code), one in _load()[1].items():
            if f"+{kind}: {code} " in found.message + " ":
                return one.zh if lang == "zh" else one.en
    rule = rules().get(found.rule)
    return rule.advice(lang) if rule is not None else ""


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
