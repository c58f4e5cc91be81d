"""Invariant 5: Wireshark shows what the decoder found, field by field: names, typed parameters, pairs, times, findings."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.chunk import Chunk
from decoder import decode
from decoder.decode import Decoder
from decoder.events import INNER
from tests import tshark_json as shown
from tests.generated import damaged, sessions
from tests.helpers import as_json, run, sample_files, standard
from wireshark.export import export

pytestmark = pytest.mark.outside

EXAMPLES = int(os.environ.get("ATSHARK_SHOWN_EXAMPLES", "6"))


def same(mine: list[Any], theirs: list[Any]) -> None:
    for one, other in zip(sorted(mine, key=repr), sorted(theirs, key=repr), strict=False):
        assert one == other
    assert len(mine) == len(theirs)


def compare(exported: Path, records: list[Any]) -> None:
    for options in ((), ("-2",)):
        found = shown.packets(exported, *options)
        same(shown.transactions(found), shown.wanted_transactions(records))
        same(shown.urcs(found), shown.wanted_urcs(records))
        same(shown.payload(found), shown.wanted_payload(records))
        same(shown.findings(found), shown.wanted_findings(records))
        same(shown.groups(found), shown.wanted_groups(records))
    forward(found)


def forward(found: list[shown.Packet]) -> None:
    """What the second pass adds: a command knows its result, or who tells that there is none."""
    by_frame = {packet.number: packet for packet in found}
    for packet in found:
        for key, back in (("response_in", "response_to"), ("given_up_in", "given_up_of"), ("answered_in", "answers")):
            for node in packet.all(f"atshark.{key}"):
                other = by_frame[int(node.value)]
                assert str(packet.number) in [one.value for one in other.all(f"atshark.{back}")]


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_sample(path: Path, tmp_path: Path) -> None:
    exported = tmp_path / "export.pcapng"
    assert run("export", path, "-w", exported).returncode == 0
    done = run("decode", path, "--format", "jsonl")
    compare(exported, [json.loads(line) for line in done.stdout.splitlines()])


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(sessions().map(lambda built: built.chunks), damaged()))
def test_generated(chunks: list[Chunk]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "export.pcapng"
        export(chunks, Decoder(standard()), exported)
        found = decode.run(chunks, standard())
        compare(exported, as_json(event for event in found if not isinstance(event, INNER)))
