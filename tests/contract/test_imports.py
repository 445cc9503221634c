"""What must stay light: importing the package, and asking a command for its help or for a list.

Times are measured by benchmarks/help_time.py; here modules are counted, which no busy machine changes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from mmteb_synth.cli import cli

HEAVY = {
    "mteb",
    "torch",
    "pandas",
    "datasets",
    "pyarrow",
    "numpy",
    "transformers",
    "openai",
    "sentence_transformers",
}
PRINT_MODULES = "; print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
RUN = """
import sys
from mmteb_synth.__main__ import main
sys.argv = ["mmteb-synth", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
MOST_MODULES_BEYOND_CLICK = 30


def _loaded(program: str) -> set[str]:
    """The modules that a fresh Python has after a program."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\n{PRINT_MODULES[2:]}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def _packages(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def _commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))
        else:
            yield (*words, name)


def test_importing_the_package_imports_nothing_heavy() -> None:
    modules = _loaded("import mmteb_synth")
    assert not _packages(modules) & HEAVY
    ours = {name for name in modules if name.startswith("mmteb_synth")}
    assert ours == {"mmteb_synth", "mmteb_synth._version"}


@pytest.mark.parametrize("words", list(_commands(cli)), ids=" ".join)
def test_help_needs_only_click(words: tuple[str, ...]) -> None:
    floor = _loaded("import click")
    modules = _loaded(RUN.format(arguments=[*words, "--help"])) - floor
    assert _packages(modules) - set(sys.stdlib_module_names) <= {"click", "mmteb_synth"}
    others = {name for name in modules if not name.startswith(("click.", "mmteb_synth"))}
    assert len(others) <= MOST_MODULES_BEYOND_CLICK, sorted(others)


@pytest.mark.parametrize(
    "words", [["tasks"], ["suites"], ["languages"], ["translators"], ["tasks", "--suite", "seed"]]
)
def test_lists_need_no_mteb(words: list[str]) -> None:
    assert not _packages(_loaded(RUN.format(arguments=[*words, "--json"]))) & HEAVY
