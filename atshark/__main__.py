"""Run the command with ``python -m atshark``."""

from atshark.cli import main

main()
