#!/usr/bin/env python3
"""Records short trajectories of Gymnasium's classic control worlds, for agents/tests/data/gymnasium.json.

    python -m venv /tmp/gym && /tmp/gym/bin/pip install gymnasium numpy
    /tmp/gym/bin/python scripts/record_gymnasium.py > agents/tests/data/gymnasium.json

Each has the world's name, the state that it starts from, and per step the action, the state after it (not
rounded to 32 bits), the reward, and whether it ended or was cut.
"""

import json
import sys

import gymnasium
import numpy as np


def record(name, start, actions):
    env = gymnasium.make(name)
    env.reset(seed=1)
    inner = env.unwrapped
    inner.state = np.array(start, dtype=np.float64)
    steps = []
    for action in actions:
        given = np.array([action], dtype=np.float32) if name.startswith("Pendulum") else int(action)
        _, reward, ended, cut, _ = env.step(given)
        steps.append([float(action), [float(x) for x in inner.state], float(reward), bool(ended), bool(cut)])
        if ended or cut:
            break
    return {"world": name, "start": list(map(float, start)), "steps": steps}


rng = np.random.default_rng(7)
trajectories = [
    record("CartPole-v1", [0.01, -0.02, 0.03, 0.04], rng.integers(0, 2, 200)),
    record("CartPole-v1", [2.35, 0.9, -0.02, 0.1], [1] * 20),
    record("MountainCar-v0", [-0.5, 0.0], rng.integers(0, 3, 200)),
    # Swings until the flag: with the velocity.
    record("MountainCar-v0", [-1.19, -0.06], [0, 0, 2] + [2] * 150),
    record("MountainCar-v0", [0.3, 0.06], [2] * 20),
    record("Pendulum-v1", [3.0, 0.5], np.float32(rng.uniform(-2.5, 2.5, 200)).tolist()),
    record("Pendulum-v1", [0.1, 7.9], [2.0] * 20),
]
json.dump({"gymnasium": gymnasium.__version__, "trajectories": trajectories}, sys.stdout, separators=(",", ":"))
print()
