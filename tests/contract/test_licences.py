"""The table of licences covers what MTEB writes, is about tasks that MTEB has, and its page is current."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import get_args

from mteb.types import Licenses

from mmteb_synth import aggregates, facts, licences, listings, registry
from mmteb_synth.suites import get_suite

ROOT = Path(__file__).parents[2]
SUITES = ("MTEB(eng, v1)", "MTEB(eng, v2)", "NanoBEIR", "seed", "mini")


def test_every_licence_that_mteb_takes_is_in_the_table() -> None:
    table = licences.shipped()
    assert {table.names.get(name, name) for name in get_args(Licenses)} <= set(table.licences)


def test_every_set_of_the_suites_has_a_licence_that_is_known_by_a_short_name() -> None:
    suites = [get_suite(name) for name in SUITES]
    listed = {entry.name for suite in suites for entry in (*suite.tasks, *suite.native)}
    names = {part for name in listed for part in aggregates.parts(name) or (name,)}
    assert len(names) > 100
    for name in names:
        assert registry.terms(registry.get_task(name)).licence in licences.shipped().licences, name


def test_what_is_known_is_of_tasks_that_mteb_has() -> None:
    for entry in licences.shipped().known:
        for name in (*entry.tasks, *entry.takes_from):
            assert facts.task(name) is not None, name


def test_every_sample_of_beir_has_the_terms_of_what_it_samples() -> None:
    for row in listings.list_tasks(suite="NanoBEIR"):
        entry = licences.shipped().entry(row.name)
        assert entry is not None, row.name
        assert entry.takes_from, row.name


def test_the_page_is_current() -> None:
    spec = importlib.util.spec_from_file_location("licences_page", ROOT / "scripts" / "licences_page.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text("utf-8") == script.page(), "run python scripts/licences_page.py"
