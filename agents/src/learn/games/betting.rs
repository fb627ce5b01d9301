//! The betting game: what pays best on average ruins now and then.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};

use super::{restore, spec, uniform};

/// The betting game of risk-averse learning (after Bäuerle and Ott, 2011, and Rigter et al., 2021,
/// arXiv:2102.05762): wealth 16, six rounds, each won with probability 0.88; a choice k of 0 to 8 puts k
/// eighths of the wealth at stake, at most what is missing to 256. Shown are the wealth over 256 and the
/// share of rounds played; the reward, at the end, is the wealth.
#[derive(Clone, Debug)]
pub struct Betting {
    spec: Spec,
    summary: [(&'static str, f64); 1],
    state: BettingState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct BettingState {
    seed: u64,
    lanes: u64,
    episode: u64,
    round: u32,
    /// In units of [`UNIT`].
    wealth: u32,
}

/// Rounds of [`Betting`].
pub const BETTING_ROUNDS: u32 = 6;
/// Choices of [`Betting`]: no eighth to eight.
pub const BETTING_CHOICES: u32 = 9;
/// Probability of winning a round.
pub(super) const WIN: f64 = 0.88;
/// Units of wealth per token: an eighth of an eighth … of 16, six times, is whole.
pub(super) const UNIT: u32 = 1 << 14;
pub(super) const FIRST_WEALTH: u32 = 16 * UNIT;
const CAP: u32 = 256 * UNIT;

/// Wealth after a round won, and after a round lost.
pub(super) fn after(wealth: u32, eighths: u32) -> [u32; 2] {
    let stake = (wealth / 8 * eighths + wealth % 8 * eighths / 8).min(CAP - wealth);
    [wealth + stake, wealth - stake]
}

impl Betting {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        let wealth = FIRST_WEALTH;
        Self {
            spec: spec(2, &[BETTING_CHOICES]),
            summary: [("wealth", 0.0)],
            state: BettingState { seed, lanes, episode: lane, round: 0, wealth },
        }
    }

    /// The round that is due, from 0.
    #[must_use]
    pub const fn round(&self) -> u32 {
        self.state.round
    }
    /// The wealth, in tokens.
    #[must_use]
    pub fn wealth(&self) -> f64 {
        f64::from(self.state.wealth) / f64::from(UNIT)
    }

    fn write(&self, obs: &mut [f32]) {
        obs[0] = (f64::from(self.state.wealth) / f64::from(CAP)) as f32;
        obs[1] = self.state.round as f32 / BETTING_ROUNDS as f32;
    }
}

impl Environment for Betting {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.state.episode = episode;
        self.state.round = 0;
        self.state.wealth = FIRST_WEALTH;
        self.write(obs);
        action_mask.fill(1.0);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let s = &mut self.state;
        let mut rng = ChaCha8Rng::seed_from_u64(s.seed);
        rng.set_stream(s.episode);
        rng.set_word_pos(u128::from(s.round) * 4);
        let [won, lost] = after(s.wealth, action[0] as u32);
        s.wealth = if uniform(&mut rng) < WIN { won } else { lost };
        s.round += 1;
        let over = s.round == BETTING_ROUNDS;
        *out.elapsed_blocks = 1;
        *out.truncated = false;
        *out.terminated = over;
        *out.reward = if over { self.wealth() as f32 } else { 0.0 };
        if over {
            self.summary[0].1 = self.wealth();
            self.write(out.final_obs);
            self.reset(self.state.episode + self.state.lanes, out.obs, out.action_mask);
        } else {
            self.write(out.obs);
            out.action_mask.fill(1.0);
        }
    }
    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.state).expect("plain numbers always serialise")
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let state: BettingState = restore(bytes)?;
        if state.wealth > CAP || state.round >= BETTING_ROUNDS {
            return Err("the saved wealth or round is not of this game".into());
        }
        self.state = state;
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.state.episode
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}
