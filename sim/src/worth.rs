//! What accounts own and owe in every kind of market, at fair prices: beliefs, for reports and for searchers.
//!
//! An oracle's price decides what a market lends; what a position is really worth is another matter, and
//! the difference is what an attack takes. Here collateral and debt are counted at fair prices, interest up
//! to now included, whatever the market's feeds say.

use crate::chain::{Chain, Market, Pool};
use arrayvec::ArrayVec;
use markets::amm::stable_swap::MAX_COINS;
use markets::units::{AccountId, Amount, Asset, AssetId, MarketId};
use protocols::margin_desk::MarginDesk;

/// Most shares that stand behind one another.
const MOST_SHARES: usize = 3;

/// Fair prices of a chain's assets, in USD per smallest unit, by asset; 0 where an asset has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Fair(Vec<f64>);

/// What an account has in a market, in USD at fair prices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stake {
    /// Supplied, deposited, or held for it.
    pub owned_usd: f64,
    /// Owed.
    pub owed_usd: f64,
}

/// One thing that an account owns or owes in a market.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The asset.
    pub asset: AssetId,
    /// How much, in smallest units.
    pub units: f64,
    /// Whether it is owed.
    pub owed: bool,
}

impl Fair {
    /// From prices in USD per whole token, by asset. Those that are missing are 0.
    #[must_use]
    pub fn new(chain: &Chain, usd_per_token: &[f64]) -> Self {
        let price = |(i, asset): (usize, &Asset)| {
            let usd = usd_per_token.get(i).copied().unwrap_or(0.0);
            usd / scale(asset)
        };
        Self(chain.assets().iter().enumerate().map(price).collect())
    }

    /// The same, and for a pool's share what stands behind it at these prices now.
    #[must_use]
    pub fn with_shares(chain: &Chain, usd_per_token: &[f64]) -> Self {
        let mut fair = Self::new(chain, usd_per_token);
        chain.pools().iter().for_each(|pool| fair.price_share(chain, pool));
        fair
    }
    /// The same, and for the share of a pair what stands behind it at these prices now: no trade makes it
    /// less. What stands behind a vault's share can be taken.
    #[must_use]
    pub fn with_pair_shares(chain: &Chain, usd_per_token: &[f64]) -> Self {
        let mut fair = Self::new(chain, usd_per_token);
        let pairs = chain.pools().iter().filter(|pool| pool.constant_product().is_some());
        pairs.for_each(|pool| fair.price_share(chain, pool));
        fair
    }
    fn price_share(&mut self, chain: &Chain, pool: &Pool) {
        let Some((share, coins)) = backing(chain, pool) else { return };
        let supply = chain.ledger().total_supply(share);
        if !supply.is_zero() {
            let worth: f64 = coins.iter().map(|(coin, amount)| self.usd(*coin, *amount)).sum();
            self.0[share.index()] = worth / supply.to_f64();
        }
    }

    /// USD of one smallest unit.
    #[must_use]
    pub fn unit_usd(&self, asset: AssetId) -> f64 {
        self.0.get(asset.index()).copied().unwrap_or(0.0)
    }
    /// USD of a whole token.
    #[must_use]
    pub fn token_usd(&self, chain: &Chain, asset: AssetId) -> f64 {
        self.unit_usd(asset) * scale(chain.asset(asset))
    }
    /// USD of an amount.
    #[must_use]
    pub fn usd(&self, asset: AssetId, amount: Amount) -> f64 {
        amount.to_f64() * self.unit_usd(asset)
    }
    /// USD of so many smallest units: at the asset's price, or, where it is a pool's share without one, what stands
    /// behind it now.
    #[must_use]
    pub fn worth_usd(&self, chain: &Chain, asset: AssetId, units: f64) -> f64 {
        self.worth_through(chain, asset, units, MOST_SHARES)
    }
    fn worth_through(&self, chain: &Chain, asset: AssetId, units: f64, left: usize) -> f64 {
        let unit_usd = self.unit_usd(asset);
        if unit_usd > 0.0 || units == 0.0 || left == 0 {
            return units * unit_usd;
        }
        let found = chain.pools().iter().filter_map(|pool| backing(chain, pool));
        let Some((_, coins)) = found.into_iter().find(|(share, _)| *share == asset) else {
            return 0.0;
        };
        let supply = chain.ledger().total_supply(asset).to_f64();
        // A coin may be another pool's share.
        let worth = |coin, held: Amount| self.worth_through(chain, coin, held.to_f64(), left - 1);
        let all: f64 = coins.iter().map(|(coin, held)| worth(*coin, *held)).sum();
        if supply > 0.0 { units / supply * all } else { 0.0 }
    }
    /// USD of so much gas at the base fee.
    #[must_use]
    pub fn gas_usd(&self, chain: &Chain, gas: u64) -> f64 {
        gas as f64 * chain.clock().base_fee as f64 * self.unit_usd(chain.gas_asset())
    }

    /// What an account holds itself of assets that have a price, in USD.
    #[must_use]
    pub fn wallet_usd(&self, chain: &Chain, account: AccountId) -> f64 {
        let mut usd = 0.0;
        for (i, unit_usd) in self.0.iter().enumerate() {
            if *unit_usd > 0.0 {
                usd += unit_usd * chain.balance(account, AssetId(i as u16)).to_f64();
            }
        }
        usd
    }

    /// What an account has in a market.
    #[must_use]
    pub fn stake(&self, chain: &Chain, market: MarketId, account: AccountId) -> Stake {
        let mut stake = Stake::default();
        entries(chain, market, account, |Entry { asset, units, owed }| {
            let side = if owed { &mut stake.owed_usd } else { &mut stake.owned_usd };
            *side += self.worth_usd(chain, asset, units);
        });
        stake
    }

    /// What it owns there less what it owes; below zero where that is not covered.
    #[must_use]
    pub fn equity_usd(&self, chain: &Chain, market: MarketId, account: AccountId) -> f64 {
        let mut equity = 0.0;
        entries(chain, market, account, |Entry { asset, units, owed }| {
            let usd = self.worth_usd(chain, asset, units);
            equity += if owed { -usd } else { usd };
        });
        equity
    }

    /// Debt in a market that nothing of its debtor's covers at fair prices, what was written off already
    /// included, in USD. A margin desk's write-offs are in its books and not counted again; what a perpetual
    /// market's fund or other side bore is nobody's debt any more.
    #[must_use]
    pub fn bad_debt_usd(&self, chain: &Chain, market: MarketId) -> f64 {
        let accounts = (0..chain.accounts().len()).map(|i| AccountId(i as u32));
        let uncovered: f64 =
            accounts.map(|account| (-self.equity_usd(chain, market, account)).max(0.0)).sum();
        let written_off = match chain.markets().get(market.index()) {
            Some(Market::Pooled(pooled)) => pooled
                .reserves
                .iter()
                .map(|r| self.worth_usd(chain, r.underlying, r.deficit.to_f64()))
                .sum(),
            Some(Market::Vault(vault)) => {
                // What the vow owes beyond what it has, from rad to the dai token's 10¹⁸.
                let rad = |column| chain.balance(vault.vow, column).to_f64() / 1e27;
                (rad(vault.sin) - rad(vault.internal)).max(0.0) * self.unit_usd(vault.dai)
            }
            _ => 0.0,
        };
        uncovered + written_off
    }
}

/// Smallest units of a whole token.
fn scale(asset: &Asset) -> f64 {
    libm::pow(10.0, f64::from(asset.decimals))
}

/// What stands behind a pool's shares: the share, and each asset with how much of it there is. `None` where
/// a pool has no shares.
#[must_use]
pub fn backing(
    chain: &Chain,
    pool: &Pool,
) -> Option<(AssetId, ArrayVec<(AssetId, Amount), MAX_COINS>)> {
    match pool {
        Pool::ConstantProduct(pair) => {
            let reserves = [(pair.token0, pair.reserve0), (pair.token1, pair.reserve1)];
            let coins = reserves.map(|(coin, held)| (coin, Amount::new(held)));
            Some((pair.share, coins.into_iter().collect()))
        }
        Pool::StableSwap(pool) => {
            let coins = pool.coins().iter().copied().zip(pool.balances);
            Some((pool.share, coins.collect()))
        }
        Pool::ShareVault(vault) => {
            let own = (vault.asset, chain.balance(vault.account, vault.asset));
            let invested = vault.invested.and_then(|pool| {
                let share = chain.pools().get(pool.index())?.stable_swap()?.share;
                Some((share, chain.balance(vault.account, share)))
            });
            Some((vault.share, std::iter::once(own).chain(invested).collect()))
        }
        Pool::Concentrated(_) | Pool::Exponential(_) | Pool::FixedPrice(_) => None,
    }
}

/// Everything that an account owns or owes in a market, interest up to now included. What cannot be read is
/// left out.
pub fn entries(chain: &Chain, id: MarketId, account: AccountId, mut each: impl FnMut(Entry)) {
    match chain.markets().get(id.index()) {
        None => {}
        Some(Market::Pooled(pooled)) => {
            for (i, reserve) in pooled.reserves.iter().enumerate() {
                let (index, asset) = (i as u16, reserve.underlying);
                if !chain.balance(account, reserve.a_token).is_zero() {
                    let units = pooled.supplied(chain, account, index).to_f64();
                    each(Entry { asset, units, owed: false });
                }
                if !chain.balance(account, reserve.debt_token).is_zero() {
                    let units = pooled.debt(chain, account, index).to_f64();
                    each(Entry { asset, units, owed: true });
                }
            }
        }
        Some(Market::Compound(compound)) => {
            for (i, token) in compound.tokens.iter().enumerate() {
                let (index, asset) = (i as u16, token.underlying);
                let held = chain.balance(account, token.c_token);
                if !held.is_zero()
                    && let Ok(rate) = compound.exchange_rate_current(chain, index)
                {
                    let units = held.to_f64() * rate.to_f64() / 1e18;
                    each(Entry { asset, units, owed: false });
                }
                if !compound.loan(account, index).principal.is_zero()
                    && let Ok(debt) = compound.borrow_balance_current(chain, account, index)
                {
                    each(Entry { asset, units: debt.to_f64(), owed: true });
                }
            }
        }
        Some(Market::MarginDesk(desk)) => {
            let shares = chain.balance(account, desk.share);
            if !shares.is_zero()
                && let Ok(assets) = MarginDesk::assets(&desk.books)
            {
                let part = shares.to_f64() / chain.ledger().total_supply(desk.share).to_f64();
                each(Entry { asset: desk.loan, units: part * assets.to_f64(), owed: false });
            }
            if let Some(position) = desk.position_of(account)
                && let Ok(books) = desk.accrued(chain.clock().timestamp)
                && let Ok(debt) = desk.debt_of(account, &books)
            {
                let units = position.held.to_f64();
                each(Entry { asset: desk.position, units, owed: false });
                each(Entry { asset: desk.loan, units: debt.to_f64(), owed: true });
            }
        }
        Some(Market::Isolated(isolated)) => {
            let columns = [isolated.supply_share, isolated.debt_share, isolated.collateral_share];
            if columns.iter().all(|share| chain.balance(account, *share).is_zero()) {
                return;
            }
            // A price that cannot be read changes nothing about what is owned.
            let Ok(position) = isolated.position(chain, account) else {
                let held = chain.balance(account, isolated.collateral_share);
                let units = held.to_f64();
                return each(Entry { asset: isolated.collateral, units, owed: false });
            };
            let units = position.supplied.to_f64();
            each(Entry { asset: isolated.loan, units, owed: false });
            let debt = position.borrowed.to_f64();
            each(Entry { asset: isolated.loan, units: debt, owed: true });
            let units = position.collateral.to_f64();
            each(Entry { asset: isolated.collateral, units, owed: false });
        }
        Some(Market::Perpetual(market)) => {
            // A long owns the underlying and owes what it cost, a short the other way round.
            let Ok(position) = market.contract.account(account.index()) else { return };
            let mut entry = |asset, units: f64| {
                if units != 0.0 {
                    each(Entry { asset, units: units.abs(), owed: units < 0.0 });
                }
            };
            let money = (position.collateral - position.cost) as f64;
            entry(market.quote, money * market.quote_unit as f64);
            entry(market.underlying, position.lots as f64 * market.lot_units.to_f64());
        }
        Some(Market::Vault(vault)) => {
            for (i, ilk) in vault.ilks.iter().enumerate() {
                let free = chain.balance(account, ilk.gem);
                if !free.is_zero() {
                    let units = ilk.tokens_from_wad(free).to_f64();
                    each(Entry { asset: ilk.token, units, owed: false });
                }
                let Ok(urn) = vault.urn(chain, account, i as u16) else { continue };
                if !urn.ink.is_zero() {
                    let units = ilk.tokens_from_wad(urn.ink).to_f64();
                    each(Entry { asset: ilk.token, units, owed: false });
                }
                if !urn.art.is_zero() {
                    // From rad, 10⁴⁵ a dai, to the token's 10¹⁸.
                    let units = urn.tab.to_f64() / 1e27;
                    each(Entry { asset: vault.dai, units, owed: true });
                }
            }
        }
    }
}
