"""The usage text of ``calicoctl replace``."""

USAGE = """
Usage:
  calicoctl replace --filename=<FILENAME> [--recursive] [--dry-run] [--flows]

Description:
  Replace existing resources by documents in YAML or JSON. It is an error if
  one of them does not exist. Unlike 'calicoctl apply', this also rewrites
  rules that other tools have stored in another form, and adds missing parts
  of a resource.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --dry-run                 Show what would be done, but write nothing.
  --flows                   With --dry-run: also show which flows the change
                            would open and close, as 'calicoq diff' does.

"""
