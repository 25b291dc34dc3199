"""The page of calicoq reach and diff: what is in it, and what it does in a browser."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.calicoq.conftest import Calicoq, Store
from tests.flows.browser import act
from tests.flows.shop import fill

HOSTILE = "</script><script>document.title='taken'</script><!--\"'&\u65e5\u672c"
SAID = 'inbound, Profile "DB": inbound rule 2 decides: allow tcp from tag DB-CLIENT to ports 5432'
WITHOUT_TAG = {
    "apiVersion": "projectcalico.org/v3", "kind": "Profile", "metadata": {"name": "WEB", "tags": ["WEB"]},
    "spec": {
        "ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [80, 443, 8080]}}],
        "egress": [{"action": "Allow"}],
    },
}  # fmt: skip


def data_of(page: str) -> Any:
    """Return the data in a page."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return json.loads(found[1])


@pytest.fixture
def shop(store: Store, calicoq: Calicoq) -> str:
    """The page about the shop."""
    fill(store)
    result = calicoq("reach", "-o", "html")
    assert (result.status, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture
def change(store: Store, calicoq: Calicoq, tmp_path: Path) -> str:
    """The page about a change of the shop."""
    fill(store)
    (tmp_path / "web.json").write_text(json.dumps(WITHOUT_TAG))
    result = calicoq("diff", f"--with={tmp_path}/web.json", "-o", "html")
    assert (result.status, result.stderr) == (1, "")
    return result.stdout


def test_the_data_are_the_rows_of_the_text(shop: str, calicoq: Calicoq) -> None:
    rows = [f"{row['from_name']} -> {row['to_name']}: {row['packets']}" for row in data_of(shop)["rows"]]
    assert rows == calicoq("reach").stdout.splitlines()


def test_a_page_needs_nothing_from_elsewhere(shop: str) -> None:
    assert "default-src 'none'" in shop
    assert not re.search(r"https?:|//[a-z]|\bsrc=|url\(|@import|<link", re.sub(r"(?m)^// .*$|\s// .*$", "", shop))


def test_a_part_of_the_flows_is_a_page_too(store: Store, calicoq: Calicoq) -> None:
    fill(store)
    page = calicoq("reach", "--to=db-1", "--only=tcp:5432", "-o", "html").stdout
    assert [end["name"] for end in data_of(page)["ends"]] == [
        "host2/k8s/db-1/eth0", "profile BACKUP (1), host2/k8s/db-2/eth0, profile WEB (2)",
    ]  # fmt: skip


def test_more_groups_than_a_page_shows(store: Store, calicoq: Calicoq, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store)
    monkeypatch.setattr("calicoctl.calicoq.page.MOST_ENDS", 5)
    assert calicoq("reach", "-o", "html") == (
        2,
        "",
        "A page shows 5 groups of endpoints and networks at most, and these flows have 6.\n"
        "Give <substring>, --from, --to or --only to look at a part of them.\n",
    )
    assert calicoq("reach", "--to=db-1", "--only=tcp:5432", "-o", "html").status == 0


def test_a_click_shows_the_rows_and_what_decides(shop: str, tmp_path: Path) -> None:
    found = act(shop, 'found.list = text("#details"); click(2, 0); found.cell = text("#details");', tmp_path)
    assert found["errors"] == []
    assert found["list"].startswith("6 flows\ntcp 22\n192.0.2.0/24 → profile DB (2)\n")
    assert "profile WEB (2) → profile DB (2)" in found["cell"]
    assert SAID in found["cell"] and "host1/k8s/web-1/eth0 10.65.0.1" in found["cell"]


def test_it_can_be_filtered_by_packets_and_searched(shop: str, tmp_path: Path) -> None:
    script = """
      for (const packets of ["5432", "tcp:443", "icmp:8", "udp", "80 22", "sctp"]) {
        type("packets", packets); found[packets] = view.rows.map(row => row.packets);
      }
      type("packets", "tcp:x"); found.invalid = document.querySelector("#packets").getAttribute("aria-invalid");
      type("packets", ""); type("search", "BACKUP"); found.backup = view.rows.map(row => row.packets);
      type("search", "10.65.1.1"); found.sources = view.sources.map(number => data.ends[number].name);
      type("search", "nobody"); found.nothing = text("#nothing");
    """
    found = act(shop, script, tmp_path)
    assert found["errors"] == []
    everything = ["all", "all", "all"]
    assert found["5432"] == [*everything, "tcp 5432"]
    assert found["tcp:443"] == [*everything, "tcp 80,443"]
    assert found["80 22"] == ["tcp 22", *everything, "tcp 80,443"]
    assert found["icmp:8"] == found["udp"] == found["sctp"] == everything
    assert (found["invalid"], found["backup"], found["nothing"]) == (
        "true", ["tcp 5432"], "No flow is left by these filters.",
    )  # fmt: skip
    assert found["sources"] == ["profile BACKUP (1)", "profile DB (2)", "profile WEB (2)", "192.0.2.0/24"]


def test_it_can_be_used_by_keyboard(shop: str, tmp_path: Path) -> None:
    script = """
      scroller.focus(); press("ArrowDown"); press("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown", "ArrowLeft");
      found.status = text("#status"); press("Enter"); found.cell = text("#details");
      press("Escape"); found.list = text("#details");
      document.querySelector("button.flow").click(); found.row = text("#details");
      found.inOrder = [...document.querySelectorAll("input, [tabindex]")].map(each => each.id);
    """
    found = act(shop, script, tmp_path)
    assert found["errors"] == []
    assert found["status"] == "profile WEB (2) → profile DB (2): tcp 5432"
    assert SAID in found["cell"]
    assert found["list"].startswith("6 flows")
    assert "for example 192.0.2.0 to host2/k8s/db-1/eth0" in found["row"]
    assert found["inOrder"] == ["search", "packets", "scroller"]


def test_a_difference_in_colour(change: str, tmp_path: Path) -> None:
    script = """
      found.list = text("#details"); click(0, 0); found.cell = text("#details");
      found.kind = document.querySelector("article").className;
      const box = canvas.getBoundingClientRect(), scale = devicePixelRatio;
      found.colour = [...pen.getImageData((left + 4) * scale, (top_ + 4) * scale, 1, 1).data].slice(0, 3);
    """
    found = act(change, script, tmp_path)
    assert found["errors"] == []
    assert found["list"] == (
        "2 changes\n+ tcp 8080\nprofile WEB (2), all other addresses → profile WEB (2)\n"
        "− tcp 5432\nprofile WEB (2) → profile DB (2)"
    )
    assert f"before: allowed; {SAID}" in found["cell"]
    assert (found["kind"], found["colour"]) == ("closes", [0xC2, 0x37, 0x2E])


def test_both_ip_versions(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    store.workload("h/o/w/e", profile_ids=["P"], ipv4_nets=["10.65.0.1/32"], ipv6_nets=["fd80::1/128"])
    store.profile("P", inbound=[{"protocol": "icmpv6", "ip_version": 6}, {"protocol": "udp"}], outbound=[])
    page = calicoq("reach", "-o", "html").stdout
    script = 'found.four = view.rows[0].packets; type("version", "6"); found.six = view.rows[0].packets;'
    assert act(page, script, tmp_path) == {"four": "udp", "six": "udp; icmpv6", "errors": []}


def test_hostile_names_stay_text(store: Store, calicoq: Calicoq, tmp_path: Path) -> None:
    fill(store)
    store.workload(f"host1/k8s/{HOSTILE.replace('/', '%2f')}/eth0", profile_ids=["WEB"], ipv4_nets=["10.65.0.9/32"])
    page = calicoq("reach", "-o", "html").stdout
    assert page.count("</script>") == 2
    members = [member for end in data_of(page)["ends"] for member in end["members"]]
    assert f"host1/k8s/{HOSTILE}/eth0 10.65.0.9" in members
    found = act(page, 'click(2, 0); found.cell = text("#details"); found.title = document.title;', tmp_path)
    assert found["errors"] == []
    assert found["title"] == "Allowed flows" and HOSTILE in found["cell"]
