"""`python -m tests.libraries`: what is known of the pinned libraries' faults."""

import sys

from tests.libraries.faults import main

sys.exit(main())
