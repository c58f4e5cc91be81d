"""CoAP messages of a client inside the module. Tokens are never shown, so they are made from the message id."""

from __future__ import annotations

from typing import Any

from capture.chunk import Side
from decoder.followers.inferred.builder import Builder, Fields, Made
from decoder.protocols.frames import coap
from decoder.protocols.frames.coap import Message, Option

CON, NON, ACK = 0, 1, 2
URI_PATH, CONTENT_FORMAT, URI_QUERY = 11, 12, 15
_CODES = {"GET": 1, "POST": 2, "PUT": 3, "DELETE": 4, "1": 1, "2": 2, "3": 3, "4": 4}


def number_option(number: int, value: int) -> Option:
    """Make an option that holds an unsigned integer, without leading zeros."""
    return Option(number, value.to_bytes((value.bit_length() + 7) // 8, "big"))


def path_options(path: str) -> tuple[Option, ...]:
    """Make the options of a path and its query."""
    path, _, query = path.partition("?")
    options = [Option(URI_PATH, part.encode()) for part in path.split("/") if part]
    return (*options, *(Option(URI_QUERY, part.encode()) for part in query.split("&") if part))


def token_of(message_id: int) -> bytes:
    """Make the token that stands for the one that no line shows."""
    return message_id.to_bytes(2, "big")


def made(message: Message, asked: tuple[str, ...], unknown: tuple[str, ...]) -> Made:
    """Build a message and tell what it says."""
    text, fields = coap.describe(message, asked)
    if "message_id" in unknown:
        text = text.replace(f", id {message.message_id}", ", id ?", 1)
    return Made("coap", text, fields, coap.build(message), unknown)


def _request(fields: Fields, _side: Side, _memory: dict[str, Any]) -> Made:
    identifier = fields.number("message_id") & 0xFFFF
    options = list(path_options(fields.text("path")))
    if fields.has("content_format"):
        options.append(number_option(CONTENT_FORMAT, fields.number("content_format")))
    code = _CODES.get(fields.text("method", "GET").upper(), 1)
    kind = NON if fields.number("non") else CON
    message = Message(kind, code, identifier, token_of(identifier), tuple(options), fields.data("payload"))
    unknown = ("token",) if fields.has("message_id") else ("token", "message_id")
    return made(message, coap.path_of(message), unknown)


def _response(fields: Fields, _side: Side, _memory: dict[str, Any]) -> Made:
    identifier = fields.number("message_id") & 0xFFFF
    code = fields.number("code", 0x45)
    message = Message(ACK, code, identifier, token_of(identifier), (), fields.data("payload"))
    asked = tuple(part for part in fields.text("path").split("/") if part)
    unknown = ["token", "type"] + ([] if fields.has("code") else ["code"])
    return made(message, asked, tuple(unknown))


def _ack(fields: Fields, _side: Side, _memory: dict[str, Any]) -> Made:
    return made(Message(ACK, 0, fields.number("message_id") & 0xFFFF), (), ())


BUILDERS: dict[str, Builder] = {"coap.request": _request, "coap.response": _response, "coap.ack": _ack}
