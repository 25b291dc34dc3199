"""The usage text of ``calicoctl get``."""

USAGE = """
Usage:
  calicoctl get (<KIND> [<NAME>...] | --filename=<FILENAME>) [--recursive] [--output=<OUTPUT>] [--export]

Description:
  Show resources: all of a kind, those with the given names, or those in the
  documents of a file. The output of 'get -o yaml' and 'get -o json' can be
  used with 'calicoctl apply'.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  -o --output=<OUTPUT>      ps, wide, name (one per line), yaml, json or
                            custom-columns=<COLUMN>[,<COLUMN>...]. [default: ps]
  --export                  Leave out values that apply to this datastore only,
                            so that the output can be applied to another one.

"""
