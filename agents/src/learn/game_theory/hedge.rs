//! Exponential weights over policies (Hedge: Freund & Schapire, 1997): whatever the gains, the mixture played on
//! average does nearly as well as the best single policy. Played against best responses, it is hard to exploit.

/// Chances that follow what their policies gain.
#[derive(Clone, Debug, PartialEq)]
pub struct Hedge {
    chances: Vec<f64>,
    sums: Vec<f64>,
    rate: f64,
    played: u32,
}

impl Hedge {
    /// Begins with the chances `prior`, of which none should be 0: it would stay so. The rate √(8 ln n / rounds)
    /// is the one that is best for a known number of rounds: from equal chances, and with gains of one round
    /// at most 1 apart, the best policy would have gained at most √(rounds · ln n / 2) more in all
    /// (Cesa-Bianchi & Lugosi, *Prediction, Learning, and Games*, 2006, theorem 2.2).
    #[must_use]
    pub fn new(prior: Vec<f64>, rounds: u32) -> Self {
        let policies = prior.len().max(1) as f64;
        let rate = (8.0 * libm::log(policies) / f64::from(rounds.max(1))).sqrt();
        Self { sums: vec![0.0; prior.len()], chances: prior, rate, played: 0 }
    }

    /// Chances to play next.
    #[must_use]
    pub fn chances(&self) -> &[f64] {
        &self.chances
    }

    /// The present chances have been played, and each policy would have gained this: at most 1 apart.
    pub fn observe(&mut self, gains: &[f64]) {
        self.played += 1;
        let most = gains.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for ((chance, sum), gain) in self.chances.iter_mut().zip(&mut self.sums).zip(gains) {
            *sum += *chance;
            *chance *= libm::exp(self.rate * (gain - most));
        }
        let total: f64 = self.chances.iter().sum();
        self.chances.iter_mut().for_each(|chance| *chance /= total);
    }

    /// The chances that have been played, on average over the rounds; before the first, those to play next.
    #[must_use]
    pub fn average(&self) -> Vec<f64> {
        if self.played == 0 {
            return self.chances.clone();
        }
        self.sums.iter().map(|sum| sum / f64::from(self.played)).collect()
    }
}
