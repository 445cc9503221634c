"""constraints.txt pins every package that pyproject.toml names, at a version that it accepts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
NEEDED = [
    *PROJECT["dependencies"],
    *(name for extra in ("demo", "dev") for name in PROJECT["optional-dependencies"][extra]),
]
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE
    )
}


@pytest.mark.parametrize("written", sorted(set(NEEDED)))
def test_every_dependency_is_pinned_at_a_version_that_fits(written: str) -> None:
    requirement = Requirement(written)
    assert PINS[canonicalize_name(requirement.name)] in requirement.specifier


def test_pytorch_is_pinned_for_every_build_of_it() -> None:
    assert PINS["torch"] == "2.13.0"
