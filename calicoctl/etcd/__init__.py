"""A client of etcd's v2 API that loses no write. It knows nothing of Calico."""
