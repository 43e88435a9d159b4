"""`python -m aibtui` is `aibtui`, for machines that block script shims."""

from __future__ import annotations

from aibtui.cli import main

if __name__ == "__main__":
    main(prog_name="aibtui")
