//! The betting game: what pays best on average ruins now and then.

use sim::environment::Spec;

use super::episodic::{Episodic, Luck, Rules};
use super::{spec, uniform};

/// The betting game of risk-averse learning (after Bäuerle and Ott, 2011, and Rigter et al., 2021,
/// arXiv:2102.05762): wealth 16, six rounds, each won with probability 0.88; a choice k of 0 to 8 puts k
/// eighths of the wealth at stake, at most what is missing to 256. Shown are the wealth over 256 and the
/// share of rounds played; the reward, at the end, is the wealth.
pub type Betting = Episodic<BettingRules>;

/// The rules of [`Betting`]; its state is the wealth, in units of 2⁻¹⁴ tokens.
#[derive(Clone, Copy, Debug)]
pub struct BettingRules;

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

fn tokens(wealth: u32) -> f64 {
    f64::from(wealth) / f64::from(UNIT)
}

impl Betting {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(BettingRules, seed, lane, lanes)
    }

    /// The round that is due, from 0.
    #[must_use]
    pub const fn round(&self) -> u32 {
        self.at.decision
    }
    /// What is shown in a round, from 0, with a wealth in tokens.
    #[must_use]
    pub fn seen(round: u32, wealth: f64) -> [f32; 2] {
        [(wealth * f64::from(UNIT) / f64::from(CAP)) as f32, round as f32 / BETTING_ROUNDS as f32]
    }
    /// The wealth, in tokens.
    #[must_use]
    pub fn wealth(&self) -> f64 {
        tokens(self.at.state)
    }
}

impl Rules for BettingRules {
    type State = u32;
    const FIGURE: &'static str = "wealth";

    fn spec(&self) -> Spec {
        spec(2, &[BETTING_CHOICES])
    }
    fn limit(&self) -> u32 {
        BETTING_ROUNDS
    }
    fn begin(&self, _: Luck) -> u32 {
        FIRST_WEALTH
    }
    fn act(&self, wealth: &mut u32, round: u32, action: &[f32], luck: Luck) -> (f64, bool) {
        let [won, lost] = after(*wealth, action[0] as u32);
        *wealth = if uniform(&mut luck.at(round)) < WIN { won } else { lost };
        let over = round + 1 == BETTING_ROUNDS;
        (if over { tokens(*wealth) } else { 0.0 }, over)
    }
    fn observe(&self, wealth: &u32, round: u32, obs: &mut [f32]) {
        obs.copy_from_slice(&Betting::seen(round, tokens(*wealth)));
    }
    fn check(&self, wealth: &u32, round: u32) -> Result<(), String> {
        if *wealth > CAP || round >= BETTING_ROUNDS {
            return Err("the saved wealth or round is not of this game".into());
        }
        Ok(())
    }
}
