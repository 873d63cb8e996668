#!/bin/sh
# Write requirements.txt and requirements-dev.txt anew from pyproject.toml: every release with the
# hashes of all its files, for every platform and Python, and without the address of a registry.
# Versions that still fit are kept, unless --upgrade is given. Its tool is in no lock: it runs only
# here, and what it writes is read before it is committed.
set -eu

tools=build/lock
[ -x "$tools/bin/uv" ] || {
    .venv/bin/python -m venv "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check uv
}

compile() {
    "$tools/bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --custom-compile-command "make lock" pyproject.toml "$@"
}

compile --group build --output-file requirements.txt "$@"
compile --group dev --constraint requirements.txt --output-file requirements-dev.txt "$@"

if grep -nE '://|^-|^ *--(index|extra|find)' requirements.txt requirements-dev.txt; then
    echo "The lines above name an address or a place; a lock must not." >&2
    exit 1
fi
