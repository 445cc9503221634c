"""Tables and arrays on the disk: whole, readable after the folder is gone, and swept up after a kill."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mmteb_synth.data.spool import Spool
from mmteb_synth.errors import SynthError

SCHEMA = pa.schema([("text", pa.string()), ("numbers", pa.list_(pa.int64()))])


def batch(*texts: str) -> pa.Table:
    return pa.table({"text": list(texts), "numbers": [[len(text)] for text in texts]}, schema=SCHEMA)


def test_a_table_is_what_was_put_in_and_outlives_its_file(tmp_path: Path) -> None:
    with Spool(tmp_path / "scratch") as spool:
        made = spool.table(SCHEMA, iter([batch("a", "bb"), batch(), batch("ççç")]))
        numbers = spool.array(np.int64, (3, 2))
        numbers[1, 1] = 7
        assert len(list((tmp_path / "scratch").glob("*/*"))) == 2
    assert list((tmp_path / "scratch").iterdir()) == []
    assert made.equals(pa.concat_tables([batch("a", "bb"), batch("ççç")]))
    assert numbers.tolist() == [[0, 0], [0, 7], [0, 0]]


def test_nothing_makes_an_empty_table_and_array(tmp_path: Path) -> None:
    with Spool(tmp_path) as spool:
        assert spool.table(SCHEMA, iter(())).equals(SCHEMA.empty_table())
        assert spool.array(np.int64, 0).tolist() == []


def test_an_array_has_its_room_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    """A page that a full disk has no room for kills the process that writes to it."""
    with Spool(tmp_path) as spool:
        numbers = spool.array(np.int32, 3_000_000)
        (file,) = tmp_path.glob("*/*")
        assert file.stat().st_size == numbers.nbytes == 12_000_000
        assert file.stat().st_blocks * 512 >= numbers.nbytes
        assert not numbers.any()


def test_what_a_killed_run_left_is_removed_after_a_week(tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("spool-old", "spool-young", "mirror"))
    for folder in (old, young, other):
        folder.mkdir()
        (folder / "0").write_text("left")
    for folder in (old, other):
        os.utime(folder, (0, 0))
    with Spool(tmp_path):
        assert not old.exists()
    assert young.exists()
    assert other.exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SynthError, match=r"could not write temporary files: .*file"):
        Spool(tmp_path / "file" / "scratch")
