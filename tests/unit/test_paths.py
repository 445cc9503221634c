"""Where things lie, and writing a file so that nobody ever sees half of it."""

import errno
from pathlib import Path

import pytest

from mmteb_synth import paths
from mmteb_synth.errors import SynthError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The package as it lies in an environment, outside a checkout."""
    package = tmp_path / "site-packages" / "mmteb_synth"
    package.mkdir(parents=True)
    monkeypatch.setattr(paths, "PACKAGE", package)
    for name in ("MMTEB_SYNTH_HOME", "MMTEB_SYNTH_TASKS"):
        monkeypatch.delenv(name, raising=False)
    return package


def test_in_a_checkout_everything_lies_there_whatever_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MMTEB_SYNTH_HOME", str(tmp_path))
    root = paths.checkout()
    assert root == Path(paths.__file__).parents[1]
    found = paths.folders()
    assert found.cache_file == root / "translation_cache" / "cache.sqlite"
    assert found.data_dir == root / "translation_cache" / "datasets"
    assert found.results_dir == paths.leaderboard_dir() == root / "leaderboard"
    assert found.scratch_dir.is_relative_to(found.data_dir)
    assert paths.bundled_tasks() == root / "tasks"
    assert (paths.bundled_translations() / "mini").is_dir()


def test_outside_the_bundled_files_come_with_the_package(installed: Path) -> None:
    assert paths.checkout() is None
    assert paths.bundled_tasks() == installed / "bundled" / "tasks"
    assert paths.bundled_translations() == installed / "bundled" / "translation_cache"


def test_outside_what_is_written_goes_to_the_home_folder(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MMTEB_SYNTH_HOME", str(tmp_path / "home"))
    found = paths.folders()
    assert found.cache_dir == tmp_path / "home" / "translation_cache"
    assert found.data_dir == tmp_path / "home" / "datasets"
    assert found.results_dir == paths.leaderboard_dir() == tmp_path / "home" / "leaderboard"
    assert found.scratch_dir == tmp_path / "home" / "scratch"


def test_without_a_home_folder_the_platforms_are_taken(
    installed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    found = paths.folders()
    for folder in (found.cache_dir, found.data_dir, found.results_dir, found.scratch_dir):
        assert "mmteb-synth" in folder.parts
        assert not folder.exists()


def test_given_folders_are_taken_and_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    found = paths.folders(cache_dir="c", data_dir="~/d", results_dir=tmp_path / "r")
    assert (found.cache_dir, found.data_dir, found.results_dir) == (
        tmp_path / "c",
        tmp_path / "me" / "d",
        tmp_path / "r",
    )
    assert found.scratch_dir == tmp_path / "me" / "d" / ".scratch"
    assert paths.leaderboard_dir("out") == tmp_path / "out"


def test_the_users_own_tasks_lie_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", "~/tasks")
    assert paths.user_tasks() == tmp_path / "tasks"
    monkeypatch.setenv("MMTEB_SYNTH_TASKS", "")
    assert paths.user_tasks() is None


def test_a_text_file_is_written_whole_as_utf8_for_all_to_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.md"
    paths.write_text(path, "çay\n\r\n")
    assert path.read_bytes() == "çay\n\r\n".encode()
    assert path.stat().st_mode & 0o777 == 0o644
    paths.write_text(path, "su")
    assert path.read_text("utf-8") == "su"
    assert [place.name for place in path.parent.iterdir()] == ["file.md"]


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file.md"
    paths.write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        paths.write_text(path, "half a character: \ud800")
    assert path.read_text() == "old"
    assert [place.name for place in tmp_path.iterdir()] == ["file.md"]


def test_a_place_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SynthError, match=r"could not write board\.md: .*") as raised:
        paths.write_text(tmp_path / "file" / "board.md", "text")
    assert "--data-dir, --cache-dir, --results-dir or --out" in str(raised.value.hint)


def test_a_failed_write_names_what_and_why() -> None:
    with (
        pytest.raises(SynthError, match=r"could not write the board: No space left on device \(/x/y\)\n"),
        paths.writing("the board"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device", "/x/y")
    with pytest.raises(SynthError, match=r"could not write the board: odd\n"), paths.writing("the board"):
        raise OSError("odd")


def test_other_errors_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), paths.writing("the board"):
        1 / 0  # noqa: B018
