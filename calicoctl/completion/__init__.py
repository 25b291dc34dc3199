"""Completion in shells: what can come next on a command line, by the usage texts and by what is in etcd."""
