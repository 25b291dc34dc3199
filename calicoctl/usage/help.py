"""The usage text of ``calicoctl help``."""

USAGE = """
Usage:
  calicoctl help [<COMMAND>]

Description:
  Show the commands of calicoctl, or the help of one command: 'calicoctl help
  profile' shows the same text as 'calicoctl profile --help'.

"""
