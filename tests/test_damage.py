"""Samples with bytes lost, doubled and changed: nothing raises, no byte is lost, and an export decodes as its source.

The damage is random but always the same; ATSHARK_DAMAGE_SEEDS asks for more of it.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from atshark.sources import open_source
from capture.chunk import Chunk
from decoder.decode import NO_STAGES, Decoder
from decoder.events import INNER
from tests.helpers import by_channel, events, messages, records, sample_files, standard
from wireshark.export import export

SEEDS = int(os.environ.get("ATSHARK_DAMAGE_SEEDS", "8"))


def damaged(chunks: list[Chunk], seed: int) -> list[Chunk]:
    """Take a part of a session, and damage it more or less."""
    chance = random.Random(seed)
    start = chance.randrange(max(1, len(chunks) - 60))
    part = chunks[start : start + chance.randrange(20, 200)]
    if chance.random() < 0.5:
        part = chunks[: chance.randrange(10, 80)] + part
    rate = chance.choice([0.002, 0.01, 0.05])
    out: list[Chunk] = []
    last = 0
    for time_ns, side, data in part:
        raw = bytearray(data)
        for index in range(len(raw) - 1, -1, -1):
            if chance.random() < rate:
                kind = chance.randrange(4)
                if kind == 0:
                    raw[index] = chance.randrange(256)
                elif kind == 1:
                    del raw[index]
                elif kind == 2:
                    raw.insert(index, chance.randrange(256))
                else:
                    raw[index] ^= 1 << chance.randrange(8)
        last = max(last, time_ns or 0)
        if raw and chance.random() >= rate:
            out.append(Chunk(None if time_ns is None else last, side, bytes(raw)))
    return out


@pytest.mark.parametrize("sample", sample_files(), ids=lambda path: path.stem)
def test_damage(sample: Path, tmp_path: Path) -> None:
    with open_source(str(sample)) as source:
        chunks = list(source)
    for seed in range(SEEDS):
        session = damaged(chunks, seed)
        found = events(session)
        for side in ("mcu", "module"):
            said = b"".join(one.raw for one in messages(found) if one.side == side)
            assert said == b"".join(chunk.data for chunk in session if chunk.side == side), seed
        export(session, Decoder(standard(), NO_STAGES), tmp_path / "export.pcapng")
        if not session:
            continue
        with open_source(str(tmp_path / "export.pcapng")) as source:
            again = records(source)
        assert by_channel(again) == by_channel(one for one in found if not isinstance(one, INNER)), seed
