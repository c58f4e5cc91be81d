"""Output files: written beside, and given their name when they are whole; only over nothing, or over a regular file.

So a failure leaves what was there before, and nobody who can make a link or a FIFO of that name can have another file
written over. A new file gets the permissions that the umask leaves, one that holds secrets only those of its owner; a
file that is replaced keeps its own.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from capture.errors import AtsharkError

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS)
PARTIAL = ".atshark-"
"""How the names of files begin that are not whole yet."""


def replaced(path: Path) -> os.stat_result | None:
    """Return what is known of the regular file that writing ``path`` replaces, None if there is no file.

    Raises :class:`AtsharkError` if something else has that name.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AtsharkError(f"{path}: cannot be written: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise AtsharkError(f"{path}: is {kind}; give the name of a new or a regular file")
    return found


def create(path: Path, *, secret: bool = False) -> tuple[BinaryIO, Path]:
    """Create the file, unbuffered, that is to become ``path``, beside it and under another name. Raises OSError.

    ``secret``: a new file is for its owner only.
    """
    before = replaced(path)
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}.part")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    number = os.open(partial, flags, 0o600 if secret else 0o666)
    if before is not None and os.name == "posix":
        os.fchmod(number, stat.S_IMODE(before.st_mode))
        if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
            with contextlib.suppress(OSError):
                os.fchown(number, before.st_uid, before.st_gid)
    return cast(BinaryIO, open(number, "wb", buffering=0)), partial


def synced(number: int) -> None:
    """Wait until a file is on its disk. Raises OSError if the disk says that it is not."""
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


@contextmanager
def output(path: Path, *, secret: bool = False, what: str = "be written") -> Iterator[BinaryIO]:
    """Yield the stream of a new file, which takes the name ``path`` when the block ends well, and is gone if not.

    ``what`` cannot be done is said if it fails: raises :class:`AtsharkError`, also in place of an OSError of the block.
    """
    partial: Path | None = None
    try:
        raw, partial = create(path, secret=secret)
        with raw, io.BufferedWriter(cast(io.RawIOBase, raw), 1 << 18) as stream:
            yield cast(BinaryIO, stream)
            stream.flush()
            synced(raw.fileno())
        replaced(path)
        os.replace(partial, path)
        partial = None
    except OSError as error:
        raise AtsharkError(f"{path}: cannot {what}: {error.strerror or error}") from error
    finally:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink()
