"""Links to mirrors: named by content, put in place in one step, and made of copies where links can't be."""

import os
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth.data import mirror
from mmteb_synth.errors import SourceError, SynthError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "hub/org/set"
    (path / "data").mkdir(parents=True)
    (path / "README.md").write_text("---\n---\n")
    (path / "data/test.parquet").write_bytes(b"1234")
    return path


def test_the_digest_follows_names_and_contents_of_visible_files(folder: Path) -> None:
    first = mirror.digest(folder)
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / ".cache/huggingface/record").write_text("x")
    (folder / ".gitattributes").write_text("x")
    assert mirror.digest(folder) == first
    (folder / "data/test.parquet").write_bytes(b"1235")
    changed = mirror.digest(folder)
    (folder / "data/test.parquet").write_bytes(b"1234")
    (folder / "data/test.parquet").rename(folder / "data/dev.parquet")
    assert len({first, changed, mirror.digest(folder)}) == 3


def test_a_link_is_named_by_the_content(folder: Path, tmp_path: Path) -> None:
    digest = mirror.digest(folder)
    place = mirror.link(folder, digest, tmp_path / "scratch")
    assert place.name == f"set-{digest[:12]}"
    assert place.is_symlink()
    assert place.resolve() == folder
    assert mirror.link(folder, digest, tmp_path / "scratch") == place
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [place.name]


def test_a_link_that_leads_elsewhere_is_replaced(folder: Path, tmp_path: Path) -> None:
    digest = mirror.digest(folder)
    place = mirror.link(folder, digest, tmp_path / "scratch")
    other = tmp_path / "elsewhere/set"
    other.parent.mkdir()
    folder.rename(other)
    assert not place.exists()
    assert mirror.link(other, digest, tmp_path / "scratch").resolve() == other


def test_a_copy_is_made_where_links_cannot_be(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("no links here")

    digest = mirror.digest(folder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "symlink", refuse)
        place = mirror.link(folder, digest, tmp_path / "scratch")
        assert (place.is_symlink(), place.is_dir()) == (False, True)
        assert mirror.digest(place) == digest
        assert mirror.link(folder, digest, tmp_path / "scratch") == place
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [place.name]


def test_a_place_that_cannot_be_written_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SynthError, match="could not write a link to"):
        mirror.link(folder, mirror.digest(folder), tmp_path / "file/scratch")


def test_a_set_that_is_not_there_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="org/set is not in the mirror") as raised:
        mirror.folder(tmp_path, "org/set", "abc")
    assert "hf download --repo-type dataset org/set --revision abc --local-dir DIR/org/set" in str(
        raised.value.hint
    )


def test_what_is_no_file_does_not_count(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    assert len(mirror.digest(folder)) == 64
    (folder / "dangling").symlink_to(folder / "nowhere")
    assert len(mirror.digest(folder)) == 64
