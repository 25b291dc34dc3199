"""The usage text of ``calicoctl apply``."""

USAGE = """
Usage:
  calicoctl apply --filename=<FILENAME> [--recursive] [--dry-run]

Description:
  Create resources from documents in YAML or JSON, or change those that exist
  to what the documents say. What is as it should be is not written again.
  Tags, and labels and annotations of the resource itself, stay as they are
  where a document does not mention them.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --dry-run                 Say what would be done, and write nothing.

"""
