"""What keeps a user from a port, and the way out."""

from __future__ import annotations

import grp
import os
from pathlib import Path

import pytest

from atshark import ports


@pytest.mark.parametrize(
    ("mode", "group", "said"),
    [
        (0o660, "tty", "sudo usermod -aG tty $USER, then log in again"),
        (0o660, "root", "a udev rule gives it to a group"),
        (0o600, "tty", "a udev rule gives it to a group"),
        (0o640, "tty", "a udev rule gives it to a group"),
        (0o660, 987654, "its group 987654 has no name"),
    ],
)
def test_the_way_to_a_port(
    mode: int, group: str | int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = tmp_path / "ttyX0"
    port.touch()
    number = grp.getgrnam(group).gr_gid if isinstance(group, str) else group
    status = os.stat(port)
    seen = os.stat_result((mode, *status[1:5], number, *status[6:]))
    monkeypatch.setattr(ports, "ports", lambda: [(str(port), "a port")])
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "stat", lambda *_, **__: seen)
    (problem,) = ports.permission_problems()
    assert problem.startswith(f"{port}: no permission to open it; ")
    assert said in problem
    assert "usermod -aG root" not in problem
