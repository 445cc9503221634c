"""Finding `package.module:callable`, which a model and a translator of the user's can be."""

from __future__ import annotations

import importlib
import operator
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from mmteb_synth.errors import SynthError, UsageError

_HINT = "name it as package.module:callable"


def find(reference: str) -> tuple[ModuleType, Callable[..., Any]]:
    """Import a callable.

    Args:
        reference: As `package.module:callable`; modules in the working directory are found too.

    Returns:
        The module and the callable.

    Raises:
        UsageError: There is no such module, or it has no such callable.
        SynthError: Importing the module fails.
    """
    module_name, _, attribute = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # an installed command does not look into the working directory by itself
        sys.path.append(here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}."):
            raise UsageError(
                f"{reference}: there is no module {error.name}",
                hint=f"run it where `python -c 'import {module_name}'` works",
            ) from error
        raise SynthError(
            f"{reference}: importing {module_name} failed: {type(error).__name__}: {error}",
            hint=f"run it where `python -c 'import {module_name}'` works",
        ) from error
    try:
        found = operator.attrgetter(attribute)(module)
    except AttributeError as error:
        raise UsageError(f"{reference}: {module_name} has no {attribute}", hint=_HINT) from error
    if not callable(found):
        raise UsageError(f"{reference} is a {type(found).__name__}, not a callable", hint=_HINT)
    return module, found
