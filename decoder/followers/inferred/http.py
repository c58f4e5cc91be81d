"""HTTP messages of a client inside the module."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from capture.chunk import Side
from decoder.followers.inferred.builder import Builder, Fields, Made
from decoder.protocols.frames import http
from decoder.protocols.frames.http import Head

_METHODS = {"1": "GET", "2": "POST", "3": "PUT", "4": "DELETE"}
_CONTROL = re.compile(r"[\x00-\x20\x7f]")


def _made(head: Head, body: bytes, unknown: tuple[str, ...]) -> Made:
    text, fields = http.describe(head, len(body))
    if body:
        fields["body"] = body.hex()
    return Made("http", text, fields, http.build(head) + body, unknown)


def _request(fields: Fields, _side: Side, _memory: dict[str, Any]) -> Made:
    method = fields.text("method", "GET")
    given = fields.text("url") or fields.text("path", "/")
    address = urlsplit(given if "://" in given or given.startswith("/") else "//" + given)
    path = address.path or "/"
    target = _CONTROL.sub("", path + (f"?{address.query}" if address.query else ""))
    host = _CONTROL.sub("", address.netloc.rpartition("@")[2] or fields.text("host"))
    body = fields.data("payload")
    headers = [("Host", host)] if host else []
    if fields.text("content_type"):
        headers.append(("Content-Type", _CONTROL.sub("", fields.text("content_type"))))
    if body:
        headers.append(("Content-Length", str(len(body))))
    head = Head((_METHODS.get(method, method.upper()), target, "HTTP/1.1"), tuple(headers))
    return _made(head, body, ("headers",) if host else ("host", "headers"))


def _response(fields: Fields, _side: Side, _memory: dict[str, Any]) -> Made:
    body = fields.data("payload")
    status = fields.number("status", 200)
    unknown = ("headers",) if fields.has("status") else ("status", "headers")
    if not 100 <= status < 600:
        status, unknown = 200, ("status", "headers")
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return _made(Head(("HTTP/1.1", str(status), phrase), (("Content-Length", str(len(body))),)), body, unknown)


BUILDERS: dict[str, Builder] = {"http.request": _request, "http.response": _response}
