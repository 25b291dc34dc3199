"""``python -m calicoctl``."""

from calicoctl.cli import console_main

console_main()
