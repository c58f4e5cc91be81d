"""Dialect files: what is wrong is told with file and line; what is right decodes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capture.errors import AtsharkError
from decoder import catalog
from decoder.catalog import lint
from tests.helpers import run

HEAD = '[dialect]\nid = "mine"\ntitle = "t"\nsource = "s"\nbase = "3gpp"\n'


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[dialect\n", 1, "not valid TOML"),
        (HEAD + "x = = 1\n", 6, "not valid TOML"),
        ('[dialect]\nid = "a"\n', 1, "title"),
        (
            HEAD + '[[command]]\nname = "A"\nsection = "1"\nen = "a"\n[[command]]\nname = "B"\nsection = 3\nen = "b"\n',
            12,
            "Expected `str`",
        ),
        (HEAD + '[[command]]\nname = "A"\nsection = "1"\nen = "a"\ncolour = "red"\n', 10, "colour"),
        (HEAD + '[[urc]]\nname = "A"\nsection = "1"\nen = "a"\nsyntax = ["nobody"]\n', 6, "nobody"),
        (HEAD + '[param]\nx = { type = "number" }\n', 7, "number"),
        (
            HEAD + '[[urc]]\nname = "A"\nsection = "1"\nen = "a"\nanswered = { command = "B", match = ["x=y&5"] }\n',
            6,
            "low bits",
        ),
        (HEAD + '[param]\nx = {}\n[[command]]\nname = "A"\nsection = "1"\nen = "a"\nset = ["x* x"]\n', 8, "last word"),
        (
            HEAD + '[param]\nx = {}\n[[command]]\nname = "A"\nsection = "1"\nen = "a"\nset = ["x:y"]\n',
            8,
            "counted by 'y'",
        ),
        (
            HEAD
            + '[[command]]\nname = "A"\nsection = "1"\nen = "a"\n\n[[command]]\nname = "A"\nsection = "1"\nen = "a"\n',
            11,
            "defined twice",
        ),
    ],
)
def test_mistakes_are_told_with_file_and_line(text: str, line: int, says: str) -> None:
    with pytest.raises(AtsharkError) as caught:
        lint.load(text, "mine.toml")
    message = str(caught.value)
    assert message.startswith(f"mine.toml:{line}: ")
    assert says in message
    assert "\n" not in message


OWN = (
    HEAD.replace('"mine"', '"acme"')
    + """[param]
x = { type = "int" }
[[command]]
name = "ACMEX"
section = "1"
en = "x"
set = ["x"]
"""
)


def test_files_in_the_configuration_folder_are_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "atshark" / "dialects"
    folder.mkdir(parents=True)
    (folder / "acme.toml").write_text(OWN)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run("dialects").stdout.startswith(b"acme ")
    chunks = tmp_path / "one.jsonl"
    chunks.write_text('{"time_ns": 1, "side": "mcu", "hex": "41542b41434d45583d370d"}\n')
    done = run("decode", chunks, "--format", "jsonl")
    assert json.loads(done.stdout.splitlines()[0])["params"] == {"x": 7}
    (folder / "broken.toml").write_text("oops\n")
    done = run("decode", chunks, "--format", "jsonl")
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"broken.toml:1:" in done.stderr
    assert json.loads(done.stdout.splitlines()[0])["params"] == {"x": 7}


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(HEAD + "oops\n")
    done = run("decode", "samples/numeric.jsonl", "--dialect", bad)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(f"atshark: {bad}:6: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", catalog.names())
def test_the_dialects_that_come_along_are_valid_and_explain_themselves(name: str) -> None:
    loaded = catalog.load([name])
    for command in loaded.commands.values():
        assert command.spec.en
        assert command.spec.zh
        assert command.spec.section
    for dialect in loaded.dialects:
        for param in dialect.file.param.values():
            assert param.en
            assert param.zh


def test_a_dialect_of_ones_own_decodes(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        HEAD
        + '[param]\nspeed = { type = "int", values = { 3 = ["fast", "快"] } }\n[[command]]\nname = "QUNKNOWN"\nsection = "1"\nen = "x"\nset = ["speed name? list?"]\nanswer = ["speed name"]\nparam.name = {}\nparam.list = {}\n'
    )
    done = run("decode", "samples/pasted.jsonl", "--dialect", own, "--dialect", "onemo-tcpip", "--format", "jsonl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    (one,) = [record for record in found if record.get("name") == "QUNKNOWN"]
    assert one["dialect"] == "mine"
    assert one["params"] == {"speed": 1, "name": "two", "list": "(3)"}
    assert one["information"][0]["params"] == {"speed": 5, "name": "six"}


def test_an_unknown_dialect_is_told_with_those_that_exist() -> None:
    with pytest.raises(AtsharkError, match="onemo-tcpip"):
        catalog.load(["nonesuch"])
