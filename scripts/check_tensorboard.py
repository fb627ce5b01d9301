#!/usr/bin/env python3
"""Reads TensorBoard event files with TensorBoard's own reader and prints what is in them.

    scripts/check_tensorboard.py [--brief] runs/demo/tensorboard

The argument is a folder (searched for event files) or one file. Prints each tag with its number
of entries and last value; with --brief, a line for each file. Exit 1 if a file holds no scalar, a non-finite one, or a tag whose steps go
backwards; exit 2 if there is nothing to read. Needs scripts/requirements.txt (`make venv`).
"""

import math
import pathlib
import sys


def cannot(message):
    print(f"check_tensorboard: {message}", file=sys.stderr)
    sys.exit(2)


def main():
    arguments = sys.argv[1:]
    brief = arguments[:1] == ["--brief"]
    arguments = arguments[brief:]
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        cannot(f"{error}; pip install -r scripts/requirements.txt")

    place = pathlib.Path(arguments[0])
    files = [place] if place.is_file() else sorted(place.rglob("*tfevents*"))
    if not files:
        cannot(f"no event files (*tfevents*) in {place}")

    faults = 0
    for file in files:
        events = EventAccumulator(str(file), size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
        events.Reload()
        tags = events.Tags()
        scalars = tags.get("scalars") or []
        print(f"{file}: read by TensorBoard, {len(scalars)} scalars" if brief else file)
        for kind in ("scalars", "histograms", "tensors", "images"):
            for tag in sorted(tags.get(kind) or []):
                if kind != "scalars":
                    if not brief:
                        print(f"  {kind[:-1]:9} {tag}")
                    continue
                entries = events.Scalars(tag)
                if not brief:
                    print(f"  scalar    {tag}: {len(entries)} entries, step {entries[-1].step}, last {entries[-1].value:.6g}")
                if not all(math.isfinite(e.value) for e in entries):
                    print(f"  WRONG: {tag} has a value that is not finite")
                    faults += 1
                if any(a.step > b.step for a, b in zip(entries, entries[1:])):
                    print(f"  WRONG: the steps of {tag} go backwards")
                    faults += 1
        if not scalars:
            print("  WRONG: no scalars; is the file cut short, or a checksum wrong?")
            faults += 1
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
