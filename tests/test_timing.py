"""How exact times are: what whole seconds do not say is not concluded from them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from atshark.sources import open_source
from capture.chunk import Chunk
from capture.timing import EXACT, Timing, timing_of
from decoder.catalog import Catalog
from decoder.decode import Decoder, run
from decoder.events import INNER, Event, Record, Summary, Transaction
from tests.helpers import standard
from wireshark.export import export

SECOND = 1_000_000_000
LOG = """\
[2025-11-20 10:00:10] TX: AT+CFUN=1
[2025-11-20 10:00:11] TX: AT+CGATT=1
[2025-11-20 10:00:11] RX: OK
[2025-11-20 10:00:12] RX: ERROR
[2025-11-20 10:00:20] TX: AT+CSQ
[2025-11-20 10:00:20] RX: +CSQ: 17,99
[2025-11-20 10:00:21] RX: OK
"""


def results(events: list[Event]) -> list[tuple[str, str]]:
    return [(one.name, one.result.code) for one in events if isinstance(one, Transaction) and one.result is not None]


def decoded(path: Path, catalog: Catalog) -> list[Event]:
    with open_source(str(path)) as source:
        return list(run(source, catalog))


@pytest.mark.parametrize(
    ("fraction", "said"),
    [("", {"CFUN": "OK", "CGATT": "ERROR", "CSQ": "OK"}), (".004", {"CGATT": "OK", "CFUN": "ERROR", "CSQ": "OK"})],
    ids=["whole seconds", "milliseconds"],
)
def test_a_second_between_stamps_may_have_been_none(tmp_path: Path, fraction: str, said: dict[str, str]) -> None:
    path = tmp_path / "x.log"
    path.write_text(LOG.replace("] ", f"{fraction}] "))
    assert dict(results(decoded(path, standard()))) == said


def unplaced(one: Record) -> Record:
    """The same without the lines of the log, which no export knows."""
    if not isinstance(one, Summary):
        return one
    causes = [
        replace(cause, line=None, evidence=[replace(each, line=None) for each in cause.evidence])
        for cause in one.causes
    ]
    return replace(one, causes=causes)


def test_an_export_keeps_how_exact_its_times_are(tmp_path: Path) -> None:
    log, exported = tmp_path / "x.log", tmp_path / "e.pcapng"
    log.write_text(LOG)
    with open_source(str(log)) as source:
        assert source.timing == Timing(SECOND)
        export(source, Decoder(standard(), timing=source.timing), exported)
    with open_source(str(exported)) as source:
        assert source.timing == Timing(SECOND)
    records = [unplaced(one) for one in decoded(log, standard()) if not isinstance(one, INNER)]
    assert [one for one in decoded(exported, standard()) if not isinstance(one, INNER)] == records


def test_the_step_of_stamps() -> None:
    assert timing_of([None, SECOND, 2 * SECOND, 7 * SECOND]) == Timing(SECOND)
    assert timing_of([SECOND, 1_200_000_000, 7 * SECOND]) == Timing(100_000_000)
    assert timing_of([SECOND, 1_234_000_000, 7 * SECOND]) == EXACT
    assert timing_of([SECOND, SECOND, None]) == EXACT


def test_surely_and_perhaps() -> None:
    coarse = Timing(SECOND)
    assert not coarse.surely_longer(SECOND, 300_000_000)
    assert coarse.surely_longer(2 * SECOND, 300_000_000)
    assert coarse.perhaps_as_long(0, 200_000_000)
    assert EXACT.surely_longer(300_000_001, 300_000_000)
    assert not EXACT.surely_longer(300_000_000, 300_000_000)
    assert Timing(1, 5_000_000).slack_ns == 5_000_000


def test_an_escape_in_whole_seconds() -> None:
    """Half a second of silence in front of +++ is none in whole seconds; the module's OK tells."""
    lines = [
        ("mcu", b"AT+MIPMODE=1,1\r"), ("module", b"\r\nCONNECT\r\n"), ("mcu", b"data"), ("mcu", b"+++"), ("module", b"\r\nOK\r\n"),
    ]  # fmt: skip
    decoder = Decoder(standard(), timing=Timing(SECOND))
    found: list[Event] = []
    for number, (side, data) in enumerate(lines):
        found += decoder.feed(Chunk(SECOND * (1000 + 2 * number), "mcu" if side == "mcu" else "module", data))
    found += decoder.close()
    assert ("+++", "OK") in results(found)
