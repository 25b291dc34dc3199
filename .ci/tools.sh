# Install the tools that some tests need; sourced by .ci/run. The tests of the container commands need iproute2, Docker
# and a static busybox, from which they build an image. They start a Docker daemon of their own, with its own folder,
# socket and network. The tests of completion need the shells, those of the man pages and of the Debian package need man
# and lintian, and those of BGP need BIRD.
# This script starts nothing. If a tool cannot be installed, the tests that need it are skipped and say why.

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
    echo "Cannot install without root and apt-get: ${missing[*]}. The tests that need them will be skipped." >&2
    return
  fi
  # RUNLEVEL=1 keeps the packages from starting services. The tests start a Docker daemon of their own.
  if ! { timeout 300 apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
      timeout 900 apt-get install -q -y --no-install-recommends "${missing[@]}"; } </dev/null; then
    echo "Could not install ${missing[*]}. The tests that need them will be skipped." >&2
  fi
}
