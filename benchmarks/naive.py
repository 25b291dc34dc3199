"""A simple implementation of some commands, to compare calicoctl with.

    python naive.py HELP_TEXT_FILE ARGUMENT...

does the same as `calicoctl ARGUMENT...` for the commands that are measured, if the data is valid. It uses docopt,
python-etcd, netaddr and prettytable as their manuals recommend.
"""

import json
import os
import sys

import etcd
from docopt import docopt
from netaddr import IPNetwork
from prettytable import PrettyTable

PROFILES = "/calico/v1/policy/profile/"
HOSTS = "/calico/v1/host/"


def main():
    with open(sys.argv[1]) as help_text:
        arguments = docopt(help_text.read(), sys.argv[2:])
    host, port = os.environ["ETCD_AUTHORITY"].split(":")
    client = etcd.Client(host=host, port=int(port))
    if "<ENDPOINT_ID>" in arguments:
        endpoint_show(client, arguments)
    elif arguments["rule"] and arguments["show"]:
        rule_show(client, arguments["<PROFILE>"])
    elif arguments["rule"] and arguments["add"]:
        rule_add(client, arguments)
    elif arguments["rule"]:
        rule_update(client, arguments["<PROFILE>"])
    elif arguments["tag"]:
        tag_add(client, arguments["<PROFILE>"], arguments["<TAG>"])
    elif arguments["--detailed"]:
        profile_show_detailed(client)
    else:
        profile_show(client)


def profile_names(client):
    return [child.key.split("/")[-1] for child in client.read(PROFILES).leaves if child.key != PROFILES.rstrip("/")]


def profile_show(client):
    table = PrettyTable(["Name"])
    for name in profile_names(client):
        table.add_row([name])
    print(table.get_string(sortby="Name"))


def profile_show_detailed(client):
    table = PrettyTable(["Name", "Host", "Orchestrator ID", "Workload ID", "Endpoint ID", "State"])
    users = {}
    for key, endpoint in endpoints(client):
        for profile in endpoint["profile_ids"]:
            users.setdefault(profile, []).append([*key, endpoint["state"]])
    for name in profile_names(client):
        for row in users.get(name, [[None] * 5]):
            table.add_row([name, *row])
    print(table.get_string(sortby="Name"))


def rule_show(client, name):
    rules = json.loads(client.read(PROFILES + name + "/rules").value)
    for heading, key in (("Inbound rules:", "inbound_rules"), ("Outbound rules:", "outbound_rules")):
        print(heading)
        for position, rule in enumerate(rules[key], start=1):
            print(f" {position:3d} {rule_text(rule)}")


def rule_text(rule):
    words = [rule["action"]]
    if "protocol" in rule:
        words.append(rule["protocol"])
    for side, preposition in (("src", "from"), ("dst", "to")):
        matches = []
        if side + "_ports" in rule:
            matches += ["ports", ",".join(str(port) for port in rule[side + "_ports"])]
        if side + "_tag" in rule:
            matches += ["tag", rule[side + "_tag"]]
        if side + "_net" in rule:
            matches += ["cidr", rule[side + "_net"]]
        if matches:
            words += [preposition, *matches]
    return " ".join(words)


def rule_add(client, arguments):
    key = PROFILES + arguments["<PROFILE>"] + "/rules"
    rules = json.loads(client.read(key).value)
    rule = {"action": "allow", "protocol": "tcp"}
    if arguments["<DSTPORTS>"]:
        rule["dst_ports"] = [int(port) for port in arguments["<DSTPORTS>"].split(",")]
    if arguments["<SRCCIDR>"]:
        rule["src_net"] = str(IPNetwork(arguments["<SRCCIDR>"]))
    rules["inbound_rules"].append(rule)
    client.write(key, json.dumps(rules))


def rule_update(client, name):
    rules = json.load(sys.stdin)
    client.read(PROFILES + name)
    client.write(PROFILES + name + "/rules", json.dumps(rules))
    print("Successfully updated rules on profile " + name)


def tag_add(client, name, tag):
    key = PROFILES + name + "/tags"
    tags = json.loads(client.read(key).value)
    client.write(key, json.dumps([*tags, tag]))
    print(f"Tag {tag} added to profile {name}")


def endpoints(client, place=HOSTS):
    for leaf in client.read(place, recursive=True).leaves:
        path = leaf.key.split("/")
        if len(path) == 10 and path[5] == "workload" and path[8] == "endpoint":
            yield (path[4], path[6], path[7], path[9]), json.loads(leaf.value)


def endpoint_show(client, arguments):
    place = HOSTS
    if arguments["--host"]:
        place += arguments["--host"] + "/workload"
        if arguments["--orchestrator"]:
            place += "/" + arguments["--orchestrator"]
            if arguments["--workload"]:
                place += "/" + arguments["--workload"]
                if arguments["--endpoint"]:
                    place += "/endpoint/" + arguments["--endpoint"]
    if arguments["--detailed"]:
        table = PrettyTable(
            ["Hostname", "Orchestrator ID", "Workload ID", "Endpoint ID", "Addresses", "MAC", "Profiles", "State"]
        )
        for key, endpoint in endpoints(client, place):
            nets = [IPNetwork(net) for net in endpoint["ipv4_nets"] + endpoint["ipv6_nets"]]
            addresses = "\n".join(str(net) for net in sorted(nets))
            table.add_row([*key, addresses, endpoint["mac"], ",".join(endpoint["profile_ids"]), endpoint["state"]])
    else:
        table = PrettyTable(["Hostname", "Orchestrator ID", "Number of Workloads", "Number of Endpoints"])
        counts = {}
        for (host, orchestrator, workload, _), _ in endpoints(client, place):
            counts.setdefault((host, orchestrator), []).append(workload)
        for (host, orchestrator), workloads in counts.items():
            table.add_row([host, orchestrator, len(set(workloads)), len(workloads)])
    print(table.get_string(sortby="Hostname") + "\n")


if __name__ == "__main__":
    main()
