"""`mmteb-synth` and `python -m mmteb_synth`."""

from __future__ import annotations

import signal
import sys

from mmteb_synth.errors import Stopped
from mmteb_synth.stopping import INTERRUPTED


def main() -> None:
    """Run the command line; a signal to end closes what is open, so that what is finished is kept."""
    for name in ("SIGTERM", "SIGUSR1", "SIGUSR2"):  # before anything is imported, which takes its time
        if hasattr(signal, name):  # Windows has no SIGUSR1
            signal.signal(getattr(signal, name), lambda *_: sys.exit(Stopped.exit_code))
    try:
        from mmteb_synth.cli.main import cli
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli()


if __name__ == "__main__":
    main()
