"""calicoq: which profiles and policies apply, and why."""
