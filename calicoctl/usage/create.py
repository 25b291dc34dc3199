"""The usage text of ``calicoctl create``."""

USAGE = """
Usage:
  calicoctl create --filename=<FILENAME> [--recursive] [--skip-exists] [--dry-run] [--flows]

Description:
  Create resources from documents in YAML or JSON. It is an error if one of
  them already exists.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --skip-exists             Skip resources that already exist.
  --dry-run                 Show what would be done, but write nothing.
  --flows                   With --dry-run: also show which flows the change
                            would open and close, as 'calicoq diff' does.

"""
