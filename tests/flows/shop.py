"""The shop that docs/flows.md is about."""

from __future__ import annotations

from tests.calicoq.conftest import Store


def fill(store: Store) -> None:
    """Store two web servers, two databases, a backup and the profiles that they have."""
    for number in (1, 2):
        store.workload(f"host1/k8s/web-{number}/eth0", profile_ids=["WEB"], ipv4_nets=[f"10.65.0.{number}/32"])
        store.workload(f"host2/k8s/db-{number}/eth0", profile_ids=["DB"], ipv4_nets=[f"10.65.1.{number}/32"])
    store.workload("host2/k8s/backup/eth0", profile_ids=["BACKUP"], ipv4_nets=["10.65.2.1/32"])
    store.profile(
        "WEB", tags=["WEB", "DB-CLIENT"], inbound=[{"protocol": "tcp", "dst_ports": [80, 443]}], outbound=[{}]
    )
    store.profile(
        "DB",
        tags=["DB"],
        inbound=[
            {"src_tag": "DB"},
            {"protocol": "tcp", "src_tag": "DB-CLIENT", "dst_ports": [5432]},
            {"protocol": "tcp", "src_net": "192.0.2.0/24", "dst_ports": [22]},
        ],
        outbound=[{"dst_tag": "DB"}, {"action": "deny", "dst_net": "10.0.0.0/8"}, {}],
        labels={"stage": "production"},
    )
    store.profile("BACKUP", tags=["DB-CLIENT"], inbound=[], outbound=[{"dst_tag": "DB"}])
