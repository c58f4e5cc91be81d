#!/usr/bin/env bash
# Run the tests that use Wireshark or the command line in the Debian of today, with its own Python and its own tshark, as an
# ordinary user: as root, Wireshark from 4.4 on ignores scripts without a word.
#
#     tests/current.sh                          # what `make test-current` runs
#     tests/current.sh tests/test_wireshark.py  # other arguments for pytest
#
# A root of its own is made by debootstrap once, in .debian/SUITE (about 500 MB); a second run finds it there. Nothing stays
# mounted: all mounts are in a namespace of their own. ATSHARK_SUITE=sid takes another Debian, ATSHARK_MIRROR another mirror.
set -euo pipefail
cd "$(dirname "$0")/.."

suite=${ATSHARK_SUITE:-trixie}
mirror=${ATSHARK_MIRROR:-http://deb.debian.org/debian}
root=$PWD/.debian/$suite
packages=tshark,python3,python3-venv,ca-certificates,procps,lua5.2,lua5.4
tests=(
  tests/test_cli.py tests/test_wireshark.py tests/test_shown.py tests/test_docs_wireshark.py tests/test_any_port.py
  tests/test_export_ip.py tests/test_inferred.py tests/test_pcapng.py tests/test_ppp.py tests/test_open.py tests/test_shown_damage.py
  tests/test_live_export.py tests/test_licence.py tests/test_tap.py tests/test_rotation.py tests/test_batch.py
)
mkdir -p .debian
exec 9>".debian/$suite.lock"
flock 9 # one run at a time
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

# In a mount namespace of its own, run a command in the new root as root.
inside() {
  "${sudo[@]}" unshare --mount --propagation private bash -ec '
    root=$1; shift
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/tmp" -o mode=1777
    exec chroot "$root" "$@"
  ' inside "$root" "$@"
}

if [ "$("${sudo[@]}" cat "$root/.made" 2>/dev/null)" != "$packages" ]; then
  command -v debootstrap >/dev/null || {
    "${sudo[@]}" apt-get update && "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y debootstrap; }
  [ -e "$root/etc/debian_version" ] || "${sudo[@]}" unshare --mount --propagation private \
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror"
  "${sudo[@]}" cp --dereference /etc/resolv.conf "$root/etc/resolv.conf"
  "${sudo[@]}" cp --dereference /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  inside env DEBIAN_FRONTEND=noninteractive sh -ec "
    echo 'wireshark-common wireshark-common/install-setuid boolean false' | debconf-set-selections
    apt-get install -y --no-install-recommends ${packages//,/ }
    id tester >/dev/null 2>&1 || useradd --create-home --groups dialout tester
  "
  echo "$packages" | "${sudo[@]}" tee "$root/.made" >/dev/null
fi

# The project as it is in the work tree, with its tests, owned by the user there.
"${sudo[@]}" rm -rf "$root/home/tester/atshark"
"${sudo[@]}" mkdir "$root/home/tester/atshark"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar --create --null --files-from - | "${sudo[@]}" tar --extract --no-same-owner --directory "$root/home/tester/atshark"
inside chown -R tester: /home/tester/atshark

[ $# -gt 0 ] || set -- -n 2 "${tests[@]}" -k "not disk" # the tests of full disks mount some, as root
environment=(HOME=/home/tester USER=tester LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin)
while IFS= read -r setting; do environment+=("$setting"); done < <(env | grep -E '^(ATSHARK_|https?_proxy=|no_proxy=)' || true)
inside setpriv --reuid tester --regid tester --init-groups env -i "${environment[@]}" bash -ec '
  cd ~/atshark
  lock=$(cat requirements.lock requirements-dev.lock pyproject.toml | sha256sum)
  if [ "$(cat ~/venv/.lock 2>/dev/null)" != "$lock" ]; then
    rm -rf ~/venv
    python3 -m venv ~/venv
    ~/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    ~/venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
    ~/venv/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
    echo "$lock" > ~/venv/.lock
  fi
  echo "$(~/venv/bin/python --version), $(tshark --version 2>/dev/null | head -1), as $(id -un)"
  exec ~/venv/bin/pytest "$@"
' tester "$@"
