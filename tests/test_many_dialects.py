"""Many dialects: a tree, names that several makers define, one new file and nothing else, and what a large catalog costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.chunk import Chunk, Side
from decoder import catalog
from decoder.decode import run
from decoder.events import Data, Event, Finding, Frame, Socket, Summary, Transaction, Urc
from tests.helpers import START

MAKER = """\
[dialect]
id = "acme"
title = "ACME"
zh = "ACME"
source = "ACME manual 1"
base = "3gpp"
modules = ["ACME-9000"]

[param]
connect_id = { type = "int", en = "link", zh = "链路" }
type = { en = "transport", zh = "传输" }
host = { en = "server", zh = "服务器" }
remote_port = { type = "int", en = "port", zh = "端口" }
length = { type = "int", en = "bytes", zh = "长度" }
data = { type = "payload", en = "data", zh = "数据" }
topic = { en = "topic", zh = "主题" }
secret_key = { en = "key", zh = "密钥", secret = true }
cause = { type = "int", en = "cause", zh = "原因", values = { 7 = ["no carrier pigeon", "没有信鸽"] } }

[[result]]
name = "ROGER"
section = "1"
en = "Done"
zh = "完成"

[[result]]
name = "NEGATIVE"
section = "1"
en = "Not done"
zh = "未完成"
good = false

[[command]]
name = "%AOPEN"
section = "2"
en = "Open"
zh = "打开"
set = ["connect_id type host remote_port"]
opens = { transport = "type", udp = ["UDP"], address = "host", port = "remote_port" }

[[command]]
name = "%ASEND"
section = "3"
en = "Send"
zh = "发送"
set = ["connect_id length"]
payload = { length = "length", prompt = "GO" }

[[command]]
name = "%APUB"
section = "4"
en = "Publish"
zh = "发布"
set = ["topic data~"]
infer = [{ frame = "mqtt.publish", fields = { topic = "topic", payload = "data" } }]

[[command]]
name = "%AKEY"
section = "5"
en = "Key"
zh = "密钥"
set = ["secret_key"]

[[urc]]
name = "%AFAIL"
section = "6"
en = "Failure"
zh = "失败"
syntax = ["connect_id cause"]
fails = { cause = [7] }

[[urc]]
name = "%ADATA"
section = "7"
en = "Data"
zh = "数据"
syntax = ["connect_id length data:length"]
"""


def talk(*lines: tuple[str, str]) -> list[Chunk]:
    out = []
    for number, (mark, text) in enumerate(lines):
        side: Side = "mcu" if mark[0] == ">" else "module"
        raw = text.encode("latin-1")
        data = raw if len(mark) > 1 else raw + b"\r" if side == "mcu" else b"\r\n" + raw + b"\r\n"
        out.append(Chunk(START + number * 50_000_000, side, data))
    return out


def decoded(known: catalog.Catalog, *lines: tuple[str, str]) -> list[Event]:
    return list(run(talk(*lines), known))


def test_a_new_maker_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "atshark" / "dialects"
    folder.mkdir(parents=True)
    (folder / "acme.toml").write_text(MAKER, "utf-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    known = catalog.load()
    assert known.problems == []
    found = decoded(
        known,
        (">", 'AT%AOPEN=1,"TCP","192.0.2.1",80'),
        ("<", "ROGER"),
        (">", "AT%ASEND=1,5"),
        ("<", "GO"),
        (">>", "OK\r\nx"),
        ("<", "ROGER"),
        ("<", "%ADATA: 1,4,\r\nOK"),
        (">", 'AT%APUB="a/b",hello'),
        ("<", "NEGATIVE"),
        ("<", "%AFAIL: 1,7"),
    )
    results = {one.name: one.result for one in found if isinstance(one, Transaction)}
    assert {name: (one.code, one.good) for name, one in results.items() if one is not None} == {
        "%AOPEN": ("ROGER", True),
        "%ASEND": ("ROGER", True),
        "%APUB": ("NEGATIVE", False),
    }
    assert [bytes.fromhex(one.data) for one in found if isinstance(one, Data)] == [b"OK\r\nx", b"\r\nOK", b"hello"]
    assert next(one.change for one in found if isinstance(one, Socket)) == "opened"
    failures = [one for one in found if isinstance(one, Finding) and one.rule == "line.failure"]
    assert "no carrier pigeon" in failures[0].message
    assert "没有信鸽" in str(failures[0].message_zh)
    assert any(isinstance(one, Finding) and one.rule == "command.error" for one in found)
    assert not any(isinstance(one, Frame) and one.origin == "inferred" for one in found)  # it was refused


def test_payload_is_cut_by_the_module_that_named_itself(tmp_path: Path) -> None:
    """Two dialects define one URC with its parameters in another order."""
    first = tmp_path / "first.toml"
    first.write_text(MAKER.replace('"acme"', '"first"').replace("ACME-9000", "FIRST-1"), "utf-8")
    second = tmp_path / "second.toml"
    other = MAKER.replace('"acme"', '"second"').replace("ACME-9000", "SECOND-2")
    other = other.replace("connect_id length data:length", "length connect_id data:length")
    second.write_text(other, "utf-8")
    known = catalog.load([str(first), str(second)])
    for model, line, connect_id in (("FIRST-1", "%ADATA: 1,3,a,b", 1), ("SECOND-2", "%ADATA: 3,1,a,b", 1)):
        found = decoded(known, (">", "AT+CGMM"), ("<", model), ("<", "OK"), ("<", line), (">", "AT"), ("<", "OK"))
        (urc,) = [one for one in found if isinstance(one, Urc)]
        assert (urc.dialect, urc.params["connect_id"], urc.params["data"]) == (
            model.split("-")[0].lower(),
            connect_id,
            "a,b",
        )


@pytest.mark.parametrize(
    ("model", "dialect"),
    [("SIM800C", "sim800"), ("SIMCOM_SIM7600E", "sim7600"), ("A7670E", "sim7600"), ("M95", "quectel-m")],
)
def test_a_name_of_several_makers_goes_to_the_one_that_named_itself(model: str, dialect: str) -> None:
    found = decoded(
        catalog.load(),
        (">", "AT+CGMM"),
        ("<", model),
        ("<", "OK"),
        (">", "AT+HTTPACTION=0" if dialect != "quectel-m" else 'AT+QIOPEN="TCP","h",80'),
        ("<", "OK"),
    )
    last = [one for one in found if isinstance(one, Transaction)][-1]
    assert last.dialect == dialect
    (summary,) = [one for one in found if isinstance(one, Summary)]
    assert [one.certainty for one in summary.dialects if one.dialect == dialect] == ["certain"]


def test_a_log_of_simcom_is_not_called_espressif() -> None:
    lines = [("AT+CNACT=0,1", "OK"), ('AT+CAOPEN=0,0,"TCP","h",80', "+CAOPEN: 0,0"), ("AT+CASTATE?", "+CASTATE: 0,1")]
    said = [one for command, answer in lines for one in ((">", command), ("<", answer), ("<", "OK"))]
    (summary,) = [
        one for one in decoded(catalog.load(), *said, (">", "AT+CIPMUX=1"), ("<", "OK")) if isinstance(one, Summary)
    ]
    assert {one.dialect for one in summary.dialects} <= {"sim7000", "simcom", "sim800"}


def test_no_other_makers_error_table_is_taken() -> None:
    """553 means something to Quectel, and something else to the OneMO modules."""
    found = decoded(catalog.load(), (">", "AT+USOCR=6"), ("<", "+CME ERROR: 553"))
    (one,) = [one for one in found if isinstance(one, Transaction)]
    assert one.result is not None
    assert one.result.error is not None
    assert one.result.error.text is None


def test_words_and_number_of_an_error_are_one_thing() -> None:
    texts = []
    for said in ("+CME ERROR: 11", "+CME ERROR: SIM PIN required", "+CME ERROR: sim pin required"):
        (one,) = [
            one for one in decoded(catalog.load(), (">", "AT+CREG=1"), ("<", said)) if isinstance(one, Transaction)
        ]
        assert one.result is not None
        assert one.result.error is not None
        texts.append((one.result.error.text, one.result.error.text_zh))
    assert len(set(texts)) == 1
    assert texts[0][1]


def test_the_cache_is_read_anew_when_a_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MAKER, "utf-8")
    assert "%AFAIL" in catalog.load([str(path)]).urcs
    assert "%AFAIL" in catalog.load([str(path)]).urcs
    path.write_text(MAKER.replace("%AFAIL", "%AOTHER"), "utf-8")
    assert "%AOTHER" in catalog.load([str(path)]).urcs


def test_a_damaged_cache_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    names = set(catalog.load().commands)
    (kept,) = (tmp_path / "atshark").iterdir()
    raw = kept.read_bytes()
    for damaged in (b"", raw[: len(raw) // 2], b"\xff" * 100, raw[:200] + b"\x00" * 50 + raw[250:]):
        kept.write_bytes(damaged)
        assert set(catalog.load().commands) == names


def test_every_label_speaks_two_languages() -> None:
    for dialect in catalog.load().dialects:
        for table in dialect.file.errors.values():
            assert all(en.strip() and zh.strip() for en, zh in table.values())
        for name, param in dialect.file.param.items():
            assert param.en, (dialect.id, name)
            assert param.zh, (dialect.id, name)
            assert all(en.strip() and zh.strip() for en, zh in param.values.values()), (dialect.id, name)
