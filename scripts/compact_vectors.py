#!/usr/bin/env python3
"""Copies a part of recorded vectors into tests/vectors: whole cases, unchanged, chosen so that every
operation, function and outcome that the recording shows is shown by the copy too.

    scripts/compact_vectors.py FOLDER FAMILY [--kilobytes 250]
"""

import argparse
import json
import pathlib


def marks(case):
    """What a case shows: each operation with each of its outcomes."""
    shown = set()
    for step in case.get("steps", [case]):
        op = step.get("op", step.get("fn", "run"))
        outcome = "ok" if step.get("ok", True) else str(step.get("revert", step.get("code")))
        shown.add((op, outcome))
        for name, value in step.get("in", {}).items() if isinstance(step.get("in"), dict) else []:
            if isinstance(value, bool):
                shown.add((op, name, value))
    for name, value in case.get("init", {}).items():
        if isinstance(value, bool):
            shown.add(("init", name, value))
    return shown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("family")
    parser.add_argument("--kilobytes", type=int, default=250)
    options = parser.parse_args()
    if options.family.startswith("compound"):
        parser.error("Compound's vectors are not to be copied into the project")
    source = options.folder / f"{options.family}.json"
    recorded = json.loads(source.read_text())
    cases = recorded.pop("cases")
    lines = [json.dumps(case, separators=(",", ":")) for case in cases]
    shown = [marks(case) for case in cases]
    left = options.kilobytes * 1000
    chosen, seen = set(), set()
    # First whatever shows most that is new for its size, then the shortest of the rest.
    while True:
        gain = [
            (len(shown[i] - seen) / len(lines[i]), -len(lines[i]), i)
            for i in range(len(cases))
            if i not in chosen and shown[i] - seen
        ]
        if not gain:
            break
        _, _, best = max(gain)
        chosen.add(best)
        seen |= shown[best]
        left -= len(lines[best])
    stride = max(1, len(cases) // 97)
    order = [i for start in range(stride) for i in range(start, len(cases), stride)]
    for i in order:
        if i not in chosen and len(lines[i]) < left:
            chosen.add(i)
            left -= len(lines[i])
    recorded["n_cases"] = len(chosen)
    recorded["copied"] = f"{len(chosen)} of {len(cases)} cases"
    header = json.dumps(recorded, separators=(",", ":"))[:-1] + ',"cases":[\n'
    target = pathlib.Path(__file__).resolve().parent.parent / "tests" / "vectors" / source.name
    target.write_text(header + ",\n".join(lines[i] for i in sorted(chosen)) + "\n]}\n")
    print(f"{target}: {len(chosen)} of {len(cases)} cases, {target.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
