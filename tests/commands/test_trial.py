"""--dry-run and --flows, before a command or as its options, and --deny-if."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.calicoq.conftest import Store
from tests.command_lines import WRITING, Row
from tests.conftest import Calicoctl
from tests.etcd_server import EtcdServer
from tests.flows.shop import fill
from tests.proxy import Proxy, first
from tests.trust.outcomes import prepare, run_row

TRIED = [row for row in WRITING if row.line.split()[0] in ("profile", "endpoint", "pool", "bgp", "config", "ipam")]
CLOSES = """
Flow changes:
- profile WEB (2) -> profile DB (2): tcp 5432
    for example host1/k8s/web-1/eth0 to host2/k8s/db-1/eth0, tcp 5432
    before: allowed; inbound, Profile "DB": inbound rule 2 decides: allow tcp from tag DB-CLIENT to ports 5432
    after: denied; inbound, End of its profiles: none allowed the packet
"""
WITHOUT_TAG = """\
apiVersion: projectcalico.org/v3
kind: Profile
metadata: {name: WEB, tags: [WEB]}
spec:
  ingress: [{action: Allow, protocol: TCP, destination: {ports: [80, 443]}}]
  egress: [{action: Allow}]
"""
WITH_SSH = WITHOUT_TAG.replace("[WEB]", "[WEB, DB-CLIENT]").replace("80, 443", "22, 80, 443")
DRY = "Dry run, nothing was written: would have successfully "


@pytest.fixture
def shop(etcd: EtcdServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EtcdServer:
    """The shop, with the document web.yaml that takes a tag away, and ssh.yaml that opens a port."""
    fill(Store(etcd))
    (tmp_path / "web.yaml").write_text(WITHOUT_TAG)
    (tmp_path / "ssh.yaml").write_text(WITH_SSH)
    monkeypatch.chdir(tmp_path)
    return etcd


@pytest.mark.parametrize("row", TRIED, ids=str)
def test_a_trial_says_what_the_command_says(row: Row, etcd: EtcdServer, calicoctl: Calicoctl) -> None:
    prepare(row, etcd, calicoctl)
    index = etcd.index()
    tried = calicoctl("--dry-run", *row.arguments, stdin=row.stdin)
    assert etcd.index() == index
    assert tried.stderr.startswith("Dry run: nothing is written.\n")
    done = run_row(row, calicoctl)
    assert (tried.status, tried.stdout, tried.stderr.partition("\n")[2]) == (done.status, done.stdout, done.stderr)
    assert etcd.index() > index


def test_a_command_with_its_flows(shop: EtcdServer, calicoctl: Calicoctl) -> None:
    index = shop.index()
    expected = f"Tag DB-CLIENT removed from profile WEB\n{CLOSES}"
    result = calicoctl("--dry-run", "--flows", "profile", "WEB", "tag", "remove", "DB-CLIENT")
    assert result == (0, expected, "Dry run: nothing is written.\n")
    result = calicoctl("--dry-run", "--flows", "profile", "DB", "rule", "add", "inbound", "allow", "from", "tag", "DB")
    expected = "Rule already present, skipping.\n\nFlow changes:\nNo flow changes.\n"
    assert result == (0, expected, "Dry run: nothing is written.\n")
    assert shop.index() == index


def test_a_failure_shows_no_flows(shop: EtcdServer, calicoctl: Calicoctl) -> None:
    result = calicoctl("--dry-run", "--flows", "profile", "WEB", "tag", "remove", "NONE")
    assert result == (1, "", "Dry run: nothing is written.\nTag NONE is not on profile WEB\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--dry-run node --node-image=x", "'calicoctl node' cannot be tried: --dry-run before the command is for "
         "profile, endpoint, pool, bgp, config and ipam.\n"),
        ("--dry-run container add x 10.0.0.1", "'calicoctl container' cannot be tried: --dry-run before the command is "
         "for profile, endpoint, pool, bgp, config and ipam.\n"),
        ("--flows profile add P",
         "--flows before the command goes with --dry-run: calicoctl --dry-run --flows ...\n"),
        ("apply -f web.yaml --flows", "--flows goes with --dry-run. Nothing was written.\n"),
        ("edit profile WEB --flows", "--flows goes with --dry-run. Nothing was written.\n"),
        ("apply -f web.yaml --deny-if=x", '--deny-if is opens or closes; not "x".\n'),
    ],
)  # fmt: skip
def test_what_cannot_be_tried(shop: EtcdServer, calicoctl: Calicoctl, arguments: str, message: str) -> None:
    assert calicoctl(*arguments.split()) == (1, "", message)


@pytest.mark.parametrize("arguments", ["{} -f web.yaml --dry-run --flows", "--dry-run --flows {} -f web.yaml"])
@pytest.mark.parametrize("verb", ["apply", "replace"])
def test_documents_with_their_flows(shop: EtcdServer, calicoctl: Calicoctl, arguments: str, verb: str) -> None:
    index = shop.index()
    past = {"apply": "applied", "replace": "replaced"}[verb]
    expected = f"{DRY}{past} 1 'Profile' resource(s)\nProfile(WEB): changed\n{CLOSES}"
    assert calicoctl(*arguments.format(verb).split())[:2] == (0, expected)
    assert shop.index() == index


def test_create_delete_and_diff_with_their_flows(shop: EtcdServer, calicoctl: Calicoctl) -> None:
    index = shop.index()
    result = calicoctl("delete", "profile", "DB", "NONE", "--dry-run", "--flows")
    assert result.status == 1 and "\n- tag DB-CLIENT (3) -> profile DB (2): tcp 5432\n" in result.stdout
    document = WITHOUT_TAG.replace("name: WEB", "name: NEW")
    result = calicoctl("create", "-f", "-", "--dry-run", "--flows", stdin=document)
    created = f"{DRY}created 1 'Profile' resource(s)\nProfile(NEW): created\n"
    assert result == (0, f"{created}\nFlow changes:\nNo flow changes.\n", "")
    result = calicoctl("diff", "-f", "web.yaml", "--flows")
    assert result.status == 1 and result.stdout.startswith("--- Profile(WEB)") and result.stdout.endswith(CLOSES)
    assert shop.index() == index


def test_dry_run_before_a_command_that_has_it(shop: EtcdServer, calicoctl: Calicoctl) -> None:
    calicoctl("backup", "shop.json")
    shop.delete("/calico/v1/policy/profile/BACKUP")
    index = shop.index()
    result = calicoctl("--dry-run", "restore", "shop.json")
    assert result == calicoctl("restore", "--dry-run", "shop.json")
    assert result.status == 0 and result.stdout.count("+ /calico/v1/policy/profile/BACKUP/") == 2
    assert shop.index() == index


def test_an_edit_with_its_flows(shop: EtcdServer, calicoctl: Calicoctl, tmp_path: Path) -> None:
    index = shop.index()
    calicoctl.environ = {**calicoctl.environ, "EDITOR": "sed -i /DB-CLIENT/d", "TMPDIR": str(tmp_path)}
    result = calicoctl("edit", "profile", "WEB", "--dry-run", "--flows")
    assert result.status == 0 and result.stdout.endswith(CLOSES)
    kept = next(line for line in result.stdout.splitlines() if line.startswith("The changes are in "))
    assert shop.index() == index
    assert calicoctl("apply", "-f", kept.removeprefix("The changes are in ").rstrip(".")).status == 0
    assert shop.get("/calico/v1/policy/profile/WEB/tags") == '["WEB"]'


def test_a_change_that_must_not_open_flows(shop: EtcdServer, calicoctl: Calicoctl) -> None:
    index = shop.index()
    result = calicoctl("apply", "-f", "ssh.yaml", "--deny-if=opens")
    assert result.status == 1 and shop.index() == index
    assert result.stdout.startswith("\nFlow changes:\n+ ")
    assert result.stderr == "Refused: this change opens flows (--deny-if=opens). Nothing was written.\n"
    expected = "Successfully applied 1 'Profile' resource(s)\nProfile(WEB): changed\n"
    assert calicoctl("apply", "-f", "ssh.yaml", "--deny-if=closes")[:2] == (0, expected)
    result = calicoctl("apply", "-f", "-", "--deny-if=closes", "--dry-run", stdin=WITHOUT_TAG)
    assert result.status == 1 and "\n- profile WEB (2) -> profile DB (2): tcp 5432\n" in result.stdout


def test_a_judged_change_does_not_become_another_one(shop: EtcdServer, calicoctl: Calicoctl, proxy: Proxy) -> None:
    rules = "/calico/v1/policy/profile/WEB/rules"
    conflict = "update conflict: Profile(WEB)\nSomebody else changed it at the same time."
    proxy.at(2, first(lambda: shop.put(rules, "{}")))  # after the copy was read
    result = calicoctl("apply", "-f", "web.yaml", "--deny-if=opens")
    assert (result.status, result.stderr) == (1, f"{conflict} Nothing was written: repeat the command.\n")
    fill(Store(shop))
    proxy.reset()
    proxy.at(3, first(lambda: shop.put("/calico/v1/policy/profile/WEB/tags", "[]")))  # right before the first write
    result = calicoctl("apply", "-f", "web.yaml", "--deny-if=opens")
    assert result.status == 1 and conflict in result.stderr
    assert shop.get("/calico/v1/policy/profile/WEB/tags") == "[]"
