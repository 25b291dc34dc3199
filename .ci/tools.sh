# Install the tools that some tests need; sourced by .ci/run. The tests of the container commands need iproute2, Docker
# and a static busybox, from which they build an image. They start a Docker daemon of their own, with its own folder,
# socket and network. The tests of completion need the shells, those of the man pages and of the Debian package need man
# and lintian, those of BGP need BIRD 1 and 2, which they start themselves, and those of pages and graphs need a headless
# Chromium and Graphviz.
# This script starts nothing. If a tool cannot be installed, the tests that need it are skipped and say why.

install_tools() {
  local missing=() browser=""
  command -v ip >/dev/null || missing+=(iproute2)
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v zsh >/dev/null || missing+=(zsh)
  command -v fish >/dev/null || missing+=(fish)
  command -v man >/dev/null || missing+=(man-db)
  command -v lintian >/dev/null || missing+=(lintian)
  dpkg-query --show --showformat='${Status}' busybox-static 2>/dev/null | grep -q ' installed$' || missing+=(busybox-static)
  [ -x /usr/sbin/bird6 ] || missing+=(bird)
  command -v dot >/dev/null || missing+=(graphviz)
  command -v chromium-headless-shell chromium >/dev/null || browser=chromium-headless-shell
  if [ "${#missing[@]}" = 0 ] && [ -z "$browser" ] && [ -x /usr/local/lib/bird2/bird ]; then
    return
  fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Cannot install without root and apt-get: ${missing[*]:-bird2}. The tests that need them will be skipped." >&2
    return
  fi
  # RUNLEVEL=1 keeps the packages from starting services. The tests start a Docker daemon of their own.
  if ! { timeout 300 apt-get update -q && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
      timeout 900 apt-get install -q -y --no-install-recommends "${missing[@]}" libssh-gcrypt-4; } </dev/null; then
    echo "Could not install ${missing[*]}. The tests that need them will be skipped." >&2
  fi
  # Alone, because some distributions do not have it under this name
  if [ -n "$browser" ] && ! timeout 900 apt-get install -q -y --no-install-recommends "$browser" </dev/null; then
    echo "Could not install $browser. The tests that need it will be skipped." >&2
  fi
  install_bird2 </dev/null || echo "Could not get BIRD 2. The tests that need it will be skipped." >&2
}

# The package bird2 conflicts with bird, so its program alone is put into a folder of its own.
install_bird2() {
  local folder
  folder=$(mktemp -d)
  (cd "$folder" && timeout 300 apt-get download -q bird2 && dpkg-deb --extract bird2_*.deb . &&
    install -D usr/sbin/bird /usr/local/lib/bird2/bird)
  local status=$?
  rm -rf "$folder"
  return "$status"
}
