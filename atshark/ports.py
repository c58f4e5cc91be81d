"""The serial ports of this machine, and what keeps a tap from them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys

from serial.tools import list_ports

UDEV_RULE = 'SUBSYSTEM=="usb", ATTRS{idVendor}=="%s", ATTRS{idProduct}=="%s", ENV{ID_MM_DEVICE_IGNORE}="1"'
_GROUP_OPENS = 0o060
_SERIAL_GROUP = "dialout"
_EXAMPLE = (0x0403, 0x6001)


def ports() -> list[tuple[str, str]]:
    """Return the machine's ports and what is behind each, USB adapters first."""
    found = sorted(list_ports.comports(), key=lambda port: (port.vid is None, port.device))
    return [(port.device, port.description if port.description != "n/a" else port.device) for port in found]


def permission_problems() -> list[str]:
    """Say which ports this user may not open, and what to do."""
    problems = []
    for device, _ in ports():
        if sys.platform == "win32" or not os.path.exists(device) or os.access(device, os.R_OK | os.W_OK):
            continue
        problems.append(f"{device}: no permission to open it; {_remedy(device)}")
    return problems


def _remedy(device: str) -> str:
    """Tell how a user gets to a port: by its group, if the group may open it and is not that of root."""
    if sys.platform == "win32":
        return ""
    import grp  # noqa: PLC0415 - POSIX only

    status = os.stat(device)
    name = os.path.basename(device)
    if status.st_gid == 0 or status.st_mode & _GROUP_OPENS != _GROUP_OPENS:
        rule = f'KERNEL=="{name}", GROUP="{_SERIAL_GROUP}", MODE="0660"'
        return f"only root may: a udev rule gives it to a group, {rule}, then you join that group"
    with contextlib.suppress(KeyError):
        return f"sudo usermod -aG {grp.getgrgid(status.st_gid).gr_name} $USER, then log in again"
    return f"its group {status.st_gid} has no name: ask the machine's administrator"


def prober_warning() -> str:
    """Warn if ModemManager runs: it writes AT commands into every new serial port. "" if it does not."""
    if not sys.platform.startswith("linux") or not _runs("ModemManager"):
        return ""
    adapters = {(port.vid, port.pid) for port in list_ports.comports() if port.vid is not None} or {_EXAMPLE}
    lines = [
        "ModemManager runs: it probes new serial ports by writing into them, which a tap must not. Keep it away from",
        "the adapters with these lines in /etc/udev/rules.d/99-atshark.rules (idVendor and idProduct: see lsusb),",
        "then `sudo udevadm control --reload` and plug them in again:",
    ]
    lines += [f"    {UDEV_RULE % (f'{vendor:04x}', f'{product:04x}')}" for vendor, product in sorted(adapters)]
    return "\n".join(lines)


def _runs(name: str) -> bool:
    pgrep = shutil.which("pgrep")
    if pgrep is None:
        return False
    return subprocess.run([pgrep, "-x", name], capture_output=True, check=False).returncode == 0
