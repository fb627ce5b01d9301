//! What an attack came to: what the attacker owns, what lenders are short of, in USD at fair prices.

use markets::units::{AccountId, Amount, AssetId, MarketId};
use sim::chain::call::Log;
use sim::chain::{Chain, Market, Pool};

/// Fair prices of a chain's assets, in USD per smallest unit, by asset; 0 where an asset has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Fair(Vec<f64>);

impl Fair {
    /// From prices in USD per whole token, by asset. Those that are missing are 0.
    #[must_use]
    pub fn new(chain: &Chain, usd_per_token: &[f64]) -> Self {
        let price = |(i, asset): (usize, &markets::units::Asset)| {
            let usd = usd_per_token.get(i).copied().unwrap_or(0.0);
            usd / libm::pow(10.0, f64::from(asset.decimals))
        };
        Self(chain.assets().iter().enumerate().map(price).collect())
    }
    /// USD of one smallest unit.
    #[must_use]
    pub fn unit_usd(&self, asset: AssetId) -> f64 {
        self.0.get(asset.index()).copied().unwrap_or(0.0)
    }
    /// USD of an amount.
    #[must_use]
    pub fn usd(&self, asset: AssetId, amount: Amount) -> f64 {
        amount.to_f64() * self.unit_usd(asset)
    }
    /// USD of so many wei of gas money.
    #[must_use]
    pub fn gas_usd(&self, chain: &Chain, gas: u64) -> f64 {
        gas as f64 * chain.clock().base_fee as f64 * self.unit_usd(chain.gas_asset())
    }
}

/// What one account owns and what its creditors are short of, in USD at fair prices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Books {
    /// Wallet, pool shares, and what each lending position is worth: its collateral less its debt, or
    /// nothing where it is left behind.
    pub wealth_usd: f64,
    /// Debt that the collateral behind it does not cover, each market for itself.
    pub shortfall_usd: f64,
}

impl Books {
    /// An account's.
    #[must_use]
    pub fn of(chain: &Chain, account: AccountId, fair: &Fair) -> Self {
        let mut books = Self::default();
        for (i, unit_usd) in fair.0.iter().enumerate() {
            if *unit_usd > 0.0 {
                books.wealth_usd += unit_usd * chain.balance(account, AssetId(i as u16)).to_f64();
            }
        }
        for pool in chain.pools() {
            books.wealth_usd += pool_share_usd(chain, pool, account, fair);
        }
        for id in 0..chain.markets().len() {
            let equity = equity_usd(chain, MarketId(id as u16), account, fair);
            books.wealth_usd += equity.max(0.0);
            books.shortfall_usd += (-equity).max(0.0);
        }
        books
    }
}

/// An account's part of a pool's reserves.
fn pool_share_usd(chain: &Chain, pool: &Pool, account: AccountId, fair: &Fair) -> f64 {
    let part = |share: AssetId| {
        let held = chain.balance(account, share);
        // Reserves are worth something; a share that has a price of its own was counted in the wallet.
        if held.is_zero() || fair.unit_usd(share) > 0.0 {
            return 0.0;
        }
        held.to_f64() / chain.ledger().total_supply(share).to_f64()
    };
    match pool {
        Pool::ConstantProduct(pair) => {
            let part = part(pair.share);
            if part == 0.0 {
                return 0.0;
            }
            let reserves = [(pair.token0, pair.reserve0), (pair.token1, pair.reserve1)];
            part * reserves
                .map(|(asset, held)| fair.usd(asset, Amount::new(held)))
                .iter()
                .sum::<f64>()
        }
        Pool::StableSwap(pool) => {
            let part = part(pool.share);
            if part == 0.0 {
                return 0.0;
            }
            let coins = pool.coins().iter().zip(&pool.balances);
            part * coins.map(|(coin, held)| fair.usd(*coin, *held)).sum::<f64>()
        }
        Pool::ShareVault(vault) => {
            let part = part(vault.share);
            if part == 0.0 {
                return 0.0;
            }
            let at_hand = fair.usd(vault.asset, chain.balance(vault.account, vault.asset));
            let invested = vault.invested.and_then(|pool| chain.pools().get(pool.index()));
            part * (at_hand
                + invested.map_or(0.0, |pool| pool_share_usd(chain, pool, vault.account, fair)))
        }
        Pool::Concentrated(_) | Pool::Exponential(_) | Pool::FixedPrice(_) => 0.0,
    }
}

/// Collateral less debt of an account's position in a market; 0 where there is none, or it cannot be read.
fn equity_usd(chain: &Chain, id: MarketId, account: AccountId, fair: &Fair) -> f64 {
    match &chain.markets()[id.index()] {
        Market::Pooled(pooled) => {
            let mut equity = 0.0;
            for (i, reserve) in pooled.reserves.iter().enumerate() {
                let index = i as u16;
                if !chain.balance(account, reserve.a_token).is_zero() {
                    equity += fair.usd(reserve.underlying, pooled.supplied(chain, account, index));
                }
                if !chain.balance(account, reserve.debt_token).is_zero() {
                    equity -= fair.usd(reserve.underlying, pooled.debt(chain, account, index));
                }
            }
            equity
        }
        Market::Compound(compound) => {
            let mut equity = 0.0;
            for (i, token) in compound.tokens.iter().enumerate() {
                let index = i as u16;
                let held = chain.balance(account, token.c_token);
                if !held.is_zero()
                    && let Ok(rate) = compound.exchange_rate_current(chain, index)
                {
                    let tokens = held.to_f64() * rate.to_f64() / 1e18;
                    equity += tokens * fair.unit_usd(token.underlying);
                }
                if !compound.loan(account, index).principal.is_zero()
                    && let Ok(owed) = compound.borrow_balance_current(chain, account, index)
                {
                    equity -= fair.usd(token.underlying, owed);
                }
            }
            equity
        }
        Market::MarginDesk(desk) => {
            let shares = chain.balance(account, desk.share);
            let mut equity = 0.0;
            if !shares.is_zero()
                && let Ok(assets) = protocols::margin_desk::MarginDesk::assets(&desk.books)
            {
                let part = shares.to_f64() / chain.ledger().total_supply(desk.share).to_f64();
                equity += part * fair.usd(desk.loan, assets);
            }
            if let Some(position) = desk.position_of(account)
                && let Ok(books) = desk.accrued(chain.clock().timestamp)
                && let Ok(owed) = desk.debt_of(account, &books)
            {
                equity += fair.usd(desk.position, position.held) - fair.usd(desk.loan, owed);
            }
            equity
        }
        Market::Isolated(isolated) => {
            let columns = [isolated.supply_share, isolated.debt_share, isolated.collateral_share];
            if columns.iter().all(|share| chain.balance(account, *share).is_zero()) {
                return 0.0;
            }
            // A price that cannot be read changes nothing about what is owned.
            let Ok(position) = isolated.position(chain, account) else {
                let held = chain.balance(account, isolated.collateral_share);
                return fair.usd(isolated.collateral, held);
            };
            fair.usd(isolated.loan, position.supplied) - fair.usd(isolated.loan, position.borrowed)
                + fair.usd(isolated.collateral, position.collateral)
        }
        Market::Vault(vault) => {
            let mut equity = 0.0;
            for (i, ilk) in vault.ilks.iter().enumerate() {
                let Ok(urn) = vault.urn(chain, account, i as u16) else { continue };
                if !urn.ink.is_zero() {
                    equity += fair.usd(ilk.token, ilk.tokens_from_wad(urn.ink));
                }
                if !urn.art.is_zero() {
                    // From rad, 10⁴⁵ a dai, to the token's 10¹⁸.
                    equity -= urn.tab.to_f64() / 1e27 * fair.unit_usd(vault.dai);
                }
            }
            equity
        }
    }
}

/// What a market would lend an account of an asset now; zero where nothing.
#[must_use]
pub(super) fn max_borrow(
    chain: &Chain,
    id: MarketId,
    account: AccountId,
    asset: AssetId,
) -> Amount {
    match &chain.markets()[id.index()] {
        Market::Pooled(pooled) => pooled
            .reserve_of(asset)
            .map_or(Amount::ZERO, |reserve| pooled.max_borrow(chain, account, reserve)),
        Market::Compound(compound) => compound
            .token_of(asset)
            .map_or(Amount::ZERO, |token| compound.max_borrow(chain, account, token)),
        Market::Isolated(isolated) if isolated.loan == asset => isolated.max_borrow(chain, account),
        Market::Vault(vault) if vault.dai == asset => {
            // The first collateral type with collateral, as the chain's verb takes it.
            let locked = |ilk: &&protocols::vault::Ilk| !chain.balance(account, ilk.ink).is_zero();
            let index = vault.ilks.iter().find(locked).and_then(|ilk| vault.ilk_of(ilk.token));
            index.map_or(Amount::ZERO, |i| vault.max_draw(chain, account, i).unwrap_or_default())
        }
        Market::Isolated(_) | Market::Vault(_) | Market::MarginDesk(_) => Amount::ZERO,
    }
}

/// What an account has supplied of an asset.
#[must_use]
pub(super) fn supplied(chain: &Chain, id: MarketId, account: AccountId, asset: AssetId) -> Amount {
    match &chain.markets()[id.index()] {
        Market::Pooled(pooled) => pooled
            .reserve_of(asset)
            .map_or(Amount::ZERO, |reserve| pooled.supplied(chain, account, reserve)),
        Market::Compound(compound) => {
            let Some(token) = compound.token_of(asset) else { return Amount::ZERO };
            let held = chain.balance(account, compound.tokens[usize::from(token)].c_token);
            let rate = compound.exchange_rate_current(chain, token).unwrap_or_default();
            Amount::from_f64_floor(held.to_f64() * rate.to_f64() / 1e18)
        }
        Market::Isolated(isolated) if asset == isolated.collateral => {
            chain.balance(account, isolated.collateral_share)
        }
        Market::Isolated(isolated) if asset == isolated.loan => {
            isolated.position(chain, account).map_or(Amount::ZERO, |position| position.supplied)
        }
        Market::MarginDesk(desk) if asset == desk.loan => chain.balance(account, desk.share),
        Market::Vault(vault) => vault
            .ilks
            .iter()
            .find(|ilk| ilk.token == asset)
            .map_or(Amount::ZERO, |ilk| ilk.tokens_from_wad(chain.balance(account, ilk.ink))),
        Market::Isolated(_) | Market::MarginDesk(_) => Amount::ZERO,
    }
}

/// Bad debt that logs report as written off, in USD.
#[must_use]
pub(super) fn written_off_usd(logs: &[Log], fair: &Fair) -> f64 {
    logs.iter()
        .map(|log| match *log {
            Log::BadDebt { asset, amount, .. } => fair.usd(asset, amount),
            _ => 0.0,
        })
        .sum()
}
