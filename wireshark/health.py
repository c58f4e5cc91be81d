"""Whether the Wireshark of this machine does what it should: finds its window, and loads the dissector.

As root, Wireshark from 4.4 on reads no scripts of its user and ignores ``-X lua_script:``, without a word; a script in
the global folder of Lua plugins is loaded by everybody. So Wireshark itself is asked what it has loaded.

Source: tshark(1), ``-G plugins``; tried with 4.0.17, 4.4.19.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from capture.errors import AtsharkError
from wireshark.install import PLUGIN, Folders, ask, find_wireshark, usual_places

_SCRIPTS_NOT_FOR_ROOT = (4, 4)


def find_window() -> str:
    """Return the path of Wireshark's window. Raises :class:`AtsharkError` where there is none."""
    for name in ("wireshark", "Wireshark"):
        path = shutil.which(name, path=usual_places())
        if path is not None:
            return path
    raise AtsharkError(
        "Wireshark was not found: install it (Debian, Ubuntu: `sudo apt install wireshark`), "
        "or write the export with `atshark export FILE -w OUT` and open it elsewhere"
    )


def loaded() -> Path | None:
    """Ask Wireshark where it has our dissector from; None if it has not loaded it, or is not there."""
    program = find_wireshark()
    text = "" if program is None else ask(program, "-G", "plugins")
    found = re.search(rf"^{re.escape(PLUGIN)}\t.*\t(.+)$", text, re.MULTILINE)
    return Path(found[1].strip()) if found else None


def why_not_loaded(where: Folders) -> str:
    """Tell why the dissector that is installed at ``where`` is not loaded, and the way out."""
    if scripts_not_for_root(where):
        return (
            f"this is root, and as root Wireshark {where.version} reads no scripts of its user: start it as an "
            f"ordinary user, or give everybody the dissector: cp {where.plugins / PLUGIN} {where.global_plugins}/"
        )
    return "Wireshark does not load it: is Lua off? Help → About Wireshark → Plugins shows what is loaded"


def scripts_not_for_root(where: Folders) -> bool:
    """Tell whether we are root with a Wireshark that then reads no scripts but those for everybody."""
    version = tuple(int(part) for part in where.version.split(".")[:2] if part.isdecimal())
    return is_root() and version >= _SCRIPTS_NOT_FOR_ROOT


def is_root() -> bool:
    """Tell whether this process is root's."""
    return sys.platform != "win32" and os.geteuid() == 0
