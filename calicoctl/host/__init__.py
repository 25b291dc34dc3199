"""This machine: Docker, network namespaces and interfaces, and the name it has in etcd."""
