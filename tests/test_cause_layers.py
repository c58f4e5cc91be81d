"""A fault in a layer, and everything above it failing: for the lines of every dialect the cause is that layer."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capture.chunk import Chunk, Side
from decoder import catalog
from decoder.catalog import Catalog, Command, Syntax
from decoder.decode import run
from decoder.events import Cause, Event, Summary
from decoder.findings import LAYERS
from tests.from_catalog import commands, prefix, written
from tests.helpers import START, examples

MS = 1_000_000
Said = list[tuple[Side, str]]
GOOD: dict[str, Said] = {
    "sim": [("mcu", "AT+CPIN?"), ("module", "+CPIN: READY"), ("module", "OK")],
    "radio": [("mcu", "AT+CSQ"), ("module", "+CSQ: 20,99"), ("module", "OK")],
    "registration": [("mcu", "AT+CEREG?"), ("module", "+CEREG: 0,1"), ("module", "OK")],
    "context": [("mcu", "AT+CGACT=1,1"), ("module", "OK")],
}
BAD: dict[str, list[Said]] = {
    "sim": [
        [("mcu", "AT+CPIN?"), ("module", "+CPIN: SIM PIN"), ("module", "OK")],
        [("mcu", "AT+CPIN?"), ("module", "+CME ERROR: 10")],
        [("mcu", "AT+CPIN?"), ("module", "+CME ERROR: SIM failure")],
    ],
    "radio": [[("mcu", "AT+CSQ"), ("module", "+CSQ: 99,99"), ("module", "OK")]],
    "registration": [
        [("mcu", "AT+CEREG?"), ("module", f"+CEREG: 0,{state}"), ("module", "OK")] for state in (0, 2, 3, 4)
    ],
    "context": [
        [("mcu", "AT+CGACT=1,1"), ("module", "ERROR")],
        [("mcu", "AT+CGACT=1,1"), ("module", "+CME ERROR: 148")],
    ],
}
REFUSALS = ("ERROR", "+CME ERROR: 100", "+CME ERROR: unknown")
UPPER = ("name", "connection", "protocol")
MAKERS = [name for name in catalog.names() if name != "3gpp"]


Entry = tuple[Command, Syntax]


@cache
def whole() -> Catalog:
    return catalog.load()


@cache
def of_layer(name: str, layer: str) -> list[Entry]:
    """The commands of a dialect that lie in a layer and are answered by a result alone."""
    (dialect,) = [one for one in whole().dialects if one.id == name]
    return [(one, syntax) for one, syntax in commands(dialect) if one.layer == layer and _is_plain(one)]


def _is_plain(one: Command) -> bool:
    after = one.payload or one.stream or one.raw_after_ok or one.block or one.image or one.alone or one.ends
    return not (after or one.explains)


def introduced(name: str) -> Said:
    """How a module of a dialect says what it is."""
    (dialect,) = [one for one in whole().dialects if one.id == name]
    models = dialect.file.dialect.modules
    said: Said = [("mcu", "ATE0"), ("module", "OK")]
    return said + ([("mcu", "AT+CGMM"), ("module", models[0]), ("module", "OK")] if models else [])


def decoded(said: Said) -> list[Event]:
    """What a session gives, a line every 100 ms."""
    chunks = [
        Chunk(START + number * 100 * MS, side, (text + "\r" if side == "mcu" else f"\r\n{text}\r\n").encode())
        for number, (side, text) in enumerate(said)
    ]
    return list(run(chunks, whole()))


def causes(said: Said) -> list[Cause]:
    (summary,) = [one for one in decoded(said) if isinstance(one, Summary)]
    return summary.causes


def asked(data: st.DataObject, name: str, layer: str, answer: str) -> Said:
    """A command of a dialect that lies in a layer, and its result; nothing if the dialect has none."""
    entries = of_layer(name, layer)
    if not entries:
        return []
    command, syntax = data.draw(st.sampled_from(entries))
    line = f"AT{prefix(command.name)}={data.draw(written(syntax)).text}"
    return [("mcu", line), ("module", answer)]


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=examples(8), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_the_lowest_broken_layer_is_the_cause(name: str, data: st.DataObject) -> None:
    layers = [*GOOD, *(layer for layer in UPPER if of_layer(name, layer))]
    broken = data.draw(st.sampled_from(layers))
    said = introduced(name)
    for layer in layers[: layers.index(broken)]:
        said += GOOD.get(layer, [])
    refusal = data.draw(st.sampled_from(REFUSALS))
    own = broken not in BAD or (of_layer(name, broken) and data.draw(st.booleans()))
    said += asked(data, name, broken, refusal) if own else data.draw(st.sampled_from(BAD[broken]))
    above = layers[layers.index(broken) + 1 :]
    for layer in above:
        if layer == "registration":
            said += BAD["registration"][1]
        else:
            said += asked(data, name, layer, data.draw(st.sampled_from(REFUSALS)))
    found = causes(said)
    assert found, said
    assert found[0].layer == broken, (said, found)
    assert len(found) == 1, (said, found)


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=examples(3), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_good_session_has_no_cause(name: str, data: st.DataObject) -> None:
    said = introduced(name)
    for lines in GOOD.values():
        said += lines
    for layer in UPPER:
        entries = [one for one in of_layer(name, layer) if not one[0].late and not one[0].answers]
        if entries:
            command, syntax = data.draw(st.sampled_from(entries))
            said += [("mcu", f"AT{prefix(command.name)}={data.draw(written(syntax)).text}"), ("module", "OK")]
    found = causes(said)
    assert [one for one in found if one.rule not in LIMITS] == [], (said, found)


LIMITS = ("parameter.range", "lwm2m.lifetime.short", "mqtt.keep-alive")
"""Drawn values may lie outside of what a module allows."""


def test_every_layer_has_lines() -> None:
    covered = {layer for name in MAKERS for layer in LAYERS if of_layer(name, layer)}
    assert {"context", "name", "connection", "protocol", "registration"} <= covered
