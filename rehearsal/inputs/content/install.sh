#!/bin/sh
# Installs what the notebooks need. Runs as the account that Jupyter runs as, with its venv first on the PATH; a second
# run of the same version changes nothing.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/version")
data=${XDG_DATA_HOME:-$HOME/.local/share}

# Into the venv where the account may write there, else beside the account's own files: the venv sees both.
set -- python -m pip install --quiet --disable-pip-version-check --no-index --no-deps
purelib=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
[ -w "$purelib" ] || set -- "$@" --user
"$@" "$here/probcomp_tour-$version-py3-none-any.whl"

# A kernel of its own in the launcher.
mkdir -p "$data/jupyter/kernels/probcomp"
cat > "$data/jupyter/kernels/probcomp/kernel.json" <<END
{
  "argv": ["$(command -v python)", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
  "display_name": "Probabilistic computing $version",
  "language": "python"
}
END

echo "$version" > "$HOME/.probcomp-content"
echo "installed content $version"
