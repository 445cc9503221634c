"""The cache's file against what happens to files: kills, other processes, full disks, read-only folders, damage."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmteb_synth.errors import CacheError
from mmteb_synth.paths import PACKAGE
from mmteb_synth.translate import database
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.portable import verify
from mmteb_synth.translate.rows import Row, replay_key

# What every child process starts with.
PRELUDE = """
import os, sys
from pathlib import Path
from mmteb_synth.errors import CacheError
from mmteb_synth.translate.cache import Cache
from mmteb_synth.translate.rows import Row, replay_key

def row(text, translation=None):
    key = replay_key("import:x", "1", "tur-Latn", text)
    return Row(key=key, translator="import:x", language="tur-Latn", kind=None, source=text, translation=translation or text)

file = Path(sys.argv[1])
"""


def row(text: str, translation: str | None = None) -> Row:
    key = replay_key("import:x", "1", "tur-Latn", text)
    return Row(
        key=key,
        translator="import:x",
        language="tur-Latn",
        kind=None,
        source=text,
        translation=translation or text,
    )


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )


def output(code: str, *arguments: object) -> str:
    process = start(code, *arguments)
    said, _ = process.communicate()
    assert process.returncode == 0
    return said


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite"


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_a_killed_process_loses_no_acknowledged_row(file: Path, acknowledged: int) -> None:
    code = """
with Cache(file) as cache:
    for start in range(0, 10**9, 20):
        cache.put([row(f"text {number}", "x" * 500) for number in range(start, start + 20)])
        print(start + 20, flush=True)
"""
    process = start(code, file)
    assert process.stdout is not None
    for _ in range(acknowledged):
        process.stdout.readline()
    process.kill()
    rest, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    last = max(
        [acknowledged * 20, *(int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n"))]
    )
    with Cache(file) as cache:
        wanted = [row(f"text {number}").key for number in range(last)]
        assert len(cache.lookup(wanted)) == last
        report = verify(cache)
        assert report.problems == ()
        assert report.rows % 20 == 0  # the transaction in flight is there as a whole, or not at all
        assert cache.changes("import:x", "tur-Latn") == (report.rows, 0)
        cache.put([row("after")])


@pytest.mark.parametrize("attempt", range(3))
def test_two_processes_write_at_once(file: Path, attempt: int) -> None:
    code = """
print("ready", flush=True)
sys.stdin.readline()
with Cache(file) as cache:
    for start in range(0, 400, 10):
        cache.put([row(f"{sys.argv[2]} {number}") for number in range(start, start + 10)] + [row(f"shared {start}", sys.argv[2])])
        assert len(cache.lookup([row(f"{sys.argv[2]} {start}").key])) == 1
"""
    processes = [start(code, file, name) for name in ("one", "two")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    with Cache(file) as cache:
        report = verify(cache)
        assert (report.rows, report.problems) == (840, ())
        assert cache.changes("import:x", "tur-Latn") == (840, 0)


def test_reading_goes_on_while_another_process_writes(file: Path) -> None:
    with Cache(file) as writer, Cache(file) as reader:
        writer.put([row("one")])
        with writer.transaction():
            writer.put([row("two")])
            assert set(reader.lookup([row("one").key, row("two").key])) == {row("one").key}
        assert len(reader.lookup([row("one").key, row("two").key])) == 2


def test_a_cache_locked_for_too_long(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    with Cache(file) as first, Cache(file) as second:
        first.put([row("one")])
        with first.transaction():
            first.put([row("two")])
            with pytest.raises(CacheError, match="locked by another process"):
                second.put([row("three")])
        second.put([row("three")])
        assert len(list(first.rows())) == 3


def test_a_disk_that_fills_up_keeps_what_it_had(file: Path) -> None:
    """The file may grow to 300 kB: what is beyond is refused by the system as by a disk that is full."""
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
done = 0
try:
    with Cache(file) as cache:
        for number in range(1000):
            cache.put([row(f"text {number}", "x" * 2000)])
            done += 1
except CacheError as error:
    print(done, error.message, error.hint, sep="|")
"""
    done, message, hint = output(code, file).split("|")
    assert "could not write the cache" in message
    assert "the disk is full" in message
    assert "--cache-dir" in hint
    with Cache(file) as cache:
        assert verify(cache).problems == ()
        assert cache.changes("import:x", "tur-Latn") == (int(done), 0)
        cache.put([row("after")])


@pytest.fixture
def small_disk() -> Iterator[None]:
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tempfile.gettempdir()],
            capture_output=True,
        ).returncode
    ):
        pytest.skip("no small file system can be mounted here")
    return


@pytest.mark.usefixtures("small_disk")
def test_a_disk_that_is_full(tmp_path: Path) -> None:
    code = """
import subprocess
done = 0
try:
    with Cache(file) as cache:
        for number in range(10000):
            cache.put([row(f"text {number}", "x" * 2000)])
            done += 1
except CacheError as error:
    print(error.message)
(file.parent / "ballast").unlink()
with Cache(file) as cache:
    print(len(list(cache.rows())) == done > 0, cache.damage())
    cache.put([row("after")])
"""
    process = subprocess.run(
        [
            *["unshare", "-rm", "sh", "-c"],
            'mount -t tmpfs -o size=1m tmpfs "$1" && head -c 500000 /dev/zero > "$1/ballast" && "$2" -c "$3" "$1/cache.sqlite"',
            *["sh", tmp_path, sys.executable, PRELUDE + code],
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert process.stderr == ""
    message, intact = process.stdout.splitlines()
    assert message == f"could not write the cache {tmp_path}/cache.sqlite: database or disk is full"
    assert intact == "True []"


def test_a_full_database_rolls_back(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row("one")])
        assert cache._database._connection is not None
        cache._database._connection.execute("PRAGMA max_page_count = 6")
        with pytest.raises(CacheError, match="disk is full") as refused:
            cache.put([row("two"), row("big", "x" * 100_000)])
        assert "what was stored before is kept" in str(refused.value.hint)
        assert [stored.source for stored in cache.rows()] == ["one"]
        assert cache.changes("import:x", "tur-Latn") == (1, 0)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users can reach."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o755)


# Root may write everywhere, so the child becomes nobody; its imports are done by then.
AS_NOBODY = """
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)

def refused(action):
    try:
        action()
    except CacheError as error:
        print(error.message, error.hint, sep="|")
"""


def test_a_cache_in_a_read_only_folder_can_be_read(public: Path) -> None:
    file = public / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
    file.chmod(0o444)
    public.chmod(0o555)
    code = """
with Cache(file) as cache:
    print(len(cache.lookup([row("one").key, row("two").key])), cache.stats()[0].served, cache.damage())
    refused(lambda: cache.put([row("two")]))
    print(len(cache.lookup([row("one").key])))
"""
    first, second, third = output(AS_NOBODY + code, file).splitlines()
    assert (first, third) == ("1 1 []", "1")
    message, hint = second.split("|")
    assert message.startswith(f"could not open or write the cache {file}: ")
    assert "--cache-dir" in hint
    assert [entry.name for entry in public.iterdir()] == ["cache.sqlite"]


def test_a_read_only_file_in_a_writable_folder_can_be_read(public: Path) -> None:
    file = public / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
    file.chmod(0o444)
    public.chmod(0o777)
    code = """
with Cache(file) as cache:
    print(len(cache.lookup([row("one").key])))
    refused(lambda: cache.put([row("two")]))
"""
    first, second = output(AS_NOBODY + code, file).splitlines()
    assert first == "1"
    assert second.startswith(f"could not open or write the cache {file}: ")


def test_a_read_only_cache_with_rows_in_its_log_is_not_misread(public: Path) -> None:
    file = public / "cache.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
        for name in ("cache.sqlite", "cache.sqlite-wal"):  # as a backup copies them, or a kill leaves them
            shutil.copy(public / name, public / f"copy of {name}")
    copy = public / "copy of cache.sqlite"
    public.chmod(0o555)
    said = output(AS_NOBODY + 'refused(lambda: print(len(Cache(file).lookup([row("one").key]))))', copy)
    assert "could not open" in said


def test_no_cache_in_a_read_only_folder(public: Path) -> None:
    public.chmod(0o555)
    code = """
with Cache(file) as cache:
    print(cache.lookup([row("one").key]))
    refused(lambda: cache.put([row("two")]))
"""
    first, second = output(AS_NOBODY + code, public / "new" / "cache.sqlite").splitlines()
    assert first == "{}"
    assert "Permission denied" in second
    assert "--cache-dir" in second
    first, second = output(AS_NOBODY + code, public / "cache.sqlite").splitlines()
    assert first == "{}"
    assert "could not open or write the cache" in second


@pytest.mark.parametrize(
    "content", [b"source,translation\n" * 100, b"\0" * 5000, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_cache(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with Cache(file) as cache:
        for action in (
            lambda: cache.lookup([row("one").key]),
            lambda: cache.put([row("one")]),
            cache.stats,
            lambda: verify(cache),
        ):
            with pytest.raises(CacheError, match="damaged or is not a translation cache") as refused:
                action()
            assert f"mv {file} {file}.damaged" in str(refused.value.hint)
            assert "mmteb-synth cache import" in str(refused.value.hint)
    assert file.read_bytes() == content


def test_an_empty_file_is_an_empty_cache(file: Path) -> None:
    file.touch()  # as a kill before the first commit leaves it
    with Cache(file) as cache:
        assert cache.lookup([row("one").key]) == {}
        cache.put([row("one")])
        assert len(cache.lookup([row("one").key])) == 1


def test_a_cut_off_file(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row(f"text {number}", "x" * 3000) for number in range(100)])
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)
    with Cache(file) as cache:
        with pytest.raises(CacheError, match="is damaged"):
            list(cache.rows())
        with pytest.raises(CacheError, match="is damaged"):
            verify(cache)


@pytest.mark.parametrize("page", [1, 2, 5, 20])
def test_a_damaged_page(file: Path, page: int) -> None:
    with Cache(file) as cache:
        cache.put([row(f"text {number}") for number in range(1000)])
    with file.open("r+b") as stream:
        stream.seek(page * 4096)
        stream.write(b"\xa5" * 4096)
    found: list[str | None] = []
    with Cache(file) as cache:
        try:
            found += [problem.reason for problem in verify(cache).problems if problem.key is None]
        except CacheError as error:  # a page without which nothing can be read
            found.append(error.hint)
    assert found


def test_text_that_is_no_utf8(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row("one")])
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE translations SET translation = CAST(x'ff61' AS TEXT)")
    connection.close()
    with Cache(file) as cache, pytest.raises(CacheError, match=r"is damaged.*UTF-8"):
        cache.lookup([row("one").key])


def test_another_programs_database(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE translations (a)")
    connection.close()
    before = file.read_bytes()
    with Cache(file) as cache:
        with pytest.raises(CacheError, match="but not a translation cache"):
            cache.lookup([b"x" * 16])
        with pytest.raises(CacheError, match="but not a translation cache"):
            cache.put([row("one")])
    assert file.read_bytes() == before


def test_a_cache_of_a_newer_version(file: Path) -> None:
    with Cache(file) as cache:
        cache.put([row("one")])
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version = 1000")
    connection.close()
    with Cache(file) as cache:
        for action in (lambda: cache.lookup([b"x" * 16]), lambda: cache.put([row("two")])):
            with pytest.raises(
                CacheError, match="has schema 1000, and this mmteb-synth knows schema"
            ) as refused:
                action()
            assert "upgrade" in str(refused.value.hint)


def test_a_folder_in_its_place(file: Path) -> None:
    file.mkdir()
    with Cache(file) as cache:
        with pytest.raises(CacheError, match="could not open"):
            cache.lookup([b"x" * 16])
        with pytest.raises(CacheError, match="could not open"):
            cache.put([row("one")])


def test_a_file_in_its_folders_place(tmp_path: Path) -> None:
    (tmp_path / "folder").touch()
    with (
        Cache(tmp_path / "folder" / "cache.sqlite") as cache,
        pytest.raises(CacheError, match="could not use the cache"),
    ):
        cache.put([row("one")])


def test_names_that_a_url_would_misread(tmp_path: Path) -> None:
    file = tmp_path / "what? 100% #1 ü" / "cache?mode=memory.sqlite"
    with Cache(file) as cache:
        cache.put([row("one")])
        assert len(cache.lookup([row("one").key])) == 1
    assert file.exists()


def test_mistakes_of_the_caller_are_not_blamed_on_the_file(file: Path) -> None:
    with Cache(file) as cache, pytest.raises(sqlite3.IntegrityError):
        cache.put(
            [Row(key=b"k" * 16, translator="x", language="x", kind=None, source=None, translation=None)]
        )  # type: ignore[arg-type]
