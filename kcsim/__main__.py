"""``python -m kcsim`` is ``kcsim``."""

import sys

from kcsim.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
