//! Who owes what against what: beliefs about every position of a market.
//!
//! [`PositionViews`] keeps each account's scaled shares as floats and re-reads an account only when a
//! transaction touched it. Every block, whoever may have crossed a line (liquidatable at the oracles'
//! prices, or owing more than it has at fair ones) is summed at the projected indexes and prices, and
//! whoever may be liquidatable is then asked for exactly.
//!
//! Most accounts are far from both lines, and a block moves prices by little: they need no sum. Let `m`
//! be what a group's nearest account has for each dollar that it owes, at the weights of some earlier
//! block. If since then the weight of no collateral has fallen below `a` of what it was, and that of no
//! debt has risen above `b`, nobody of the group has less than `m · a / b` now. A group for which that is
//! above one is passed over in one comparison; the result is that of summing it, to the last bit.

use super::{MarketViews, ReserveView};
use crate::chain::Chain;
use crate::prices::unit;
use bevy_ecs::prelude::Resource;
use markets::units::{AccountId, AssetId, MarketId, Wad};
use protocols::reserve::Reserve;

/// Accounts that are summed together.
const LANES: usize = 4;
type Row = [f64; LANES];

/// Beliefs below this health factor are checked exactly. Beliefs agree with the chain to about 10⁻⁹.
const EXACT_BELOW: f64 = 1.000_001;

/// Whoever certainly has this much for each dollar owed is on the safe side of both lines. It lies
/// above [`EXACT_BELOW`] by more than the rounding of the longest sums.
const SAFE_ABOVE: f64 = 1.000_002;

/// What is believed about an account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Belief {
    /// Health factor at the oracles' prices; infinite without debt.
    pub health_factor: f64,
    /// Collateral at its liquidation thresholds and the oracles' prices, in USD.
    pub threshold_usd: f64,
    /// Debt at the oracles' prices, in USD.
    pub debt_usd: f64,
    /// Debt beyond collateral at fair prices, in USD.
    pub shortfall_usd: f64,
}

/// Everybody's position in one market, as beliefs at the indexes and prices of the last sweep.
#[derive(Resource, Clone, Debug, Default)]
pub struct PositionViews {
    /// Accounts whose exact health factor is below one now, by id.
    pub at_risk: Vec<AccountId>,
    /// Accounts that the block's transactions have touched so far; empty from the tick to execution.
    pub touched: Vec<AccountId>,
    /// Exact health factors that differ from the belief by more than a millionth and by more than one smallest unit
    /// of each asset would make of them, since the start.
    pub disagreements: u64,
    /// Sum of everybody's shortfall, in USD.
    pub shortfall_total_usd: f64,
    market: Option<MarketId>,
    reserves: usize,
    accounts: usize,
    is_touched: Vec<bool>,
    /// `[group][reserve][lane]`: supply shares that are collateral, in whole tokens.
    collateral: Vec<Row>,
    /// The same of debt shares.
    debt: Vec<Row>,
    /// By reserve: those of the last sweep.
    weights: Vec<Weight>,
    /// By reserve: those that the margins refer to.
    anchor: Vec<Weight>,
    /// By group: at the anchor's weights everybody has at least this much for each dollar owed.
    margins: Vec<f64>,
    /// Groups summed since the anchor was set.
    summed: usize,
    suspects: Vec<u32>,
}

/// What a reserve's shares weigh, in USD.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Weight {
    threshold: f64,
    debt: f64,
    fair_collateral: f64,
    fair_debt: f64,
}

impl Weight {
    fn of(view: &ReserveView) -> Self {
        let collateral = view.liquidity_index * view.oracle_usd;
        Self {
            threshold: collateral * view.threshold,
            debt: view.borrow_index * view.oracle_usd,
            fair_collateral: view.liquidity_index * view.mid_usd,
            fair_debt: view.borrow_index * view.mid_usd,
        }
    }
}

/// Sums over reserves of one group of accounts.
#[derive(Clone, Copy, Default)]
struct Sums {
    threshold: Row,
    debt: Row,
    fair_collateral: Row,
    fair_debt: Row,
}

#[inline(always)]
fn sum(collateral: &[Row], debt: &[Row], weights: &[Weight]) -> Sums {
    let mut s = Sums::default();
    for ((c, d), w) in collateral.iter().zip(debt).zip(weights) {
        for l in 0..LANES {
            s.threshold[l] += c[l] * w.threshold;
            s.debt[l] += d[l] * w.debt;
            s.fair_collateral[l] += c[l] * w.fair_collateral;
            s.fair_debt[l] += d[l] * w.fair_debt;
        }
    }
    s
}

impl Sums {
    fn belief(&self, lane: usize) -> Belief {
        let (threshold_usd, debt_usd) = (self.threshold[lane], self.debt[lane]);
        Belief {
            health_factor: if debt_usd > 0.0 { threshold_usd / debt_usd } else { f64::INFINITY },
            threshold_usd,
            debt_usd,
            shortfall_usd: self.shortfall(lane),
        }
    }

    #[inline(always)]
    fn shortfall(&self, lane: usize) -> f64 {
        let short = self.fair_debt[lane] - self.fair_collateral[lane];
        if short > 0.0 { short } else { 0.0 }
    }

    #[inline(always)]
    fn is_suspect(&self) -> bool {
        (0..LANES).any(|l| self.threshold[l] < self.debt[l] * EXACT_BELOW)
    }

    /// The least that anybody of the group has for each dollar owed, at either prices.
    #[inline(always)]
    fn margin(&self) -> f64 {
        let of = |has: f64, owes: f64| if owes > 0.0 { has / owes } else { f64::INFINITY };
        (0..LANES).fold(f64::INFINITY, |least, l| {
            let oracle = of(self.threshold[l], self.debt[l]);
            least.min(oracle).min(of(self.fair_collateral[l], self.fair_debt[l]))
        })
    }
}

/// How far what an account has for each dollar owed can have moved.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Drift {
    /// At least this factor.
    least: f64,
    /// At most this factor.
    most: f64,
}

impl Drift {
    /// Between two sets of weights, whatever the position.
    fn between(from: &[Weight], to: &[Weight]) -> Self {
        let side = |has: fn(&Weight) -> f64, owes: fn(&Weight) -> f64| {
            let (has_least, has_most) = extremes(from, to, has);
            let (owes_least, owes_most) = extremes(from, to, owes);
            // Nothing by nothing, and all by all, say nothing.
            let known = |ratio: f64, unknown: f64| if ratio.is_nan() { unknown } else { ratio };
            (known(has_least / owes_most, 0.0), known(has_most / owes_least, f64::INFINITY))
        };
        let oracle = side(|w| w.threshold, |w| w.debt);
        let fair = side(|w| w.fair_collateral, |w| w.fair_debt);
        Self { least: oracle.0.min(fair.0), most: oracle.1.max(fair.1) }
    }
}

/// The least and the greatest factor by which a weight changed. A weight that was zero and is not is
/// infinitely greater; one that is zero before and after is nobody's.
fn extremes(from: &[Weight], to: &[Weight], part: fn(&Weight) -> f64) -> (f64, f64) {
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for (from, to) in from.iter().zip(to) {
        let (from, to) = (part(from), part(to));
        if from != to || from > 0.0 {
            least = least.min(to / from);
            most = most.max(to / from);
        }
    }
    if least > most { (1.0, 1.0) } else { (least, most) }
}

impl PositionViews {
    /// Reads every account of the chain anew.
    pub fn rebuild(&mut self, chain: &Chain, market: MarketId) {
        self.market = Some(market);
        self.reserves = chain.pooled(market).reserves.len();
        self.accounts = chain.accounts().len();
        let groups = self.accounts.div_ceil(LANES);
        let padded = groups * LANES;
        self.is_touched.clear();
        self.is_touched.resize(padded, false);
        for rows in [&mut self.collateral, &mut self.debt] {
            rows.clear();
            rows.resize(groups * self.reserves, [0.0; LANES]);
        }
        self.margins.clear();
        self.margins.resize(groups, 0.0);
        self.anchor.clear();
        self.weights.clear();
        self.at_risk.clear();
        self.at_risk.reserve(self.accounts);
        self.touched.clear();
        self.touched.reserve(self.accounts);
        self.suspects.clear();
        self.suspects.reserve(groups);
        self.shortfall_total_usd = 0.0;
        for account in 0..self.accounts {
            self.reload(chain, AccountId(account as u32));
        }
    }

    /// Notes that a transaction may have changed an account.
    #[inline]
    pub fn touch(&mut self, account: AccountId) {
        if let Some(flag) = self.is_touched.get_mut(account.index())
            && !*flag
        {
            *flag = true;
            self.touched.push(account);
        }
    }

    /// Forgets which accounts were touched.
    pub fn clear_touched(&mut self) {
        for account in self.touched.drain(..) {
            self.is_touched[account.index()] = false;
        }
    }

    /// Re-reads the touched accounts after the block's transactions and corrects the shortfall, so that
    /// bad debt written off is no longer latent.
    pub fn settle(&mut self, chain: &Chain) {
        for i in 0..self.touched.len() {
            let account = self.touched[i];
            let before = self.belief(account).shortfall_usd;
            self.reload(chain, account);
            self.shortfall_total_usd += self.belief(account).shortfall_usd - before;
        }
    }

    /// Reads one account's shares.
    fn reload(&mut self, chain: &Chain, account: AccountId) {
        let Some(market) = self.market else { return };
        let pooled = chain.pooled(market);
        let position = pooled.position(account);
        let (group, lane) = (account.index() / LANES, account.index() % LANES);
        for (r, reserve) in pooled.reserves.iter().enumerate() {
            let at = group * self.reserves + r;
            let shares = |used: bool, token: AssetId| {
                if used {
                    chain.balance(account, token).to_f64() * unit(reserve.decimals)
                } else {
                    0.0
                }
            };
            let r = r as u16;
            self.collateral[at][lane] = shares(position.uses_as_collateral(r), reserve.a_token);
            self.debt[at][lane] = shares(position.borrows(r), reserve.debt_token);
        }
        // Nothing is known of the group until it is summed again.
        self.margins[group] = 0.0;
    }

    /// Re-weights positions at the present indexes and prices.
    pub fn sweep(&mut self, views: &MarketViews) {
        self.weights.clear();
        self.weights.extend(views.reserves.iter().map(Weight::of));
        self.weigh();
    }

    /// Sums whoever may have crossed a line.
    fn weigh(&mut self) {
        self.suspects.clear();
        // Margins grow stale as prices move. Once that has cost as much as summing everybody, everybody
        // is summed: so a block costs at most twice what summing those near a line does.
        let anew = self.anchor.len() != self.weights.len() || self.summed >= self.margins.len();
        if anew {
            self.anchor.clone_from(&self.weights);
            self.margins.fill(0.0);
        }
        let drift = Drift::between(&self.anchor, &self.weights);
        let needed = SAFE_ABOVE / drift.least;
        let mut total = [0.0; LANES];
        let mut summed = 0;
        for (group, margin) in self.margins.iter_mut().enumerate() {
            if *margin > needed {
                continue;
            }
            summed += 1;
            let rows = group * self.reserves..(group + 1) * self.reserves;
            let s = sum(&self.collateral[rows.clone()], &self.debt[rows], &self.weights);
            for (l, total) in total.iter_mut().enumerate() {
                *total += s.shortfall(l);
            }
            if s.is_suspect() {
                self.suspects.push(group as u32);
            }
            *margin = margin.max(s.margin() / drift.most);
        }
        self.summed = if anew { 0 } else { self.summed + summed };
        self.shortfall_total_usd = (total[0] + total[1]) + (total[2] + total[3]);
    }

    /// Asks the chain for the health of whoever may be liquidatable.
    pub fn find_at_risk(&mut self, chain: &Chain) {
        self.at_risk.clear();
        let Some(market) = self.market else { return };
        for i in 0..self.suspects.len() {
            let group = self.suspects[i] as usize;
            let sums = self.sums(group);
            for lane in 0..LANES {
                let belief = sums.belief(lane);
                if belief.health_factor >= EXACT_BELOW {
                    continue;
                }
                let account = AccountId((group * LANES + lane) as u32);
                let Ok(health) = chain.health(market, account) else { continue };
                let exact = health.health_factor.ratio();
                let difference = (exact - belief.health_factor).abs();
                if difference > 1e-6 * exact.max(1.0)
                    && difference * belief.debt_usd
                        > 2.0 * exact.max(1.0) * grain_usd(chain, market)
                {
                    self.disagreements += 1;
                }
                if health.health_factor < Wad::ONE {
                    self.at_risk.push(account);
                }
            }
        }
    }

    fn sums(&self, group: usize) -> Sums {
        let rows = group * self.reserves..(group + 1) * self.reserves;
        sum(&self.collateral[rows.clone()], &self.debt[rows], &self.weights)
    }

    /// Number of accounts.
    #[must_use]
    pub const fn accounts(&self) -> usize {
        self.accounts
    }
    /// What is believed about an account.
    ///
    /// # Panics
    /// There was no such account when the chain was read.
    #[must_use]
    pub fn belief(&self, account: AccountId) -> Belief {
        self.sums(account.index() / LANES).belief(account.index() % LANES)
    }
    /// What is believed about everybody, by account id. Sums all accounts: not for every block.
    pub fn beliefs(&self) -> impl Iterator<Item = Belief> {
        let of_group = |group| {
            let sums = self.sums(group);
            (0..LANES).map(move |lane| sums.belief(lane))
        };
        (0..self.margins.len()).flat_map(of_group).take(self.accounts)
    }
    /// An account's collateral in a reserve, in whole tokens.
    #[must_use]
    pub fn collateral_tokens(
        &self,
        views: &MarketViews,
        account: AccountId,
        reserve: usize,
    ) -> f64 {
        self.shares(&self.collateral, account, reserve) * views.reserves[reserve].liquidity_index
    }
    /// An account's debt in a reserve, in whole tokens.
    #[must_use]
    pub fn debt_tokens(&self, views: &MarketViews, account: AccountId, reserve: usize) -> f64 {
        self.shares(&self.debt, account, reserve) * views.reserves[reserve].borrow_index
    }
    fn shares(&self, rows: &[Row], account: AccountId, reserve: usize) -> f64 {
        let (group, lane) = (account.index() / LANES, account.index() % LANES);
        rows.get(group * self.reserves + reserve).map_or(0.0, |row| row[lane])
    }
    /// Collateral of everybody in a reserve, in shares as whole tokens. Sums all accounts: not for
    /// every block.
    #[must_use]
    pub fn collateral_shares(&self, reserve: usize) -> f64 {
        self.collateral.iter().skip(reserve).step_by(self.reserves.max(1)).flatten().sum()
    }
}

/// One smallest unit of every reserve together, in USD at the market's prices: what rounding may hide.
#[cold]
fn grain_usd(chain: &Chain, market: MarketId) -> f64 {
    let unit_usd = |reserve: &Reserve| {
        let price = chain.price(reserve.feed).map_or(0.0, |price| price.usd());
        price * unit(reserve.decimals)
    };
    chain.pooled(market).reserves.iter().map(unit_usd).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNTS: usize = 41;

    /// Everybody summed by hand.
    fn everybody(positions: &PositionViews) -> (Vec<u32>, f64) {
        let groups = positions.margins.len();
        let suspects = (0..groups).filter(|g| positions.sums(*g).is_suspect());
        let mut total = [0.0; LANES];
        for group in 0..groups {
            for (l, total) in total.iter_mut().enumerate() {
                *total += positions.sums(group).shortfall(l);
            }
        }
        (suspects.map(|g| g as u32).collect(), (total[0] + total[1]) + (total[2] + total[3]))
    }

    fn positions(shares: &[(f64, f64)], reserves: usize) -> PositionViews {
        let groups = ACCOUNTS.div_ceil(LANES);
        let row = |part: fn(&(f64, f64)) -> f64, at: usize| {
            std::array::from_fn(|l| part(&shares[(at * LANES + l) % shares.len()]))
        };
        PositionViews {
            reserves,
            accounts: ACCOUNTS,
            collateral: (0..groups * reserves).map(|at| row(|s| s.0, at)).collect(),
            debt: (0..groups * reserves).map(|at| row(|s| s.1, at)).collect(),
            margins: vec![0.0; groups],
            ..PositionViews::default()
        }
    }

    fn factor() -> impl Strategy<Value = f64> {
        // Mostly little; now and then a jump, a switch to nothing, or back.
        prop_oneof![8 => 0.999..1.001, 2 => 0.5..2.0, 1 => Just(0.0), 1 => Just(1.0)]
    }

    proptest! {
        #[test]
        fn passing_over_whoever_is_safe_changes_nothing(
            shares in prop::collection::vec(
                prop_oneof![
                    3 => (1.05..4.0, 0.3..0.9), 1 => (0.9..1.2, 0.9..1.1), 1 => (0.0..1.0, Just(0.0)),
                    1 => (Just(0.0), 0.0..1e-9),
                ],
                1..60,
            ),
            steps in prop::collection::vec(prop::collection::vec(factor(), 12), 1..60),
            touch in prop::collection::vec(0..ACCOUNTS, 60),
        ) {
            let mut positions = positions(&shares, 3);
            let base = [2_000.0, 1.0, 30.0].map(|usd| Weight {
                threshold: 0.8 * usd, debt: usd, fair_collateral: usd, fair_debt: usd,
            });
            positions.weights = base.to_vec();
            for (step, &account) in steps.iter().zip(&touch) {
                for (i, w) in positions.weights.iter_mut().enumerate() {
                    let parts = [
                        (&mut w.threshold, base[i].threshold), (&mut w.debt, base[i].debt),
                        (&mut w.fair_collateral, base[i].fair_collateral),
                        (&mut w.fair_debt, base[i].fair_debt),
                    ];
                    for (k, (part, base)) in parts.into_iter().enumerate() {
                        *part = if *part > 0.0 { *part * step[4 * i + k] } else { base };
                    }
                }
                positions.weigh();
                let (suspects, total) = everybody(&positions);
                prop_assert_eq!(&positions.suspects, &suspects);
                prop_assert_eq!(positions.shortfall_total_usd.to_bits(), total.to_bits());
                // Somebody acts.
                let at = account / LANES * positions.reserves;
                positions.debt[at][account % LANES] *= 1.1;
                positions.margins[account / LANES] = 0.0;
            }
        }
    }

    #[test]
    fn a_quiet_market_is_passed_over() {
        let mut positions = positions(&[(1.0, 0.5)], 3);
        positions.weights =
            vec![Weight { threshold: 0.8, debt: 1.0, fair_collateral: 1.0, fair_debt: 1.0 }; 3];
        positions.weigh();
        for _ in 0..10_000 {
            for weight in &mut positions.weights {
                weight.debt *= 1.000_1;
            }
            positions.weigh();
            if positions.summed > 0 {
                break;
            }
            assert!(positions.suspects.is_empty());
        }
        // A health of 1.6 lasts until debts weigh 1.6 times as much.
        let grown = positions.weights[0].debt / positions.anchor[0].debt;
        assert!((1.59..1.61).contains(&grown), "{grown}");
    }
}
