"""calicoctl: manage Calico's profiles, endpoints and policy in the etcd v2 data model."""

__version__ = "1.0.0"
