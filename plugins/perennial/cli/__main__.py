"""So that `python -m perennial.cli` is the command line, too."""

from perennial.cli import main

main()
