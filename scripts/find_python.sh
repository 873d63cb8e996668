#!/bin/sh
# Print the first Python on the PATH that SecureChat can use, or say on stderr what to do.
# A Python counts only if it can make a virtual environment: Debian's python3 alone cannot.
set -eu

for python in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
    if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
    then
        command -v "$python"
        exit
    fi
done

echo "SecureChat needs Python 3.11 or newer with its venv module, and ${PYTHON:-no python3 here} is not that.
Install one (on Debian and Ubuntu: apt install python3-venv), or name it: make PYTHON=/path/to/python3" >&2
exit 1
