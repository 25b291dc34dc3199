"""The usage text of ``calicoctl validate``."""

USAGE = """
Usage:
  calicoctl validate --filename=<FILENAME> [--recursive]
  calicoctl validate --schema=<KIND>

Description:
  Check documents in YAML or JSON as for 'calicoctl create', or print the JSON
  Schema of a kind of resource for editors and other tools. This command does
  not use etcd.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  --schema=<KIND>           The kind of resource, such as profile.

"""
