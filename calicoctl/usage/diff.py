"""The usage text of ``calicoctl diff``."""

USAGE = """
Usage:
  calicoctl diff --filename=<FILENAME> [--recursive]

Description:
  Show what 'calicoctl apply' would change, for each resource as a unified
  diff of what 'calicoctl get' shows. The exit status is 0 where nothing would
  be changed, 1 where something would, and 2 on an error.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.

"""
