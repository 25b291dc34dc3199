"""The usage text of ``calicoctl diff``."""

USAGE = """
Usage:
  calicoctl diff --filename=<FILENAME> [--recursive] [--flows]

Description:
  Show what 'calicoctl apply' would change. For each resource, print a unified
  diff of its YAML as 'calicoctl get' shows it. The exit status is 0 if there
  are no changes, 1 if there are changes, and 2 after an error.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --flows                   Also show which flows 'calicoctl apply' would open and
                            close, as 'calicoq diff' does.

"""
