from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth import __version__
from mmteb_synth.errors import SynthError
from mmteb_synth.evaluation.signature import SignedScore, add, prompts_label, read, signature
from mmteb_synth.evaluation.signature import replace as write_anew

SCORE = SignedScore(
    task="STS12.tur-Latn.gpt-4.1-mini",
    dataset_revision="9f1c",
    signature="task:STS12|…",
    source_task="STS12",
    task_type="STS",
    origin="translated",
    translator="gpt-4.1-mini",
    language="tur-Latn",
    profile="full",
    limit=None,
    split="test",
    subset="default",
    main_score="cosine_spearman",
    coverage=1.0,
    bitext=False,
    grade=None,
    notes=["a note with ünïcödé"],
    zero_shot=True,
    demo=False,
)


class TestSignature:
    def test_golden(self) -> None:
        fields = {
            "task": "STS12",
            "lang": "eng-Latn>tur-Latn",
            "src": "a0d554a6",
            "by": "gpt-4.1-mini",
            "prompt": 3,
            "dec": "t0",
            "checks": 2,
            "cov": "1.000",
            "data": "9f1c0000",
        }
        assert signature(fields, "query=query: ", "2.26.24") == (
            "task:STS12|lang:eng-Latn>tur-Latn|src:a0d554a6|by:gpt-4.1-mini|prompt:3|dec:t0|checks:2|cov:1.000|"
            f"data:9f1c0000|prompts:query=query: |mteb:2.26.24|v:{__version__}"
        )

    @pytest.mark.parametrize(
        ("prompts", "known", "label"),
        [
            ({}, True, "none"),
            ({}, False, "unknown"),
            ({"query": "query: ", "document": "passage: "}, True, "document=passage: ,query=query: "),
            ({"query": "a|b"}, True, "#de96b4f9"),
            ({"query": "two\nlines"}, True, "#7935448f"),
            ({"query": "x" * 100}, True, "#e42456ab"),
        ],
    )
    def test_prompts_in_short(self, prompts: dict[str, str], known: bool, label: str) -> None:
        assert prompts_label(prompts, known=known) == label

    @given(st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=99), min_size=1, max_size=3))
    def test_no_prompt_can_break_a_signature_apart(self, prompts: dict[str, str]) -> None:
        label = prompts_label(prompts, known=True)
        assert "|" not in label
        assert label.isprintable()
        assert label not in ("none", "unknown")
        assert prompts_label({**prompts, "query ": "other"}, known=True) != label


class TestFile:
    def test_what_was_added_is_read_and_a_later_line_holds(self, tmp_path: Path) -> None:
        file = tmp_path / "signatures.jsonl"
        english = replace(SCORE, language="eng-Latn")
        add(file, [SCORE, english])
        add(file, [])
        add(file, [replace(SCORE, signature="task:STS12|new")])
        lines, damaged = read(file)
        assert damaged == 0
        assert list(lines) == [SCORE.key, english.key]
        assert json.loads(lines[SCORE.key])["signature"] == "task:STS12|new"
        assert json.loads(lines[SCORE.key])["schema"] == 1
        assert "ünïcödé" in file.read_text("utf-8")

    def test_a_file_that_is_not_there_holds_nothing(self, tmp_path: Path) -> None:
        assert read(tmp_path / "signatures.jsonl") == ({}, 0)

    @pytest.mark.parametrize(
        "damage", [b"nonsense\n", b"[1]\n", b"{}\n", b"\xff\xfe\n", b'{"task": "cut o', b"\n"]
    )
    def test_damaged_lines_are_counted_and_the_others_kept(self, tmp_path: Path, damage: bytes) -> None:
        file = tmp_path / "signatures.jsonl"
        add(file, [SCORE])
        file.write_bytes(file.read_bytes() + damage)
        lines, damaged = read(file)
        assert (list(lines), damaged) == ([SCORE.key], 1)
        write_anew(file, lines.values())
        assert read(file) == (lines, 0)

    def test_lines_of_a_later_version_are_kept_as_they_are(self, tmp_path: Path) -> None:
        file = tmp_path / "signatures.jsonl"
        add(file, [SCORE])
        later = json.dumps({**json.loads(file.read_text("utf-8")), "schema": 2, "task": "New", "more": [1]})
        file.write_text(file.read_text("utf-8") + later + "\n", "utf-8")
        lines, damaged = read(file)
        assert damaged == 0
        assert later in lines.values()

    def test_two_processes_lose_no_line(self, tmp_path: Path) -> None:
        file = tmp_path / "signatures.jsonl"
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=_add_many, args=(file, name)) for name in ("a", "b")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
            assert writer.exitcode == 0
        lines, damaged = read(file)
        assert (len(lines), damaged) == (200, 0)

    def test_a_folder_that_can_not_be_written_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(SynthError, match=r"could not write .*signatures\.jsonl"):
            add(tmp_path / "file" / "signatures.jsonl", [SCORE])


def _add_many(file: Path, name: str) -> None:
    for number in range(100):
        add(file, [replace(SCORE, task=f"{name}{number}")])
