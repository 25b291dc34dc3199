"""The usage text of ``calicoctl delete``."""

USAGE = """
Usage:
  calicoctl delete (<KIND> <NAME>... | --filename=<FILENAME>) [--recursive] [--skip-not-exists] [--dry-run] [--flows]

Description:
  Delete resources, given by kind and names or by documents in a file. If a
  document has a resourceVersion, the resource is deleted only if this is
  still its version.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  -s --skip-not-exists      Skip resources that do not exist.
  --dry-run                 Show what would be done, but write nothing.
  --flows                   With --dry-run: also show which flows the change
                            would open and close, as 'calicoq diff' does.

"""
