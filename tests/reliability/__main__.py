"""Everything that `make reliability` runs, one after the other, with its counts.

python -m tests.reliability [--points 500] [--faults 120] [--cuts 300] [--mutants 10000]
"""

from __future__ import annotations

import argparse
import sys

from tests.reliability import driver, fuzz_yaml, power_cuts


def main() -> int:
    """Run all of it; 0 when nothing was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=500, help="kills in all")
    parser.add_argument("--faults", type=int, default=120, help="injected errors in all")
    parser.add_argument("--cuts", type=int, default=300, help="random power cuts of each change")
    parser.add_argument("--mutants", type=int, default=10_000, help="mutated files for the YAML reader")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seed = ["--seed", str(options.seed)]
    codes = [
        fuzz_yaml.main(["--files", str(options.mutants), *seed]),
        power_cuts.main(["--samples", str(options.cuts), *seed]),
        driver.main(["--points", str(options.points), "--faults", str(options.faults), *seed]),
    ]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
