#!/usr/bin/env python3
"""Reads TensorBoard event files with TensorBoard's own reader and prints what is in them.

    scripts/check_tensorboard.py runs/demo/events

The argument is a folder (searched for event files) or one file. Prints each tag with its number
of entries and last value. Exit 1 if a file holds no scalar, a non-finite one, or a tag whose steps go
backwards; exit 2 if there is nothing to read. Needs scripts/requirements.txt (`make venv`).
"""

import math
import pathlib
import sys


def cannot(message):
    print(f"check_tensorboard: {message}", file=sys.stderr)
    sys.exit(2)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        cannot(f"{error}; pip install -r scripts/requirements.txt")

    place = pathlib.Path(sys.argv[1])
    files = [place] if place.is_file() else sorted(place.rglob("*tfevents*"))
    if not files:
        cannot(f"no event files (*tfevents*) in {place}")

    faults = 0
    for file in files:
        events = EventAccumulator(str(file), size_guidance={"scalars": 0, "histograms": 0, "tensors": 0})
        events.Reload()
        tags = events.Tags()
        print(file)
        for kind in ("scalars", "histograms", "tensors", "images"):
            for tag in sorted(tags.get(kind) or []):
                if kind != "scalars":
                    print(f"  {kind[:-1]:9} {tag}")
                    continue
                entries = events.Scalars(tag)
                print(f"  scalar    {tag}: {len(entries)} entries, step {entries[-1].step}, last {entries[-1].value:.6g}")
                if not all(math.isfinite(e.value) for e in entries):
                    print(f"  WRONG: {tag} has a value that is not finite")
                    faults += 1
                if any(a.step > b.step for a, b in zip(entries, entries[1:])):
                    print(f"  WRONG: the steps of {tag} go backwards")
                    faults += 1
        if not tags.get("scalars"):
            print("  WRONG: no scalars; is the file cut short, or a checksum wrong?")
            faults += 1
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
