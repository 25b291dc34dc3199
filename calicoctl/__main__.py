"""``python -m calicoctl``."""

from calicoctl.start import calicoctl

calicoctl()
