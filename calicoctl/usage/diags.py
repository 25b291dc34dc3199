"""The usage text of ``calicoctl diags``."""

USAGE = """
Usage:
  calicoctl diags [--log-dir=<LOG_DIR>] [--output=<FILE>]

Description:
  Save diagnostic information

Options:
  --log-dir=<LOG_DIR>  The directory for logs [default: /var/log/calico]
  --output=<FILE>      The file for the bundle, if not one in a new directory.
"""
