"""`mmteb-synth` and `python -m mmteb_synth`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line; a signal to end closes what is open, so that what is finished is kept."""
    from mmteb_synth.cli.main import STOPPED, cli

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))
    cli()


if __name__ == "__main__":
    main()
