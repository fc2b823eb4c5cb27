#!/bin/sh
# Installs the system's packages and the lab's, and leaves nothing that only this needed. Run by the Dockerfile while it
# builds, as root, in one step, so that package lists and the YAML reader are in no layer.
set -eu
here=$(dirname "$0")

# An image whose build breaks off is thrown away, so dpkg need not wait for the disk.
printf '%s\n' 'Acquire::Languages "none";' 'DPkg::Options:: "--force-unsafe-io";' >/etc/apt/apt.conf.d/90build
install() { apt-get install -y --no-install-recommends "$@"; }

apt-get update
install ca-certificates python3 python3-venv tini
if [ -n "${CA_CERTIFICATES:-}" ]; then
  printf '%s\n' "$CA_CERTIFICATES" >/usr/local/share/ca-certificates/given.crt
  update-ca-certificates
fi

# Marked as needed by others only, it goes at the end unless one of the lab's packages needs it.
dpkg-query -W -f '${db:Status-Status}' python3-yaml 2>/dev/null | grep -qx installed || install --mark-auto python3-yaml
packages=$(python3 "$here/lab_repository.py" "$here/apt_probcomp.yml")
if [ -n "$packages" ]; then
  apt-get update --error-on=any -o Dir::Etc::sourcelist=/etc/apt/sources.list.d/probcomp.sources \
    -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
  # shellcheck disable=SC2086 # a list of names
  install $packages
fi
apt-get autoremove -y --purge

# Its user id is that of most laptops' first user.
if getent passwd ubuntu >/dev/null; then userdel --remove ubuntu; fi

apt-get clean
rm -rf /etc/apt/apt.conf.d/90build /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old \
  /var/cache/ldconfig/aux-cache /var/log/apt/* /var/log/dpkg.log /var/log/alternatives.log
