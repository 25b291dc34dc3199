"""Names for the processes of tests that stand for Felix: other tests at the same time have others."""

from __future__ import annotations

import os

FELIX = f"felix{os.getpid()}"  # the kernel keeps 15 characters
CALICO_FELIX = f"calico-{os.getpid()}"
