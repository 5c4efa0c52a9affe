"""Do the 95 % intervals of a rehearsed study cover? 1,000 studies of the paper's size, on several crews.

Run: python benchmarks/study_coverage.py [--studies 1000] [--out runs/study_coverage.json]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from clearhead.core.artifacts import write_json
from clearhead.study.annotators import Crew
from clearhead.study.rehearse import Rehearsal, rehearse

HONEST = Crew(mix={"good": 1.0}, class_spread=0.0, annotator_spread=0.0, task_spread=0.0, blank_rate=0.0)
CREWS = {
    "default": Crew(),
    "twenty people": replace(Crew(), size=20),
    "no effects": HONEST,
    "very uneven people": replace(Crew(), size=200, annotator_spread=1.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--crews", nargs="*", default=list(CREWS))
    parser.add_argument("--out", type=Path, default=Path("runs/study_coverage.json"))
    args = parser.parse_args()
    found = {}
    for name in args.crews:
        started = time.perf_counter()
        options = Rehearsal(studies=args.studies, monte_carlo=2 * args.studies)
        finding = rehearse(crew=CREWS[name], options=options)
        found[name] = finding.as_dict()
        for row in finding.tables["arms"].rows():
            print(
                f"{name:20} {row['arm']:7} planted {row['planted']:.4f}, recovered {row['mean_recovered']:.4f}, "
                f"covers {row['coverage']:.3f} (Wilson {row['coverage_of_wilson']:.3f}), width {row['mean_width']:.2f}",
                flush=True,
            )
        print(f"{name:20} {time.perf_counter() - started:.0f} s", flush=True)
    write_json(args.out, found)


if __name__ == "__main__":
    main()
