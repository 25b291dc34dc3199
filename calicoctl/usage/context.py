"""The usage text of ``calicoctl context``."""

USAGE = """
Usage:
  calicoctl context list
  calicoctl context use (<CONTEXT> | --none)
  calicoctl context show

Description:
  Choose which etcd the commands of calicoctl and calicoq work with. A context
  is a named set of values for connecting to an etcd. Contexts are stored in
  the file ~/.config/calicoctl/config.yaml:

    contexts:
      lab:
        etcdAuthority: 10.0.0.5:2379
      prod:
        etcdEndpoints: https://etcd1:2379,https://etcd2:2379
        etcdCACertFile: /etc/ssl/etcd-ca.pem
        etcdUsername: calico
        etcdPassword: secret

  'use' chooses the context for later commands. 'show' shows the current values
  and where each comes from, but no passwords.

Options:
  --none  Choose no context.

Options before the command, for all commands of calicoctl and calicoq:
  calicoctl --context=<CONTEXT> <command>
                          Use this context for one command only.
  calicoctl --config=<FILENAME> <command>
                          (or -c <FILENAME>) Use the etcd described in this
                          file, which has the format of
                          /etc/calico/calicoctl.cfg.
  calicoctl --color=<WHEN> <command>
                          auto (on a terminal, the default), always or never.
  calicoctl --output=<FORMAT> <command>
                          (or -o <FORMAT>) calicoctl only: print a listing
                          as table (the default), json, yaml, csv or name, or
                          the JSON Schema of its rows with schema.
  calicoctl --columns=<COLUMNS> <command>
                          calicoctl only: show these fields of a listing.

  The values for etcd are searched for in this order: in --context or --config;
  in the environment (ETCD_ENDPOINTS and so on, also as
  CALICO_ETCD_ENDPOINTS); in the chosen context; in /etc/calico/calicoctl.cfg.
  The first value found applies. The search ends after the first place that
  has the address of etcd.

"""
