"""Data coding schemes: what the octet says in which messages, broadcasts and USSD tell how their text is coded.

Source: 3GPP TS 23.038 4 (messages), 5 (cell broadcast and USSD). Reserved values are read as the default alphabet.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Alphabet = Literal["gsm7", "8bit", "ucs2"]
_ALPHABETS: tuple[Alphabet, ...] = ("gsm7", "8bit", "ucs2", "gsm7")
_RESERVED_ALPHABET = 3
_WAITING = ("voicemail", "fax", "email", "other")
"""What may wait (TS 23.038 4, TS 23.040 9.2.3.24.2)."""
_LANGUAGES = (
    ("de", "en", "it", "fr", "es", "nl", "sv", "da", "pt", "fi", "no", "el", "tr", "hu", "pl", None),
    (None,) * 16,
    ("cs", "he", "ar", "ru", "is", *(None,) * 11),
)
"""Languages of broadcasts by group and number, as ISO 639 writes them."""


class Coding(NamedTuple):
    """How text is coded.

    ``message_class``: 0 shown at once, 1 for the module, 2 for the SIM, 3 for the MCU. ``language``: ISO 639.
    ``language_first``: two letters that name it stand before the text. ``header``: a user data header does.
    ``waiting``: what messages wait, and whether they do. ``reserved``: the standard gives the value no meaning.
    """

    alphabet: Alphabet
    compressed: bool = False
    message_class: int | None = None
    language: str | None = None
    language_first: bool = False
    header: bool = False
    waiting: dict[str, Any] | None = None
    deletes: bool = False
    """Whether the message is to be deleted when it was read."""
    reserved: bool = False

    @property
    def name(self) -> str:
        """How records call it: text that is compressed cannot be read, whatever its alphabet."""
        return "compressed" if self.compressed else self.alphabet

    def fields(self, dcs: int) -> dict[str, Any]:
        """Return what records say of it; ``dcs`` is the octet."""
        out: dict[str, Any] = {"coding": self.name}
        if self.message_class is not None:
            out["class"] = self.message_class
        if self.language is not None:
            out["language"] = self.language
        if self.waiting is not None:
            out["waiting"] = self.waiting
        if self.deletes:
            out["deletes"] = True
        if self.reserved:
            out["dcs_reserved"] = dcs
        return out


def waiting_of(kind: int, *, active: bool, stored: bool) -> dict[str, Any]:
    """Return what an indication of waiting messages says: of which ``kind``, and whether the message is kept."""
    return {"what": _WAITING[kind & 3], "active": active, "stored": stored}


def of_message(dcs: int) -> Coding:
    """Read the data coding scheme of a short message (TS 23.038 4)."""
    group = dcs >> 4
    if group < 8:
        return _general(dcs)._replace(deletes=group >= 4)
    if group == 15:
        return Coding("8bit" if dcs & 4 else "gsm7", message_class=dcs & 3)
    if group >= 12:
        waiting = waiting_of(dcs, active=bool(dcs & 8), stored=group > 12)
        return Coding("ucs2" if group == 14 else "gsm7", waiting=waiting)
    return Coding("gsm7", reserved=True)


def of_broadcast(dcs: int) -> Coding:
    """Read the data coding scheme of a broadcast, or of USSD (TS 23.038 5)."""
    group = dcs >> 4
    if group in (0, 2):
        language = _LANGUAGES[group][dcs & 15]
        return Coding("gsm7", language=language, reserved=group == 2 and language is None)
    if group == 1:
        return Coding("ucs2" if dcs & 15 == 1 else "gsm7", language_first=dcs & 15 < 2, reserved=dcs & 15 > 1)
    if 4 <= group < 8:
        return _general(dcs)
    if group == 9:
        return Coding(_ALPHABETS[dcs >> 2 & 3], message_class=dcs & 3, header=True)
    if group == 15:
        return Coding("8bit" if dcs & 4 else "gsm7", message_class=dcs & 3)
    return Coding("8bit" if group in (13, 14) else "gsm7", reserved=group not in (13, 14))


def _general(dcs: int) -> Coding:
    """Read what the general group of both has: compression, class, alphabet."""
    alphabet = dcs >> 2 & 3
    return Coding(
        _ALPHABETS[alphabet], bool(dcs & 0x20), dcs & 3 if dcs & 0x10 else None, reserved=alphabet == _RESERVED_ALPHABET
    )
