"""Caches on network file systems: which type a path lies on, and one host at a time.

SQLite's write-ahead log needs shared memory, which processes on two hosts don't have, and its locks are only
as good as the file system's. There the cache uses a rollback journal instead, and each process that
writes keeps an owner file beside it, so that a second host is told rather than let in.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mmteb_synth.errors import CacheError

MOUNTINFO = Path("/proc/self/mountinfo")
"""Linux's table of mounts (proc(5)). Other systems have none, and count as local."""

STALE_SECONDS = 600.0
"""An owner file that was not refreshed for this long no longer keeps another host out."""

# fmt: off
NETWORK_TYPES = frozenset({
    "9p", "acfs", "afs", "beegfs", "blobfuse", "blobfuse2", "ceph", "ceph-fuse", "cifs", "coda",
    "curlftpfs", "davfs", "gcsfuse", "gfs", "gfs2", "glusterfs", "goofys", "google-drive-ocamlfuse", "gpfs",
    "juicefs", "lustre", "mfs", "moosefs", "mount-s3", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "panfs",
    "pvfs2", "quobyte", "rclone", "s3fs", "seaweedfs", "smb2", "smb3", "smbfs", "sshfs", "vmhgfs-fuse",
    "wekafs",
})
# fmt: on
"""File system types that several hosts may have mounted; a FUSE type without its `fuse.`."""


def file_system_type(path: Path, *, mountinfo: Path | None = None) -> str:
    """The type of the file system that a path lies on, or would lie on.

    Args:
        path: A file or folder; it need not exist.
        mountinfo: The table of mounts; `MOUNTINFO` by default.

    Returns:
        The type as the kernel names it, as `ext4` or `nfs4`; `unknown` where there is no table.
    """
    resolved = path.resolve()  # first, since it may bring about an automatic mount
    try:
        lines = (mountinfo or MOUNTINFO).read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return "unknown"
    best, found = -1, "unknown"
    for line in lines:
        before, separator, after = line.partition(" - ")
        fields, described = before.split(" "), after.split(" ")
        if not separator or len(fields) < 5:
            continue
        mount = Path(_unescape(fields[4]))
        # Of two mounts on one point the later one covers the earlier.
        if resolved.is_relative_to(mount) and len(mount.parts) >= best:
            best, found = len(mount.parts), described[0]
    return found


def is_network(path: Path) -> bool:
    """Whether a path lies on a file system that other hosts may have mounted too."""
    return file_system_type(path).removeprefix("fuse.") in NETWORK_TYPES


def _unescape(field: str) -> str:
    """Undo the kernel's octal escapes of space, tab, newline and backslash."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine.

    Attributes:
        name: Its host name, for messages.
        machine: What tells it from others: its boot id where there is one (containers of one machine share
            it, and share its locks), otherwise the name.
    """

    name: str
    machine: str


def this_host() -> Host:
    """The machine that this process runs on."""
    name = socket.gethostname()
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        machine = name
    return Host(name=name, machine=machine)


class Owner:
    """This process's claim on a cache that lies on a network file system.

    Each writing process has an owner file of its own beside the cache, so that nobody has to know who is the
    last to leave; its time of change says when it was refreshed. Processes of one host don't mind each other. Two hosts that start at the same instant may
    both be refused; they are never both let in.

    Args:
        file: The cache.
        host: The machine to act for; this one by default.
    """

    def __init__(self, file: Path, *, host: Host | None = None) -> None:
        self.file = file
        self.host = host or this_host()
        label = "-".join((self.host.name, self.host.machine[:8]))
        label = re.sub(r"[^A-Za-z0-9-]", "-", label)
        self.path = file.with_name(f"{file.name}.owner.{label}.{os.getpid()}")

    def claim(self) -> None:
        """Write or refresh the owner file; called before each commit.

        Raises:
            CacheError: Another host is using the cache.
            OSError: The folder can't be written.
        """
        try:
            os.utime(self.path)
        except FileNotFoundError:
            self.check()
            self._write()
        # Looked round once more after it is written: of two hosts at once, at least one sees the other.
        try:
            self.check(now=self.path.stat().st_mtime)
        except CacheError:
            self.release()
            raise

    def _write(self) -> None:
        claim = {
            "host": self.host.name,
            "machine": self.host.machine,
            "pid": os.getpid(),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        temporary = self.path.with_name(f".{self.path.name}")
        temporary.write_text(json.dumps(claim, sort_keys=True), "utf-8")
        os.replace(temporary, self.path)  # noqa: PTH105  one atomic call, named as the documentation names it

    def check(self, *, now: float | None = None) -> None:
        """Make sure that no other host is writing the cache.

        Args:
            now: The present as the file system's clock has it, in seconds; this host's clock by default.

        Raises:
            CacheError: Another host is using the cache.
        """
        now = time.time() if now is None else now
        for path in self._others():
            with contextlib.suppress(FileNotFoundError):
                age = now - path.stat().st_mtime
                if age > STALE_SECONDS:
                    continue
                try:
                    owner = json.loads(path.read_text("utf-8"))
                    machine, name, pid = owner["machine"], owner["host"], owner["pid"]
                except (ValueError, KeyError, TypeError):
                    machine, name, pid = None, f"an unknown host, as {path.name} is damaged", "?"
                if machine != self.host.machine:
                    raise CacheError(
                        f"{self.file} is on a network file system and in use by {name} (process {pid}, "
                        f"{max(age, 0):.0f} s ago); two hosts can't share one cache",
                        hint="wait until it is done, or give this host a cache of its own with --cache-dir and "
                        "join the two later with `mmteb-synth cache merge`; if that process is dead, the claim "
                        f"ends {STALE_SECONDS / 60:.0f} minutes after its last commit, or delete {path}",
                    )

    def release(self) -> None:
        """Remove this process's owner file, and those that processes left behind long ago."""
        self.path.unlink(missing_ok=True)
        for path in self._others():
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()

    def _others(self) -> Iterator[Path]:
        prefix = f"{self.file.name}.owner."
        for entry in sorted(self.file.parent.iterdir()):
            if entry.name.startswith(prefix) and entry != self.path:
                yield entry
