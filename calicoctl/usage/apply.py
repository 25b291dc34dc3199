"""The usage text of ``calicoctl apply``."""

USAGE = """
Usage:
  calicoctl apply --filename=<FILENAME> [--recursive] [--dry-run] [--flows] [--deny-if=<CHANGE>]

Description:
  Create or change resources so that they match documents in YAML or JSON.
  Resources that match already are not written again. If a document does not
  mention tags, or labels and annotations of the resource itself, they are
  kept.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --dry-run                 Show what would be done, but write nothing.
  --flows                   With --dry-run: also show which flows the change
                            would open and close, as 'calicoq diff' does.
  --deny-if=<CHANGE>        Write nothing and exit with 1 if this opens flows, or
                            closes flows: opens or closes.

"""
