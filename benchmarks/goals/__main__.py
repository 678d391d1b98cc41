"""`python -m benchmarks.goals`, which `make bench` calls: without loading the benchmarks themselves."""

from __future__ import annotations

import sys

from benchmarks.goals.command import main
from unmask.core.errors import UnmaskError

if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]), end="")
    except UnmaskError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("stopped: the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)
