//! A memory of transitions, the oldest forgotten first.

use rand::Rng;
use serde::{Deserialize, Serialize};

/// Transitions, ring after ring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    capacity: usize,
    obs_dim: usize,
    action_dim: usize,
    /// Where the next one goes.
    next: usize,
    obs: Vec<f32>,      // [len, obs_dim]
    actions: Vec<f32>,  // [len, action_dim]
    rewards: Vec<f32>,  // [len]
    next_obs: Vec<f32>, // [len, obs_dim]
    goes_on: Vec<f32>,  // [len]
}

/// Transitions drawn from a [`Replay`], `[M, …]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transitions {
    /// Observations decided on.
    pub obs: Vec<f32>,
    /// Actions taken.
    pub actions: Vec<f32>,
    /// Rewards.
    pub rewards: Vec<f32>,
    /// Observations that followed; the episode's last where it ended.
    pub next_obs: Vec<f32>,
    /// 0 where the episode ended by its own rules, 1 elsewhere, cuts included.
    pub goes_on: Vec<f32>,
}

impl Replay {
    /// Room for `capacity` transitions, taken as they come.
    #[must_use]
    pub fn new(capacity: usize, obs_dim: usize, action_dim: usize) -> Self {
        Self {
            capacity,
            obs_dim,
            action_dim,
            next: 0,
            obs: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            next_obs: Vec::new(),
            goes_on: Vec::new(),
        }
    }

    /// Transitions held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rewards.len()
    }
    /// Nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Keeps a transition.
    pub fn push(
        &mut self,
        obs: &[f32],
        action: &[f32],
        reward: f32,
        next_obs: &[f32],
        terminated: bool,
    ) {
        let goes_on = f32::from(u8::from(!terminated));
        if self.len() < self.capacity {
            self.obs.extend_from_slice(obs);
            self.actions.extend_from_slice(action);
            self.rewards.push(reward);
            self.next_obs.extend_from_slice(next_obs);
            self.goes_on.push(goes_on);
        } else {
            let (i, d, a) = (self.next, self.obs_dim, self.action_dim);
            self.obs[i * d..(i + 1) * d].copy_from_slice(obs);
            self.actions[i * a..(i + 1) * a].copy_from_slice(action);
            self.rewards[i] = reward;
            self.next_obs[i * d..(i + 1) * d].copy_from_slice(next_obs);
            self.goes_on[i] = goes_on;
        }
        self.next = (self.next + 1) % self.capacity;
    }

    /// `count` transitions, each drawn from all that are held.
    pub fn sample(&self, rng: &mut impl Rng, count: usize) -> Transitions {
        let mut drawn = Transitions::default();
        let (d, a) = (self.obs_dim, self.action_dim);
        for _ in 0..count {
            // 64 random bits scaled by the length: bias below 2⁻³² of it.
            let i = ((u128::from(rng.next_u64()) * self.len() as u128) >> 64) as usize;
            drawn.obs.extend_from_slice(&self.obs[i * d..(i + 1) * d]);
            drawn.actions.extend_from_slice(&self.actions[i * a..(i + 1) * a]);
            drawn.rewards.push(self.rewards[i]);
            drawn.next_obs.extend_from_slice(&self.next_obs[i * d..(i + 1) * d]);
            drawn.goes_on.push(self.goes_on[i]);
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::noise::{Draw, Noise};

    #[test]
    fn the_oldest_is_forgotten_and_all_others_are_drawn() {
        let mut replay = Replay::new(5, 2, 1);
        for i in 0..8u8 {
            let x = f32::from(i);
            replay.push(&[x, -x], &[x], x, &[x + 1.0, 0.0], i == 6);
        }
        assert_eq!(replay.len(), 5);
        let drawn = replay.sample(&mut Noise::new(1).at(Draw::Minibatch, 0, 0, 0), 400);
        for i in 0..400 {
            let x = drawn.rewards[i];
            assert_eq!(drawn.obs[2 * i..2 * i + 2], [x, -x]);
            assert_eq!((drawn.actions[i], drawn.next_obs[2 * i]), (x, x + 1.0));
            assert_eq!(drawn.goes_on[i] == 0.0, x == 6.0);
        }
        let mut seen: Vec<u8> = drawn.rewards.iter().map(|x| *x as u8).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [3, 4, 5, 6, 7]);
    }
}
