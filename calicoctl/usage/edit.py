"""The usage text of ``calicoctl edit``."""

USAGE = """
Usage:
  calicoctl edit <KIND> <NAME> [--dry-run] [--flows]

Description:
  Change a resource in the editor that $VISUAL or $EDITOR names, or in vi. The
  edited file is validated and its changes are shown. It is written only if
  nobody else has changed the resource meanwhile.
  After a mistake or such a conflict you can edit the file again. To cancel,
  leave the file unchanged or save it empty.

Options:
  --dry-run  Show what would be changed, write nothing and keep the file.
  --flows    With --dry-run: also show which flows the change would open and
             close, as 'calicoq diff' does.

"""
