"""Which dialect: several are active, some names are in more than one, and the session shows which is meant."""

from __future__ import annotations

from decoder import catalog
from decoder.events import Frame, Record, Summary
from tests.helpers import answer, command, records, rules, talk, transactions, urcs

M5310A = 'AT+MQTTPUB="t",1,0,0,5,"hello"'
ESPRESSIF = 'AT+MQTTPUB=0,"t","hello",1,0'


def summary(found: list[Record]) -> Summary:
    (one,) = [record for record in found if isinstance(record, Summary)]
    assert found[-1] is one
    return one


def dialect_of(*lines: str) -> str | None:
    said = [line for text in lines for line in (command(text), answer("OK"))]
    return transactions(records(talk(*said)))[-1].dialect


def test_parameters_tell_which_of_two_commands_is_meant() -> None:
    assert dialect_of(M5310A) == "m5310a-mqtt"
    assert dialect_of(ESPRESSIF) == "espressif"


def test_the_variant_without_a_length_is_read_too() -> None:
    (one,) = transactions(
        records(talk(command('AT+MQTTPUB="t",1,0,0,"{"a":1,"b":2}"'), answer("OK"), answer("+MQTTPUBACK: 1")))
    )
    assert (one.dialect, one.params["message"]) == ("m5310a-mqtt", '{"a":1,"b":2}')


def test_evidence_decides_where_parameters_do_not() -> None:
    ambiguous = 'AT+MQTTSUB="t",1'
    assert dialect_of(ambiguous) == "m5310a-mqtt"
    assert dialect_of("AT+IMQTTSTATE?", "AT+ILOGLVL=1", ambiguous) == "m5310a-mqtt"  # a real name before a misprint
    assert dialect_of("AT+CWMODE=1", 'AT+MQTTCONN=0,"h",1883,0') == "espressif"


def test_the_model_that_the_module_names_decides() -> None:
    lines = [command("AT+CGMM"), answer("ESP32-WROOM", "OK"), command("AT+MQTTCLEAN=0"), answer("OK")]
    found = records(talk(*lines))
    use = summary(found).dialects
    assert ("espressif", "certain", "the module says ESP-WROOM") not in [
        (u.dialect, u.certainty, u.because) for u in use
    ]
    assert ("espressif", "certain", "the module says ESP32") in [(u.dialect, u.certainty, u.because) for u in use]


def test_an_answer_belongs_to_the_command_that_waits_for_it() -> None:
    lines = [command("AT+MQTTSUB?"), answer('+MQTTSUB:0,6,"down/#",1', "OK")]
    found = transactions(records(talk(command("AT+GMR"), answer("AT version:2.4", "ESP32", "OK"), *lines)))
    assert (found[-1].dialect, found[-1].information[0].params["topic"]) == ("espressif", "down/#")


def test_a_urc_of_two_dialects_is_read_by_what_fits() -> None:
    (urc,) = urcs(records(talk(command("AT+CWMODE=1"), answer("OK"), answer("+MQTTPUB:FAIL"))))
    assert (urc.name, urc.dialect) == ("MQTTPUB", "espressif")


def test_an_error_is_explained_by_the_dialect_in_use() -> None:
    lines = [command("AT+QIACT=1"), answer("OK"), command("AT+CGATT=1"), answer("+CME ERROR: 565")]
    result = transactions(records(talk(*lines)))[-1].result
    assert result is not None
    assert result.error is not None
    assert result.error.text == "name could not be resolved"


def test_unknown_names_are_listed_and_decoded_all_the_same() -> None:
    found = records(
        talk(
            command('AT+FOO=1,"two"'), answer("+FOO: 7", "OK"), command("AT+FOO?"), answer("ERROR"), answer("+BAR: 1,2")
        )
    )
    first = transactions(found)[0]
    assert (first.name, first.form, first.params, first.dialect) == ("FOO", "set", {"arg1": "1", "arg2": "two"}, None)
    assert first.information[0].params == {"arg1": "7"}
    assert summary(found).unknown == {"FOO": 2, "BAR": 1}


def test_certainty_grows_with_evidence() -> None:
    polls = [line for _ in range(3) for line in (command("AT+QIACT?"), answer("OK"))]
    few = summary(records(talk(*polls[:2]))).dialects[0]
    many = summary(records(talk(*polls))).dialects[0]
    assert (few.dialect, few.certainty, few.lines) == ("quectel", "possible", 1)
    assert (many.dialect, many.certainty, many.lines) == ("quectel", "likely", 3)


def test_a_dialect_that_was_asked_for_is_the_only_one() -> None:
    found = records(talk(command('AT+MQTTPUB="t",1,"x"'), answer("OK")), catalog.load(["ica"]))
    assert transactions(found)[0].name == "IMQTTPUB"
    assert summary(found).dialects[0].because == "given"


def test_a_wrong_length_does_not_make_it_another_variant() -> None:
    line = 'AT+MQTTPUB="$dp",0,0,0,22,0300117B2274657374223A2268656C6C6F21227D'
    found = records(talk(command(line), answer("OK")))
    (one,) = transactions(found)
    assert (one.params["message_len"], one.params["message"][:4]) == (22, "0300")
    assert [frame.fields["json"] for frame in found if isinstance(frame, Frame) and frame.origin == "observed"] == [
        {"test": "hello!"}
    ]
    assert rules(found) == ["send.length"]


def test_a_value_longer_than_its_length_takes_no_commas() -> None:
    (one,) = transactions(records(talk(command("AT+MIPLNOTIFY=0,7982,3303,0,5700,4,4,20.123,0,0"), answer("OK"))))
    assert (one.params["value"], one.params["index"], one.params["flag"]) == (20.123, 0, 0)
