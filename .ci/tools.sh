# What some tests need, for .ci/run to source. Those of the container commands: iproute2, a Docker daemon (which the tests
# start themselves, with a folder, a socket and a network of their own) and a static busybox to make an image of. Those of
# completion: the shells. Those of the man pages and of the Debian package: man and lintian. Those of BGP: BIRD.
# Nothing is started here, and where something cannot be had the tests that need it are skipped and say why.

install_tools() {
  local missing=()
  command -v ip >/dev/null || missing+=(iproute2)
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v zsh >/dev/null || missing+=(zsh)
  command -v fish >/dev/null || missing+=(fish)
  command -v man >/dev/null || missing+=(man-db)
  command -v lintian >/dev/null || missing+=(lintian)
  command -v bird >/dev/null || missing+=(bird)
  dpkg-query --show --showformat='${Status}' busybox-static 2>/dev/null | grep -q ' installed$' || missing+=(busybox-static)
  if [ "${#missing[@]}" = 0 ]; then
    return
  fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Not installed, and not to be had here: ${missing[*]}. The tests that need them will be skipped." >&2
    return
  fi
  # A service that starts, or fails to, is none of our business: the tests have a daemon of their own.
  if ! { timeout 300 apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
      timeout 900 apt-get install -q -y --no-install-recommends "${missing[@]}"; } </dev/null; then
    echo "Could not install ${missing[*]}. The tests that need them will be skipped." >&2
  fi
}
