"""Access to the stored objects. Only this package knows their paths in etcd. It never prints."""
