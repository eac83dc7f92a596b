"""Console script, and `python -m deploy_tools`: the commands of `command_line`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; return its exit status."""
    try:
        from deploy_tools.command_line import main as run
    except ModuleNotFoundError as missing:
        print(f"{missing.name} is not installed: pip install 'ai-orchestrator[local]'", file=sys.stderr)
        return 1
    return run()


if __name__ == "__main__":
    sys.exit(main())
