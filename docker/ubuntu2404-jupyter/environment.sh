#!/bin/sh
# Makes the virtual environment $2 with the pinned, hashed list $1: what the role's module python_environment does on a
# machine. Run by the Dockerfile while it builds, as root. Every package is checked against its hash.
set -eu
list=$1
path=$2

export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt
if [ -n "${JUPYTER_INDEX_URL:-}" ]; then
  export PIP_INDEX_URL="$JUPYTER_INDEX_URL" UV_DEFAULT_INDEX="$JUPYTER_INDEX_URL"
  case $JUPYTER_INDEX_URL in
    http:*)
      host=${JUPYTER_INDEX_URL#*://}
      host=${host%%/*}
      export PIP_TRUSTED_HOST="${host##*@}" UV_INSECURE_HOST="${host##*@}"
      ;;
  esac
fi

# --without-pip, and then the pip that Debian's python3-venv keeps: it fetches uv, which is quicker and in the list.
python3 -m venv --without-pip --system-site-packages "$path"
for pip in /usr/share/python-wheels/pip-*.whl; do :; done
awk '/^uv==/ {on = 1} on {print} on && !/\\$/ {exit}' "$list" >/tmp/uv.txt
set -- --quiet --no-deps --only-binary :all: --require-hashes
"$path/bin/python" "$pip/pip" install "$@" \
  --disable-pip-version-check --no-cache-dir --no-compile --ignore-installed -r /tmp/uv.txt
"$path/bin/uv" pip install "$@" --no-cache --python "$path/bin/python" -r "$list"

# Compiled now is what every container would else compile at its start: a server's and a kernel's modules, and no more.
"$path/bin/python" -c 'import jupyterlab.labapp, notebook.app, jupyter_server_terminals, nbconvert.exporters'
"$path/bin/python" -c 'import ipykernel.kernelapp, ipykernel.ipkernel, ipykernel.zmqshell, IPython.core.completer'

# It is one person's, whatever her user id will be: she can install packages, as on a machine.
chmod -R a+rwX "$path"
