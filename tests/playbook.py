"""Events in, events out: what a follower makes of what it hears, without a session.

``python -m tests.playbook`` tells a sample to each follower, and shows what each heard and what came of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from decoder.catalog import Catalog
from decoder.decode import NO_STAGES, Decoder
from decoder.events import INNER, Event
from decoder.followers import STANDARD, Follower, Followers, Seat
from tests.helpers import sample_files, standard


class Playbook:
    """One follower, and what it is told."""

    def __init__(self, make: Callable[[Seat], Follower], catalog: Catalog | None = None) -> None:
        self._followers = Followers(catalog or standard(), [make])

    def hears(self, *told: Event) -> list[Event]:
        """Tell it events; return what it emits."""
        out: list[Event] = []
        for event in told:
            out += self._followers.look([event])[1:]
        return out

    def waits(self, now_ns: int) -> list[Event]:
        """Let time pass; return what it emits."""
        return self._followers.expire(now_ns) if now_ns >= self._followers.wake_ns else []

    def ends(self, last_ns: int | None = None) -> list[Event]:
        """End the session; return what it emits."""
        return self._followers.finish(last_ns)


def said(chunks: Iterable[object], catalog: Catalog | None = None) -> list[Event]:
    """Decode chunks without any follower: what a follower may hear."""
    decoder = Decoder(catalog or standard(), NO_STAGES, ())
    out: list[Event] = []
    for chunk in chunks:
        out += decoder.feed(chunk)  # type: ignore[arg-type]  # chunks of any source
    return out + decoder.close()


def main() -> None:
    """Tell all samples to each follower."""
    from atshark.sources import open_source

    told: list[Event] = []
    for path in sample_files():
        with open_source(str(path)) as source:
            told += said(source)
    heard = Counter(type(event).__name__ for event in told)
    for make in STANDARD:
        follower = make(Seat(standard(), [], iter(range(1))))
        kinds = sorted(kind.__name__ for kind in follower.hears())
        play = Playbook(make)
        emitted = play.hears(*told) + play.ends()
        shown = ", ".join(f"{count} {name}" for name, count in Counter(type(one).__name__ for one in emitted).items())
        effects = ", ".join(sorted(follower.effects)) if follower.effects is not None else "all"
        print(f"{type(follower).__name__} (effects: {effects})")
        print("  hears ", ", ".join(f"{heard[kind]} {kind}" for kind in kinds))
        print("  emits ", shown or "nothing")
        records = [one for one in emitted if not isinstance(one, INNER)]
        for one in records[:3]:
            print("        ", str(one)[:110])


if __name__ == "__main__":
    main()
