"""The usage text of ``calicoctl find``."""

USAGE = """
Usage:
  calicoctl find <TEXT>

Description:
  Find the endpoints, profiles, policies and pools in which a text occurs:

  -  an address or a network: endpoints with an address in it, pools that
     share addresses with it, and rules whose networks do
  -  a name or a part of one: of a host, an orchestrator, a workload, an
     endpoint, an interface, a profile or a policy
  -  a MAC address
  -  a tag: profiles that have it, and rules that refer to it
  -  a label, as NAME, VALUE or NAME=VALUE
  -  a part of a selector

  Upper and lower case are treated alike. The exit status is 1 if nothing is
  found.

"""
