"""``python -m painlab`` is the command line."""

import sys

from painlab.cli import main

sys.exit(main())
