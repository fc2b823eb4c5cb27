"""Run `scripts/rehearsal`: python -m rehearsal.cli."""

import sys

from rehearsal.cli.commands import main

sys.exit(main(sys.argv[1:]))
