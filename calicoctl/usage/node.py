"""The usage text of ``calicoctl node``."""

USAGE = """
Usage:
  calicoctl node [--ip=<IP>] [--ip6=<IP6>] [--node-image=<DOCKER_IMAGE_NAME>]
    [--runtime=<RUNTIME>] [--as=<AS_NUM>] [--log-dir=<LOG_DIR>]
    [--detach=<DETACH>] [--no-pull]
    [(--libnetwork [--libnetwork-image=<LIBNETWORK_IMAGE_NAME>])]
    [--backend=(bird | gobgp | none)]
    [--start-timeout=<SECONDS>] [--dryrun] [--init-system]
  calicoctl node stop [--force]
  calicoctl node remove [--hostname=<HOSTNAME>] [--remove-endpoints] [--dry-run]
  calicoctl node show
  calicoctl node bgp peer add <PEER_IP> as <AS_NUM>
    [--hostname=<HOSTNAME>] [--force]
  calicoctl node bgp peer remove <PEER_IP> [--hostname=<HOSTNAME>]
  calicoctl node bgp peer show [--ipv4 | --ipv6] [--hostname=<HOSTNAME>]

Description:
  Configure the Calico node containers as well as default BGP information
  for this node.

Options:
  --as=<AS_NUM>             The default AS number for this node.
  --detach=<DETACH>         Set "true" to run Calico service as detached,
                            "false" to run in the foreground.  When using
                            libnetwork, this may not be set to "false".
                            When using --runtime=rkt, --detach is always false.
                            [default: true]
  --dry-run                 With "remove": list what would be removed.
  --dryrun                  Print the command line to start with, and do nothing.
  --force                   Forcefully stop the Calico node
                            With "bgp peer add": also for a host without a node.
  --hostname=<HOSTNAME>     The hostname from which to remove the Calico node.
                            With "bgp peer": whose peer it is, else this host's.
  --init-system             Print a systemd unit to start with, and do nothing.
  --ip=<IP>                 The local management address to use.
  --ip6=<IP6>               The local IPv6 management address to use.
  --ipv4                    Show IPv4 information only.
  --ipv6                    Show IPv6 information only.
  --libnetwork              (Deprecated) Use the libnetwork plugin.
  --libnetwork-image=<LIBNETWORK_IMAGE_NAME>    (Deprecated) This flag will be ignored.
                            [default: calico/node-libnetwork:v0.10.0]
  --log-dir=<LOG_DIR>       The directory for logs [default: /var/log/calico]
  --no-pull                 Prevent from pulling the Calico node Docker images.
  --node-image=<DOCKER_IMAGE_NAME>    Docker image to use for Calico's per-node
                            container. [default: calico/node:v0.23.1]
  --remove-endpoints        Remove the endpoint data when deleting the node
                            from the Calico network.
  --runtime=<RUNTIME>       Specify how Calico services should be
                            launched.  When set to "docker" or "rkt", services
                            will be launched via the calico-node container,
                            whereas a value of "none" will not launch them at
                            all. [default: docker]
  --start-timeout=<SECONDS>  How long the node may take to start. [default: 60]
  --backend=<BACKEND>       Specify which networking backend to use.
                            Choices are "bird", "gobgp" or "none".
                            When set to "none", Calico node run in policy
                            only mode.

"""
