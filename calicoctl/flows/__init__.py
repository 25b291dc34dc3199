"""Flows: who can open which connections to whom, computed for all packets at once; no I/O.

``calicoq verdict`` walks one packet through the rules. Here whole sets of packets take the same way, and the answers
are the same (``tests/flows/test_law.py``). Read in this order:

``packets.py``    sets of packets: an integer with one bit for each atom, packets that no rule tells apart
``regions.py``    the address space in pieces that no network of a rule tells apart
``groups.py``     endpoints and addresses that no rule tells apart; sets of groups are integers too
``programs.py``   the policies and profiles of an endpoint as lists of rectangles: groups of peers times packets
``passage.py``    all packets of all peers through a program: what is allowed, by peer
``sides.py``      all that packets meet on their way out of a source, or into a destination
``own_hosts.py``  what passes between workloads and the endpoints of their own host
``flows.py``      out of the source and into the destination: what passes between two groups
``rows.py``, ``names.py``    what to show: pairs between which the same packets pass, and names for groups

An example. Endpoints a1 and a2 have the profile A with the tag A, b has the profile B. A lets everything out and
nothing in. B's inbound rules are::

    1 deny  tcp from tag A to ports 22
    2 allow tcp from tag A
    3 allow icmp type 8

*Atoms*: TCP to 0:21, to 22, to 23:65535; UDP; ICMP type 8, other types that open a connection, types that open none;
ICMPv6; all other protocols. *Groups*: {a1, a2}, {b}, and {all other addresses}: bits 1, 2 and 4.

*The passage* into b begins with one part: all peers (7), all packets on their way. Rule 1 takes the peers with the tag
A (1) and the atom of port 22, and cuts: peers 1 without port 22, peers 6 with everything. Rule 2 takes peers 1 and TCP:
what is left of TCP is allowed. Rule 3 takes all peers. At the end two parts are left: peers 1 with TCP but 22 and ICMP
type 8 allowed, and peers 6 with ICMP type 8.

*The flows* into b are these sets, each intersected with what the source lets out to b: a1 and a2 let out everything;
addresses without an endpoint are not policed. So the rows are ``profile A (2) -> b: tcp 0:21,23:65535; icmp 8`` and
``all other addresses -> b: icmp 8``.
"""
