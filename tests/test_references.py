"""References in dialect files that lead nowhere: each kind is told, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from decoder import catalog
from decoder.catalog import lint
from tests.helpers import run

GOOD = """\
[dialect]
id = "mine"
title = "mine"
source = "nowhere"

[param]
x = { type = "int", en = "x", zh = "x" }
y = { type = "int", en = "y", zh = "y" }
connect_id = { type = "int", en = "link", zh = "link" }
length = { type = "int", en = "length", zh = "length" }
data = { type = "payload", en = "data", zh = "data" }

[[command]]
name = "ASET"
section = "1"
en = "set"
set = ["connect_id x y?"]
answer = ["connect_id length data:length"]
sets = [{ key = "connect_id", values = { mode = "x" }, defaults = { x = 0 } }]

[[command]]
name = "ASEND"
section = "2"
en = "send"
set = ["connect_id length x"]
answer = ["length"]
%(command)s

[[urc]]
name = "AURC"
section = "3"
en = "urc"
syntax = ["connect_id x"]
%(urc)s

%(rest)s
"""
GROUP = '[[group]]\nname = "g"\nsection = "4"\nen = "g"\nstart = [{ line = "AURC", where = { x = 1 } }]\nend = [{ line = "AURC" }]\n'

COMMANDS = [
    ('late = [{ urc = "NONE" }]', "'NONE'"),
    ('late = [{ urc = "AURC", where = { zz = 1 } }]', "'zz'"),
    ('late = [{ urc = "AURC", match = ["zz"] }]', "'zz'"),
    ('late = [{ urc = "AURC", match = ["x=zz"] }]', "'zz'"),
    ('late = [{ urc = "AURC", when = { zz = [1] } }]', "'zz'"),
    ('late = [{ urc = "AURC", within = "zz" }]', "'zz'"),
    ('late = [{ urc = "AURC", until = { zz = 1 } }]', "'zz'"),
    ('late = [{ urc = "AURC", single = { zz = [1] } }]', "'zz'"),
    ('late = [{ urc = "AURC", bind = ["zz"] }]', "'zz'"),
    ('late = [{ urc = "AURC", given = { state = "zz", values = [1] } }]', "'zz'"),
    ('late = [{ urc = "AURC", given = { state = "mode", key = "zz", values = [1] } }]', "'zz'"),
    ('payload = { length = "zz" }', "'zz'"),
    ('payload = { unless = "zz" }', "'zz'"),
    ('raw_after_ok = { length = "zz" }', "'zz'"),
    ('raw_after_ok = { length = "length", crc16 = "zz" }', "'zz'"),
    ('frame = { protocol = "nmea", when = { zz = [1] } }', "'zz'"),
    ('frame = { protocol = "nmea", within = "zz" }', "'zz'"),
    ("stream = { when = { zz = [1] } }", "'zz'"),
    ('sets = [{ key = "zz", values = { mode = "x" } }]', "'zz'"),
    ('sets = [{ key = "", values = { mode = "zz" } }]', "'zz'"),
    ('opens = { transport = "zz", udp = [] }', "'zz'"),
    ('opens = { transport = "x", udp = [], address = "zz" }', "'zz'"),
    ('opens = { transport = "x", udp = [], answer = { line = "ZZ" } }', "'ZZ'"),
    ('opens = { transport = "x", udp = [], answer = { line = "AURC", where = { zz = 0 } } }', "'zz'"),
    ('closes = { key = "zz" }', "'zz'"),
    ("closes = { peer = { zz = [1] } }", "'zz'"),
    ('sends = { sent = "zz" }', "'zz'"),
    ('tells = { address = "zz" }', "'zz'"),
    ('tells = { address = "x", name = "zz" }', "'zz'"),
    ('infer = [{ frame = "mqtt.publish", when = { zz = [1] } }]', "'zz'"),
    ('infer = [{ frame = "mqtt.publish", fields = { topic = "zz" } }]', "'zz'"),
    ('infer = [{ frame = "mqtt.publish", needs = "zz" }]', "'zz'"),
    ('keeps = { values = { topic = "zz" } }', "'zz'"),
    ('image = { size = "zz" }', "'zz'"),
    ("block = { again = { zz = [1] } }", "'zz'"),
    ('encoding = "zz"', "'zz'"),
    ('answer_encoding = "zz"', "'zz'"),
    ("fails = { zz = [1] }", "'zz'"),
    ("succeeds = { zz = [1] }", "'zz'"),
]
URCS = [
    ('answered = { command = "ZZ", match = [] }', "'ZZ'"),
    ('answered = { command = "ASEND", match = ["zz"] }', "'zz'"),
    ('answered = { command = "ASEND", match = [], unless = { zz = [1] } }', "'zz'"),
    ('arrives = { bytes = "zz" }', "'zz'"),
    ("arrives = { tcp = { zz = [1] } }", "'zz'"),
    ('ends_stream = { zz = "1" }', "'zz'"),
    ('encoding = "zz"', "'zz'"),
    ("cached = { zz = [1] }", "'zz'"),
    ("carried = { zz = [1] }", "'zz'"),
    ("closes = { where = { zz = 1 } }", "'zz'"),
    ('tells = { address = "x", where = { zz = 1 } }', "'zz'"),
    ('infer = [{ frame = "mqtt.publish", fields = { topic = "zz" } }]', "'zz'"),
    ("fails = { zz = [1] }", "'zz'"),
]
RESTS = [
    (GROUP.replace('line = "AURC" }', 'line = "ZZ" }'), "'ZZ'"),
    (GROUP.replace("where = { x", "where = { zz"), "'zz'"),
    (GROUP + 'key = ["zz"]\n', "'zz'"),
    (GROUP + 'join = "zz"\n', "'zz'"),
]
MISTAKES = (
    [("command", line, says) for line, says in COMMANDS]
    + [("urc", line, says) for line, says in URCS]
    + [("rest", line, says) for line, says in RESTS]
)


HEADS = [
    ('[layers]\nsim = ["ZZ"]\n', "'ZZ'", "sim"),
    ('[layers]\nsim = ["ZZ*"]\n', "'ZZ*'", "sim"),
    ('[needs]\nASEND = ["ZZ"]\n', "'ZZ'", "ASEND"),
    ('[needs]\nZZ = ["ASEND"]\n', "'ZZ'", "ZZ"),
]


def problems(text: str) -> list[str]:
    return list(lint.references(lint.load(text, "mine.toml"), [], text, "mine.toml"))


def test_a_file_without_a_mistake_has_none() -> None:
    assert problems(GOOD % {"command": "", "urc": "", "rest": GROUP}) == []


@pytest.mark.parametrize(("place", "line", "says"), MISTAKES)
def test_each_dangling_reference_is_told_with_its_line(place: str, line: str, says: str) -> None:
    text = GOOD % {"command": "", "urc": "", "rest": "", place: line}
    found = problems(text)[0]
    number = int(found.split(":")[1])
    key = line.split(" ", 1)[0] if place != "rest" else ""
    assert found.startswith("mine.toml:")
    assert says in found
    assert text.splitlines()[number - 1].startswith(key if key else ("start", "end", "key", "join"))


@pytest.mark.parametrize(("head", "says", "key"), HEADS)
def test_a_layer_or_a_need_of_nothing_is_told_with_its_line(head: str, says: str, key: str) -> None:
    good = GOOD % {"command": "", "urc": "", "rest": ""}
    (found,) = problems(good.replace("[param]\n", f"{head}\n[param]\n"))
    assert says in found
    number = int(found.split(":")[1])
    assert good.replace("[param]\n", f"{head}\n[param]\n").splitlines()[number - 1].startswith(key)


@pytest.mark.parametrize("name", catalog.names())
def test_the_dialects_that_come_along_have_none(name: str) -> None:
    loaded = catalog.load([name]).dialects
    file = Path(str(catalog.__path__[0])) / "dialects" / f"{name}.toml"
    assert list(lint.references(loaded[0].file, [one.file for one in loaded[1:]], file.read_text("utf-8"), name)) == []


@pytest.mark.outside
def test_the_command_line_tells_them(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(GOOD % {"command": 'payload = { length = "zz" }', "urc": "", "rest": ""})
    done = run("dialects", "lint", bad)
    assert done.returncode == 2
    assert f"{bad}:27: command ASEND: payload names the parameter 'zz'" in done.stdout.decode()
    assert run("dialects", "--names").stdout.decode().count("\n") > 250
