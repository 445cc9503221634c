import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mmteb_synth.errors import CacheError
from mmteb_synth.paths import PACKAGE
from mmteb_synth.translate import locking
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.locking import Host, Owner, file_system_type, is_network, this_host
from mmteb_synth.translate.rows import Row, replay_key

HERE = Host(name="here", machine="11111111-aaaa")
ELSEWHERE = Host(name="elsewhere", machine="22222222-bbbb")


def row(text: str) -> Row:
    key = replay_key("import:x", "1", "tur-Latn", text)
    return Row(
        key=key, translator="import:x", language="tur-Latn", kind=None, source=text, translation=text.upper()
    )


def mounts(folder: Path, *lines: tuple[str, str]) -> Path:
    """A table of mounts as proc(5) describes it, with (mount point, type) on it."""
    file = folder / "mountinfo"
    file.write_text(
        "".join(
            f"{number} 1 0:{number} / {point} rw,relatime shared:{number} - {kind} source rw\n"
            for number, (point, kind) in enumerate(lines, start=20)
        )
    )
    return file


@pytest.fixture
def on_nfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the table of mounts says is on NFS."""
    folder = tmp_path / "share"
    folder.mkdir()
    monkeypatch.setattr(
        locking, "MOUNTINFO", mounts(tmp_path, ("/", "ext4"), (str(folder.resolve()), "nfs4"))
    )
    return folder


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def owners(file: Path) -> list[Path]:
    return sorted(file.parent.glob("*.owner.*"))


def test_the_longest_mount_decides(tmp_path: Path) -> None:
    table = mounts(tmp_path, ("/", "ext4"), ("/data", "lustre"), ("/data/local", "xfs"), ("/data2", "nfs"))
    assert file_system_type(Path("/data/x/cache.sqlite"), mountinfo=table) == "lustre"
    assert file_system_type(Path("/data/local/cache.sqlite"), mountinfo=table) == "xfs"
    assert file_system_type(Path("/database/cache.sqlite"), mountinfo=table) == "ext4"
    assert file_system_type(Path("/data2"), mountinfo=table) == "nfs"


def test_of_mounts_on_one_point_the_last_decides(tmp_path: Path) -> None:
    table = mounts(tmp_path, ("/", "ext4"), ("/home", "autofs"), ("/home", "nfs4"))
    assert file_system_type(Path("/home/me"), mountinfo=table) == "nfs4"


def test_escaped_mount_points(tmp_path: Path) -> None:
    table = mounts(tmp_path, ("/", "ext4"), (r"/my\040share", "cifs"))
    assert file_system_type(Path("/my share/cache.sqlite"), mountinfo=table) == "cifs"


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    table = mounts(tmp_path, ("/", "ext4"), (str((tmp_path / "far").resolve()), "beegfs"))
    assert file_system_type(tmp_path / "link" / "not there yet" / "cache.sqlite", mountinfo=table) == "beegfs"


def test_without_a_table_the_type_is_unknown_and_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "MOUNTINFO", tmp_path / "none")
    assert file_system_type(tmp_path) == "unknown"
    assert not is_network(tmp_path)


def test_lines_that_are_no_mounts_are_passed_over(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"\nnonsense\n1 2 3 - nfs x\n9 1 0:9 / / rw - ext4 x rw\n10 1 0:10 / /\xff rw - nfs x rw\n"
    )
    assert file_system_type(Path("/x"), mountinfo=table) == "ext4"


@pytest.mark.parametrize(
    "kind",
    [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "lustre",
        "gpfs",
        "beegfs",
        "ceph",
        "fuse.ceph",
        "afs",
        "fuse.sshfs",
        "9p",
        "glusterfs",
        "fuse.glusterfs",
        "fuse.rclone",
    ],
)
def test_network_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(locking, "MOUNTINFO", mounts(tmp_path, ("/", kind)))
    assert is_network(tmp_path)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "fuseblk", "fuse.fuse-overlayfs"]
)
def test_local_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(locking, "MOUNTINFO", mounts(tmp_path, ("/", kind)))
    assert not is_network(tmp_path)


def test_this_machine_has_an_identity() -> None:
    assert this_host().name
    assert this_host().machine
    assert this_host() == this_host()


def test_an_owner_file_says_who(tmp_path: Path) -> None:
    owner = Owner(tmp_path / "cache.sqlite", host=HERE)
    owner.claim()
    (path,) = owners(tmp_path / "cache.sqlite")
    said = json.loads(path.read_text())
    assert (said["host"], said["machine"], said["pid"]) == ("here", HERE.machine, os.getpid())
    assert said["started"]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    owner.release()
    assert owners(tmp_path / "cache.sqlite") == []


def test_a_second_host_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    first, second = Owner(file, host=HERE), Owner(file, host=ELSEWHERE)
    first.claim()
    with pytest.raises(CacheError, match=r"network file system and in use by here \(process \d+") as refused:
        second.claim()
    assert "--cache-dir" in str(refused.value.hint)
    assert owners(file) == [first.path]
    first.claim()
    first.release()
    second.claim()
    with pytest.raises(CacheError, match="in use by elsewhere"):
        first.claim()


def test_a_claim_that_was_not_refreshed_lapses(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    first, second = Owner(file, host=HERE), Owner(file, host=ELSEWHERE)
    first.claim()
    age(first.path, locking.STALE_SECONDS + 60)
    second.claim()
    with pytest.raises(CacheError, match="in use by elsewhere"):
        first.claim()  # it comes back from a long pause and finds the other in its place
    second.claim()
    second.release()
    assert owners(file) == []


def test_refreshing_keeps_a_claim_alive(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    first = Owner(file, host=HERE)
    first.claim()
    age(first.path, locking.STALE_SECONDS + 60)
    first.claim()
    with pytest.raises(CacheError, match="in use by here"):
        Owner(file, host=ELSEWHERE).claim()


def test_what_dead_processes_left_is_cleared_away(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    left = tmp_path / "cache.sqlite.owner.here-11111111.999999"
    left.write_text(json.dumps({"host": "here", "machine": HERE.machine, "pid": 999999, "started": ""}))
    fresh = Owner(file, host=HERE)
    fresh.claim()  # same host: no matter
    fresh.release()
    assert owners(file) == [left]
    age(left, locking.STALE_SECONDS + 60)
    fresh.claim()
    fresh.release()
    assert owners(file) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 1}'])
def test_a_damaged_owner_file_counts_as_another_host(tmp_path: Path, text: str) -> None:
    (tmp_path / "cache.sqlite.owner.x.1").write_text(text)
    with pytest.raises(CacheError, match=r"unknown host, as cache.sqlite.owner.x.1 is damaged"):
        Owner(tmp_path / "cache.sqlite", host=HERE).claim()


def test_a_cache_on_a_network_uses_a_rollback_journal(on_nfs: Path) -> None:
    file = on_nfs / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
        assert len(owners(file)) == 1
        assert cache.lookup([row("one").key])
        assert not (on_nfs / "cache.sqlite-wal").exists()
        assert not (on_nfs / "cache.sqlite-shm").exists()
    assert [entry.name for entry in on_nfs.iterdir()] == ["cache.sqlite"]
    connection = sqlite3.connect(file)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()


def test_a_local_cache_uses_a_write_ahead_log_and_no_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "MOUNTINFO", mounts(tmp_path, ("/", "ext4")))
    file = tmp_path / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
        assert (tmp_path / "cache.sqlite-wal").exists()
        assert owners(file) == []


@pytest.mark.parametrize("by_reading", [True, False])
def test_a_cache_copied_to_a_network_leaves_its_log(
    tmp_path: Path, on_nfs: Path, monkeypatch: pytest.MonkeyPatch, by_reading: bool
) -> None:
    (tmp_path / "local").mkdir()
    with monkeypatch.context() as local:
        local.setattr(locking, "MOUNTINFO", mounts(tmp_path / "local", ("/", "ext4")))
        with Cache(tmp_path / "cache.sqlite") as cache:
            cache.put([row("one")])
    file = (tmp_path / "cache.sqlite").rename(on_nfs / "cache.sqlite")
    assert file.read_bytes()[18:20] == b"\2\2"  # the header's mark of a write-ahead log
    with Cache(file) as cache, Cache(file) as same_host:
        if not by_reading:
            cache.put([row("two")])
        assert cache.lookup([row("one").key])
        assert same_host.lookup([row("one").key])
        assert not (on_nfs / "cache.sqlite-shm").exists()
    assert file.read_bytes()[18:20] == b"\1\1"


def test_a_cache_in_use_by_another_host_is_refused(on_nfs: Path) -> None:
    file = on_nfs / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
    other = Owner(file, host=ELSEWHERE)
    other.claim()
    with Cache(file) as cache:
        with pytest.raises(CacheError, match="in use by elsewhere"):
            cache.put([row("two")])
        with pytest.raises(CacheError, match="in use by elsewhere"):
            cache.lookup([row("one").key])
    assert owners(file) == [other.path]
    other.release()
    with Cache(file) as cache:
        cache.put([row("two")])
        assert len(cache.lookup([row("one").key, row("two").key])) == 2


def test_a_host_that_was_overtaken_is_told_at_its_next_commit(on_nfs: Path) -> None:
    file = on_nfs / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
        age(owners(file)[0], locking.STALE_SECONDS + 60)
        Owner(file, host=ELSEWHERE).claim()
        with pytest.raises(CacheError, match="in use by elsewhere"):
            cache.put([row("two")])


def test_processes_of_one_host_share_a_cache_on_a_network(on_nfs: Path) -> None:
    code = """
import sys
from pathlib import Path
from mmteb_synth.translate import locking
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row, replay_key
locking.MOUNTINFO = Path(sys.argv[1])
name = sys.argv[3]
sys.stdin.readline()
with Cache(Path(sys.argv[2])) as cache:
    for number in range(20):
        text = f"{name} {number}"
        key = replay_key("import:x", "1", "tur-Latn", text)
        cache.put([Row(key=key, translator="import:x", language="tur-Latn", kind=None, source=text, translation=text)])
"""
    file = on_nfs / "cache.sqlite"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(locking.MOUNTINFO), str(file), name],
            stdin=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        )
        for name in "ab"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with Cache(file) as cache:
        assert cache.changes("import:x", "tur-Latn") == (40, 0)
    assert owners(file) == []
