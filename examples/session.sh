#!/bin/sh
# A first session with profiles. Each command is printed before its output. calicoctl must be on PATH. ETCD_AUTHORITY or
# ETCD_ENDPOINTS must lead to an etcd without a profile WEB. `make demo` runs this script with a private etcd.
set -e
cd "$(dirname "$0")"

run() {
  printf '$ %s\n' "$1"
  eval "$1"
}

run 'calicoctl profile add WEB'
run 'calicoctl profile WEB rule update < web_rules.json'
run 'calicoctl profile WEB rule show'
run 'calicoctl profile WEB rule add inbound allow tcp to ports 8080:8090'
run 'calicoctl profile WEB rule show'
run 'calicoctl profile WEB tag add WEB_APP'
run 'calicoctl profile WEB tag show'
run 'calicoctl profile show'
