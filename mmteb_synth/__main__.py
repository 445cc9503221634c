"""`mmteb-synth` and `python -m mmteb_synth`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from mmteb_synth.cli import cli

    cli()


if __name__ == "__main__":
    main()
