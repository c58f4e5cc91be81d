"""Secrets in every encoding that they occur in, and their substitutes in the same: of the same length, in their places.

Strategy: a substitute has, character by character, the class of its secret, so that all that is written character by
character (plain, hex, UTF-16, percent signs, swapped nibbles) keeps its length. What is not (Base64) is read, replaced
and written again. Hex and Base64 are looked into again, to some depth: MQTT inside hex inside a command.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import string
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple
from urllib.parse import quote

from atshark.redact.messages import Rewritten, near, rewrite
from capture import grammar
from decoder.protocols.frames import written

_CLASSES = (string.digits, "abcdef", "ABCDEF", string.ascii_lowercase, string.ascii_uppercase)
_HEX_TEXT = re.compile(r"[0-9A-Fa-f]+")
_HEX_RUN = re.compile(rb"[0-9A-Fa-f]{8,}")
_BASE64_RUN = re.compile(rb"[A-Za-z0-9+/_-]{6,}={0,2}")
_INTERNATIONAL = re.compile(r"\+\d+", re.ASCII)
_FIXED = re.compile(grammar.FIXED)
_MAX_DEPTH = 3
_DECIMAL = re.compile(r"([+-]?)(\d{1,5})(\.\d{2,})")
_MOST: dict[int, tuple[int, ...]] = {1: (10,), 2: (6, 10), 3: (1, 10, 10), 4: (6, 10, 6, 10), 5: (1, 10, 10, 6, 10)}
"""How large the digits of a coordinate may be, by how many stand before the point: degrees, or degrees and minutes."""
_SHORT = 4
"""A secret that is shorter is replaced only where it stands alone in quotes."""
_PREFIX = 4
"""Bytes of a form by which it is found: the search costs the same for one secret and for thousands."""


class Placed(NamedTuple):
    """A secret that is too common to be replaced everywhere: it is only behind ``head``, the beginning of its line."""

    head: str
    value: str


Key = str | Placed | Rewritten


def _as_place(text: str) -> str:
    """Make a decimal number one that may be a coordinate: another place, and no impossible one."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return text
    sign, whole, part = match.groups()
    digits = (str(int(digit) % most) for digit, most in zip(whole, _MOST[len(whole)], strict=True))
    return sign + "".join(digits) + part


class Substitutes:
    """The substitutes of a set of secrets; ``salt`` makes them different from run to run."""

    def __init__(self, secrets: Iterable[Key], salt: bytes) -> None:
        self._salt = salt
        keys = list(secrets)
        plain = (one for one in keys if isinstance(one, str))
        self.pairs = {secret: self._substitute(secret) for secret in sorted(plain, key=lambda one: (-len(one), one))}
        self.placed = [one for one in keys if isinstance(one, Placed)]
        self._messages = [one for one in keys if isinstance(one, Rewritten)]

    def _substitute(self, secret: str) -> str:
        if _INTERNATIONAL.fullmatch(secret):
            return "+" + self._substitute(secret[1:])
        if written.is_surely_ucs2(secret):
            made = self._substitute(written.ucs2_of(secret) or "").encode("utf-16-be").hex()
            return made.upper() if secret.upper() == secret else made
        for attempt in range(64):
            key = f"{attempt}:{secret}".encode("utf-8", "surrogateescape")
            stream = hashlib.shake_256(self._salt + key).digest(2 * len(secret))
            hexadecimal = len(secret) >= 8 and _HEX_TEXT.fullmatch(secret) is not None
            numbers = [int.from_bytes(stream[2 * i : 2 * i + 2], "big") for i in range(len(secret))]
            made = _as_place("".join(_other(c, number, hexadecimal) for c, number in zip(secret, numbers, strict=True)))
            if made != secret:
                return made
        return secret

    @cached_property
    def forms(self) -> dict[bytes, bytes]:
        """Each form in which a secret may stand, with what takes its place."""
        out = dict(self._of_messages())
        for secret, made in self.pairs.items():
            if len(secret) < _SHORT:
                out.setdefault(f'"{secret}"'.encode(), f'"{made}"'.encode())
                continue
            for a, b in _forms(secret, made):
                if a != b:
                    out.setdefault(a, b)
        return out

    def _of_messages(self) -> Iterable[tuple[bytes, bytes]]:
        """Yield the PDUs of messages, in hex and as bytes, with what takes their place."""
        for one in self._messages:
            raw, made = bytes.fromhex(one.value), rewrite(one, self._substitute, self._salt)
            if made != raw:
                yield raw, made
                yield raw.hex().encode(), made.hex().encode()
                yield raw.hex().upper().encode(), made.hex().upper().encode()

    @cached_property
    def _heads(self) -> dict[bytes, bytes]:
        """Forms of secrets that are replaced in one place only, with what stands before them."""
        out: dict[bytes, bytes] = {}
        others = Substitutes(self.pairs, self._salt)
        for head, value in sorted(self.placed, key=lambda one: len(one.head)):
            a = (head + value).encode("utf-8", "surrogateescape")
            b = self._heads_of(head, out, others) + self._substitute(value).encode("utf-8", "surrogateescape")
            quoted = (a.replace(b'"', b'\\"'), b.replace(b'"', b'\\"'))
            out.setdefault(*quoted)
            for x, y in (
                (a, b),
                (a.hex().encode(), b.hex().encode()),
                (a.hex().upper().encode(), b.hex().upper().encode()),
            ):
                out.setdefault(x, y)
        return out

    @staticmethod
    def _heads_of(head: str, done: dict[bytes, bytes], others: Substitutes) -> bytes:
        """What stands before a secret, itself without the secrets in it."""
        data = head.encode("utf-8", "surrogateescape")
        for end in range(len(data), 0, -1):
            if data[:end] in done:
                return done[data[:end]] + others.replace(data[end:], _MAX_DEPTH)
        return others.replace(data, _MAX_DEPTH)

    @cached_property
    def _lengths(self) -> dict[bytes, list[int]]:
        """The lengths of the forms that begin with the same bytes, the longest first."""
        out: dict[bytes, set[int]] = {}
        for form in (*self.forms, *self._heads):
            out.setdefault(form[:_PREFIX], set()).add(len(form))
        return {prefix: sorted(lengths, reverse=True) for prefix, lengths in out.items()}

    @cached_property
    def _pattern(self) -> re.Pattern[bytes] | None:
        if not self._lengths:
            return None
        return re.compile(rb"(?=%b)|%b" % (_trie(self._lengths), grammar.FIXED), re.DOTALL)

    def _at(self, data: bytes, start: int) -> tuple[int, bytes] | None:
        """Return how long the form at a place is, and what takes its place."""
        for size in range(_PREFIX, 0, -1):
            for length in self._lengths.get(data[start : start + size], ()):
                piece = data[start : start + length]
                made = self._heads.get(piece) or self.forms.get(piece)
                if made is not None:
                    return length, made
        return None

    def _plain(self, data: bytes, pattern: re.Pattern[bytes]) -> bytes:
        out, done, at = [], 0, 0
        while match := pattern.search(data, at):
            start = match.start()
            fixed = _FIXED.match(data, start)
            found = self._at(data, start)
            if found is not None and (fixed is None or data[start : start + found[0]] in self._heads):
                out += [data[done:start], found[1]]
                done = at = start + found[0]
            else:
                at = fixed.end() if fixed else start + 1
        return b"".join([*out, data[done:]])

    def replace(self, data: bytes, depth: int = 0) -> bytes:
        """Replace every secret in ``data``, whatever it is written in. The length stays."""
        if self._pattern is None:
            return data
        data = self._plain(data, self._pattern)
        if depth < _MAX_DEPTH:
            data = _HEX_RUN.sub(lambda match: self._inside_hex(match[0], depth), data)
            data = _BASE64_RUN.sub(lambda match: self._inside_base64(match[0], depth), data)
        return data

    def holds(self, data: bytes, depth: int = 0) -> bool:
        """Whether a secret is left in ``data``."""
        return self.replace(data, depth) != data

    def _inside_hex(self, run: bytes, depth: int) -> bytes:
        for start in (0, 1):
            size = (len(run) - start) & ~1
            inner = bytes.fromhex(run[start : start + size].decode())
            made = self.replace(inner, depth + 1)
            if made != inner:
                text = made.hex()
                kept = "".join(
                    new.upper() if chr(old).isupper() else new
                    for old, new in zip(run[start : start + size], text, strict=True)
                )
                upper = run[start : start + size].upper() == run[start : start + size]
                return run[:start] + (text.upper() if upper else kept).encode() + run[start + size :]
        return run

    def _inside_base64(self, run: bytes, depth: int) -> bytes:
        body = run.rstrip(b"=")
        for start in range(4):
            whole = body[start:]
            whole = whole[: len(whole) - (len(whole) % 4 == 1)]
            altchars = b"-_" if b"-" in whole or b"_" in whole else b"+/"
            try:
                inner = base64.b64decode(whole + b"=" * (-len(whole) % 4), altchars, validate=True)
            except (binascii.Error, ValueError):
                continue
            made = self.replace(inner, depth + 1)
            if made != inner:
                text = base64.b64encode(made, altchars).rstrip(b"=")
                return run[:start] + text + run[start + len(text) :]
        return run


def _trie(words: Iterable[bytes]) -> bytes:
    """Return a pattern of words that costs a step for each of their bytes, however many they are."""
    nodes: dict[int, list[bytes]] = {}
    for word in words:
        if not word:
            return b""
        nodes.setdefault(word[0], []).append(word[1:])
    by_rest: dict[bytes, list[int]] = {}
    for first, rests in nodes.items():
        by_rest.setdefault(_trie(rests), []).append(first)
    parts = [b"[%b]%b" % (b"".join(b"\\x%02x" % one for one in firsts), rest) for rest, firsts in by_rest.items()]
    return parts[0] if len(parts) == 1 else b"(?:%b)" % b"|".join(parts)


def _other(character: str, number: int, hexadecimal: bool) -> str:
    """Return a character of the same class, another one if the class has one."""
    for members in _CLASSES if hexadecimal else (_CLASSES[0], *_CLASSES[3:]):
        if character in members:
            rest = members.replace(character, "")
            return rest[number % len(rest)]
    if "\u4e00" <= character <= "\u9fff":
        return chr(0x4E00 + number % 0x5000)
    letters = [] if character.isascii() else near(character)
    return letters[number % len(letters)] if letters else character


def _forms(secret: str, made: str) -> Iterable[tuple[bytes, bytes]]:
    variants = [(secret, made)]
    if secret.isascii():
        variants += [(secret.upper(), made.upper()), (secret.lower(), made.lower())]
        variants += [(secret.swapcase(), made.swapcase())]
    for a, b in variants:
        plain = [(a.encode("utf-8", "surrogateescape"), b.encode("utf-8", "surrogateescape"))]
        if len(a) >= 6 and all(c in string.digits + "ABCDEFabcdef" for c in a):
            plain.append((_swapped(a).encode(), _swapped(b).encode()))
            if len(a) >= 12:
                plain.append((bytes.fromhex(_even(a)), bytes.fromhex(_even(b))))
                plain.append((bytes.fromhex(_swapped(a)), bytes.fromhex(_swapped(b))))
        for encoding in ("utf-16-le", "utf-16-be", "gb18030"):
            try:
                plain.append((a.encode(encoding), b.encode(encoding)))
            except UnicodeEncodeError:
                continue
        for x, y in list(plain):
            if len(x) == len(y):
                yield x, y
                yield x.hex().encode(), y.hex().encode()
                yield x.hex().upper().encode(), y.hex().upper().encode()
        for safe in ("", "/", "/+="):
            x, y = quote(a, safe=safe).encode("ascii", "replace"), quote(b, safe=safe).encode("ascii", "replace")
            if len(x) == len(y):
                yield x, y
                yield x.replace(b"%", b"%25"), y.replace(b"%", b"%25")
        for lead, code in (("%", "02X"), ("%", "02x"), ("\\x", "02x"), ("\\x", "02X")):
            yield _escaped(a, lead, code), _escaped(b, lead, code)
        if not a.isascii() or len(a) >= 6:
            x, y = (json.dumps(one)[1:-1].encode() for one in (a, b))
            if len(x) == len(y):
                yield x, y
                yield x.replace(b"/", b"\\/"), y.replace(b"/", b"\\/")
        yield a[::-1].encode("utf-8", "surrogateescape"), b[::-1].encode("utf-8", "surrogateescape")


def _escaped(text: str, lead: str, code: str) -> bytes:
    return "".join(f"{lead}{byte:{code}}" for byte in text.encode("utf-8", "surrogateescape")).encode()


def _even(digits: str) -> str:
    return digits + "F" * (len(digits) % 2)


def _swapped(digits: str) -> str:
    """Swap the digits of each pair, as SIM cards and SMS write numbers (TS 24.008 10.5.4.7)."""
    even = _even(digits)
    return "".join(even[i + 1] + even[i] for i in range(0, len(even), 2))
