#!/usr/bin/env python3
"""Extracts the markets of the recorded attacks, and what each attack earned, for the pictures in
docs/attacks.md.

    scripts/attack_markets.py FOLDER
"""

import json
import pathlib
import sys

TARGET = pathlib.Path(__file__).resolve().parent.parent / "sim/examples/attack_plots/markets.json"


def kind(run, init):
    """Which curve a run lies on; none where no curve is drawn for it."""
    if "dumpBack" in run:
        return "dumped" if run["dumpBack"] else "supplied"
    if run["flash"]:
        return "dumped"
    if run["holdSeconds"] == init["window"]:
        return "arbitraged" if run["arbNextBlock"] else "held"
    return None


def market(case):
    init = case["init"]
    points = [
        [kind(run, init), run["amount"] if "amount" in run else run["flash"], run["attackerProfitKeepUsd6"]]
        for run in case["runs"]
        if run["ok"] and kind(run, init)
    ]
    return {"id": case["id"], "init": init, "recorded": points}


def main():
    folder = pathlib.Path(sys.argv[1])
    lines = []
    for oracle in ["spot", "twap"]:
        recorded = json.loads((folder / f"attack_{oracle}_oracle.json").read_text())
        lines += [json.dumps(market(case), separators=(",", ":")) for case in recorded["cases"]]
    TARGET.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{TARGET}: {len(lines)} markets, {TARGET.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
