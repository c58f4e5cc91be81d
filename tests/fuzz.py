"""Fuzzing guided by coverage: ``make fuzz``, or ``python -m tests.fuzz [--seconds N] [TARGET...]``.

Each target runs for so many seconds in a process of its own, from the seeds in tests/corpus. Inputs that reach new code are
kept in build/fuzz; one that breaks a target is printed, and belongs into tests/corpus once the fault is mended.
``python -m tests.fuzz --seeds`` makes the seeds anew from the samples.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys

from tests.helpers import ROOT, SAMPLES

CORPUS = ROOT / "tests" / "corpus"
FOUND = ROOT / "build" / "fuzz"
SECONDS = int(os.environ.get("ATSHARK_FUZZ_SECONDS", "60"))
MAX_LENGTH = 4096


def seeds() -> dict[str, list[bytes]]:
    """Make seeds from the samples: what crossed the wires, what connections carried, the files themselves."""
    from atshark.sources import open_source
    from decoder import catalog
    from decoder.decode import NO_STAGES, Decoder
    from decoder.events import Frame, LinkFrame, Segment
    from tests.line_shapes import UNITS

    noise = random.Random(1)
    out: dict[str, list[bytes]] = {}

    def add(target: str, data: bytes) -> None:
        if data and len(data) <= MAX_LENGTH and data not in out.setdefault(target, []):
            out[target].append(data)

    for path in sorted(SAMPLES.iterdir()):
        if path.suffix not in (".pcapng", ".jsonl"):
            continue
        head = path.read_bytes()[:2000]
        add("source", head)
        if path.suffix == ".pcapng":
            add("pcapng", head)
        one, talk = Decoder(catalog.load(), NO_STAGES), b""
        with open_source(str(path)) as source:
            for chunk in source:
                piece = chunk.data[:200]
                if len(talk) < 1200:
                    talk += bytes([(chunk.side == "mcu") | noise.choice([2, 4]), len(piece)]) + piece
                if noise.random() < 0.05:
                    add("lines", chunk.data.strip()[:200])
                for event in one.feed(chunk):
                    if isinstance(event, Segment):
                        data = event.data[:250]
                        add("conversation", bytes([event.side == "mcu", len(data)]) + data)
                        if event.flow.transport == "udp":
                            add("coap", data)
                        for target in ("mqtt", "http", "tls", "coap-tcp"):
                            if noise.random() < 0.3:
                                add(target, data)
                    elif isinstance(event, LinkFrame):
                        add("ppp", event.data)
                    elif isinstance(event, Frame) and isinstance(event.data, str):
                        add("coap" if event.protocol == "coap" else event.protocol, bytes.fromhex(event.data))
        for target in ("session", "order", "marked"):
            add(target, talk)
    for path in sorted((SAMPLES / "logs").iterdir()):
        add("log", path.read_bytes()[:1500])
    for text in (
        b'{"a":[1,2.5,null]}',
        b"\x83\x01\x82\x02\x03\xf6",
        b'[{"bn":"urn:dev:1/","n":"3303/0/5700","v":21.5}]',
        b"\x81\xa3\x21\x61/\x00\x61t\x02\x18\x2a",
        b'</3/0>;ct=40;title="x"',
        b"\xc8\x00\x05hello\x88\x07\x08\x42\x00\x00",
    ):
        for target in ("content", "tlv", "links", "dp", "config"):
            add(target, text)
    add("dns", bytes.fromhex("123481800001000100000000036f6e6503636f6d0000010001c00c00010001000000ff0004c0000201"))
    for number, unit in enumerate(UNITS[::9]):
        add("line-shapes", bytes([number, 15, len(unit.encode()) - 1]) + unit.encode() + b"AT+X=")
    add("nmea", b"$GNRMC,083559.00,A,3016.0,N,12010.0,E,0.0,,091202,,,A*4C")
    return {target: found[:12] for target, found in out.items()}


def write_seeds() -> None:
    """Write the seeds; what stands in the corpus by another name (once found by fuzzing) stays."""
    from tests.fuzz_targets import TARGETS

    for target, found in seeds().items():
        if target in TARGETS:
            folder = CORPUS / target
            folder.mkdir(parents=True, exist_ok=True)
            for number, data in enumerate(found):
                (folder / f"seed-{number:02d}").write_bytes(data)


def fuzz(target: str, seconds: int) -> bool:
    """Fuzz a target in a process of its own. Return whether it held."""
    folder = FOUND / target
    folder.mkdir(parents=True, exist_ok=True)
    arguments = [
        str(folder),
        str(CORPUS / target),
        f"-max_total_time={seconds}",
        f"-max_len={MAX_LENGTH}",
        "-timeout=10",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={FOUND}/{target}-",
        "-print_final_stats=1",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--in-process", target, *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    text = done.stderr.decode("utf-8", "replace")
    runs = next((line.split()[-1] for line in text.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{target:14} {runs:>10} runs in {seconds} s: {'held' if done.returncode == 0 else 'BROKEN'}", flush=True)
    if done.returncode:
        print(text[-3000:], done.stdout.decode("utf-8", "replace")[-2000:], sep="\n")
    return done.returncode == 0


def in_process(target: str, arguments: list[str]) -> None:
    """Run the fuzzer on a target; does not return."""
    import atheris

    with atheris.instrument_imports(include=["capture", "decoder", "wireshark"]):
        from tests.fuzz_targets import TARGETS
    atheris.Setup([sys.argv[0], *arguments], TARGETS[target])
    atheris.Fuzz()


def main() -> int:
    """Fuzz the targets that are named, or all."""
    if "--in-process" in sys.argv:
        at = sys.argv.index("--in-process")
        in_process(sys.argv[at + 1], sys.argv[at + 2 :])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=SECONDS)
    parser.add_argument("--seeds", action="store_true", help="make the seeds anew")
    given = parser.parse_args()
    if given.seeds:
        write_seeds()
        return 0
    from tests.fuzz_targets import TARGETS

    held = [fuzz(target, given.seconds) for target in given.targets or TARGETS]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
