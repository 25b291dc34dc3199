"""What is in etcd, read and written: the only room that knows its paths. It never prints."""
