"""The documentation of the protocol says what the server's tables say."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "protocol_doc.py"

if not SCRIPT.exists():
    pytest.skip("scripts/ is not in a wheel", allow_module_level=True)


async def test_the_document_is_what_the_tables_give() -> None:
    """Write it anew with ``python scripts/protocol_doc.py`` where this fails."""
    wanted = await runpy.run_path(str(SCRIPT))["protocol_document"]()
    assert (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8") == wanted
