"""The usage text of ``calicoctl edit``."""

USAGE = """
Usage:
  calicoctl edit <KIND> <NAME>

Description:
  Change a resource in the editor that $VISUAL or $EDITOR names, else vi. The
  edited file is checked, what it changes is shown, and it is written only if
  nobody else has changed the resource meanwhile.
  After a mistake or such a conflict the file is offered again. An unchanged or
  empty file changes nothing.

"""
