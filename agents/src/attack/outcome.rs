//! What an attack came to: what the attacker owns, what lenders are short of, in USD at fair prices.

use markets::units::{AccountId, Amount, AssetId, MarketId};
use protocols::reserve::Reserve;
use sim::chain::call::Log;
use sim::chain::{Chain, Market};
use sim::worth::{Fair, backing};

/// What an account owns, or it and its contract, and what their creditors are short of, in USD at fair prices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Books {
    /// Wallet, pool shares, and what each lending position is worth: its collateral less its debt, or
    /// nothing where it is left behind.
    pub wealth_usd: f64,
    /// Debt that the collateral behind it does not cover, each market for itself.
    pub shortfall_usd: f64,
}

/// An account and its contract, where it has one, looked up once.
#[derive(Clone, Debug, PartialEq)]
pub struct Owner {
    /// The account.
    pub account: AccountId,
    /// Its contract.
    pub contract: Option<AccountId>,
    /// What pooled markets had written off then and nobody had covered, in USD at fair prices, by market; none
    /// without a contract, for which alone it matters.
    deficits_usd: Vec<f64>,
}

impl Owner {
    /// An account's, as things stand now.
    #[must_use]
    pub fn of(chain: &Chain, account: AccountId, fair: &Fair) -> Self {
        let contract = chain.contract_of(account);
        let markets = contract.map_or(0, |_| chain.markets().len());
        let ids = (0..markets).map(|id| MarketId(id as u16));
        Self {
            account,
            contract,
            deficits_usd: ids.map(|id| deficit_usd(chain, id, fair)).collect(),
        }
    }
    /// Both accounts.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        std::iter::once(self.account).chain(self.contract)
    }
    /// What both own. In each market the two count as one: what the contract leaves unpaid, or the market has
    /// written off since then, the other is not paid, as far as what it has goes.
    #[must_use]
    pub fn books(&self, chain: &Chain, fair: &Fair) -> Books {
        let mut books = Books::default();
        for account in self.accounts() {
            books.wealth_usd += fair.wallet_usd(chain, account);
        }
        for pool in chain.pools() {
            // A share that has a price of its own is counted in the wallet.
            let Some((share, _)) = backing(chain, pool) else { continue };
            if fair.unit_usd(share) == 0.0 {
                let held: f64 = self.accounts().map(|of| chain.balance(of, share).to_f64()).sum();
                books.wealth_usd += fair.worth_usd(chain, share, held);
            }
        }
        for id in (0..chain.markets().len()).map(|id| MarketId(id as u16)) {
            let equity: f64 = self.accounts().map(|of| fair.equity_usd(chain, id, of)).sum();
            let before = self.deficits_usd.get(id.index());
            let lost_usd = before.map_or(0.0, |before| deficit_usd(chain, id, fair) - before);
            books.wealth_usd += (equity - lost_usd.max(0.0)).max(0.0);
            books.shortfall_usd += (-equity).max(0.0);
        }
        books
    }
}

/// What a pooled market has written off and nobody has covered, in USD at fair prices; zero of others.
fn deficit_usd(chain: &Chain, id: MarketId, fair: &Fair) -> f64 {
    let reserves = chain.markets()[id.index()].pooled().map_or(&[][..], |pooled| &pooled.reserves);
    let worth = |r: &Reserve| fair.worth_usd(chain, r.underlying, r.deficit.to_f64());
    reserves.iter().map(worth).sum()
}

/// Vaults' shares, and what stands behind a smallest unit of each, in USD at fair prices.
pub(super) fn vaults<'a>(
    chain: &'a Chain,
    fair: &'a Fair,
) -> impl Iterator<Item = (AssetId, f64)> + 'a {
    let vaults = chain.pools().iter().filter(|pool| pool.share_vault().is_some());
    vaults.filter_map(move |pool| {
        let (share, coins) = backing(chain, pool)?;
        let supply = chain.ledger().total_supply(share);
        let all = coins.iter().map(|(coin, held)| fair.worth_usd(chain, *coin, held.to_f64()));
        (!supply.is_zero()).then(|| (share, all.sum::<f64>() / supply.to_f64()))
    })
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
        Market::Isolated(_) | Market::Vault(_) | Market::MarginDesk(_) | Market::Perpetual(_) => {
            Amount::ZERO
        }
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
        Market::Perpetual(market) if asset == market.quote => {
            // What the withdrawal itself will find.
            let Ok(market) = chain.touched(market) else { return Amount::ZERO };
            market.amount(i128::from(market.contract.withdrawable(account.index())))
        }
        Market::Isolated(_) | Market::MarginDesk(_) | Market::Perpetual(_) => Amount::ZERO,
    }
}

/// What rests as an account's offer at a perpetual market, in lots.
#[must_use]
pub(super) fn offered(chain: &Chain, id: MarketId, maker: AccountId) -> Amount {
    let offer = chain.markets()[id.index()].perpetual().and_then(|market| market.offer_of(maker));
    offer.map_or(Amount::ZERO, |offer| Amount::new(offer.lots.unsigned_abs().into()))
}

/// Bad debt that a chain's logs report as written off, in USD.
#[must_use]
pub(super) fn written_off_usd(chain: &Chain, fair: &Fair) -> f64 {
    let worth = |log: &Log| match *log {
        Log::BadDebt { asset, amount, .. } => fair.worth_usd(chain, asset, amount.to_f64()),
        _ => 0.0,
    };
    chain.logs().iter().map(worth).sum()
}
