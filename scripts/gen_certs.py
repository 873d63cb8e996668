"""Make the certificates that a SecureChat server needs: ``python scripts/gen_certs.py --help``.

The same program as ``securechat-certs``. It also runs from a checkout that is not installed, as
long as the packages that SecureChat is built on are.
"""

import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - run by hand, with whatever is called python
    sys.exit("SecureChat needs Python 3.11 or newer: try python3.11, or .venv/bin/python")

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    from securechat.cli.certs import main
except ModuleNotFoundError as error:
    sys.exit(
        f"The Python package {error.name!r} is missing: run `make install`, "
        "then .venv/bin/python scripts/gen_certs.py"
    )

if __name__ == "__main__":
    main()
