"""The command as a user meets it: output, exit status, one clear line for bad input."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from capture import recording
from decoder import catalog
from tests.helpers import ROOT, SAMPLES, answer, command, process, run, sample_files, talk
from tests.make_samples import GOLDEN, golden_lines

SCHEMA = json.loads((ROOT / "docs" / "jsonl.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_samples_decode_to_their_golden_files(path: Path) -> None:
    assert list(golden_lines(path)) == (GOLDEN / f"{path.stem}.jsonl").read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.name)
def test_jsonl_keeps_to_its_schema(path: Path) -> None:
    done = run("decode", path, "--format", "jsonl")
    assert done.returncode in (0, 1)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    lines = done.stdout.splitlines()
    assert lines
    for line in lines:
        validator.validate(json.loads(line))


def test_the_schema_can_refuse() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    assert not validator.is_valid({"kind": "transaction"})
    assert not validator.is_valid(
        {
            "kind": "finding",
            "time_ns": "now",
            "side": None,
            "rule": "x",
            "severity": "error",
            "message": "",
            "reference": None,
        }
    )


@pytest.mark.parametrize("output", ["text", "jsonl", "csv"])
def test_standard_input_works_in_every_format(output: str) -> None:
    data = (SAMPLES / "meter.pcapng").read_bytes()
    done = run("decode", "-", "--format", output, stdin=data)
    assert done.returncode == 0, done.stderr
    assert b"MIPOPEN" in done.stdout


@pytest.mark.outside
@pytest.mark.parametrize("output", ["text", "jsonl", "csv"])
def test_a_process_of_its_own_says_the_same(output: str, tmp_path: Path) -> None:
    """All other tests run the command in their own process."""
    for words, data in (
        (["decode", SAMPLES / "tour.pcapng", "--format", output], b""),
        (["decode", "-", "--format", output], (SAMPLES / "lwm2m.jsonl").read_bytes()),
        (["decode", tmp_path / "nothing", "--format", output], b""),
        (["decode", "--nonsense"], b""),
    ):
        theirs, ours = process(*words, stdin=data), run(*words, stdin=data)
        assert (theirs.returncode, theirs.stdout, theirs.stderr) == (ours.returncode, ours.stdout, ours.stderr)


@pytest.mark.outside
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    words = [sys.executable, "-m", "atshark", "decode", str(SAMPLES / "tour.pcapng")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()  # before the first record comes
        assert command.stderr.read() == b""
    assert command.returncode == 0


def test_csv_has_a_row_for_every_record() -> None:
    rows = list(csv.DictReader(io.StringIO(run("decode", SAMPLES / "tour.pcapng", "--format", "csv").stdout.decode())))
    lines = run("decode", SAMPLES / "tour.pcapng", "--format", "jsonl").stdout.splitlines()
    assert [row["kind"] for row in rows] == [json.loads(line)["kind"] for line in lines]


def test_exit_status_tells_findings_and_partial_input(tmp_path: Path) -> None:
    good = tmp_path / "good.pcapng"
    recording.record(talk(command("AT"), answer("OK")), good)
    assert run("decode", good).returncode == 0
    bad = tmp_path / "bad.pcapng"
    recording.record(talk(command("AT"), answer("ERROR")), bad)
    assert run("decode", bad).returncode == 1
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(good.read_bytes()[:-5])
    done = run("decode", cut)
    assert done.returncode == 1
    assert b"ends inside the block" in done.stderr


def unusable(tmp_path: Path) -> dict[str, list[str]]:
    jpeg, empty, cut, chunks = (tmp_path / name for name in ("a.jpg", "empty", "cut.pcapng", "chunks.jsonl"))
    jpeg.write_bytes(bytes.fromhex("ffd8ffe000104a464946"))
    empty.write_bytes(b"")
    cut.write_bytes((SAMPLES / "tour.pcapng").read_bytes()[:9])
    chunks.write_bytes(b'{"side":"mcu","text":"AT"}\n{"side":"nobody","text":"x"}\n')
    return {
        "jpeg": ["decode", str(jpeg)],
        "empty": ["decode", str(empty)],
        "cut": ["decode", str(cut)],
        "chunks": ["decode", str(chunks)],
        "missing": ["decode", str(tmp_path / "nowhere")],
        "folder": ["decode", str(tmp_path)],
        "export jpeg": ["export", str(jpeg), "-w", str(tmp_path / "out.pcapng")],
        "export to nowhere": [
            "export",
            str(SAMPLES / "tour.pcapng"),
            "-w",
            str(tmp_path / "no" / "such" / "out.pcapng"),
        ],
        "no port": ["capture", "/dev/no-such-a", "/dev/no-such-b", "-w", str(tmp_path / "r.pcapng")],
        "dialect": ["decode", str(SAMPLES / "tour.pcapng"), "--dialect", "nonesuch"],
    }


@pytest.mark.parametrize(
    "case",
    ["jpeg", "empty", "cut", "chunks", "missing", "folder", "export jpeg", "export to nowhere", "no port", "dialect"],
)
def test_bad_input_gives_one_clear_line(case: str, tmp_path: Path) -> None:
    done = run(*unusable(tmp_path)[case])
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert len(lines) == 1
    assert lines[0].startswith("atshark: ")
    assert not (tmp_path / "out.pcapng").exists()


def test_an_export_never_overwrites_its_input(tmp_path: Path) -> None:
    path = tmp_path / "r.pcapng"
    recording.record(talk(command("AT"), answer("OK")), path)
    before = path.read_bytes()
    assert run("export", path, "-w", path).returncode == 2
    assert path.read_bytes() == before


def test_wire_text_cannot_control_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "r.pcapng"
    recording.record(talk(command('AT\x1b[31m+X="\x1b]0;title\x07"'), answer("OK\x1b[2J", "\u202eevil", "OK")), path)
    output = run("decode", path).stdout
    assert b"\x1b" not in output
    assert b"\x07" not in output
    assert "\u202e".encode() not in output


@pytest.mark.outside
def test_demo_records_everything_and_says_how_to_open_it(tmp_path: Path) -> None:
    done = run("demo", "--out", tmp_path / "out")
    notes = done.stderr.decode()
    assert done.returncode == 0, notes
    assert "AT+MIPOPEN" in done.stdout.decode()
    assert "wireshark" in notes
    again = run("decode", tmp_path / "out" / "demo.pcapng", "--format", "jsonl")
    exported = run("decode", tmp_path / "out" / "demo-wireshark.pcapng", "--format", "jsonl")
    assert again.stdout == exported.stdout
    errors = [json.loads(line) for line in again.stdout.splitlines() if b'"severity":"error"' in line]
    assert [one["rule"] for one in errors] == ["socket.failed", "command.error"]


def test_the_schema_file_is_up_to_date() -> None:
    from atshark.schema import OUTPUT, text

    assert OUTPUT.read_text("utf-8") == text(), "run python -m atshark.schema"


def test_dialects_lists_what_there_is() -> None:
    text = run("dialects").stdout.decode()
    assert [line.split()[0] for line in text.splitlines()] == catalog.names()
    assert len(catalog.names()) >= 30


def test_dialects_is_a_reference() -> None:
    overview = run("dialects", "onemo-tcpip").stdout.decode()
    assert "MIPSEND" in overview
    assert "SOCKET 连接超时" in overview
    entry = run("dialects", "onemo-tcpip", "AT+MIPOPEN").stdout.decode()
    assert (
        "AT+MIPOPEN=<connect_id>,<proto_type>,<address>,<remote_port>,[<timeout>],[<access_mode>],[<local_port>]"
        in entry
    )
    assert "1: transparent / 透传模式" in entry
    assert "[onemo-tcpip 3.3]" in entry


def test_dialects_tell_what_a_line_means_and_show_examples() -> None:
    entry = run("dialects", "sim7600", "CREG").stdout.decode()  # of the dialect that it stands on
    assert "\n  role: registration\n" in entry
    assert "says of registration: good if stat is 1, 5" in entry
    assert "URC CREG:" in entry
    entry = run("dialects", "sim800", "CIPSHUT").stdout.decode()
    assert re.search(r"\n  SHUT OK +done: ", entry)
    assert "\n  > AT+CIPSHUT\n  < SHUT OK\n" in entry
    assert "AT#XSEND=" in run("dialects", "nordic", "#XSEND").stdout.decode()


def test_dialects_lint_tells_file_and_line(tmp_path: Path) -> None:
    good = ROOT / "decoder" / "catalog" / "dialects" / "ica.toml"
    assert run("dialects", "lint", good).returncode == 0
    bad = tmp_path / "bad.toml"
    bad.write_text('[dialect]\nid = "x"\ntitle = "x"\nsource = "x"\n[[command]]\nname = 1\n')
    done = run("dialects", "lint", bad)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"atshark: {bad}:6: ")


def test_dialects_of_unknown_things_say_so() -> None:
    assert run("dialects", "nonesuch").returncode == 2
    assert b"has no command" in run("dialects", "ica", "NOPE").stderr


def test_what_came_before_a_bad_line_is_printed(tmp_path: Path) -> None:
    """Records of a file are written in batches; an input that ends in an error must not cost the last one."""
    path = tmp_path / "cut.jsonl"
    lines = []
    for number in range(10):
        lines.append(f'{{"side":"mcu","time_ns":{1763690400000000000 + number * 10**9},"text":"AT+CSQ\\r"}}')
        lines.append(f'{{"side":"module","time_ns":{1763690400010000000 + number * 10**9},"text":"\\r\\nOK\\r\\n"}}')
    path.write_text("\n".join([*lines, "nonsense"]))
    done = run("decode", path, "--format", "jsonl")
    assert done.returncode == 2
    assert b"cut.jsonl:21: not a line of a chunk file" in done.stderr
    assert done.stdout.count(b'"kind":"transaction"') == 10
