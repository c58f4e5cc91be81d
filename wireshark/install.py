"""Put the plugin, the capture interfaces and the profile where Wireshark looks for them, and take them away again.

Strategy: ask Wireshark where it looks (``tshark -G folders``), since that differs by version and platform; without it,
use the places of its documentation. Every file that is written carries a mark, and only files with the mark are ever
changed or removed. The mark of a profile file has a digest of what stands below it: one that its user edited is his.

Source: Wireshark User's Guide, appendix B (configuration files and folders); extcap(4).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from capture.errors import AtsharkError
from decoder import catalog
from wireshark import bundle

MARK = "installed by atshark"
PROFILE = "atshark"
PLUGIN = "atshark.lua"
DISSECTOR = "dissector"
_TIMEOUT_S = 20
_FOLDER = re.compile(r"^(?P<name>[^:]+):\s+(?P<path>.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where one user's Wireshark looks. ``version`` is its version, "" if it was not found.

    ``global_plugins``: where it looks for Lua plugins of all users.
    """

    plugins: Path
    extcap: Path
    profiles: Path
    version: str
    global_plugins: Path = Path("/usr/lib/wireshark/plugins")


@dataclass(frozen=True, slots=True)
class File:
    """A file to install: what it is for, where it goes, what is in it.

    ``adaptable``: Wireshark writes it again, without our mark, when its user changes the profile.
    """

    title: str
    path: Path
    text: str
    executable: bool = False
    adaptable: bool = False

    @property
    def state(self) -> str:
        """Tell "missing", "current", "outdated", "adapted" (by its user), or "foreign" (not ours)."""
        try:
            found = self.path.read_text("utf-8", "replace")
        except OSError:
            return "missing"
        if found == self.text:
            return "current"
        if not self.adaptable:
            return "outdated" if MARK in found else "foreign"
        head, _, rest = found.partition("\n")
        return "outdated" if head == _mark(rest) else "adapted"


def find_wireshark() -> str | None:
    """Return the path of tshark, or of Wireshark itself; None if neither is found."""
    names = ("tshark", "wireshark", "Wireshark")
    return next((path for name in names if (path := shutil.which(name, path=usual_places()))), None)


def usual_places() -> str:
    """Return where programs are looked for: the search path, and where Wireshark usually lies."""
    usual = {
        "darwin": ["/Applications/Wireshark.app/Contents/MacOS"],
        "win32": [
            str(Path(os.environ.get(name, "C:\\Program Files")) / "Wireshark")
            for name in ("ProgramFiles", "ProgramFiles(x86)")
        ],
    }.get(sys.platform, ["/usr/local/bin", "/usr/bin"])
    return os.pathsep.join([os.environ.get("PATH", ""), *usual])


def folders() -> Folders:
    """Ask Wireshark for its folders. Raises :class:`AtsharkError` if it is there and does not say."""
    program = find_wireshark()
    if program is None:
        return _usual_folders()
    text = ask(program, "-G", "folders")
    found = {match["name"].strip().lower(): Path(match["path"]) for match in _FOLDER.finditer(text)}
    version = re.search(r"\d+\.\d+\.\d+", ask(program, "--version"))
    usual = _usual_folders()
    plugins = found.get("personal lua plugins") or found.get("personal plugins") or usual.plugins
    configuration = found.get("personal configuration") or usual.profiles.parent
    extcap = found.get("personal extcap path") or found.get("personal extcap") or configuration / "extcap"
    shared = found.get("global lua plugins") or found.get("global plugins") or usual.global_plugins
    return Folders(plugins, extcap, configuration / "profiles", version[0] if version else "", shared)


def _usual_folders() -> Folders:
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA", home / "AppData/Roaming")) / "Wireshark"
        return Folders(base / "plugins", base / "extcap", base / "profiles", "")
    configuration = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config")) / "wireshark"
    library = home / ".local/lib/wireshark"
    return Folders(library / "plugins", library / "extcap", configuration / "profiles", "")


def ask(program: str, *arguments: str) -> str:
    """Return what a program of Wireshark's prints. Raises :class:`AtsharkError` if it does not run."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AtsharkError(f"{program}: does not run ({error}); repair Wireshark, then try again") from error
    return done.stdout.decode("utf-8", "replace")


def launcher(python: str | None = None) -> str:
    """Write the script that Wireshark starts for the capture interfaces: it names the interpreter that has atshark."""
    python = python or sys.executable
    if sys.platform == "win32":
        return f'@rem {MARK}\r\n@"{python}" -m atshark extcap %*\r\n'
    quoted = "'" + python.replace("'", "'\\''") + "'"
    return f'#!/bin/sh\n# {MARK}\nexec {quoted} -m atshark extcap "$@"\n'


def files(where: Folders, plugin: str | None = None) -> list[File]:
    """List what belongs to an installation at ``where``; ``plugin`` is the text of the dissector where that is known.

    Raises :class:`AtsharkError` if a dialect in force cannot be read.
    """
    here = resources.files("wireshark")
    if plugin is None:
        plugin = bundle.plugin(catalog.load())
    name = "atshark.bat" if sys.platform == "win32" else "atshark"
    found = [
        File(DISSECTOR, where.plugins / PLUGIN, f"-- {MARK}\n{plugin}"),
        File("capture interfaces", where.extcap / name, launcher(), executable=True),
    ]
    for entry in sorted((here / "profile").iterdir(), key=lambda one: one.name):
        if entry.is_file() and not entry.name.startswith("__"):
            text = entry.read_text("utf-8")
            text = f"{_mark(text)}\n{text}"
            found.append(File(f"profile: {entry.name}", where.profiles / PROFILE / entry.name, text, adaptable=True))
    return found


def _mark(text: str) -> str:
    """Make the first line of a profile file that holds ``text`` below it."""
    return f"# {MARK}, {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def install(where: Folders) -> Iterator[str]:
    """Write all files; yield a line for each. A profile file that the user changed is kept.

    Raises :class:`AtsharkError` if a file cannot be written, or is there and not ours.
    """
    for file in files(where):
        state = file.state
        if state == "foreign":
            raise AtsharkError(f"{file.path}: is there already and was not installed by atshark; move it away first")
        if state == "adapted":
            yield f"{file.title}: kept as you changed it ({file.path})"
            continue
        if state == "current":
            _make_executable(file)
            yield f"{file.title}: is up to date ({file.path})"
            continue
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text, "utf-8", newline="")
            _make_executable(file)
        except OSError as error:
            raise AtsharkError(f"{file.path}: cannot be written: {error.strerror or error}") from error
        yield f"{file.title}: {'updated' if state == 'outdated' else 'installed'} ({file.path})"


def _make_executable(file: File) -> None:
    if file.executable and sys.platform != "win32" and not os.access(file.path, os.X_OK):
        file.path.chmod(0o755)


def difference(file: File) -> str:
    """Tell how an installed dissector differs from ``file``, "" if only in its text."""
    try:
        found = bundle.stamp_in(file.path.read_text("utf-8", "replace"))
    except OSError:
        return ""
    own = bundle.stamp_in(file.text)
    return "" if found == own else f"made as {found or 'an older plugin'}, now it would be {own}"


def uninstall(where: Folders) -> Iterator[str]:
    """Remove the files that bear the mark, and the profile's folder if nothing else is in it; yield a line for each."""
    for file in files(where, plugin=""):
        state = file.state
        if state == "missing":
            continue
        if state in ("foreign", "adapted"):
            why = "it was not installed by atshark" if state == "foreign" else "you changed it"
            yield f"{file.title}: kept, {why} ({file.path})"
            continue
        try:
            file.path.unlink()
        except OSError as error:
            raise AtsharkError(f"{file.path}: cannot be removed: {error.strerror or error}") from error
        yield f"{file.title}: removed ({file.path})"
    with contextlib.suppress(OSError):
        (where.profiles / PROFILE).rmdir()
