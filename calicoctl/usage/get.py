"""The usage text of ``calicoctl get``."""

USAGE = """
Usage:
  calicoctl get (<KIND> [<NAME>...] | --filename=<FILENAME>) [--recursive] [--output=<OUTPUT>] [--export]

Description:
  Show resources: all of a kind, some by their names, or those that the
  documents of a file are about. What 'get -o yaml' and 'get -o json' print can
  be applied again.

Options:
  -f --filename=<FILENAME>  The file to read, - for standard input, or a
                            directory (needs --recursive).
  --recursive               Read the .yaml, .yml and .json files of a directory
                            and of all directories below it.
  -o --output=<OUTPUT>      ps, wide, name (one a line), yaml, json or
                            custom-columns=<COLUMN>[,<COLUMN>...]. [default: ps]
  --export                  Leave out what only this datastore knows, so that
                            the output can be applied to another one.

"""
