"""The usage text of ``calicoctl checksystem``."""

USAGE = """
Usage:
  calicoctl checksystem [--fix] [--libnetwork] [--runtime=<RUNTIME>]

Description:
  Check for incompatibilities between Calico and the host system

Options:
  --fix  DEPRECATED: checksystem no longer fixes issues that it detects
  --libnetwork  Check for the correct docker version for libnetwork deployments
  --runtime=<RUNTIME>  Specify the runtime used to run the calico/node
                       container, either "docker" or "rkt".
                       [default: docker]

"""
