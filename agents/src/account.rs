//! What a world seen from one participant's side keeps account of, whoever that is: what was rewarded, since when,
//! and the first thing that broke.

use sim::environment::StepOut;
use sim::lane::Lane;
use sim::reproduce::Broken;

/// The account of a lane's participant.
#[derive(Debug, Default)]
pub(crate) struct Account {
    rewarded_usd: f64,
    blocks_at_decision: u64,
    broken: Option<Box<Broken>>,
}

impl Account {
    /// Begins an episode; the lane is still in the one before.
    pub(crate) fn begin(&mut self, lane: &Lane) {
        *self = Self { broken: self.broken(lane), ..Self::default() };
    }

    /// What broke, in this episode or in one before it.
    pub(crate) fn broken(&self, lane: &Lane) -> Option<Box<Broken>> {
        self.broken.clone().or_else(|| lane.broken())
    }

    /// Writes the reward of what was earned in the episode so far, in USD, how long the decision took, and whether the
    /// episode ended: there is nothing to earn beyond an end that the participant sees coming, so it is never cut
    /// short (Pardo et al., 2018, arXiv:1712.00378).
    pub(crate) fn settle(
        &mut self,
        lane: &Lane,
        earned_usd: f64,
        goes_on: bool,
        out: &mut StepOut<'_>,
    ) {
        let scale = lane.config().objective.reward_scale_usd;
        let closed = lane.totals().blocks;
        *out.reward = ((earned_usd - self.rewarded_usd) / scale) as f32;
        *out.elapsed_blocks = (closed - self.blocks_at_decision) as u32;
        (self.rewarded_usd, self.blocks_at_decision) = (earned_usd, closed);
        *out.terminated = !goes_on;
        *out.truncated = false;
    }

    /// What a saved world needs of it.
    pub(crate) const fn saved(&self) -> (f64, u64) {
        (self.rewarded_usd, self.blocks_at_decision)
    }
    /// The inverse of [`Self::saved`].
    pub(crate) const fn restore(&mut self, saved: (f64, u64)) {
        (self.rewarded_usd, self.blocks_at_decision) = saved;
    }
}
