//! The moves that a world offers to whoever searches it: every pool both ways, every reserve's verbs, every
//! lender of flash loans. Nothing here knows what an attack looks like.

use markets::oracle::composed::ComposedFeed;
use markets::units::{AccountId, AssetId, Bps, FeedId, MarketId, PoolId};
use protocols::reserve::ReserveConfig;
use serde::{Deserialize, Serialize};
use sim::chain::{Chain, Feed, Market, Pool};

/// Most positions that a catalogue offers to liquidate: those nearest the line, largest debt first.
const MOST_PREY: usize = 6;
/// Health factor below which a position may be pushed over the line.
const PREY_HEALTH: f64 = 1.25;

/// Who lends for the length of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a lender's sentence names its fields")]
pub enum Lender {
    /// A pooled or isolated market's flash loan.
    Market { market: MarketId, asset: AssetId },
    /// A Uniswap v2 pair's flash swap, repaid in the same asset.
    Pair { pool: PoolId, asset: AssetId },
    /// A concentrated pool's flash loan.
    Concentrated { pool: PoolId, asset: AssetId },
}

impl Lender {
    /// What it lends.
    #[must_use]
    pub const fn asset(self) -> AssetId {
        match self {
            Self::Market { asset, .. }
            | Self::Pair { asset, .. }
            | Self::Concentrated { asset, .. } => asset,
        }
    }
}

/// One kind of thing to do. How much is a number beside it: a share of what is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a move's sentence names its fields")]
pub enum Move {
    /// Borrows for the rest of the transaction; only at its beginning.
    Flash(Lender),
    /// Sells one asset to a pool for another.
    Swap { pool: PoolId, from: AssetId, to: AssetId },
    /// Supplies to a market, as collateral where it can be.
    Supply { market: MarketId, asset: AssetId },
    /// Takes a supply back.
    Withdraw { market: MarketId, asset: AssetId },
    /// Borrows against what was supplied.
    Borrow { market: MarketId, asset: AssetId },
    /// Repays.
    Repay { market: MarketId, asset: AssetId },
    /// Opens a leveraged position at a margin desk.
    OpenPosition { market: MarketId, margin: AssetId },
    /// Closes it.
    ClosePosition { market: MarketId },
    /// Trades against an offer that rests at a perpetual market.
    TakeOffer { market: MarketId, maker: AccountId },
    /// Adds both assets to a pair.
    AddLiquidity { pool: PoolId, asset: AssetId },
    /// Burns a pair's shares for both assets.
    RemoveLiquidity { pool: PoolId, share: AssetId },
    /// Deposits one coin of a StableSwap pool for shares.
    AddCoin { pool: PoolId, asset: AssetId },
    /// Burns a StableSwap pool's shares for one coin.
    RemoveCoin { pool: PoolId, share: AssetId, asset: AssetId },
    /// Gives to a pair, which takes it for its reserves.
    DonateToPair { pool: PoolId, asset: AssetId },
    /// Gives to a market's account: its shares are worth more.
    DonateToMarket { market: MarketId, to: AccountId, asset: AssetId },
    /// Gives to a vault: its shares are worth more.
    DonateToVault { pool: PoolId, asset: AssetId },
    /// Deposits into a vault without shares the least that mints two.
    FirstVaultShares { pool: PoolId, asset: AssetId },
    /// Supplies to a reserve without shares the least that mints two.
    FirstMarketShares { market: MarketId, asset: AssetId },
    /// Liquidates a position, if it can be by then.
    Liquidate { market: MarketId, borrower: AccountId, collateral: AssetId, debt: AssetId },
    /// Lets an oracle look at its sources.
    Poke { feed: FeedId },
    /// Writes an average's checkpoint.
    Checkpoint { feed: FeedId },
    /// Lets a market's queued parameter changes take effect, those that are due.
    ExecuteRisk { market: MarketId },
    /// Ends the transaction; one that waits in the mempool comes next.
    LetPass { pending: u32 },
    /// Ends the transaction; so many blocks go by.
    Wait { blocks: u32 },
    /// Has the attacker's contract post one asset, borrow all that it can of another and take back what need not
    /// stay posted.
    BorrowApart { market: MarketId, collateral: AssetId, debt: AssetId },
    /// Has it pay into a perpetual market, and makes a contract with it: the attacker is long, or short.
    DealApart { market: MarketId, quote: AssetId, long: bool },
}

impl Move {
    /// The asset in the wallet that it spends, where it is one.
    #[must_use]
    pub const fn spends(self) -> Option<AssetId> {
        match self {
            Self::Swap { from: asset, .. }
            | Self::Supply { asset, .. }
            | Self::Repay { asset, .. }
            | Self::OpenPosition { margin: asset, .. }
            | Self::AddLiquidity { asset, .. }
            | Self::RemoveLiquidity { share: asset, .. }
            | Self::AddCoin { asset, .. }
            | Self::RemoveCoin { share: asset, .. }
            | Self::DonateToPair { asset, .. }
            | Self::DonateToMarket { asset, .. }
            | Self::DonateToVault { asset, .. }
            | Self::FirstVaultShares { asset, .. }
            | Self::FirstMarketShares { asset, .. }
            | Self::BorrowApart { collateral: asset, .. }
            | Self::DealApart { quote: asset, .. }
            | Self::Liquidate { debt: asset, .. } => Some(asset),
            Self::Flash(_)
            | Self::Withdraw { .. }
            | Self::Borrow { .. }
            | Self::ClosePosition { .. }
            | Self::TakeOffer { .. }
            | Self::Poke { .. }
            | Self::Checkpoint { .. }
            | Self::ExecuteRisk { .. }
            | Self::LetPass { .. }
            | Self::Wait { .. } => None,
        }
    }
    /// Whether how much matters.
    #[must_use]
    pub const fn is_sized(self) -> bool {
        !self.is_hidden()
            && !matches!(
                self,
                Self::ClosePosition { .. }
                    | Self::FirstVaultShares { .. }
                    | Self::FirstMarketShares { .. }
            )
    }
    /// Whether its effect may lie outside balances: in an oracle's memory, in parameters, in time.
    pub(super) const fn is_hidden(self) -> bool {
        matches!(
            self,
            Self::Poke { .. }
                | Self::Checkpoint { .. }
                | Self::ExecuteRisk { .. }
                | Self::LetPass { .. }
                | Self::Wait { .. }
        )
    }
    /// Whether it ends a transaction.
    #[must_use]
    pub const fn ends_transaction(self) -> bool {
        matches!(self, Self::LetPass { .. } | Self::Wait { .. })
    }
    /// Shares of what is at hand that a first look tries.
    pub(super) const fn grid(self) -> &'static [f64] {
        match self {
            // A lender that is emptied can lend nothing else.
            Self::Flash(_) => &[1.0, 0.5, 0.15],
            Self::Swap { .. }
            | Self::Supply { .. }
            | Self::OpenPosition { .. }
            | Self::TakeOffer { .. }
            | Self::BorrowApart { .. }
            | Self::DealApart { .. }
            | Self::DonateToPair { .. }
            | Self::DonateToMarket { .. }
            | Self::DonateToVault { .. } => &[1.0, 0.3, 0.08],
            Self::AddLiquidity { .. } | Self::AddCoin { .. } => &[1.0, 0.2],
            // What is left of a position may still be worth borrowing against; what is redeemed short of all
            // of it is rounded to whole shares.
            Self::Borrow { .. } => &[1.0, 0.4],
            Self::Withdraw { .. } => &[1.0, 0.99],
            _ => &[1.0],
        }
    }
    /// Whether it undoes what `before` did, with nothing between them.
    pub(super) fn undoes(self, before: Self) -> bool {
        match (before, self) {
            (Self::Supply { market, asset }, Self::Withdraw { market: m, asset: a })
            | (Self::Borrow { market, asset }, Self::Repay { market: m, asset: a }) => {
                market == m && asset == a
            }
            (Self::Swap { pool, from, to }, Self::Swap { pool: p, from: f, to: t }) => {
                pool == p && (from, to) == (t, f)
            }
            (Self::AddLiquidity { pool, .. }, Self::RemoveLiquidity { pool: p, .. }) => pool == p,
            (Self::OpenPosition { market, .. }, Self::ClosePosition { market: m }) => market == m,
            _ => false,
        }
    }
}

/// All moves of a world, in the order of their ids.
#[must_use]
pub fn catalogue(chain: &Chain, attacker: AccountId, pending: u32, wait: u32) -> Vec<Move> {
    let mut moves = Vec::new();
    for (i, pool) in chain.pools().iter().enumerate() {
        of_pool(chain, PoolId(i as u16), pool, &mut moves);
    }
    for (i, market) in chain.markets().iter().enumerate() {
        of_market(chain, attacker, MarketId(i as u16), market, &mut moves);
    }
    for (i, feed) in chain.feeds().iter().enumerate() {
        let feed_id = FeedId(i as u16);
        match feed {
            Feed::Composed(
                ComposedFeed::Delayed(_) | ComposedFeed::Anchored(_) | ComposedFeed::Breaker(_),
            ) => moves.push(Move::Poke { feed: feed_id }),
            // Within a block an average does not move, whoever writes its checkpoint.
            Feed::Twap(_) | Feed::Window(_) if wait > 0 => {
                moves.push(Move::Checkpoint { feed: feed_id });
            }
            _ => {}
        }
    }
    if chain.contract_of(attacker).is_some() {
        for (i, market) in chain.markets().iter().enumerate() {
            of_contract(MarketId(i as u16), market, &mut moves);
        }
    }
    moves.extend((0..pending).map(|pending| Move::LetPass { pending }));
    if wait > 0 {
        moves.push(Move::Wait { blocks: wait });
    }
    moves
}

fn both_ways(pool: PoolId, a: AssetId, b: AssetId, moves: &mut Vec<Move>) {
    for (from, to) in [(a, b), (b, a)] {
        moves.push(Move::Swap { pool, from, to });
    }
}

fn of_pool(chain: &Chain, id: PoolId, pool: &Pool, moves: &mut Vec<Move>) {
    match pool {
        Pool::ConstantProduct(pair) => {
            both_ways(id, pair.token0, pair.token1, moves);
            moves.push(Move::AddLiquidity { pool: id, asset: pair.token0 });
            moves.push(Move::RemoveLiquidity { pool: id, share: pair.share });
            for asset in [pair.token0, pair.token1] {
                moves.push(Move::DonateToPair { pool: id, asset });
                moves.push(Move::Flash(Lender::Pair { pool: id, asset }));
            }
        }
        Pool::Concentrated(pool) => {
            both_ways(id, pool.token0, pool.token1, moves);
            for asset in [pool.token0, pool.token1] {
                moves.push(Move::Flash(Lender::Concentrated { pool: id, asset }));
            }
        }
        Pool::StableSwap(pool) => {
            for from in pool.coins() {
                for to in pool.coins().iter().filter(|to| *to != from) {
                    moves.push(Move::Swap { pool: id, from: *from, to: *to });
                }
                moves.push(Move::AddCoin { pool: id, asset: *from });
                moves.push(Move::RemoveCoin { pool: id, share: pool.share, asset: *from });
            }
        }
        Pool::Exponential(pool) => both_ways(id, pool.base, pool.quote, moves),
        Pool::FixedPrice(pool) => both_ways(id, pool.base, pool.quote, moves),
        Pool::ShareVault(vault) => {
            both_ways(id, vault.asset, vault.share, moves);
            moves.push(Move::DonateToVault { pool: id, asset: vault.asset });
            if chain.ledger().total_supply(vault.share).is_zero() {
                moves.push(Move::FirstVaultShares { pool: id, asset: vault.asset });
            }
            let invested = vault.invested.and_then(|pool| chain.pools().get(pool.index()));
            if let Some(pool) = invested.and_then(Pool::stable_swap) {
                moves.push(Move::DonateToVault { pool: id, asset: pool.share });
            }
        }
    }
}

fn lending_verbs(market: MarketId, asset: AssetId, borrows: bool, moves: &mut Vec<Move>) {
    moves.push(Move::Supply { market, asset });
    moves.push(Move::Withdraw { market, asset });
    if borrows {
        moves.push(Move::Borrow { market, asset });
        moves.push(Move::Repay { market, asset });
    }
}

fn of_market(
    chain: &Chain,
    attacker: AccountId,
    id: MarketId,
    market: &Market,
    moves: &mut Vec<Move>,
) {
    match market {
        Market::Pooled(pooled) => {
            for reserve in &pooled.reserves {
                let (asset, config) = (reserve.underlying, &reserve.config);
                if !config.active || config.paused {
                    continue;
                }
                lending_verbs(id, asset, config.borrowing_enabled && !config.frozen, moves);
                if config.flash_loan_enabled {
                    moves.push(Move::Flash(Lender::Market { market: id, asset }));
                }
            }
            if !pooled.state.pending.is_empty() {
                moves.push(Move::ExecuteRisk { market: id });
            }
            pooled_prey(chain, attacker, id, moves);
        }
        Market::Compound(compound) => {
            for token in &compound.tokens {
                lending_verbs(id, token.underlying, true, moves);
                moves.push(Move::DonateToMarket {
                    market: id,
                    to: token.account,
                    asset: token.underlying,
                });
                if chain.ledger().total_supply(token.c_token).is_zero() {
                    let asset = token.underlying;
                    moves.push(Move::FirstMarketShares { market: id, asset });
                }
            }
            compound_prey(chain, attacker, id, moves);
        }
        Market::MarginDesk(desk) => {
            moves.push(Move::OpenPosition { market: id, margin: desk.loan });
            moves.push(Move::ClosePosition { market: id });
            lending_verbs(id, desk.loan, false, moves);
        }
        Market::Perpetual(perpetual) => {
            lending_verbs(id, perpetual.quote, false, moves);
            let others = perpetual.offers.iter().filter(|(maker, _)| *maker != attacker);
            moves.extend(others.map(|(maker, _)| Move::TakeOffer { market: id, maker: *maker }));
        }
        Market::Isolated(isolated) => {
            lending_verbs(id, isolated.loan, true, moves);
            lending_verbs(id, isolated.collateral, false, moves);
            for asset in [isolated.loan, isolated.collateral] {
                moves.push(Move::Flash(Lender::Market { market: id, asset }));
            }
            let (collateral, debt) = (isolated.collateral, isolated.loan);
            let mut prey = Prey::default();
            for borrower in borrowers(chain, attacker) {
                let Ok(position) = isolated.position(chain, borrower) else { continue };
                let owed = position.borrowed.to_f64();
                if owed > 0.0 {
                    let health = position.max_borrow.to_f64() / owed;
                    let liquidate = Move::Liquidate { market: id, borrower, collateral, debt };
                    prey.consider(health, owed, liquidate);
                }
            }
            prey.take(moves);
        }
        Market::Vault(vault) => {
            for ilk in &vault.ilks {
                lending_verbs(id, ilk.token, false, moves);
            }
            moves.push(Move::Borrow { market: id, asset: vault.dai });
            moves.push(Move::Repay { market: id, asset: vault.dai });
        }
    }
}

/// What the attacker's contract can do in a market.
fn of_contract(id: MarketId, market: &Market, moves: &mut Vec<Move>) {
    let (posted, owed): (Vec<AssetId>, Vec<AssetId>) = match market {
        Market::Pooled(pooled) => {
            let open = |config: &ReserveConfig| config.active && !config.paused && !config.frozen;
            let all = || pooled.reserves.iter().filter(|reserve| open(&reserve.config));
            let lent = all().filter(|reserve| reserve.config.borrowing_enabled);
            let counts = all().filter(|reserve| reserve.config.ltv > Bps(0));
            (counts.map(|r| r.underlying).collect(), lent.map(|r| r.underlying).collect())
        }
        Market::Compound(compound) => {
            let all = || compound.tokens.iter();
            let counts = all().filter(|token| !token.config.collateral_factor.is_zero());
            (counts.map(|t| t.underlying).collect(), all().map(|t| t.underlying).collect())
        }
        Market::Isolated(isolated) => (vec![isolated.collateral], vec![isolated.loan]),
        Market::Perpetual(perpetual) => {
            let quote = perpetual.quote;
            moves.extend([true, false].map(|long| Move::DealApart { market: id, quote, long }));
            return;
        }
        Market::MarginDesk(_) | Market::Vault(_) => return,
    };
    for collateral in posted {
        let others = owed.iter().filter(|debt| **debt != collateral);
        moves.extend(others.map(|debt| Move::BorrowApart { market: id, collateral, debt: *debt }));
    }
}

/// Everybody but the attacker.
fn borrowers(chain: &Chain, attacker: AccountId) -> impl Iterator<Item = AccountId> {
    (0..chain.accounts().len() as u32).map(AccountId).filter(move |account| *account != attacker)
}

/// Positions near the line, those with the largest debt first.
#[derive(Default)]
struct Prey(Vec<(f64, Move)>);

impl Prey {
    fn consider(&mut self, health: f64, debt: f64, liquidate: Move) {
        if health < PREY_HEALTH {
            self.0.push((debt, liquidate));
        }
    }
    fn take(mut self, moves: &mut Vec<Move>) {
        self.0.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        moves.extend(self.0.into_iter().take(MOST_PREY).map(|(_, liquidate)| liquidate));
    }
}

fn pooled_prey(chain: &Chain, attacker: AccountId, id: MarketId, moves: &mut Vec<Move>) {
    let pooled = chain.pooled(id);
    let mut prey = Prey::default();
    for borrower in borrowers(chain, attacker) {
        let position = pooled.position(borrower);
        if !position.is_borrowing_any() {
            continue;
        }
        let Ok(health) = pooled.health(chain, borrower) else { continue };
        // The larger of each, at the market's own prices.
        let worth = |reserve: u16, amount: f64| {
            let book = &pooled.reserves[usize::from(reserve)];
            let price = chain.price(book.feed).map_or(0.0, |price| price.usd());
            amount * price / libm::pow(10.0, f64::from(book.decimals))
        };
        let largest = |reserves: &mut dyn Iterator<Item = u16>, amount: &dyn Fn(u16) -> f64| {
            reserves
                .map(|r| (worth(r, amount(r)), r))
                .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        };
        let supplied = |r: u16| pooled.supplied(chain, borrower, r).to_f64();
        let owed = |r: u16| pooled.debt(chain, borrower, r).to_f64();
        let collateral = largest(&mut position.collateral_reserves(), &supplied);
        let debt = largest(&mut position.borrowed_reserves(), &owed);
        if let (Some((_, collateral)), Some((debt_usd, debt))) = (collateral, debt) {
            let asset = |r: u16| pooled.reserves[usize::from(r)].underlying;
            let (collateral, debt) = (asset(collateral), asset(debt));
            let liquidate = Move::Liquidate { market: id, borrower, collateral, debt };
            prey.consider(health.health_factor.to_f64() / 1e18, debt_usd, liquidate);
        }
    }
    prey.take(moves);
}

fn compound_prey(chain: &Chain, attacker: AccountId, id: MarketId, moves: &mut Vec<Move>) {
    let compound = chain.compound_market(id);
    let mut prey = Prey::default();
    for borrower in borrowers(chain, attacker) {
        let Some((_, debt, owed)) = compound
            .tokens
            .iter()
            .enumerate()
            .filter_map(|(i, token)| {
                let owed = compound.borrow_balance_stored(borrower, i as u16)?.to_f64();
                (owed > 0.0).then_some((i, token.underlying, owed))
            })
            .max_by(|a, b| a.2.total_cmp(&b.2))
        else {
            continue;
        };
        let collateral = compound
            .tokens
            .iter()
            .map(|token| (chain.balance(borrower, token.c_token).to_f64(), token.underlying))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, collateral)) = collateral.filter(|(held, _)| *held > 0.0) {
            // Liquidity in USD says on which side of the line it is, not how far in a ratio: near is
            // whatever has debt.
            prey.consider(1.0, owed, Move::Liquidate { market: id, borrower, collateral, debt });
        }
    }
    prey.take(moves);
}
