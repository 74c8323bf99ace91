"""`python -m tests.libraries`: known faults of the pinned libraries."""

import sys

from tests.libraries.faults import main

sys.exit(main())
