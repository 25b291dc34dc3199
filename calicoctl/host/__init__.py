"""This machine: Docker, network namespaces, interfaces, and the name of the host in etcd."""
