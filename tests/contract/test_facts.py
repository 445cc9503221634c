"""The committed facts are what the installed mteb says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from mmteb_synth import languages, paths

SCRIPTS = Path(__file__).parents[2] / "scripts"


def run(name: str) -> Any:
    """What a script finds in the installed mteb."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script.gather()


def test_the_committed_shapes_equal_the_installed_mteb() -> None:
    committed = (paths.bundled_tasks() / "shapes.json").read_text("utf-8").splitlines()
    changed = sorted(set(committed) ^ set(run("mteb_shapes").splitlines()))
    assert not changed, (
        f"tasks/shapes.json is out of date: run python scripts/mteb_shapes.py ({changed[0][:200]})"
    )


def test_the_committed_facts_equal_the_installed_mteb() -> None:
    for name, expected in zip(("mteb.json", "languages.json"), run("mteb_facts"), strict=True):
        committed = (paths.bundled_tasks() / name).read_text("utf-8").splitlines()
        changed = sorted(set(committed) ^ set(expected.splitlines()))
        assert not changed, (
            f"tasks/{name} is out of date: run python scripts/mteb_facts.py ({changed[0][:200]})"
        )


@pytest.mark.filterwarnings("ignore:The task .* is currently in beta:UserWarning")
def test_every_language_of_mteb_is_accepted_and_every_code_of_ours_is_valid_in_mteb() -> None:
    import mteb
    from mteb.languages import ISO_TO_LANGUAGE, ISO_TO_SCRIPT

    tasks = mteb.get_tasks(exclude_superseded=False, exclude_private=False, exclude_beta=False)
    held = {f"{iso}-{script}" for task in tasks for iso, script in _codes(task)}
    assert len(held) > 1000
    for code in held | {info.code for info in languages.known()}:
        language = languages.parse(code)
        assert language.iso639_3 in ISO_TO_LANGUAGE
        assert language.script in ISO_TO_SCRIPT


def _codes(task: Any) -> set[tuple[str, ...]]:
    langs = task.metadata.eval_langs
    written = [code for codes in langs.values() for code in codes] if isinstance(langs, dict) else langs
    no_language = ("-Code", "-Zxxx")  # programming languages, and sounds without words
    return {tuple(code.split("-", 1)) for code in written if not code.endswith(no_language)}
