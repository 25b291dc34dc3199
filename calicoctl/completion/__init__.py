"""Shell completion: find what can come next on a command line, from the usage texts and from names in etcd."""
