"""The usage text of ``calicoctl edit``."""

USAGE = """
Usage:
  calicoctl edit <KIND> <NAME>

Description:
  Change a resource in the editor that $VISUAL or $EDITOR names, else vi. What
  the editor leaves is checked, shown as the difference that it makes, and
  written on condition that nobody else has changed the resource meanwhile.
  After a mistake or such a conflict the file is offered again. An unchanged or
  empty file changes nothing.

"""
