//! Pooled lending in Aave v3's shape: the books, the flags, and what never falls.

use super::{Checked, Family, Invariant, Step};
use crate::chain::Chain;
use crate::chain::call::Log;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, Ray, U256};
use protocols::health::Health;
use protocols::lending::{Pooled, Version};
use protocols::reserve::Reserve;

const HELD: Invariant = Invariant::new(
    "pooled-holds-available",
    "a market holds at least what its reserves count as available",
);
const INDEXES: Invariant =
    Invariant::new("pooled-indexes-at-least-one", "liquidity and borrow indexes are at least one");
const THRESHOLD: Invariant =
    Invariant::new("pooled-ltv-below-threshold", "the liquidation threshold is at least the LTV");
const BONUS: Invariant =
    Invariant::new("pooled-bonus-covered", "threshold times one plus bonus is at most one");
const SOLVENT: Invariant = Invariant::new(
    "pooled-solvent",
    "what is available, lent and in deficit covers what suppliers and treasury own, but for shares \
     that the deployed rules book twice (not of 3.0.2, which rounds half up)",
);
const LISTED: Invariant = Invariant::new(
    "pooled-reserves-distinct",
    "a reserve's assets and price feeds exist, and no two reserves share a token",
);
const DEBT_FLAG: Invariant = Invariant::new(
    "pooled-debt-flags",
    "an account is flagged as a borrower exactly where it holds debt shares",
);
const COLLATERAL_FLAG: Invariant = Invariant::new(
    "pooled-flags-listed",
    "an account's collateral flags name reserves that are listed",
);
const RATES: Invariant = Invariant::new(
    "pooled-rates-on-curve",
    "the borrow rate lies on its curve's range, and suppliers earn no higher a rate",
);
const ACCRUED: Invariant =
    Invariant::new("pooled-accrued-in-past", "no reserve was last accrued in the future");
const GROWTH: Invariant = Invariant::new(
    "pooled-indexes-rise",
    "indexes never fall, nor does the time of the last accrual",
);
const STILL: Invariant = Invariant::new(
    "pooled-indexes-still",
    "indexes stand still while the time of the last accrual does",
);
const DEFICIT: Invariant = Invariant::new(
    "pooled-deficit-by-liquidation",
    "a reserve's deficit grows only by what liquidations write off",
);
const DONATED: Invariant = Invariant::new(
    "pooled-donations-stay",
    "what lies at the market beyond its books never leaves it",
);
const BORROW_CAP: Invariant = Invariant::new(
    "pooled-borrow-cap",
    "a block in which a reserve was borrowed ends with its debt at or below the cap",
);
const LENT: Invariant = Invariant::new(
    "pooled-debt-from-borrowing",
    "debt shares are minted only by borrowing: a flash loan that stays as debt is borrowed",
);
const COLLATERAL: Invariant = Invariant::new(
    "pooled-health-recomputed",
    "what an account owns and owes is what its shares are worth at the indexes of the moment",
);

pub(super) const FAMILY: Family = Family {
    name: "pooled lending",
    catalogue: &[&[
        HELD,
        INDEXES,
        THRESHOLD,
        BONUS,
        SOLVENT,
        LISTED,
        DEBT_FLAG,
        COLLATERAL_FLAG,
        RATES,
        ACCRUED,
        GROWTH,
        STILL,
        DEFICIT,
        DONATED,
        BORROW_CAP,
        LENT,
        COLLATERAL,
    ]],
    state,
    whole,
    step,
};

/// A reserve, and where it is.
#[derive(Clone, Copy)]
struct Book<'a> {
    chain: &'a Chain,
    pooled: &'a Pooled,
    reserve: &'a Reserve,
    market: MarketId,
    index: u16,
}

impl Book<'_> {
    fn place(&self) -> String {
        let symbol = &self.chain.assets[self.reserve.underlying.index()].symbol;
        format!("market {} reserve {} ({symbol})", self.market.0, self.index)
    }
    fn supply(&self, asset: AssetId) -> Amount {
        self.chain.ledger.total_supply(asset)
    }
    /// What lies at the market beyond its books.
    fn donated(&self) -> Amount {
        let held = self.chain.balance(self.pooled.account, self.reserve.underlying);
        held.saturating_sub(self.reserve.virtual_balance)
    }
}

fn markets(chain: &Chain) -> impl Iterator<Item = (MarketId, &Pooled)> {
    let markets = chain.markets.iter().enumerate();
    markets.filter_map(|(i, market)| Some((MarketId(i as u16), market.pooled()?)))
}

fn books(chain: &Chain) -> impl Iterator<Item = Book<'_>> {
    markets(chain).flat_map(move |(market, pooled)| {
        let reserves = pooled.reserves.iter().enumerate();
        reserves.map(move |(i, reserve)| Book { chain, pooled, reserve, market, index: i as u16 })
    })
}

fn state(chain: &Chain) -> Checked {
    for book in books(chain) {
        let Book { pooled, reserve, .. } = book;
        let held = chain.balance(pooled.account, reserve.underlying);
        let available = reserve.virtual_balance;
        let keeps_books = pooled.version.has_virtual_balance();
        HELD.require(!keeps_books || held >= available, || {
            format!("{}: holds {held}, available {available}", book.place())
        })?;
        let (supplied, borrowed) = (reserve.liquidity_index, reserve.borrow_index);
        INDEXES.require(supplied >= Ray::ONE && borrowed >= Ray::ONE, || {
            format!("{}: {supplied} and {borrowed}", book.place())
        })?;
        let config = &reserve.config;
        let (ltv, threshold) = (config.ltv.0, config.liquidation_threshold.0);
        THRESHOLD.require(threshold >= ltv, || {
            format!("{}: LTV {ltv}, threshold {threshold} bps", book.place())
        })?;
        let bonus = config.liquidation_bonus.0;
        let at_most = u64::from(threshold) * (10_000 + u64::from(bonus)) <= 100_000_000;
        BONUS.require(at_most, || {
            format!("{}: threshold {threshold}, bonus {bonus} bps", book.place())
        })?;
        // At the indexes of the last accrual: a block that touches nothing costs nothing.
        let books = reserve.solvency(book.supply(reserve.a_token), book.supply(reserve.debt_token));
        // Half-up rounding (3.0.2) may favour either side.
        let covers =
            pooled.version != Version::V3_6 || books.is_some_and(|(has, owes)| has >= owes);
        SOLVENT.require(covers, || match books {
            Some((has, owes)) => format!("{}: {has} covers {owes}", book.place()),
            None => format!("{}: more than 256 bits", book.place()),
        })?;
    }
    Ok(())
}

fn whole(chain: &Chain) -> Checked {
    for book in books(chain) {
        let Book { pooled, reserve, index, .. } = book;
        let tokens = [reserve.underlying, reserve.a_token, reserve.debt_token];
        let others = &pooled.reserves[..usize::from(index)];
        let is_new = others.iter().all(|other| {
            let theirs = [other.underlying, other.a_token, other.debt_token];
            tokens.iter().all(|token| !theirs.contains(token))
        });
        let exists = tokens.iter().all(|token| token.index() < chain.assets.len());
        let is_there = |feed: FeedId| feed.index() < chain.feeds.len();
        let other = reserve.other_oracle;
        let priced = is_there(reserve.feed) && other.is_none_or(|other| is_there(other.feed));
        LISTED.require(is_new && exists && priced, || format!("{}: {tokens:?}", book.place()))?;
        let now = chain.clock.timestamp;
        ACCRUED.require(reserve.last_update <= now, || {
            format!("{}: at {}, now {now}", book.place(), reserve.last_update)
        })?;
        check_rates(&book)?;
        for (account, shares) in chain.ledger.column(reserve.debt_token) {
            let flagged = pooled.position(account).borrows(index);
            DEBT_FLAG.require(flagged != shares.is_zero(), || {
                format!(
                    "{}: account {} has {shares} debt shares, flagged: {flagged}",
                    book.place(),
                    account.0
                )
            })?;
        }
    }
    for (market, pooled) in markets(chain) {
        let listed = pooled.reserves.len() as u32;
        for (i, position) in pooled.positions.iter().enumerate() {
            let flags = position.collateral | position.borrowing;
            let named = u32::BITS - flags.leading_zeros();
            COLLATERAL_FLAG.require(named <= listed, || {
                format!("market {}: account {i} flags {flags:b} of {listed}", market.0)
            })?;
            if position.is_borrowing_any() {
                check_position(chain, market, pooled, AccountId(i as u32))?;
            }
        }
    }
    Ok(())
}

fn check_rates(book: &Book<'_>) -> Checked {
    let rates = &book.reserve.rates;
    let curve = &book.reserve.config.rates;
    let base = Ray::from_bps(u64::from(curve.base_bps.0));
    // 3.0.2 lists a reserve at a rate of zero.
    let listed = rates.borrow.is_zero() && book.reserve.borrow_index == Ray::ONE;
    let on_curve = (listed || rates.borrow >= base)
        && rates.borrow <= Ray(curve.max_borrow_rate().0 + U256::from(2));
    RATES.require(on_curve && rates.liquidity <= rates.borrow, || {
        format!("{}: {rates:?} on {curve:?}", book.place())
    })
}

/// Health, once more and in another way.
fn check_position(chain: &Chain, market: MarketId, pooled: &Pooled, account: AccountId) -> Checked {
    // Without a price there is nothing to compare.
    let Ok(health) = pooled.health(chain, account) else { return Ok(()) };
    let Some((owns, owes, slack)) = recomputed(chain, pooled, account) else { return Ok(()) };
    let place = || format!("market {}: account {}", market.0, account.0);
    compare_health(place, &health, owns, owes, slack)
}

/// What an account owns and owes in USD·10⁸, as sums over all reserves in exact products without a rounding
/// between shares and value, and how far the market's own sums may be off. `None` where they cannot be had.
pub(super) fn recomputed(
    chain: &Chain,
    pooled: &Pooled,
    account: AccountId,
) -> Option<(U256, U256, U256)> {
    let position = pooled.position(account);
    if pooled.e_mode(position.e_mode).is_some_and(|mode| mode.price_feed.is_some()) {
        return None; // another price than the reserves'
    }
    let (mut owns, mut owes, mut terms) = (U256::ZERO, U256::ZERO, 0_u32);
    for (i, reserve) in pooled.reserves.iter().enumerate() {
        let i = i as u16;
        let counts = position.uses_as_collateral(i) && reserve.config.liquidation_threshold.0 > 0;
        if !counts && !position.borrows(i) {
            continue;
        }
        let price = chain.price(reserve.feed).ok()?;
        let value = |shares: Amount, index: Option<Ray>| {
            let per_share = index?.0.checked_mul(U256::from(price.0))?;
            let scaled = shares.0.checked_mul(per_share / RAY_OVER_SCALE)?;
            Some(scaled / (reserve.unit() * SCALE))
        };
        let now = chain.clock.timestamp;
        if counts {
            let shares = chain.balance(account, reserve.a_token);
            let value = value(shares, reserve.liquidity_index_at(now))?;
            (owns, terms) = (owns.saturating_add(value), terms + 1);
        }
        if position.borrows(i) {
            let shares = chain.balance(account, reserve.debt_token);
            let value = value(shares, reserve.borrow_index_at(pooled.version, now))?;
            (owes, terms) = (owes.saturating_add(value), terms + 1);
        }
    }
    // A term is off by a smallest unit of its asset and two of value; and by what was cut off above.
    Some((owns, owes, U256::from(3 * terms) + dearest_unit(chain, pooled)))
}

/// Two ways to the same two sums.
pub(super) fn compare_health(
    place: impl Fn() -> String,
    health: &Health,
    owns: U256,
    owes: U256,
    slack: U256,
) -> Checked {
    let near = |a: U256, b: U256| {
        a.abs_diff(b) <= slack.saturating_add(a.max(b) / U256::from(1_000_000_000_u64))
    };
    COLLATERAL.require(near(owns, health.collateral_base) && near(owes, health.debt_base), || {
        format!("{} owns {owns} and owes {owes}, {health:?}", place())
    })
}

/// 10¹⁵: digits of the product of an index and a price that are kept beyond the value's own.
const SCALE: U256 = U256::from_limbs([1_000_000_000_000_000, 0, 0, 0]);
/// 10²⁷ over [`SCALE`].
const RAY_OVER_SCALE: U256 = U256::from_limbs([1_000_000_000_000, 0, 0, 0]);

/// What the smallest units of a market's reserves are worth together, in USD·10⁸, rounded up.
fn dearest_unit(chain: &Chain, pooled: &Pooled) -> U256 {
    let worth = |reserve: &Reserve| {
        let price = chain.price(reserve.feed).map_or(U256::ZERO, |price| U256::from(price.0));
        price / reserve.unit() + U256::from(1)
    };
    pooled.reserves.iter().fold(U256::ZERO, |sum, reserve| sum.saturating_add(worth(reserve)))
}

fn step(Step { before, after, logs }: &Step<'_>) -> Checked {
    for (was, now) in books(before).zip(books(after)) {
        let (old, new) = (was.reserve, now.reserve);
        let indexes = |r: &Reserve| (r.liquidity_index, r.borrow_index);
        let rises = new.liquidity_index >= old.liquidity_index
            && new.borrow_index >= old.borrow_index
            && new.last_update >= old.last_update;
        let detail = || {
            format!(
                "{}: {:?} at {}, then {:?} at {}",
                now.place(),
                indexes(old),
                old.last_update,
                indexes(new),
                new.last_update
            )
        };
        GROWTH.require(rises, detail)?;
        if new.last_update == old.last_update {
            // In 3.0.2 the premium of a flash loan raises the suppliers' index at once.
            let still = new.borrow_index == old.borrow_index
                && (now.pooled.version != Version::V3_6
                    || new.liquidity_index == old.liquidity_index);
            STILL.require(still, detail)?;
        }
        let (donated, more) = (was.donated(), now.donated());
        DONATED.require(!now.pooled.version.has_virtual_balance() || more >= donated, || {
            format!("{}: {donated}, then {more}", now.place())
        })?;
        if let Some(logs) = logs {
            check_logs(&was, &now, logs)?;
        }
    }
    Ok(())
}

/// What the calls between two states reported, against the states.
fn check_logs(was: &Book<'_>, now: &Book<'_>, logs: &[Log]) -> Checked {
    let (old, new) = (was.reserve, now.reserve);
    let (market, underlying) = (now.market, new.underlying);
    let here = |m: MarketId, a: AssetId| m == market && a == underlying;
    let (mut written_off, mut borrowed, mut capped) = (Amount::ZERO, false, true);
    for log in logs {
        match *log {
            Log::BadDebt { market: m, asset, amount, .. } if here(m, asset) => {
                written_off = written_off.checked_add(amount).unwrap_or(Amount::MAX);
            }
            Log::Borrow { market: m, asset, .. } if here(m, asset) => borrowed = true,
            Log::RiskChanged { market: m, .. } if m == market => capped = false,
            _ => {}
        }
    }
    let most = old.deficit.checked_add(written_off).unwrap_or(Amount::MAX);
    DEFICIT.require(new.deficit <= most, || {
        format!("{}: {} and {written_off}, then {}", now.place(), old.deficit, new.deficit)
    })?;
    if borrowed && capped && new.config.borrow_cap > 0 {
        let cap = U256::from(new.config.borrow_cap).saturating_mul(new.unit());
        let debt = now.pooled.total_debt(now.chain, now.index);
        // Conversions round by a unit or two.
        BORROW_CAP.require(debt.0 <= cap.saturating_add(U256::from(2)), || {
            format!("{}: {debt} of {cap}", now.place())
        })?;
    }
    let minted = |book: &Book<'_>| book.chain.ledger.minted(book.reserve.debt_token);
    let (before, after) = (minted(was), minted(now));
    LENT.require(borrowed || after == before, || {
        format!("{}: {before} debt shares minted, then {after}", now.place())
    })
}
