"""The usage text of ``calicoctl context``."""

USAGE = """
Usage:
  calicoctl context list
  calicoctl context use (<CONTEXT> | --none)
  calicoctl context show

Description:
  Choose which etcd the commands of calicoctl and calicoq work with. A context
  is a name for the values that lead to one, in the file
  ~/.config/calicoctl/config.yaml:

    contexts:
      lab:
        etcdAuthority: 10.0.0.5:2379
      prod:
        etcdEndpoints: https://etcd1:2379,https://etcd2:2379
        etcdCACertFile: /etc/ssl/etcd-ca.pem
        etcdUsername: calico
        etcdPassword: secret

  'use' chooses the context for the commands that follow. 'show' tells which
  values count now, and where each comes from; passwords are not shown.

Options:
  --none  Choose no context.

Options before the command, of all commands of calicoctl and calicoq:
  calicoctl --context=<CONTEXT> <command>
                          Work with this context, only now.
  calicoctl --config=<FILENAME> <command>
                          (or -c <FILENAME>) Work with the etcd of this file,
                          which has the form of /etc/calico/calicoctl.cfg.

  A value counts where it is found first: in one of these options; in the
  environment (ETCD_ENDPOINTS and so on, also as CALICO_ETCD_ENDPOINTS); in
  the context that was chosen; in /etc/calico/calicoctl.cfg. The first of
  them that has the address of etcd is the last that is read.

"""
