"""The lists that a person chooses by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mmteb_synth import listings, paths, suites
from mmteb_synth.errors import UnknownNameError


def test_an_aggregate_is_one_task_of_a_suite_and_as_large_as_its_parts() -> None:
    names = {entry.name for entry in suites.get_suite("BEIR").tasks}
    assert "CQADupstackRetrieval" in names
    assert "CQADupstackUnixRetrieval" not in names
    parts = [row for row in listings.list_tasks() if row.name.startswith("CQADupstack")]
    (whole,) = (row for row in parts if row.name == "CQADupstackRetrieval")
    assert len(parts) == 13
    assert whole.samples == sum(row.samples or 0 for row in parts if row is not whole)


def test_every_benchmark_that_is_listed_can_be_taken() -> None:
    rows = [row for row in listings.list_suites() if row.definition == "mteb"]
    assert {"MTEB(eng, v2)", "BEIR", "NanoBEIR"} <= {row.name for row in rows}
    assert all(row.tasks for row in rows)


def test_tasks_are_listed_with_what_a_choice_needs() -> None:
    rows = {row.name: row for row in listings.list_tasks()}
    assert len(rows) > 500
    scifact = rows["SciFact"]
    assert (scifact.type, scifact.main_score, scifact.license) == ("Retrieval", "ndcg_at_10", "cc-by-nc-4.0")
    assert (scifact.samples, scifact.characters, scifact.definition) == (5483, 7798555, "mteb")
    assert rows["RedditClustering"].superseded_by == "RedditClustering.v2"
    assert rows["MiniSTS"].definition == "bundled"
    assert "Tatoeba" not in rows
    assert list(rows) == sorted(rows, key=str.casefold)


def test_sizes_are_those_of_the_suites_splits() -> None:
    whole = next(row for row in listings.list_tasks() if row.name == "MTOPDomainClassification")
    narrowed = next(row for row in listings.list_tasks(suite="MTEB(eng, v2)") if row.name == whole.name)
    assert whole.splits == ("validation", "test")
    assert narrowed.splits == ("test",)
    assert whole.samples is not None
    assert narrowed.samples is not None
    assert narrowed.samples < whole.samples


def test_no_size_is_told_of_a_subset_that_nobody_counted(tasks_folder: Path) -> None:
    (tasks_folder / "AmazonCounterfactualClassification.toml").write_text('subset = "en-ext"\n')
    row = next(row for row in listings.list_tasks() if row.name == "AmazonCounterfactualClassification")
    assert (row.samples, row.characters) == (None, None)


def test_tasks_are_filtered_by_type() -> None:
    rows = listings.list_tasks(type="Summarization")
    assert {row.type for row in rows} == {"Summarization"}
    assert {"SummEvalSummarization.v2", "MiniSummarization"} <= {row.name for row in rows}
    with pytest.raises(UnknownNameError, match="did you mean Retrieval"):
        listings.list_tasks(type="Retreival")


def test_listing_imports_nothing_heavy() -> None:
    program = (
        "import sys; from mmteb_synth import listings; listings.list_tasks(); listings.list_suites();"
        "print(sorted({'mteb', 'langcodes', 'pandas', 'numpy', 'torch', 'datasets'} & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": str(paths.PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"
