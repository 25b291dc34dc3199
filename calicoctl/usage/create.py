"""The usage text of ``calicoctl create``."""

USAGE = """
Usage:
  calicoctl create --filename=<FILENAME> [--recursive] [--skip-exists] [--dry-run]

Description:
  Create resources from documents in YAML or JSON. It is an error if one of
  them exists already.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --skip-exists             Pass over resources that exist already.
  --dry-run                 Say what would be done, and write nothing.

"""
