#!/bin/sh
# A first session with profiles, each command shown before its output. It expects calicoctl on PATH and, where ETCD_AUTHORITY
# or ETCD_ENDPOINTS says, an etcd in which there is no profile WEB yet; `make demo` runs it with an etcd of its own.
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
