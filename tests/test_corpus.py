"""Every seed, and everything that fuzzing once broke, through its target; and all seeds with generated damage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz_targets import TARGETS
from tests.helpers import ROOT

CORPUS = ROOT / "tests" / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(target: str) -> None:
    found = sorted((CORPUS / target).iterdir())
    assert found
    for path in found:
        TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_damaged_corpus(target: str) -> None:
    noise = random.Random(target)
    found = [path.read_bytes() for path in sorted(Path(CORPUS / target).iterdir())]
    for _ in range(60):
        data = bytearray(noise.choice(found))
        for _ in range(noise.randrange(1, 8)):
            at = noise.randrange(len(data) + 1)
            change = noise.randrange(4)
            if change == 0 and at < len(data):
                data[at] = noise.randrange(256)
            elif change == 1:
                del data[at : at + noise.randrange(20)]
            elif change == 2:
                data[at:at] = noise.randbytes(noise.randrange(9))
            else:
                data[at:at] = data[: noise.randrange(40)]
        TARGETS[target](bytes(data))
