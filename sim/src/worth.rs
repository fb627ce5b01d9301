//! What accounts own and owe in every kind of market, at fair prices: beliefs, for reports.
//!
//! An oracle's price decides what a market lends; what a position is really worth is another matter, and
//! the difference is what an attack takes. Here collateral and debt are counted at fair prices, interest up
//! to now included, whatever the market's feeds say.

use crate::chain::{Chain, Market, Pool};
use crate::prices::unit;
use markets::units::{AccountId, Amount, AssetId, MarketId, RAY};
use protocols::vault::Vault;

/// Fair USD per whole token, by asset; zero where an asset has no price.
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

impl Fair {
    /// These prices, and for a pool's share what its reserves are worth at them now.
    #[must_use]
    pub fn of(chain: &Chain, usd: &[f64]) -> Self {
        let mut fair = Self(usd.to_vec());
        fair.0.resize(chain.assets().len(), 0.0);
        for pool in chain.pools() {
            let (share, coins): (_, Vec<(AssetId, Amount)>) = match pool {
                Pool::ConstantProduct(pair) => {
                    let reserves = [pair.reserve0, pair.reserve1].map(Amount::new);
                    (pair.share, [pair.token0, pair.token1].into_iter().zip(reserves).collect())
                }
                Pool::StableSwap(pool) => {
                    let n = pool.n();
                    let coins = pool.coins[..n].iter().copied().zip(pool.balances);
                    (pool.share, coins.collect())
                }
                Pool::ShareVault(vault) => {
                    let own = (vault.asset, chain.balance(vault.account, vault.asset));
                    let invested = vault.invested.and_then(|pool| {
                        let share = chain.pools().get(pool.index())?.stable_swap()?.share;
                        Some((share, chain.balance(vault.account, share)))
                    });
                    (vault.share, std::iter::once(own).chain(invested).collect())
                }
                Pool::Concentrated(_) | Pool::Exponential(_) | Pool::FixedPrice(_) => continue,
            };
            let supply = tokens(chain, share, chain.ledger().total_supply(share));
            if supply > 0.0 {
                let worth: f64 =
                    coins.iter().map(|(coin, amount)| fair.value_usd(chain, *coin, *amount)).sum();
                fair.0[share.index()] = worth / supply;
            }
        }
        fair
    }

    /// USD per whole token.
    #[must_use]
    pub fn usd(&self, asset: AssetId) -> f64 {
        self.0.get(asset.index()).copied().unwrap_or(0.0)
    }

    /// An amount's worth, in USD.
    #[must_use]
    pub fn value_usd(&self, chain: &Chain, asset: AssetId, amount: Amount) -> f64 {
        tokens(chain, asset, amount) * self.usd(asset)
    }

    /// What an account holds itself, in USD.
    #[must_use]
    pub fn wallet_usd(&self, chain: &Chain, account: AccountId) -> f64 {
        let assets = (0..chain.assets().len()).map(|i| AssetId(i as u16));
        assets.map(|asset| self.value_usd(chain, asset, chain.balance(account, asset))).sum()
    }

    /// What an account has in a market.
    #[must_use]
    pub fn stake(&self, chain: &Chain, market: MarketId, account: AccountId) -> Stake {
        let Some(market) = chain.markets().get(market.index()) else { return Stake::default() };
        let value = |asset, amount| self.value_usd(chain, asset, amount);
        let mut stake = Stake::default();
        match market {
            Market::Pooled(pooled) => {
                for (i, reserve) in pooled.reserves.iter().enumerate() {
                    let supplied = pooled.supplied(chain, account, i as u16);
                    stake.owned_usd += value(reserve.underlying, supplied);
                    let debt = pooled.debt(chain, account, i as u16);
                    stake.owed_usd += value(reserve.underlying, debt);
                }
            }
            Market::Compound(compound) => {
                for (i, token) in compound.tokens.iter().enumerate() {
                    let shares = chain.balance(account, token.c_token).to_f64();
                    // Underlying units per cToken unit, in 18 decimals.
                    let rate = compound.exchange_rate_current(chain, i as u16);
                    let rate = rate.map_or(0.0, |rate| Amount(rate.0).to_f64() / 1e18);
                    let scale = unit(chain.asset(token.underlying).decimals);
                    stake.owned_usd += shares * rate * scale * self.usd(token.underlying);
                    let debt = compound.borrow_balance_current(chain, account, i as u16);
                    stake.owed_usd += value(token.underlying, debt.unwrap_or_default());
                }
            }
            Market::Isolated(isolated) => {
                if let Ok(position) = isolated.position(chain, account) {
                    stake.owned_usd = value(isolated.loan, position.supplied)
                        + value(isolated.collateral, position.collateral);
                    stake.owed_usd = value(isolated.loan, position.borrowed);
                }
            }
            Market::Vault(vault) => return self.vault_stake(chain, vault, account),
            Market::MarginDesk(desk) => {
                if let Some(position) = desk.position_of(account) {
                    stake.owned_usd = value(desk.position, position.held);
                    let index = Amount(desk.books.borrow_index.0).to_f64() / Amount(RAY).to_f64();
                    stake.owed_usd = value(desk.loan, position.scaled_debt) * index;
                }
                let supply = chain.ledger().total_supply(desk.share).to_f64();
                if supply > 0.0 {
                    let share = chain.balance(account, desk.share).to_f64() / supply;
                    let index = Amount(desk.books.borrow_index.0).to_f64() / Amount(RAY).to_f64();
                    stake.owned_usd += share
                        * (value(desk.loan, desk.books.cash)
                            + value(desk.loan, desk.books.scaled_debt) * index);
                }
            }
        }
        stake
    }

    fn vault_stake(&self, chain: &Chain, vault: &Vault, account: AccountId) -> Stake {
        let mut stake = Stake::default();
        for ilk in &vault.ilks {
            let wad =
                [ilk.gem, ilk.ink].map(|column| chain.balance(account, column).to_f64() / 1e18);
            stake.owned_usd += (wad[0] + wad[1]) * self.usd(ilk.token);
            let rate = Amount(ilk.rate.0).to_f64() / Amount(RAY).to_f64();
            let debt = chain.balance(account, ilk.art).to_f64() / 1e18 * rate;
            stake.owed_usd += debt * self.usd(vault.dai);
        }
        stake
    }

    /// Debt in a market that nothing of its debtor's covers at fair prices, what was written off already
    /// included, in USD. A margin desk's write-offs are in its books and not counted again.
    #[must_use]
    pub fn bad_debt_usd(&self, chain: &Chain, market: MarketId) -> f64 {
        let accounts = (0..chain.accounts().len()).map(|i| AccountId(i as u32));
        let uncovered: f64 = accounts
            .map(|account| {
                let stake = self.stake(chain, market, account);
                (stake.owed_usd - stake.owned_usd).max(0.0)
            })
            .sum();
        let written_off = match chain.markets().get(market.index()) {
            Some(Market::Pooled(pooled)) => pooled
                .reserves
                .iter()
                .map(|reserve| self.value_usd(chain, reserve.underlying, reserve.deficit))
                .sum(),
            Some(Market::Vault(vault)) => {
                // What the vow owes beyond what it has; in rad.
                let rad = |column| chain.balance(vault.vow, column).to_f64() / 1e45;
                (rad(vault.sin) - rad(vault.internal)).max(0.0) * self.usd(vault.dai)
            }
            _ => 0.0,
        };
        uncovered + written_off
    }
}

fn tokens(chain: &Chain, asset: AssetId, amount: Amount) -> f64 {
    amount.to_f64() * unit(chain.asset(asset).decimals)
}
