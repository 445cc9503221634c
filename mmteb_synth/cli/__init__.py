"""The command line: parses, calls one public function, prints. No logic.

Only click is imported at the top of these modules, so that `--help` answers at once.
"""

from __future__ import annotations

from mmteb_synth.cli.main import cli

__all__ = ["cli"]
