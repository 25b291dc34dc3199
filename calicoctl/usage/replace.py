"""The usage text of ``calicoctl replace``."""

USAGE = """
Usage:
  calicoctl replace --filename=<FILENAME> [--recursive] [--dry-run]

Description:
  Change resources that exist to what documents in YAML or JSON say. It is an
  error if one of them does not exist. Other than 'calicoctl apply', this also
  rewrites rules that other tools have stored in another form, and completes
  what lacks a part.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --dry-run                 Say what would be done, and write nothing.

"""
