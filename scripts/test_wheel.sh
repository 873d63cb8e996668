#!/bin/sh
# Build the wheel, install it into a throw-away environment and run the tests against it, away
# from the source tree: a file that the wheel lacks is found here and nowhere else.
#
# The environment borrows the packages of .venv through a .pth file. Python does not follow the
# .pth files in there, so the editable install of the source tree stays out. Nothing is fetched.
# What is given is given to pytest.
set -eu

root=$(pwd)
away=$(mktemp -d "${TMPDIR:-/tmp}/securechat-wheel.XXXXXX")
trap 'rm -rf "$away"' EXIT

pip() {
    .venv/bin/python -m pip --quiet --disable-pip-version-check --no-input "$@"
}

pip wheel --no-deps --no-index --no-build-isolation --wheel-dir "$away" .
.venv/bin/python -m venv --without-pip "$away/venv"
site=$("$away/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$site/borrowed.pth"
pip --python "$away/venv/bin/python" install --no-deps --no-index "$away"/securechat-*.whl

cp -R tests examples docs pyproject.toml "$away"
cd "$away"
found=$(venv/bin/python -c 'import securechat; print(securechat.__file__)')
case $found in
    "$site"/*) ;;
    *) echo "The tests would run against $found, not against the wheel." >&2; exit 1 ;;
esac
case $(pwd -P) in "$root"/*) echo "$away is inside the source tree." >&2; exit 1 ;; esac

# Every module can be imported, and what runs the programs and reads the package's data passes: what
# the wheel lacks shows there. The rest has passed on the same files in the source tree.
venv/bin/python -c '
import importlib, pkgutil, securechat
for module in pkgutil.walk_packages(securechat.__path__, "securechat."):
    importlib.import_module(module.name)
'
venv/bin/python -m pytest "$@" --quiet -m 'not slow and not clients' \
    tests/cli tests/client tests/examples tests/scripts tests/system
