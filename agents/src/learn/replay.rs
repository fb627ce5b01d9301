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
    obs: Vec<f32>,       // [len, obs_dim]
    read: Vec<f32>,      // [len, action_dim]
    actions: Vec<f32>,   // [len, action_dim]
    rewards: Vec<f32>,   // [len]
    next_obs: Vec<f32>,  // [len, obs_dim]
    next_read: Vec<f32>, // [len, action_dim]
    goes_on: Vec<f32>,   // [len]
}

/// One decision and what followed.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'a> {
    /// Observation decided on, `[obs_dim]`.
    pub obs: &'a [f32],
    /// Which numbers of an action counted, by 1, `[action_dim]`.
    pub read: &'a [f32],
    /// Action taken, `[action_dim]`.
    pub action: &'a [f32],
    /// Reward.
    pub reward: f32,
    /// Observation that followed, `[obs_dim]`; the episode's last where it ended.
    pub next_obs: &'a [f32],
    /// Which numbers count there, `[action_dim]`.
    pub next_read: &'a [f32],
    /// Whether the episode did not end by its own rules; one that was cut goes on.
    pub goes_on: bool,
}

/// Transitions drawn from a [`Replay`], `[M, …]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transitions {
    /// Observations decided on.
    pub obs: Vec<f32>,
    /// Which numbers of an action counted.
    pub read: Vec<f32>,
    /// Actions taken.
    pub actions: Vec<f32>,
    /// Rewards.
    pub rewards: Vec<f32>,
    /// Observations that followed; the episode's last where it ended.
    pub next_obs: Vec<f32>,
    /// Which numbers count there.
    pub next_read: Vec<f32>,
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
            read: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            next_obs: Vec::new(),
            next_read: Vec::new(),
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

    /// The largest reward or loss that is held.
    #[must_use]
    pub fn largest_reward(&self) -> f32 {
        self.rewards.iter().fold(0.0, |most, reward| most.max(reward.abs()))
    }

    /// Keeps a transition.
    pub fn push(&mut self, one: &Transition<'_>) {
        let (grows, i) = (self.len() < self.capacity, self.next);
        let put = |column: &mut Vec<f32>, values: &[f32]| {
            if grows {
                column.extend_from_slice(values);
            } else {
                column[i * values.len()..(i + 1) * values.len()].copy_from_slice(values);
            }
        };
        put(&mut self.obs, one.obs);
        put(&mut self.read, one.read);
        put(&mut self.actions, one.action);
        put(&mut self.rewards, &[one.reward]);
        put(&mut self.next_obs, one.next_obs);
        put(&mut self.next_read, one.next_read);
        put(&mut self.goes_on, &[f32::from(u8::from(one.goes_on))]);
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
            drawn.read.extend_from_slice(&self.read[i * a..(i + 1) * a]);
            drawn.actions.extend_from_slice(&self.actions[i * a..(i + 1) * a]);
            drawn.rewards.push(self.rewards[i]);
            drawn.next_obs.extend_from_slice(&self.next_obs[i * d..(i + 1) * d]);
            drawn.next_read.extend_from_slice(&self.next_read[i * a..(i + 1) * a]);
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
            replay.push(&Transition {
                obs: &[x, -x],
                read: &[x + 0.25],
                action: &[x],
                reward: x,
                next_obs: &[x + 1.0, 0.0],
                next_read: &[x + 0.5],
                goes_on: i != 6,
            });
        }
        assert_eq!(replay.len(), 5);
        let drawn = replay.sample(&mut Noise::new(1).at(Draw::Minibatch, 0, 0, 0), 400);
        for i in 0..400 {
            let x = drawn.rewards[i];
            assert_eq!(drawn.obs[2 * i..2 * i + 2], [x, -x]);
            assert_eq!((drawn.actions[i], drawn.next_obs[2 * i]), (x, x + 1.0));
            assert_eq!((drawn.read[i], drawn.next_read[i]), (x + 0.25, x + 0.5));
            assert_eq!(drawn.goes_on[i] == 0.0, x == 6.0);
        }
        let mut seen: Vec<u8> = drawn.rewards.iter().map(|x| *x as u8).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [3, 4, 5, 6, 7]);
    }
}
