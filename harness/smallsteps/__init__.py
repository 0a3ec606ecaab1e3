"""smallsteps: distil reasoning into small students, and prove with paired statistics what it bought."""

import os

# The libraries we use must not report on our users, unless they say so themselves.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

__version__ = "0.1.0"
