"""What a reader had to assume, in English and in Chinese."""

from __future__ import annotations

from decoder.rules import Lang


class Note(str):
    """A note: the text is English; ``zh`` says the same in Chinese."""

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, text: str, zh: str) -> Note:
        """Make a note of a sentence in both languages."""
        made = super().__new__(cls, text)
        made.zh = zh
        return made


def in_language(note: str, lang: Lang) -> str:
    """Return a note in a language; one that nobody has put into Chinese is English."""
    return note.zh if lang == "zh" and isinstance(note, Note) else str(note)


def joined(notes: list[Note]) -> Note:
    """Make one note of several."""
    return Note("; ".join(notes), ";".join(note.zh for note in notes))
