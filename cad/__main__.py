"""`python -m cad` is the `lungcad` command."""

import sys

from cad.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
