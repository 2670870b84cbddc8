"""``python -m ganlib``: the command line, for launchers that take a module (torchrun, accelerate)."""

import sys

from ganlib.cli import main

sys.exit(main())
