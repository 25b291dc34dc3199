"""The usage text of ``calicoctl delete``."""

USAGE = """
Usage:
  calicoctl delete (<KIND> <NAME>... | --filename=<FILENAME>) [--recursive] [--skip-not-exists] [--dry-run]

Description:
  Remove resources, given by kind and names or by the documents of a file. A
  document with a resourceVersion removes the resource only if that is still
  its version.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  -s --skip-not-exists      Pass over resources that do not exist.
  --dry-run                 Say what would be done, and write nothing.

"""
