"""The usage text of ``calicoctl version``."""

USAGE = """
Usage:
  calicoctl version [--client]

Description:
  Display the version of calicoctl. 'calicoctl --version' also displays those
  of Python, of the libraries, and of etcd if it answers within a second.

Options:
  --client  Display the version of calicoctl alone, which is the default.

"""
