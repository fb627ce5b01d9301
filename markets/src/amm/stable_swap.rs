//! The StableSwap pool of two or three coins: nearly constant sum near balance, constant product far away.
//!
//! Source: Egorov, StableSwap (2019), and Curve's base pool template (`SwapTemplateBase`, `A_PRECISION` of
//! 100): names, fees and rounding are that contract's. Every function here is a quote: it returns what
//! would be paid, received, minted and burned and the balances afterwards, in a [`StableChange`]. Every
//! rounding is down on what leaves, and one more unit stays behind where Newton's method could err, in the
//! favour of those who stay in the pool.
//!
//! Admin fees are what the pool's account holds beyond `balances`, as in the contract.

use super::stable_math::{
    A_PRECISION, Scaled, balance_at, difference, floor_div, invariant, product, sum,
};
use crate::units::{AccountId, Amount, AssetId, U256, WAD};
use ruint::Uint;
use serde::{Deserialize, Serialize};

/// Most coins of a pool.
pub const MAX_COINS: usize = 3;
/// Scale of the fees (`FEE_DENOMINATOR`).
pub const FEE_DENOMINATOR: u64 = 10_000_000_000;
/// Highest swap fee, a half (`MAX_FEE`).
pub const MAX_FEE: u64 = 5_000_000_000;
/// Amplification coefficients are below this, unscaled (`MAX_A`).
pub const MAX_A: u64 = 1_000_000;
/// Most that one ramp may multiply or divide A by (`MAX_A_CHANGE`).
pub const MAX_A_CHANGE: u64 = 10;
/// Shortest ramp, and shortest time between the starts of two, in seconds (`MIN_RAMP_TIME`).
pub const MIN_RAMP_SECS: u64 = 86_400;

/// Every property that [`StableSwap::check`] looks at: id and sentence.
pub const INVARIANTS: [(&str, &str); 4] = [
    (
        "stable-holds-balances",
        "a StableSwap pool's account holds at least its balances; the rest is admin fees",
    ),
    ("stable-has-every-coin", "a StableSwap pool that has shares has every coin"),
    ("stable-amplification-bounded", "a StableSwap pool's A is above zero and below its most"),
    (
        "stable-invariant-bounded",
        "a StableSwap pool's D is at most the sum of its coins and at least their number times the geometric \
         mean",
    ),
];

/// Why a StableSwap pool refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum StableSwapError {
    /// The asset is not one of the pool's coins.
    #[error("the asset is not one of the pool's coins")]
    UnknownCoin,
    /// A coin for itself; or a swap that names one coin in a pool of three.
    #[error("the two coins of the swap are not told apart")]
    SameCoin,
    /// The first deposit lacks a coin (`initial deposit requires all coins`).
    #[error("the first deposit requires all coins")]
    InitialDepositRequiresAllCoins,
    /// A deposit that does not raise D (`D1 > D0`).
    #[error("the deposit does not raise the invariant")]
    InvariantNotRaised,
    /// Fewer shares than the provider's minimum, or more burned than their maximum (`Slippage screwed you`).
    #[error("shares beyond the provider's limit")]
    Slippage,
    /// Less would come out than the trader's minimum (`Exchange resulted in fewer coins than expected`).
    #[error("fewer coins than expected")]
    FewerCoinsThanExpected,
    /// A withdrawal that burns nothing (`zero tokens burned`).
    #[error("zero shares burned")]
    ZeroBurned,
    /// A coin's balance is zero, or there are no shares: a division by zero.
    #[error("the pool lacks a coin or has no shares")]
    NoLiquidity,
    /// Newton's method took more than 255 steps.
    #[error("the invariant was not found")]
    NotConverged,
    /// Only the owner ramps A or takes the admin fees (`only owner`).
    #[error("only the owner may")]
    OnlyOwner,
    /// The last ramp began less than a day ago.
    #[error("the last ramp began less than a day ago")]
    RampTooSoon,
    /// A ramp shorter than a day (`insufficient time`).
    #[error("a ramp takes at least a day")]
    InsufficientTime,
    /// A of zero, at least 10⁶, or more than tenfold away.
    #[error("amplification out of bounds")]
    AmplificationOutOfBounds,
    /// 256 bits overflow, or a difference is negative.
    #[error("arithmetic overflow")]
    Overflow,
}

/// Amounts by coin, unused places zero.
pub type Coins = [Amount; MAX_COINS];

/// What a call on a StableSwap pool would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableChange {
    /// What the sender pays in.
    pub paid: Coins,
    /// What the sender gets.
    pub received: Coins,
    /// Shares minted to the sender.
    pub minted: Amount,
    /// Shares burned from the sender.
    pub burned: Amount,
    /// The pool's balances afterwards.
    pub balances: Coins,
}

/// A StableSwap pool: handles, parameters and the balances that it counts as its providers'.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableSwap {
    /// How many coins: two or three.
    pub n_coins: u8,
    /// The coins; places from `n_coins` on are meaningless.
    pub coins: [AssetId; MAX_COINS],
    /// Decimals of each coin, at most 18.
    pub decimals: [u8; MAX_COINS],
    /// The pool's share, a ledger asset of 18 decimals.
    pub share: AssetId,
    /// The ledger account that holds the coins, admin fees included.
    pub account: AccountId,
    /// Who may ramp A and take the admin fees.
    pub owner: AccountId,
    /// Swap fee on the output, of [`FEE_DENOMINATOR`].
    pub fee: u64,
    /// The owner's part of the fee, of [`FEE_DENOMINATOR`].
    pub admin_fee: u64,
    /// A at the start of the ramp, times [`A_PRECISION`].
    pub initial_a: u64,
    /// A at its end, times [`A_PRECISION`].
    pub future_a: u64,
    /// Start of the ramp, Unix seconds.
    pub initial_a_time: u64,
    /// End of the ramp, Unix seconds.
    pub future_a_time: u64,
    /// Balances in smallest units, without the admin fees.
    pub balances: Coins,
}

impl StableSwap {
    /// An empty pool of constant `amplification` (the contract's A, unscaled: the paper's A · nⁿ⁻¹).
    ///
    /// # Panics
    /// Where there are not two or three coins, a coin has more than 18 decimals, or a parameter is out of
    /// the contract's bounds: a pool that cannot be deployed.
    #[must_use]
    pub fn new(
        coins: &[(AssetId, u8)],
        share: AssetId,
        account: AccountId,
        owner: AccountId,
        amplification: u64,
        fee: u64,
        admin_fee: u64,
    ) -> Self {
        assert!((2..=MAX_COINS).contains(&coins.len()), "two or three coins");
        assert!(coins.iter().all(|(_, decimals)| *decimals <= 18), "at most 18 decimals");
        assert!(amplification > 0 && amplification < MAX_A, "A out of bounds");
        assert!(fee <= MAX_FEE && admin_fee <= FEE_DENOMINATOR, "fee out of bounds");
        let at = |i: usize| coins[i.min(coins.len() - 1)];
        Self {
            n_coins: coins.len() as u8,
            coins: std::array::from_fn(|i| at(i).0),
            decimals: std::array::from_fn(|i| at(i).1),
            share,
            account,
            owner,
            fee,
            admin_fee,
            initial_a: amplification * A_PRECISION,
            future_a: amplification * A_PRECISION,
            initial_a_time: 0,
            future_a_time: 0,
            balances: [Amount::ZERO; MAX_COINS],
        }
    }

    /// Number of coins.
    #[must_use]
    pub const fn n(&self) -> usize {
        self.n_coins as usize
    }
    /// The coins.
    #[must_use]
    pub fn coins(&self) -> &[AssetId] {
        &self.coins[..self.n()]
    }
    /// A coin's place.
    ///
    /// # Errors
    /// [`StableSwapError::UnknownCoin`].
    pub fn index_of(&self, asset: AssetId) -> Result<usize, StableSwapError> {
        let place = self.coins().iter().position(|coin| *coin == asset);
        place.ok_or(StableSwapError::UnknownCoin)
    }
    /// The other coin of a pool of two.
    ///
    /// # Errors
    /// [`StableSwapError::UnknownCoin`]; [`StableSwapError::SameCoin`] in a pool of three, where a swap must
    /// name both coins.
    pub fn other(&self, asset: AssetId) -> Result<AssetId, StableSwapError> {
        let place = self.index_of(asset)?;
        if self.n() == 2 { Ok(self.coins[1 - place]) } else { Err(StableSwapError::SameCoin) }
    }

    /// A times [`A_PRECISION`] at `now`, on a straight line between the ends of the ramp, floored toward
    /// the start (`_A`).
    #[must_use]
    pub fn amplification(&self, now: u64) -> u64 {
        let (a0, a1) = (self.initial_a, self.future_a);
        let (t0, t1) = (self.initial_a_time, self.future_a_time);
        if now >= t1 {
            return a1;
        }
        let moved = u128::from(a0.abs_diff(a1)) * u128::from(now.saturating_sub(t0))
            / u128::from(t1.saturating_sub(t0).max(1));
        if a1 > a0 { a0 + moved as u64 } else { a0 - moved as u64 }
    }
    fn ann(&self, now: u64) -> U256 {
        U256::from(self.amplification(now)) * U256::from(self.n_coins)
    }
    /// What one smallest unit of a coin is in 10⁻¹⁸ (`PRECISION_MUL`).
    fn precision_mul(&self, i: usize) -> U256 {
        U256::from(10_u64.pow(u32::from(18 - self.decimals[i])))
    }
    /// Balances in 18 decimals (`_xp_mem`).
    fn scaled(&self, balances: &Coins) -> Result<Scaled, StableSwapError> {
        let mut xp = [U256::ZERO; MAX_COINS];
        for (i, x) in xp.iter_mut().enumerate().take(self.n()) {
            *x = product(balances[i].0, self.precision_mul(i))?;
        }
        Ok(xp)
    }
    fn invariant_of(&self, balances: &Coins, ann: U256) -> Result<U256, StableSwapError> {
        invariant(&self.scaled(balances)?[..self.n()], ann)
    }
    /// D at `now`, in 18 decimals (`get_D`).
    ///
    /// # Errors
    /// [`StableSwapError`]: a coin is missing, overflow.
    pub fn d(&self, now: u64) -> Result<U256, StableSwapError> {
        self.invariant_of(&self.balances, self.ann(now))
    }
    /// D per share, times 10¹⁸, floored (`get_virtual_price`).
    ///
    /// # Errors
    /// [`StableSwapError::NoLiquidity`] where there are no shares, and those of [`Self::d`].
    pub fn virtual_price(&self, supply: Amount, now: u64) -> Result<U256, StableSwapError> {
        floor_div(self.d(now)?, WAD, supply.0)
    }
    /// Marginal price of a coin in the pool's first, times 10¹⁸, before the fee; of the first in the second
    /// (`get_p` of Curve's newer pools, with its divisions: the ratio of the invariant's derivatives).
    ///
    /// # Errors
    /// [`StableSwapError`]: unknown coin, the first of three (every other has a price in it), an empty
    /// pool, overflow.
    pub fn price_of(&self, asset: AssetId, now: u64) -> Result<U256, StableSwapError> {
        let i = self.index_of(asset)?;
        let j = match i {
            0 => self.index_of(self.other(asset)?)?,
            _ => 0,
        };
        let (n, ann) = (self.n(), self.ann(now));
        let xp = self.scaled(&self.balances)?;
        let d = invariant(&xp[..n], ann)?;
        // D^(n+1) / (nⁿ · Πx).
        let mut reduced = d / U256::from(n.pow(n as u32));
        for x in &xp[..n] {
            reduced = floor_div(reduced, d, *x)?;
        }
        let linear = product(ann, xp[j])? / U256::from(A_PRECISION);
        let ratio = floor_div(reduced, xp[j], xp[i])?;
        floor_div(WAD, sum(linear, ratio)?, sum(linear, reduced)?)
    }
    /// The coin that [`Self::price_of`] prices a coin in.
    ///
    /// # Errors
    /// Those of [`Self::price_of`].
    pub fn priced_in(&self, asset: AssetId) -> Result<AssetId, StableSwapError> {
        if self.index_of(asset)? == 0 { self.other(asset) } else { Ok(self.coins[0]) }
    }
    const fn unchanged(&self) -> StableChange {
        StableChange {
            paid: [Amount::ZERO; MAX_COINS],
            received: [Amount::ZERO; MAX_COINS],
            minted: Amount::ZERO,
            burned: Amount::ZERO,
            balances: self.balances,
        }
    }
    /// The fee on each coin's distance from proportion: fee · n / (4(n − 1)), floored.
    fn imbalance_fee(&self) -> U256 {
        U256::from(self.fee * u64::from(self.n_coins) / (4 * (u64::from(self.n_coins) - 1)))
    }

    /// What selling `amount_in` of one coin for another would do (`exchange`, `get_dy`).
    ///
    /// The output is floored and one unit of 10⁻¹⁸ stays behind, in the pool's favour.
    ///
    /// # Errors
    /// [`StableSwapError`]: unknown or same coin, an empty pool, nothing out, overflow.
    pub fn quote_exchange(
        &self,
        asset_in: AssetId,
        asset_out: AssetId,
        amount_in: Amount,
        now: u64,
    ) -> Result<StableChange, StableSwapError> {
        let (i, j) = (self.index_of(asset_in)?, self.index_of(asset_out)?);
        if i == j {
            return Err(StableSwapError::SameCoin);
        }
        let (n, ann) = (self.n(), self.ann(now));
        let mut xp = self.scaled(&self.balances)?;
        let d = invariant(&xp[..n], ann)?;
        xp[i] = sum(xp[i], product(amount_in.0, self.precision_mul(i))?)?;
        let y = balance_at(&xp[..n], j, d, ann)?;
        let dy = difference(xp[j], sum(y, U256::from(1))?)?;
        let denominator = U256::from(FEE_DENOMINATOR);
        let dy_fee = floor_div(dy, U256::from(self.fee), denominator)?;
        let admin = floor_div(dy_fee, U256::from(self.admin_fee), denominator)?;
        let out = Amount((dy - dy_fee) / self.precision_mul(j));
        let kept = sum(out.0, admin / self.precision_mul(j))?;
        let mut change = self.unchanged();
        change.paid[i] = amount_in;
        change.received[j] = out;
        change.balances[i] = Amount(sum(self.balances[i].0, amount_in.0)?);
        change.balances[j] = Amount(difference(self.balances[j].0, kept)?);
        Ok(change)
    }

    /// What a deposit would do, however unbalanced (`add_liquidity`): coins away from proportion pay the
    /// imbalance fee. Shares are floored, in the favour of those who hold some.
    ///
    /// # Errors
    /// [`StableSwapError`]: a first deposit without a coin, D not raised, overflow.
    pub fn quote_add(
        &self,
        amounts: &Coins,
        supply: Amount,
        now: u64,
    ) -> Result<StableChange, StableSwapError> {
        let ann = self.ann(now);
        let before = self.invariant_of(&self.balances, ann)?;
        let mut change = self.unchanged();
        change.paid[..self.n()].copy_from_slice(&amounts[..self.n()]);
        for (balance, amount) in change.balances.iter_mut().zip(amounts).take(self.n()) {
            if supply.is_zero() && amount.is_zero() {
                return Err(StableSwapError::InitialDepositRequiresAllCoins);
            }
            *balance = Amount(sum(balance.0, amount.0)?);
        }
        let after = self.invariant_of(&change.balances, ann)?;
        if after <= before {
            return Err(StableSwapError::InvariantNotRaised);
        }
        change.minted = Amount(if supply.is_zero() {
            after
        } else {
            let less_fees = self.take_imbalance_fees(&mut change.balances, before, after, ann)?;
            floor_div(supply.0, difference(less_fees, before)?, before)?
        });
        Ok(change)
    }

    /// Takes the imbalance fee off each coin, the owner's part for good, and returns D without the whole
    /// fee, on which shares are counted.
    fn take_imbalance_fees(
        &self,
        balances: &mut Coins,
        before: U256,
        after: U256,
        ann: U256,
    ) -> Result<U256, StableSwapError> {
        let denominator = U256::from(FEE_DENOMINATOR);
        let fee_rate = self.imbalance_fee();
        let mut less_fees = *balances;
        for i in 0..self.n() {
            let ideal = floor_div(after, self.balances[i].0, before)?;
            let fee = floor_div(fee_rate, ideal.abs_diff(balances[i].0), denominator)?;
            let admin = floor_div(fee, U256::from(self.admin_fee), denominator)?;
            less_fees[i] = Amount(difference(balances[i].0, fee)?);
            balances[i] = Amount(difference(balances[i].0, admin)?);
        }
        self.invariant_of(&less_fees, ann)
    }

    /// What burning shares for every coin in proportion would do (`remove_liquidity`): floored, without a
    /// fee and without the invariant, so that it works in any state.
    ///
    /// # Errors
    /// [`StableSwapError::NoLiquidity`] where there are no shares; [`StableSwapError::Overflow`] where more
    /// are burned than there are.
    pub fn quote_remove(
        &self,
        shares: Amount,
        supply: Amount,
    ) -> Result<StableChange, StableSwapError> {
        let mut change = self.unchanged();
        change.burned = shares;
        for i in 0..self.n() {
            let value = floor_div(self.balances[i].0, shares.0, supply.0)?;
            change.received[i] = Amount(value);
            change.balances[i] = Amount(difference(self.balances[i].0, value)?);
        }
        Ok(change)
    }

    /// What taking exactly these amounts would burn (`remove_liquidity_imbalance`): floored and one share
    /// added, in the favour of those who stay.
    ///
    /// # Errors
    /// [`StableSwapError`]: more than a balance, nothing burned, overflow.
    pub fn quote_remove_imbalance(
        &self,
        amounts: &Coins,
        supply: Amount,
        now: u64,
    ) -> Result<StableChange, StableSwapError> {
        if supply.is_zero() {
            return Err(StableSwapError::NoLiquidity);
        }
        let ann = self.ann(now);
        let before = self.invariant_of(&self.balances, ann)?;
        let mut change = self.unchanged();
        change.received[..self.n()].copy_from_slice(&amounts[..self.n()]);
        for (balance, amount) in change.balances.iter_mut().zip(amounts).take(self.n()) {
            *balance = Amount(difference(balance.0, amount.0)?);
        }
        let after = self.invariant_of(&change.balances, ann)?;
        let less_fees = self.take_imbalance_fees(&mut change.balances, before, after, ann)?;
        let burned = floor_div(difference(before, less_fees)?, supply.0, before)?;
        if burned.is_zero() {
            return Err(StableSwapError::ZeroBurned);
        }
        change.burned = Amount(sum(burned, U256::from(1))?);
        Ok(change)
    }

    /// What burning shares for one coin would do (`remove_liquidity_one_coin`, `calc_withdraw_one_coin`):
    /// the other coins' owners are paid the imbalance fee; floored, and one unit of 10⁻¹⁸ stays behind.
    ///
    /// # Errors
    /// [`StableSwapError`]: unknown coin, no shares, more than there are, overflow.
    pub fn quote_remove_one_coin(
        &self,
        shares: Amount,
        asset: AssetId,
        supply: Amount,
        now: u64,
    ) -> Result<StableChange, StableSwapError> {
        let i = self.index_of(asset)?;
        let (n, ann) = (self.n(), self.ann(now));
        let xp = self.scaled(&self.balances)?;
        let d0 = invariant(&xp[..n], ann)?;
        let d1 = difference(d0, floor_div(shares.0, d0, supply.0)?)?;
        let y_free = balance_at(&xp[..n], i, d1, ann)?;
        let (fee_rate, denominator) = (self.imbalance_fee(), U256::from(FEE_DENOMINATOR));
        let mut reduced = xp;
        for j in 0..n {
            let share_of = floor_div(xp[j], d1, d0)?;
            let expected =
                if j == i { difference(share_of, y_free)? } else { difference(xp[j], share_of)? };
            let fee = floor_div(fee_rate, expected, denominator)?;
            reduced[j] = difference(reduced[j], fee)?;
        }
        let y = balance_at(&reduced[..n], i, d1, ann)?;
        let dy = difference(difference(reduced[i], y)?, U256::from(1))? / self.precision_mul(i);
        let dy_free = difference(xp[i], y_free)? / self.precision_mul(i);
        let fee = difference(dy_free, dy)?;
        let admin = floor_div(fee, U256::from(self.admin_fee), denominator)?;
        let mut change = self.unchanged();
        change.burned = shares;
        change.received[i] = Amount(dy);
        change.balances[i] = Amount(difference(self.balances[i].0, sum(dy, admin)?)?);
        Ok(change)
    }

    /// Shares for a deposit or withdrawal of these amounts as though there were no fees
    /// (`calc_token_amount`), floored: an estimate that the contract offers for slippage limits.
    ///
    /// # Errors
    /// [`StableSwapError`]: no shares, more than a balance, overflow.
    pub fn calc_token_amount(
        &self,
        amounts: &Coins,
        is_deposit: bool,
        supply: Amount,
        now: u64,
    ) -> Result<Amount, StableSwapError> {
        let ann = self.ann(now);
        let before = self.invariant_of(&self.balances, ann)?;
        let mut balances = self.balances;
        for (balance, amount) in balances.iter_mut().zip(amounts).take(self.n()) {
            let (old, by) = (balance.0, amount.0);
            *balance = Amount(if is_deposit { sum(old, by)? } else { difference(old, by)? });
        }
        let after = self.invariant_of(&balances, ann)?;
        let moved =
            if is_deposit { difference(after, before)? } else { difference(before, after)? };
        floor_div(moved, supply.0, before).map(Amount)
    }

    /// Begins to move A, in a straight line, to `future_a` (unscaled) at `future_time` (`ramp_A`).
    ///
    /// # Errors
    /// Not the owner; a ramp within a day of the last one's start or shorter than a day; A out of bounds.
    pub fn ramp_a(
        &mut self,
        by: AccountId,
        future_a: u64,
        future_time: u64,
        now: u64,
    ) -> Result<(), StableSwapError> {
        if by != self.owner {
            return Err(StableSwapError::OnlyOwner);
        }
        if now < self.initial_a_time.saturating_add(MIN_RAMP_SECS) {
            return Err(StableSwapError::RampTooSoon);
        }
        if future_time < now.saturating_add(MIN_RAMP_SECS) {
            return Err(StableSwapError::InsufficientTime);
        }
        if future_a == 0 || future_a >= MAX_A {
            return Err(StableSwapError::AmplificationOutOfBounds);
        }
        let (from, to) = (self.amplification(now), future_a * A_PRECISION);
        if to.max(from) > to.min(from) * MAX_A_CHANGE {
            return Err(StableSwapError::AmplificationOutOfBounds);
        }
        (self.initial_a, self.future_a) = (from, to);
        (self.initial_a_time, self.future_a_time) = (now, future_time);
        Ok(())
    }

    /// Leaves A where it is now (`stop_ramp_A`).
    ///
    /// # Errors
    /// [`StableSwapError::OnlyOwner`].
    pub fn stop_ramp_a(&mut self, by: AccountId, now: u64) -> Result<(), StableSwapError> {
        if by != self.owner {
            return Err(StableSwapError::OnlyOwner);
        }
        let current = self.amplification(now);
        (self.initial_a, self.future_a) = (current, current);
        (self.initial_a_time, self.future_a_time) = (now, now);
        Ok(())
    }

    /// Checks every property in [`INVARIANTS`]: `held` is what the pool's account has of each coin, `supply`
    /// what there is of its share.
    ///
    /// # Errors
    /// The index of the first that is broken, and the figures.
    pub fn check(&self, held: &Coins, supply: Amount, now: u64) -> Result<(), (usize, String)> {
        let n = self.n();
        for (held, balance) in held[..n].iter().zip(&self.balances) {
            if held < balance {
                return Err((0, format!("holds {held}, balance {balance}")));
            }
        }
        if supply.is_zero() {
            return Ok(());
        }
        if self.balances[..n].iter().any(|balance| balance.is_zero()) {
            return Err((1, format!("{supply} shares of {:?}", &self.balances[..n])));
        }
        let a = self.amplification(now);
        if a == 0 || a >= MAX_A * A_PRECISION {
            return Err((2, format!("A {a}")));
        }
        let (xp, d) = match (self.scaled(&self.balances), self.d(now)) {
            (Ok(xp), Ok(d)) => (xp, d),
            // Far from balance Newton's method may go round in a circle: as deployed, such a pool only pays
            // out in proportion, which needs no D.
            (_, Err(StableSwapError::NotConverged)) => return Ok(()),
            _ => return Err((3, format!("no invariant of {:?}", &self.balances[..n]))),
        };
        if !is_between_means(d, &xp[..n]) {
            return Err((3, format!("D {d} of {:?}", &self.balances[..n])));
        }
        Ok(())
    }
}

/// Whether Σx ≥ D and (D / n)ⁿ ≥ Πx, the latter but for the last units of Newton's method; in 768 bits, as D
/// has at most 256.
fn is_between_means(d: U256, xp: &[U256]) -> bool {
    let total = xp.iter().fold(U256::ZERO, |total, x| total.saturating_add(*x));
    let wide = |x: U256| Uint::<768, 12>::from_limbs_slice(x.as_limbs());
    let (nearly, n) = (wide(d.saturating_add(U256::from(2))), U256::from(xp.len()));
    let one = Uint::<768, 12>::from(1);
    let (power, product) = xp.iter().fold((one, one), |(power, product), x| {
        (power * nearly, product * wide(x.saturating_mul(n)))
    });
    d <= total && power >= product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invariant_lies_between_the_means() {
        let u = U256::from::<u64>;
        // Balanced: 200 to the unit, and two units below.
        for (d, holds) in [(200, true), (198, true), (197, false), (201, false)] {
            assert_eq!(is_between_means(u(d), &[u(100), u(100)]), holds, "{d}");
        }
        // 10 and 1,000: n · √10⁴ = 200 below, 1,010 above; three coins: 3 · ∛(10 · 10 · 1,270) = 150.8.
        for (d, holds) in [(1_010, true), (198, true), (197, false), (1_011, false)] {
            assert_eq!(is_between_means(u(d), &[u(10), u(1_000)]), holds, "{d}");
        }
        for (d, holds) in [(149, true), (148, false)] {
            assert_eq!(is_between_means(u(d), &[u(10), u(10), u(1_270)]), holds, "{d}");
        }
    }
}
