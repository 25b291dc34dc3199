"""etcd's v2 API: the wire, the answers, and a client that loses no write; nothing of Calico."""
