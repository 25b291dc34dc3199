"""The usage text of ``calicoctl backup``."""

USAGE = """
Usage:
  calicoctl backup <FILE>

Description:
  Save everything that Calico stores in etcd to a file, read at one moment.
  'calicoctl restore' writes it back, and the commands of calicoq read it with
  --snapshot. Only its owner can read the file: it contains the policy and the
  addresses of the whole cluster.

"""
