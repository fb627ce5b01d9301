//! Anytime double oracle (McAleer et al., 2022, arXiv:2201.07700) with exact best responses: each player mixes
//! his policies so that the best response of an opponent who is held to no population gains least. Plain double
//! oracle ([`super::oracle`]) trusts the opponent's population in this, and may become more exploitable as its
//! own grows; here no step makes either mixture more exploitable than it was.
//!
//! The paper finds the mixtures by regret minimisation against best responses. Here they are exact, by cutting
//! planes (Kelley, 1960): a linear program mixes against the opponent's policies that are known, his best
//! response to that mixture joins them, and so on until it gains no more than the program says.

use super::matrix::{MetaSolver, Mixed, Payoffs};
use super::oracle::mixture;
use super::{Game, Tabular, best_response, expected_value, nash_conv};

/// What a best response may gain beyond what is known, in antes, before it counts as news.
const TOLERANCE: f64 = 1e-9;

/// Both players' policies so far, and what they have been found to be weak against.
#[derive(Clone, Debug)]
pub struct Anytime<G> {
    sides: [Side; 2],
    game: std::marker::PhantomData<G>,
}

/// One player's.
#[derive(Clone, Debug)]
struct Side {
    policies: Vec<Tabular>,
    /// The opponent's best responses to mixtures of `policies`, now and before, in his population or not.
    answers: Vec<Tabular>,
    /// What he gets, `[policies, answers]`.
    payoffs: Payoffs,
    /// His mixture, and the opponent's of `answers` that holds it to its value.
    mixed: Mixed,
}

impl<G: Game> Anytime<G> {
    /// Each player has the uniform policy.
    ///
    /// # Errors
    /// Those of the linear program.
    pub fn new() -> Result<Self, String> {
        let side = |player: usize| -> Result<Side, String> {
            let uniform = Tabular::default();
            let payoffs = Payoffs { rows: vec![vec![gain::<G>(player, &uniform, &uniform)]] };
            let mixed = payoffs.solve(MetaSolver::Nash)?;
            let (policies, answers) = (vec![uniform.clone()], vec![uniform]);
            let mut side = Side { policies, answers, payoffs, mixed };
            side.cut::<G>(player)?;
            Ok(side)
        };
        Ok(Self { sides: [side(0)?, side(1)?], game: std::marker::PhantomData })
    }

    /// Policies of each player.
    #[must_use]
    pub fn policies(&self) -> [&[Tabular]; 2] {
        [&self.sides[0].policies, &self.sides[1].policies]
    }

    /// Best responses that were found to the mixtures of each player on the way, the uniform policy among them.
    #[must_use]
    pub fn answers(&self) -> [usize; 2] {
        [0, 1].map(|player| self.sides[player].answers.len())
    }

    /// Each player's mixture as one policy.
    #[must_use]
    pub fn mixture(&self) -> [Tabular; 2] {
        [0, 1].map(|player| {
            let side = &self.sides[player];
            mixture::<G>(&side.policies, &side.mixed.rows)
        })
    }

    /// What both mixtures leave to best responses: no step raises it, but for rounding.
    #[must_use]
    pub fn nash_conv(&self) -> f64 {
        let [first, second] = self.mixture();
        nash_conv::<G>([&first, &second])
    }

    /// Adds to each player's policies the likeliest best response to the other's mixture that he does not have
    /// yet, and mixes anew. `false` once neither gains or neither lacks one: the mixtures are an equilibrium.
    ///
    /// Of several best responses those count that an optimal opponent mixes. When a player has all of these,
    /// his policies alone hold the other to the value of his mixture; when both do, their values are one.
    ///
    /// # Errors
    /// Those of the linear program.
    pub fn expand(&mut self) -> Result<bool, String> {
        let [first, second] = &self.sides;
        if first.mixed.value + second.mixed.value > -TOLERANCE {
            return Ok(false);
        }
        let missing = [0, 1].map(|player| {
            let (own, other) = (&self.sides[player].policies, &self.sides[1 - player]);
            let lacks = |(_, answer): &(f64, &Tabular)| !own.contains(answer);
            let played = other.mixed.columns.iter().copied().zip(&other.answers);
            let mut missing: Vec<_> =
                played.filter(|(p, _)| *p > TOLERANCE).filter(lacks).collect();
            // The first of equals.
            missing.sort_by(|a, b| b.0.total_cmp(&a.0));
            missing.first().map(|(_, answer)| (*answer).clone())
        });
        let done = missing.iter().all(Option::is_none);
        for (player, policy) in missing.into_iter().enumerate() {
            if let Some(policy) = policy {
                self.sides[player].add::<G>(player, policy)?;
            }
        }
        Ok(!done)
    }
}

impl Side {
    fn add<G: Game>(&mut self, player: usize, policy: Tabular) -> Result<(), String> {
        let row = self.answers.iter().map(|answer| gain::<G>(player, &policy, answer)).collect();
        self.payoffs.rows.push(row);
        self.policies.push(policy);
        self.mixed = self.payoffs.solve(MetaSolver::Nash)?;
        self.cut::<G>(player)
    }

    /// Adds best responses to what the policies are mixed against until none is news.
    fn cut<G: Game>(&mut self, player: usize) -> Result<(), String> {
        loop {
            let mixture = mixture::<G>(&self.policies, &self.mixed.rows);
            let (found, answer) = best_response::<G>(1 - player, &mixture);
            // One that is known can be news only by rounding.
            if found + self.mixed.value < TOLERANCE || self.answers.contains(&answer) {
                return Ok(());
            }
            for (row, policy) in self.payoffs.rows.iter_mut().zip(&self.policies) {
                row.push(gain::<G>(player, policy, &answer));
            }
            self.answers.push(answer);
            self.mixed = self.payoffs.solve(MetaSolver::Nash)?;
        }
    }
}

/// What `player` gets on average with `own` policy against the `other` player's.
fn gain<G: Game>(player: usize, own: &Tabular, other: &Tabular) -> f64 {
    if player == 0 { expected_value::<G>([own, other]) } else { -expected_value::<G>([other, own]) }
}
