"""The usage text of ``calicoctl version``."""

USAGE = """
Usage:
  calicoctl version

Description:
  Display the version of calicoctl

"""
