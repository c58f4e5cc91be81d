"""In Wireshark, as its user has it: installed, captured live, recordings and foreign captures opened, counted."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from atshark.sources import open_source
from atshark.virtual.line import VirtualLine
from atshark.virtual.module import tour_chunks
from capture import pcapng, upper_pdu
from capture.chunk import Chunk
from capture.recording import record
from decoder import decode
from decoder.decode import Decoder
from decoder.events import Finding, Summary
from decoder.values import printable, to_text
from tests.foreign_captures import write_foreign
from tests.helpers import (
    ROOT,
    START,
    events,
    lua,
    messages,
    records,
    run,
    sample_files,
    standard,
    tool,
    transactions,
    tshark,
)
from wireshark.export import describe, export

pytestmark = pytest.mark.outside


def chunks_of(path: Path) -> list[Chunk]:
    with open_source(str(path)) as source:
        return [Chunk(*chunk) for chunk in source]


def sample(stem: str) -> Path:
    return next(path for path in sample_files() if path.stem == stem)


def exported(tmp_path: Path, stem: str) -> Path:
    out = tmp_path / f"{stem}-export.pcapng"
    export(chunks_of(sample(stem)), Decoder(standard()), out)
    return out


def values(path: Path, field: str, *arguments: str) -> list[list[str]]:
    """All values of a field, packet by packet."""
    found = json.loads(tshark(path, "-2", "-T", "json", "-e", field, *arguments))
    return [
        next(iter(one["_source"]["layers"].values()), []) for one in found
    ]  # 4.4 writes _ws.col.info for _ws.col.Info


def lines(path: Path, *arguments: str) -> list[str]:
    """The lines that the dissector shows, as they came."""
    kinds = values(path, "atshark.kind", *arguments)
    found = values(path, "atshark.line", *arguments)
    return [
        line for packet in zip(kinds, found, strict=True) for kind, line in zip(*packet, strict=True) if kind == "line"
    ]


def said_by(chunks: list[Chunk]) -> Counter[str]:
    """The same, of chunks: wire by wire what stands between line ends."""
    wires: dict[str, bytes] = {}
    for chunk in chunks:
        wires[chunk.side] = wires.get(chunk.side, b"") + chunk.data
    cut = [re.findall(rb"([^\r\n]+)[\r\n]", wire) for wire in wires.values()]
    return Counter(printable(to_text(line)) for wire in cut for line in wire)


# what Wireshark's user has


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return tmp_path / "home"


def said(*arguments: object) -> tuple[int, str]:
    done = run(*arguments)
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def test_install_and_uninstall(home: Path) -> None:
    code, text = said("wireshark", "status")
    assert code == 1
    assert "missing" in text
    code, text = said("wireshark", "install")
    assert code == 0
    assert "installed" in text
    files = {path for path in home.rglob("*") if path.is_file()}
    assert said("wireshark", "install")[0] == 0
    code, text = said("wireshark", "status")
    assert "missing" not in text
    listed = subprocess.run([tool("tshark"), "-D"], capture_output=True, check=True).stdout.decode()
    assert "AT tap)" in listed
    assert "AT tap (demo)" in listed
    preferences = next(path for path in files if path.name == "preferences")
    preferences.write_text("gui.column.format: changed by its user\n")
    assert "kept as you changed it" in said("wireshark", "install")[1]
    stranger = preferences.with_name("notes")
    stranger.write_text("mine")
    assert said("wireshark", "uninstall")[0] == 0
    assert {path for path in home.rglob("*") if path.is_file()} == {preferences, stranger}


def test_install_leaves_what_it_did_not_install(home: Path) -> None:
    said("wireshark", "install")
    plugin = next(home.rglob("atshark.lua"))
    plugin.write_text("-- somebody else's\n")
    code, text = said("wireshark", "install")
    assert code == 2
    assert str(plugin) in text
    assert len(text.splitlines()) == 1
    said("wireshark", "uninstall")
    assert plugin.read_text() == "-- somebody else's\n"


def test_the_launcher_names_this_interpreter(home: Path) -> None:
    said("wireshark", "install")
    launcher = next(path for path in home.rglob("atshark") if path.is_file())
    done = subprocess.run(
        [launcher, "--extcap-interfaces", "--extcap-version=4.2"],
        capture_output=True, check=True, env={"PATH": "/nowhere"}, cwd="/",
    )  # fmt: skip
    assert done.stdout.decode().splitlines()[1:] == [
        "interface {value=atshark}{display=AT tap}", "interface {value=atshark-demo}{display=AT tap (demo)}",
    ]  # fmt: skip


def test_the_profile_is_valid(home: Path, tmp_path: Path) -> None:
    said("wireshark", "install")
    path = exported(tmp_path, "protocols")
    done = subprocess.run(
        [tool("tshark"), "-C", "atshark", "-r", path, "--color"], capture_output=True, check=True, env=os.environ.copy()
    )
    problems = [line for line in done.stderr.decode().splitlines() if "Running as user" not in line]
    assert problems == []
    first = done.stdout.decode().splitlines()[0]
    assert "mcu" in first
    assert "CGMM" in first
    buttons = (ROOT / "wireshark/profile/dfilter_buttons").read_text().splitlines()
    assert [line.split('","')[1] for line in buttons] == [
        "Errors", "Slow > 3 s", "LwM2M", "MQTT", "Sockets", "Findings",
    ]  # fmt: skip
    for line in buttons:
        tshark(path, "-Y", line.split('","')[2].replace("\\x22", '"'))
    for line in (ROOT / "wireshark/profile/colorfilters").read_text().splitlines():
        tshark(path, "-Y", line.split("@")[2])


# live


def live(home: Path, interface: str, count: int, *options: str) -> subprocess.CompletedProcess[bytes]:
    assert home
    return subprocess.run(
        [tool("tshark"), "-l", "-i", interface, "-c", str(count), *options, "-T", "fields", "-e", "_ws.col.Protocol",
         "-e", "_ws.col.Info"], capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_demo_interface(home: Path) -> None:
    said("wireshark", "install")
    done = live(home, "AT tap (demo)", 50)
    protocols = Counter(line.split("\t")[0] for line in done.stdout.decode().splitlines())
    assert sum(protocols.values()) >= 50
    assert protocols["AT"] > 20
    assert protocols["MQTT"] >= 1
    assert protocols["CoAP"] >= 1
    assert b"Lua" not in done.stderr


def test_live_capture_of_two_ports(home: Path, tmp_path: Path) -> None:
    said("wireshark", "install")
    kept = tmp_path / "kept.pcapng"
    wanted = [chunk for chunk in tour_chunks(START) if (chunk[0] or 0) < START + 2_200_000_000]
    with VirtualLine() as line:
        player = threading.Thread(target=_play_when_open, args=(line, wanted), daemon=True)
        player.start()
        done = live(
            home, "AT tap", 15, "-o", f"extcap.atshark.mcuportname:{line.ports['mcu']}",
            "-o", f"extcap.atshark.moduleportname:{line.ports['module']}", "-o", f"extcap.atshark.record:{kept}",
        )  # fmt: skip
        player.join()
        # a busy machine may hold the reader up, and then it says so
        rows = [row for row in done.stdout.decode().splitlines() if "[stall]" not in row]
    assert rows[0] == "AT\t→ AT exec"
    assert any("CSQ exec; CGMI exec" in row for row in rows)
    assert len(records(chunks_of(kept))) > 5


def _play_when_open(line: VirtualLine, chunks: list[Chunk]) -> None:
    time.sleep(2)
    line.play(chunks)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "choose both serial ports first"),
        (("mcuportname:/dev/nothing", "moduleportname:/dev/neither"), "/dev/nothing: no such port"),
    ],
)
def test_a_wrong_port_is_one_line_in_wireshark(home: Path, options: tuple[str, ...], message: str) -> None:
    said("wireshark", "install")
    done = live(home, "AT tap", 1, *(part for option in options for part in ("-o", f"extcap.atshark.{option}")))
    text = done.stderr.decode()
    assert message in text
    assert "Traceback" not in text
    assert done.stdout == b""


def test_an_adapter_that_vanishes(tmp_path: Path) -> None:
    out = tmp_path / "pipe"
    os.mkfifo(out)
    got = bytearray()
    reader = threading.Thread(target=lambda: got.extend(out.read_bytes()), daemon=True)
    reader.start()
    with VirtualLine() as line:
        process = subprocess.Popen(
            [sys.executable, "-m", "atshark", "extcap", "--extcap-interface", "atshark", "--capture", "--fifo", out,
             "--mcu-port", line.ports["mcu"], "--module-port", line.ports["module"]], stderr=subprocess.PIPE,
        )  # fmt: skip
        while len(got) == 0 and process.poll() is None and not _opened(process):
            time.sleep(0.05)
        time.sleep(0.5)
        line.write("mcu", b"AT\r")
        time.sleep(0.5)
    _, problems = process.communicate(timeout=20)
    reader.join(timeout=10)
    lines = problems.decode().splitlines()
    assert process.returncode == 2
    assert len(lines) == 1
    assert "went away" in lines[0]
    captured = tmp_path / "captured.pcapng"
    captured.write_bytes(got)
    assert [one.name for one in transactions(records(chunks_of(captured)))] == ["AT"]


def _opened(process: subprocess.Popen[bytes]) -> bool:
    folder = Path(f"/proc/{process.pid}/fd")
    try:
        return sum("/dev/pts" in os.readlink(link) for link in folder.iterdir()) >= 2
    except OSError:
        return False


# files


@pytest.mark.parametrize("stem", ["tour", "quectel", "damaged"])
def test_a_recording_shows_its_lines(stem: str, tmp_path: Path) -> None:
    recording = tmp_path / "recording.pcapng"
    chunks = chunks_of(sample(stem))
    record(chunks, recording)
    assert not +(Counter(lines(recording)) - said_by(chunks))
    assert sum(Counter(lines(recording)).values()) > 0.95 * said_by(chunks).total()


def test_the_first_packet_of_a_recording_says_how_to_see_more(tmp_path: Path) -> None:
    recording = tmp_path / "recording.pcapng"
    record(chunks_of(sample("tour")), recording)
    listed = tshark(recording).splitlines()
    assert "atshark wireshark open FILE" in listed[0]
    assert sum("wireshark open" in line for line in listed) == 1
    assert "atshark wireshark open FILE" in tshark(recording, "-q", "-z", "expert")


@pytest.mark.parametrize("kind", ["usbmon", "usbpcap", "rtac"])
@pytest.mark.parametrize("stem", ["tour", "quectel"])
def test_captures_of_others_show_their_lines(kind: str, stem: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.pcap"
    chunks = chunks_of(sample(stem))
    write_foreign(kind, path, chunks)
    decode_as = ("-d", "rtacser.data,atshark_serial") if kind == "rtac" else ()
    found = Counter(lines(path, *decode_as))
    assert not +(found - said_by(chunks))
    assert found.total() > 0.95 * said_by(chunks).total()
    assert "wireshark open" in tshark(path, *decode_as)


def test_other_usb_traffic_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "disk.pcap"
    noise = [
        Chunk(START + i, "mcu" if i % 2 else "module", bytes([0x55, 0x53, 0x42, 0x43, i, 0x41, 0x54, 13]))
        for i in range(9)
    ]
    write_foreign("usbmon", path, noise)
    assert tshark(path, "-Y", "atshark") == ""


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: path.stem)
def test_the_info_column_is_what_the_exporter_wrote(path: Path, tmp_path: Path) -> None:
    out = exported(tmp_path, path.stem)
    listed = values(out, "_ws.col.Info", "-Y", 'atshark && !(atshark.kind in {"note", "mark"}) && !atshark.channel')
    assert [text[2:] for [text] in listed] == [describe(one) for one in messages(events(chunks_of(path)))]


def test_without_the_plugin_every_tag_is_read_or_passed_over(tmp_path: Path) -> None:
    for stem in ("tour", "damaged", "lwm2m", "protocols"):
        out = exported(tmp_path, stem)
        assert tshark(out, "-Y", '_ws.malformed && frame.interface_name == "uart"', plugin=False) == ""


def test_listed_without_a_look_into_packets(tmp_path: Path) -> None:
    """The Info column is the same whether the engine ran or not."""
    out = exported(tmp_path, "tour")
    quick = [line.split() for line in tshark(out).splitlines() if " AT " in line]
    looked = [line.split() for line in tshark(out, "-2", "-Y", "atshark").splitlines()]
    assert quick == looked


def test_text_of_a_file_gives_no_orders_to_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "evil.pcapng"
    with path.open("wb") as stream:
        writer = pcapng.Writer(stream, "evil")
        uart = writer.add_interface("uart", link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU)
        for info in ("→ \x1b[2Jgone", "→ a\nforged line", "→ \x9b2J"):
            writer.packet(
                uart, START, upper_pdu.header("atshark", "mcu", info=info, decode=b"\1\0\2\0\4\x1b[2J") + b"AT\x1b[2J\r"
            )
    for arguments in ((), ("-V",)):
        text = tshark(path, *arguments)
        assert "\x1b" not in text
        assert "\x9b" not in text
    assert len(tshark(path).splitlines()) == 3


def test_socket_packets_and_commands_name_each_other(tmp_path: Path) -> None:
    out = exported(tmp_path, "protocols")
    names = ("frame.number", "atshark.carried_by", "atshark.carries", "atshark.carrier", "mqtt.msgtype")
    text = tshark(out, "-2", "-T", "json", *(part for name in names for part in ("-e", name)))
    rows = [[one["_source"]["layers"].get(name, []) for name in names] for one in json.loads(text)]
    forward = {(row[0][0], by) for row in rows for by in row[1]}
    back = {(packet, row[0][0]) for row in rows for packet in row[2]}
    assert forward == back
    assert len(forward) > 20
    assert {row[3][0].partition("=")[0] for row in rows if row[4] and row[3]} >= {"AT+MIPSEND"}
    assert tshark(out, "-Y", "ip && !atshark.carried_by") == ""


def test_payload_goes_to_its_dissector(tmp_path: Path) -> None:
    assert len(tshark(exported(tmp_path, "protocols"), "-Y", 'atshark.kind == "data" && mqtt').splitlines()) >= 3
    assert len(tshark(exported(tmp_path, "m5310a"), "-Y", "atshark.name && json").splitlines()) >= 1
    text = tshark(exported(tmp_path, "tour"), "-Y", 'atshark.text contains "storm"')
    assert text == "" or "storm" in text


def test_findings_are_fields_and_expert_items(tmp_path: Path) -> None:
    for stem in ("damaged", "binary", "no-answer"):
        out = exported(tmp_path, stem)
        shown = Counter(rule for packet in values(out, "atshark.finding") for rule in packet)
        known = list(decode.run(chunks_of(sample(stem)), standard()))
        causes = [cause for one in known if isinstance(one, Summary) for cause in one.causes]
        told = [one.rule for one in known if isinstance(one, Finding)] + ["session.cause"] * len(causes)
        assert shown == Counter(told), stem
        last = values(out, "atshark.finding.text")[-1]
        assert not causes or causes[-1].message in last[-1]


def test_expert_information_needs_no_look_into_packets(tmp_path: Path) -> None:
    text = tshark(exported(tmp_path, "no-answer"), "-2", "-q", "-z", "expert")
    for said_there in ("CME ERROR: 10 (SIM not inserted)", "AT+COPS?: no final result", "+MDNSGIP did not follow"):
        assert said_there in text


def test_packets_that_would_stop_other_dissectors_do_not_stop_lua(tmp_path: Path) -> None:
    """An assertion that is reached through Lua costs a level of its stack for good; 200 are all that there are."""
    path = tmp_path / "tripping.pcapng"
    tripping = [
        "00220004" "00000001" "00000000",  # TCP data of a version that does not exist
        "00180004" "00000009" "00000000",  # a port type that none has
        "000c00046d71747400180004" "0000000200190004" "0000ffff001a0004" "0000075b00000000" "327300",  # cut MQTT
        "000c0004636f617000180004" "0000000200190004" "00001633001a0004" "0000163300000000" "42450046",  # CoAP in TCP
    ]  # fmt: skip
    with path.open("wb") as stream:
        writer = pcapng.Writer(stream, "tripping")
        uart = writer.add_interface("uart", link_type=pcapng.LINKTYPE_WIRESHARK_UPPER_PDU)
        for index in range(600):
            writer.packet(uart, START, bytes.fromhex(tripping[index % 4]))
        writer.packet(uart, START, upper_pdu.header("atshark", "mcu", decode=b"\1\0\2\0\3CSQ") + b"AT+CSQ\r")
    assert values(path, "atshark.name")[-1] == ["CSQ"]
    assert "Dissector bug" not in tshark(path, "-V")


def test_transactions_can_be_filtered_whole(tmp_path: Path) -> None:
    out = exported(tmp_path, "meter")
    for packet in values(out, "frame.number", "-Y", 'atshark.kind == "command"')[:5]:
        kinds = [row[0] for row in values(out, "atshark.kind", "-Y", f"atshark.transaction == {packet[0]}")]
        assert kinds[0] == "command"
        assert "result" in kinds


def test_statistics(tmp_path: Path) -> None:
    out = exported(tmp_path, "tour")
    text = tshark(out, "-q", "-o", "atshark.statistics:TRUE")
    table = {line[:24].strip(): line[24:].split() for line in text.splitlines()}
    groups: dict[str, list[int | None]] = {}
    errors: Counter[str] = Counter()
    for one in transactions(records(chunks_of(sample("tour")))):
        groups.setdefault(f"{one.name} {one.form}", []).append(one.latency_ns)
        errors[f"{one.name} {one.form}"] += one.result is not None and one.result.error is not None
    for name in ("MIPSEND set", "CEREG read", "MIPOPEN set"):
        latencies = [latency for latency in groups[name] if latency is not None]
        assert table[name][0] == str(len(groups[name]))
        assert table[name][1] == str(errors[name])
        assert table[name][3] == f"{min(latencies) / 1e6:.3f}"
        assert table[name][4] == f"{statistics.median_low(latencies) / 1e6:.3f}"
        assert table[name][6] == f"{max(latencies) / 1e6:.3f}"
    carried = json.loads(tshark(out, "-T", "json", "-e", "udp.length", "-Y", "udp && ip.src == 192.0.2.1"))
    up = sum(int(one["_source"]["layers"]["udp.length"][0]) - 8 for one in carried)
    assert any(line.startswith("UDP 192.0.2.1") and line.split()[4] == str(up) for line in text.splitlines())


# the parts without Wireshark, in both versions of Lua

DRIVER = """
local frame = 0
for i = 1, #arg - 1 do
  local name = arg[i]:match("(%l+)%.lua$")
  _G[name] = assert(loadfile(arg[i]))()
end
for line in io.lines(arg[#arg]) do
  local packet = line:gsub("%x%x", function(x) return string.char(tonumber(x, 16)) end)
  frame = frame + 1
  local start, first, _, _, at, last = tags.read(packet)
  local found = at and decode.read(packet, at, last, first) or {}
  local told = { start and start.side or "", found.kind or "", tostring(found.malformed), tostring(found.answers) }
  for _, one in ipairs(found.commands or {}) do
    for _, param in ipairs(one.params or {}) do
      told[#told + 1] = param.name .. "=" .. text.shown(param.value) .. "@" .. tostring(param.offset) .. "+" .. param.size
    end
  end
  if at then told[#told + 1] = tostring(links.peek(packet, at, last, first, frame)) end
  print(table.concat(told, " "))
end
"""


@pytest.mark.parametrize("stem", ["tour", "lwm2m", "damaged"])
def test_both_versions_of_lua(stem: str, tmp_path: Path) -> None:
    driver, data = tmp_path / "driver.lua", tmp_path / "packets.txt"
    driver.write_text(DRIVER)
    with exported(tmp_path, stem).open("rb") as stream:
        packets = [packet.data for packet in pcapng.Reader(stream, stem)]
    cut = [packet[: len(packet) // 2] for packet in packets]
    data.write_text("".join(f"{packet.hex()}\n" for packet in packets + cut))
    parts = [ROOT / "wireshark" / "plugin" / f"{name}.lua" for name in ("text", "tags", "decode", "links")]
    printed = [
        subprocess.run([tool(name), driver, *parts, data], capture_output=True, check=True).stdout.decode()
        for name in ("lua5.2", "lua5.4")
    ]
    assert printed[0] == printed[1]
    assert "send_length=" in printed[0] or "objid=" in printed[0]


def test_all_of_it_is_lua_for_both_versions() -> None:
    for name in ("lua5.2", "lua5.4"):
        subprocess.run([tool(name), "-e", f"assert(loadfile('{lua()}'))"], capture_output=True, check=True)
