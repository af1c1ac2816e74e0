"""`python -m tenantry.cli` is `tenantry`."""

import sys

from tenantry.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
