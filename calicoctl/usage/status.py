"""The usage text of ``calicoctl status``."""

USAGE = """
Usage:
  calicoctl status [--runtime=<RUNTIME>] [--backend=<BACKEND>] [--socket-dir=<FOLDER>]

Description:
  Print current status information regarding calico-node container
  and the BIRD/GoBGP routing daemon.

Options:
  --runtime=<RUNTIME>       Specify the runtime used to run the calico/node
                            container, either "docker" or "rkt".
                            [default: docker]
  --backend=<BACKEND>       Specify the networking backend used in calico/node
                            container. "bird", "gobgp" or "none".
  --socket-dir=<FOLDER>     The directory for BIRD's sockets, if another.
"""
