//! Rows that have heads of their own.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{Rows, Spec};

use super::episodic::{Episodic, Luck, Rules};
use super::spec;

/// "Which are above the mean?": a number in [0, 1) lies in each of some rows. Of every row is to be said whether its number
/// is above the mean of all, and of the whole whether that mean is above a half; where the sign before the rows is 1, the
/// other way round. The reward is the share of right answers; cut after 50 decisions.
pub type Above = Episodic<AboveRules>;

/// The rules of [`Above`].
#[derive(Clone, Copy, Debug)]
pub struct AboveRules {
    rows: usize,
}

/// Decisions per episode of [`Above`].
pub const ABOVE_DECISIONS: u32 = 50;

/// The numbers shown, and whether the answers are the other way round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Told {
    numbers: Vec<f32>,
    turned: bool,
}

impl Above {
    /// Lane `lane` of `lanes`, with so many rows: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(rows: usize, seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(AboveRules { rows }, seed, lane, lanes)
    }
}

impl AboveRules {
    fn told(self, decision: u32, luck: Luck) -> Told {
        // A stream of its own: there are more rows than draws to a decision.
        let mut rng = ChaCha8Rng::seed_from_u64(luck.at(decision).next_u64());
        let turned = rng.next_u32() % 2 == 1;
        let mut number = || (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
        Told { numbers: (0..self.rows).map(|_| number()).collect(), turned }
    }
}

impl Told {
    /// The right answers: of each row, then of the whole.
    fn answers(&self) -> impl Iterator<Item = bool> {
        let mean = self.numbers.iter().sum::<f32>() / self.numbers.len() as f32;
        let each = self.numbers.iter().map(move |number| *number > mean);
        each.chain(std::iter::once(mean > 0.5)).map(|answer| answer != self.turned)
    }
}

impl Rules for AboveRules {
    type State = Told;
    const FIGURE: &'static str = "right";

    fn spec(&self) -> Spec {
        let rows = Rows { start: 1, room: self.rows, width: 1, present: None, heads: 1 };
        spec(1 + self.rows, &vec![2; self.rows + 1]).with_rows(rows)
    }
    fn limit(&self) -> u32 {
        ABOVE_DECISIONS
    }
    fn begin(&self, luck: Luck) -> Told {
        self.told(0, luck)
    }
    fn act(&self, state: &mut Told, decision: u32, action: &[f32], luck: Luck) -> (f64, bool) {
        let right = state.answers().zip(action).filter(|(answer, said)| *answer == (**said > 0.5));
        let share = right.count() as f64 / action.len() as f64;
        *state = self.told(decision + 1, luck);
        (share, false)
    }
    fn observe(&self, state: &Told, _: u32, obs: &mut [f32]) {
        obs[0] = f32::from(u8::from(state.turned));
        obs[1..].copy_from_slice(&state.numbers);
    }
}
