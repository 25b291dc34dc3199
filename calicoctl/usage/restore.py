"""The usage text of ``calicoctl restore``."""

USAGE = """
Usage:
  calicoctl restore [--delete] [--dry-run] <FILE>

Description:
  Write back what 'calicoctl backup' or 'calicoq snapshot' has saved. Each key
  that differs is shown: + for a new one, ~ for a changed one, - for one that is
  deleted. A key that somebody else changes at the same time is left alone and
  named. If the command is interrupted, run it again: it completes the rest.

  While it writes, /calico/v1/Ready is false, so that Felix applies nothing
  before everything is there. The status that Felix reports is not restored.

Options:
  --delete                  Delete the keys that are not in the file. Without
                            it they are kept.
  --dry-run                 Show what would be written, and write nothing.

"""
