"""What is in etcd, read and written: the only room that knows its paths and its API. It never prints."""
