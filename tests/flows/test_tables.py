"""Answers of calicoq as CSV and as tables for Markdown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.flows.shop import fill


@pytest.mark.parametrize(
    ("arguments", "status", "lines"),
    [
        (("explain", "192.0.2.7", "db-1", "tcp", "22:23"), 0,
         ["ip,from,to,packets,verdict,decisions,uncertain_because",
          "IPv4,192.0.2.7/32,host2/k8s/db-1/eth0,tcp 22,allowed,\"outbound, It is not an endpoint: Calico does not "
          "police it; inbound, Profile \"\"DB\"\": inbound rule 3 decides: allow tcp from cidr 192.0.2.0/24 to ports "
          "22\","]),
        (("lint",), 0,
         ["code,severity,level,owner,direction,rule_number,rule,covered_by,what,remedy",
          'CL021,note,always,"Profile ""WEB""",,,,,tag WEB,calicoctl profile WEB tag remove WEB']),
        (("check",), 0, ["severity,code,key,reason,remedy"]),
        (("test", "flows.yaml"), 1,
         ["name,place,holds,reason", "one,flows.yaml:1,true,"]),
    ],
)  # fmt: skip
def test_csv(
    store: Store, calicoq: Calicoq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    status: int, lines: list[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows.yaml").write_text(
        "- {name: one, allow: tcp:5432, from: WEB, to: DB}\n- {name: two, allow: udp, from: WEB, to: DB}\n"
    )
    fill(store)
    result = calicoq(*arguments, "-o", "csv")
    assert (result.status, result.stdout.splitlines()[: len(lines)]) == (status, lines)
    result = calicoq(*arguments, "-o", "md")
    assert result.status == status and result.stdout.startswith(f"| {' | '.join(lines[0].split(','))} |\n| --- |")
