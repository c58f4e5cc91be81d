"""A disk that misbehaves on purpose: a small file system of our own, by the kernel's FUSE protocol.

It serves one folder of files that lie in memory. ``Faults`` say how it misbehaves from now on. Needs root and /dev/fuse.

Source: Linux include/uapi/linux/fuse.h, protocol 7.31.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_LOOKUP, _FORGET, _GETATTR, _SETATTR, _UNLINK, _RENAME, _OPEN, _READ, _WRITE = 1, 2, 3, 4, 10, 12, 14, 15, 16
_STATFS, _RELEASE, _FSYNC, _FLUSH, _INIT, _OPENDIR, _READDIR, _RELEASEDIR = 17, 18, 20, 25, 26, 27, 28, 29
_CREATE, _INTERRUPT, _DESTROY, _BATCH_FORGET, _RENAME2 = 35, 36, 38, 42, 45
_SILENT = (_FORGET, _BATCH_FORGET, _INTERRUPT)
_HEAD = struct.Struct("<IIQQIIII")
_DIRECT_IO = 1
_SIZE = 1 << 17


@dataclass
class Faults:
    """How the disk misbehaves. ``slow_s``: each write takes so long. ``hangs``: writes wait until it is cleared.

    ``lies``: writes are taken and forgotten; ``loses``: they are counted, and zeros are kept. ``write``, ``sync``: the
    error (errno) that these calls get.
    """

    slow_s: float = 0.0
    hangs: threading.Event = field(default_factory=threading.Event)
    lies: bool = False
    loses: bool = False
    write: int = 0
    sync: int = 0


class Disk:
    """A mounted file system in a folder. A context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self._files: dict[int, bytearray] = {}
        self._modes: dict[int, int] = {}
        self._names: dict[str, int] = {}
        self._next = 2
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._number = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._number},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
        if self._libc.mount(b"atshark", os.fsencode(folder), b"fuse", 0, options.encode()):
            number = ctypes.get_errno()
            os.close(self._number)
            raise OSError(number, f"cannot mount: {os.strerror(number)}")
        self._pool = [threading.Thread(target=self._serve, daemon=True) for _ in range(4)]
        self._lock = threading.Lock()
        for thread in self._pool:
            thread.start()

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *_: object) -> None:
        self.faults.hangs.clear()
        self._libc.umount2(os.fsencode(self.folder), 2)
        for thread in self._pool:
            thread.join(5)
        with contextlib.suppress(OSError):
            os.close(self._number)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._number, _SIZE + 4096)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return
            _, code, unique, node, *_ = _HEAD.unpack_from(request)
            if code in _SILENT:
                continue
            number, body = 0, b""
            try:
                body = self._answer(code, node, request[_HEAD.size :])
            except OSError as error:
                number = -(error.errno or errno.EIO)
            with contextlib.suppress(OSError):
                os.write(self._number, struct.pack("<IiQ", 16 + len(body), number, unique) + body)

    def _answer(self, code: int, node: int, body: bytes) -> bytes:
        if code == _WRITE:
            return self._write(node, body)
        if code == _FSYNC and self.faults.sync:
            raise OSError(self.faults.sync, "")
        with self._lock:
            return self._quick(code, node, body)

    def _quick(self, code: int, node: int, body: bytes) -> bytes:
        match code:
            case 26:
                flags = 1 << 5  # big writes
                return struct.pack("<IIIIHHIIHH28x", 7, 31, 0, flags, 8, 6, _SIZE, 1, 0, 0)
            case 1:
                return self._entry(self._node(body[:-1].decode()))
            case 3:
                return struct.pack("<QII", 0, 0, 0) + self._attributes(node)
            case 4:
                valid, _, _, size = struct.unpack_from("<IIQQ", body)
                mode = struct.unpack_from("<I", body, 68)[0]
                if valid & 1:
                    self._modes[node] = stat.S_IFREG | stat.S_IMODE(mode)
                if valid & 8:
                    del self._files[node][size:]
                    self._files[node].extend(bytes(size - len(self._files[node])))
                return struct.pack("<QII", 0, 0, 0) + self._attributes(node)
            case 10:
                del self._names[body[:-1].decode()]
                return b""
            case 12 | 45:
                old, new = body[8 if code == _RENAME else 16 :].split(b"\0")[:2]
                self._names[new.decode()] = self._names.pop(old.decode())
                return b""
            case 14:
                return struct.pack("<QII", 0, _DIRECT_IO, 0)
            case 15:
                offset, size = struct.unpack_from("<8xQI", body)
                return bytes(self._files[node][offset : offset + size])
            case 17:
                return struct.pack("<QQQQQIIII24x", 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20, 4096, 255, 4096, 0)
            case 35:
                mode = struct.unpack_from("<4xI", body)[0]
                node, self._next = self._next, self._next + 1
                self._files[node], self._modes[node] = bytearray(), stat.S_IFREG | stat.S_IMODE(mode)
                self._names[body[16:-1].decode()] = node
                return self._entry(node) + struct.pack("<QII", 0, _DIRECT_IO, 0)
            case 27:
                return struct.pack("<QII", 0, 0, 0)
            case 18 | 20 | 25 | 28 | 29 | 38:
                return b""
        raise OSError(errno.ENOSYS, "")

    def _write(self, node: int, body: bytes) -> bytes:
        offset, size = struct.unpack_from("<8xQI", body)
        data = body[40 : 40 + size]
        if self.faults.write:
            raise OSError(self.faults.write, "")
        time.sleep(self.faults.slow_s)
        while self.faults.hangs.is_set():
            time.sleep(0.01)
        if not self.faults.lies:
            with self._lock:
                file = self._files[node]
                if len(file) < offset:
                    file.extend(bytes(offset - len(file)))
                file[offset : offset + size] = bytes(size) if self.faults.loses else data
        return struct.pack("<II", size, 0)

    def _node(self, name: str) -> int:
        if name not in self._names:
            raise FileNotFoundError(errno.ENOENT, name)
        return self._names[name]

    def _entry(self, node: int) -> bytes:
        return struct.pack("<QQQQII", node, 0, 0, 0, 0, 0) + self._attributes(node)

    def _attributes(self, node: int) -> bytes:
        size = len(self._files.get(node, b""))
        mode = stat.S_IFDIR | 0o755 if node == 1 else self._modes[node]
        links = 1 if node == 1 or node in self._names.values() else 0
        return struct.pack("<QQQQQQIIIIIIIIII", node, size, 0, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)
