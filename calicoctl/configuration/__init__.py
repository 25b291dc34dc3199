"""Where etcd is: the options, the environment variables and the configuration files that say so, in their order."""
