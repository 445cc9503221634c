"""`mmteb-synth` and `python -m mmteb_synth`."""

from __future__ import annotations

import signal
import sys

from mmteb_synth.errors import Stopped
from mmteb_synth.stopping import INTERRUPTED


def main() -> None:
    """Run the command line; a signal to end closes what is open, so that what is finished is kept."""
    names = ("SIGTERM", "SIGUSR1", "SIGUSR2")
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]  # Windows has no SIGUSR1
    for number in numbers:  # before anything is imported, which takes its time
        signal.signal(number, lambda *_: sys.exit(Stopped.exit_code))
    try:
        from mmteb_synth.cli.main import cli

        cli()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        for number in numbers:  # it is ending, and nothing should take its exit code from it
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
