//! The betting game solved exactly, for the mean and for the tail.

use std::collections::BTreeMap;

use super::betting::{BETTING_CHOICES, BETTING_ROUNDS, FIRST_WEALTH, UNIT, WIN, after};

/// A best way to play [`Betting`](super::Betting), and what comes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct BettingPlan {
    /// Eighths at stake, by round and wealth.
    choices: Vec<BTreeMap<u32, u32>>,
    /// Wealth at the end and its probability, poorest first.
    outcomes: Vec<(f64, f64)>,
}

/// Values nearer than this are equal.
const TIE: f64 = 1e-9;

impl BettingPlan {
    /// The greatest mean; and, as many plans reach it, of these the one whose worst `share` of outcomes is
    /// best.
    ///
    /// # Panics
    /// Where `share` is not above 0 and at most 1.
    #[must_use]
    pub fn best_mean(share: f64) -> Self {
        let wealths = Wealths::new();
        let any = wealths.any_stake();
        let (_, best) = wealths.best(&any, |wealth| wealth);
        wealths.best_tail(&best, share)
    }

    /// The greatest conditional value at risk: the mean of the worst `share` of outcomes.
    ///
    /// # Panics
    /// Where `share` is not above 0 and at most 1.
    #[must_use]
    pub fn best_cvar(share: f64) -> Self {
        let wealths = Wealths::new();
        wealths.best_tail(&wealths.any_stake(), share)
    }

    /// What comes of a way to play: `choose` says how many eighths to put at stake in a round, from 0, with a wealth in
    /// tokens.
    #[must_use]
    pub fn of(mut choose: impl FnMut(u32, f64) -> u32) -> Self {
        let wealths = Wealths::new();
        let mut chosen =
            |round, wealth: u32| 1 << choose(round, f64::from(wealth) / f64::from(UNIT));
        let rounds = wealths.0.iter().zip(0..BETTING_ROUNDS);
        let stakes: Stakes =
            rounds.map(|(all, round)| all.iter().map(|w| chosen(round, *w)).collect()).collect();
        wealths.plan(&stakes)
    }

    /// Eighths to put at stake in a round, from 0, with a wealth in tokens; nothing where it cannot be.
    #[must_use]
    pub fn choice(&self, round: u32, wealth: f64) -> Option<u32> {
        self.choices.get(round as usize)?.get(&((wealth * f64::from(UNIT)) as u32)).copied()
    }

    /// Mean wealth at the end.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.outcomes.iter().map(|(wealth, p)| wealth * p).sum()
    }

    /// Mean of the worst `share` of outcomes.
    #[must_use]
    pub fn cvar(&self, share: f64) -> f64 {
        let mut left = share;
        let mut sum = 0.0;
        for (wealth, p) in &self.outcomes {
            let counted = p.min(left);
            sum += wealth * counted;
            left -= counted;
        }
        sum / share
    }
}

/// By round and place of the wealth: bit `k` says that `k` eighths may be put at stake.
type Stakes = Vec<Vec<u16>>;

/// Every wealth that any play can lead to, by round; the last is the end.
struct Wealths(Vec<Vec<u32>>);

impl Wealths {
    fn new() -> Self {
        let mut rounds = vec![vec![FIRST_WEALTH]];
        for round in 0..BETTING_ROUNDS as usize {
            let each = |wealth: &u32| {
                let wealth = *wealth;
                (0..BETTING_CHOICES).flat_map(move |k| after(wealth, k))
            };
            let mut next: Vec<u32> = rounds[round].iter().flat_map(each).collect();
            next.sort_unstable();
            next.dedup();
            rounds.push(next);
        }
        Self(rounds)
    }

    fn any_stake(&self) -> Stakes {
        let rounds = &self.0[..BETTING_ROUNDS as usize];
        rounds.iter().map(|wealths| vec![(1 << BETTING_CHOICES) - 1; wealths.len()]).collect()
    }

    /// Wealths at the end in tokens, poorest first.
    fn ends(&self) -> Vec<f64> {
        let ends = &self.0[BETTING_ROUNDS as usize];
        ends.iter().map(|w| f64::from(*w) / f64::from(UNIT)).collect()
    }

    /// The greatest mean of a utility of the last wealth with these stakes, and which of them reach it.
    fn best(&self, stakes: &Stakes, utility: impl Fn(f64) -> f64) -> (f64, Stakes) {
        let mut values: Vec<f64> = self.ends().into_iter().map(utility).collect();
        let mut best = Vec::new();
        for ((now, next), stakes) in self.0.iter().zip(&self.0[1..]).zip(stakes).rev() {
            let at = |w: u32| values[next.binary_search(&w).expect("every wealth is listed")];
            let best_of = |(wealth, stakes): (&u32, &u16)| {
                let mut best = (f64::NEG_INFINITY, 0);
                for k in (0..BETTING_CHOICES).filter(|k| stakes >> k & 1 == 1) {
                    let [won, lost] = after(*wealth, k);
                    let value = WIN * at(won) + (1.0 - WIN) * at(lost);
                    if value > best.0 + TIE {
                        best = (value, 1 << k);
                    } else if value > best.0 - TIE {
                        best.1 |= 1 << k;
                    }
                }
                best
            };
            let (value, stakes): (Vec<f64>, Vec<u16>) = now.iter().zip(stakes).map(best_of).unzip();
            best.push(stakes);
            values = value;
        }
        best.reverse();
        (values[0], best)
    }

    /// The plan within these stakes whose worst `share` of outcomes has the greatest mean.
    ///
    /// CVaR = max over b of b − E(b − W)⁺/share (Rockafellar and Uryasev, 2000), and with b fixed the
    /// expectation is a dynamic programme (Bäuerle and Ott, 2011). The best b is a wealth that can come out;
    /// as E(b − W)⁺ never falls with b, bisection drops the stretches that cannot hold it.
    fn best_tail(&self, stakes: &Stakes, share: f64) -> BettingPlan {
        assert!(share > 0.0 && share <= 1.0, "Invariant: a share of the outcomes");
        let ends = self.ends();
        let mut best = (f64::NEG_INFINITY, 0.0);
        // Lacking: E(b − W)⁺.
        let mut look = |b: f64| {
            let lacking = -self.best(stakes, |wealth| -(b - wealth).max(0.0)).0;
            if b - lacking / share > best.0 + TIE {
                best = (b - lacking / share, b);
            }
            (lacking, best.0)
        };
        let last = ends.len() - 1;
        let (lacking, _) = look(ends[0]);
        look(ends[last]);
        let mut stretches = vec![(0, last, lacking)];
        while let Some((low, high, lacking)) = stretches.pop() {
            let middle = low + (high - low) / 2;
            if middle == low {
                continue;
            }
            let (lacking_at_middle, found) = look(ends[middle]);
            if ends[middle] - lacking / share > found {
                stretches.push((low, middle, lacking));
            }
            if ends[high] - lacking_at_middle / share > found {
                stretches.push((middle, high, lacking_at_middle));
            }
        }
        let (_, stakes) = self.best(stakes, |wealth| -(best.1 - wealth).max(0.0));
        self.plan(&stakes)
    }

    /// What comes of the smallest of these stakes.
    fn plan(&self, stakes: &Stakes) -> BettingPlan {
        let smallest = |(w, s): (&u32, &u16)| (*w, s.trailing_zeros());
        let rounds = self.0.iter().zip(stakes);
        let choices: Vec<BTreeMap<u32, u32>> =
            rounds.map(|(w, s)| w.iter().zip(s).map(smallest).collect()).collect();
        let mut now = BTreeMap::from([(FIRST_WEALTH, 1.0)]);
        for round in &choices {
            let mut next = BTreeMap::new();
            for (wealth, p) in now {
                let [won, lost] = after(wealth, round[&wealth]);
                *next.entry(won).or_insert(0.0) += WIN * p;
                *next.entry(lost).or_insert(0.0) += (1.0 - WIN) * p;
            }
            now = next;
        }
        let tokens = |(w, p): (u32, f64)| (f64::from(w) / f64::from(UNIT), p);
        BettingPlan { choices, outcomes: now.into_iter().map(tokens).collect() }
    }
}
