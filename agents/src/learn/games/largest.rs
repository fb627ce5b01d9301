//! A set of rows, of which there are more or fewer.

use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{Rows, Spec};

use super::episodic::{Episodic, Luck, Rules};
use super::spec;

/// "How large is the largest?": between one and eight numbers in [0, 1) lie in rows in any order; which quarter of that range the
/// largest is in is to be said, or, where the sign beside the rows is 1, counted from above. Reward 1 for the
/// right answer; cut after 50 decisions. The place of a row says nothing, nor does how many there are.
pub type Largest = Episodic<LargestRules>;

/// The rules of [`Largest`].
#[derive(Clone, Copy, Debug)]
pub struct LargestRules;

/// Decisions per episode of [`Largest`].
pub const LARGEST_DECISIONS: u32 = 50;
const ROOM: usize = 8;
const QUARTERS: u32 = 4;

/// The numbers shown, and whether to count from above.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown {
    numbers: [Option<f32>; ROOM],
    from_above: bool,
}

impl Largest {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(LargestRules, seed, lane, lanes)
    }
}

impl Shown {
    fn at(decision: u32, luck: Luck) -> Self {
        let mut rng = luck.at(decision);
        let (shares, [there, peak, place, sign, ..]) =
            (rng.next_u64().to_le_bytes(), rng.next_u64().to_le_bytes());
        let largest = f32::from(peak) / 256.0;
        let place = usize::from(place) % ROOM;
        let number = |i: usize| match i == place {
            true => Some(largest),
            false => (there >> i & 1 == 1).then(|| largest * f32::from(shares[i]) / 256.0),
        };
        Self { numbers: std::array::from_fn(number), from_above: sign % 2 == 1 }
    }

    fn answer(&self) -> u32 {
        let largest = self.numbers.iter().flatten().fold(0.0f32, |a, b| a.max(*b));
        let quarter = ((largest * QUARTERS as f32) as u32).min(QUARTERS - 1);
        if self.from_above { QUARTERS - 1 - quarter } else { quarter }
    }
}

impl Rules for LargestRules {
    type State = Shown;
    const FIGURE: &'static str = "right";

    fn spec(&self) -> Spec {
        let rows = Rows { start: 1, room: ROOM, width: 2, present: Some(0), heads: 0 };
        spec(1 + 2 * ROOM, &[QUARTERS]).with_rows(rows)
    }
    fn limit(&self) -> u32 {
        LARGEST_DECISIONS
    }
    fn begin(&self, luck: Luck) -> Shown {
        Shown::at(0, luck)
    }
    fn act(&self, state: &mut Shown, decision: u32, action: &[f32], luck: Luck) -> (f64, bool) {
        let right = action[0] as u32 == state.answer();
        *state = Shown::at(decision + 1, luck);
        (f64::from(u8::from(right)), false)
    }
    fn observe(&self, state: &Shown, _: u32, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[0] = f32::from(u8::from(state.from_above));
        for (row, number) in obs[1..].chunks_exact_mut(2).zip(&state.numbers) {
            if let Some(number) = number {
                row.copy_from_slice(&[1.0, *number]);
            }
        }
    }
}
