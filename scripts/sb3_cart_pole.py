#!/usr/bin/env python3
"""Trains stable-baselines3's PPO on CartPole-v1 with rl-zoo's settings, for docs/learner-evidence.md (`cart-pole-zoo`).

    python -m venv /tmp/sb3 && /tmp/sb3/bin/pip install stable-baselines3==2.9.2
    /tmp/sb3/bin/python scripts/sb3_cart_pole.py 1 2 3 4 5 6 7 8

For each seed the mean return of 100 episodes played greedily after 100,000 steps, as `cart-pole-zoo` measures it.
"""

import sys

import torch
from stable_baselines3 import PPO, __version__
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

torch.set_num_threads(1)
print(f"stable-baselines3 {__version__}, torch {torch.__version__}")
scores = []
for seed in map(int, sys.argv[1:] or ["1", "2", "3"]):
    model = PPO(
        "MlpPolicy",
        make_vec_env("CartPole-v1", n_envs=8, seed=seed),
        n_steps=32,
        batch_size=256,
        n_epochs=20,
        gae_lambda=0.8,
        gamma=0.98,
        ent_coef=0.0,
        learning_rate=lambda left: 1e-3 * left,
        clip_range=lambda left: 0.2 * left,
        seed=seed,
        device="cpu",
    )
    model.learn(100_000)
    test = make_vec_env("CartPole-v1", n_envs=1, seed=10_000 + seed)
    mean, _ = evaluate_policy(model, test, n_eval_episodes=100, deterministic=True)
    scores.append(mean)
    print(f"seed {seed}: {mean:.2f}", flush=True)
print(f"mean {sum(scores) / len(scores):.2f}")
