"""The usage text of ``calicoctl apply``."""

USAGE = """
Usage:
  calicoctl apply --filename=<FILENAME> [--recursive] [--dry-run]

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

"""
