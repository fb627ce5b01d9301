//! Borrowers of a cascade: drawn, named in the stage, and given their loans by transactions.

use super::schema::{Book, Cascade};
use crate::stage::{Decimal, Holder, Holding, Placed, Refusal, Stage, execute, price};
use agents::scripted::borrower::BorrowerConfig;
use markets::price::draw::uniform;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, Price};
use rand::Rng;
use sim::chain::call::{AmountExpr, Call};
use sim::chain::{Chain, Feed, Market};
use sim::prices::unit;
use sim::rng::{Purpose, Streams, actor_key};

/// A borrower of a book.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) account: AccountId,
    pub(crate) market: MarketId,
    pub(crate) debt: AssetId,
    /// Health factor at the start, and what a defence restores.
    pub(crate) health: f64,
    /// Health factor below which they defend themselves; zero where they never do.
    pub(crate) trigger: f64,
    /// Left for the defence, in whole tokens of the debt.
    pub(crate) savings: f64,
}

/// A member before the chain exists.
struct Drawn {
    debt_tokens: f64,
    collateral_tokens: f64,
    health: f64,
    trigger: f64,
    savings: f64,
}

/// Borrowers are given their loans at a collateral price this much higher: what stands near liquidation was
/// borrowed in better times.
const BETTER_TIMES: f64 = 3.0;
/// Share of a book's supply that is lent out at the start.
const UTILISATION: f64 = 0.8;

/// What keepers have of each asset: flash loans and lines of credit make capital no limit here; what they can
/// sell is.
const KEEPERS_USD: f64 = 1e12;

fn draw(stage: &Stage, book: &Book, threshold: f64, seed: u64) -> Result<Vec<Drawn>, Refusal> {
    let usd = |symbol: &str| {
        let asset = stage.assets.iter().find(|asset| asset.symbol == symbol);
        asset.map(|asset| asset.usd).filter(|usd| *usd > 0.0).ok_or_else(|| {
            (format!("no price of \"{symbol}\""), "place the asset with a price".to_owned())
        })
    };
    let (collateral_usd, debt_usd) = (usd(&book.collateral)?, usd(&book.debt)?);
    let sound = book.total_debt_usd.is_finite()
        && book.total_debt_usd > 0.0
        && (1..=100_000).contains(&book.accounts)
        && book.health_min > 1.0
        && book.health_max >= book.health_min
        && book.health_max < 1e3
        && (0.0..=1.0).contains(&book.never_react_share)
        && (0.0..=1.0).contains(&book.savings_ratio);
    if !sound {
        let help = "1 to 100,000 accounts, a debt above zero, 1 < health_min <= health_max, shares from 0 to 1";
        return Err(("a book that cannot be".to_owned(), help.to_owned()));
    }
    let habits = BorrowerConfig::default();
    let streams = Streams::new(seed, 0);
    let mut members: Vec<Drawn> = (0..book.accounts)
        .map(|index| {
            let key = actor_key(&book.cohort, u64::from(index));
            let mut rng = streams.at(Purpose::Setup, key, 0, 0);
            let debt_tokens = book.sizes.sample(&mut rng) / debt_usd;
            let mut share = || uniform(rng.next_u64());
            let health = book.health_min * libm::pow(book.health_max / book.health_min, share());
            let reacts = share() >= book.never_react_share;
            let nearness = habits.trigger_min + share() * (habits.trigger_max - habits.trigger_min);
            let trigger = if reacts { 1.0 + nearness * (health - 1.0) } else { 0.0 };
            Drawn { debt_tokens, collateral_tokens: 0.0, health, trigger, savings: 0.0 }
        })
        .collect();
    let total: f64 = members.iter().map(|m| m.debt_tokens * debt_usd).sum();
    for member in &mut members {
        member.debt_tokens *= book.total_debt_usd / total;
        let debt = member.debt_tokens * debt_usd;
        member.collateral_tokens = debt * member.health / threshold / collateral_usd;
        member.savings =
            if member.trigger > 0.0 { member.debt_tokens * book.savings_ratio } else { 0.0 };
    }
    Ok(members)
}

fn decimal(tokens: f64, decimals: u8) -> Decimal {
    Decimal(format!("{tokens:.*}", usize::from(decimals.min(8))))
}

/// A cascade's borrowers, drawn: what the stage must hold for them, and how to settle them in.
pub(crate) struct Settlers {
    drawn: Vec<(usize, Vec<Drawn>)>,
}

/// Draws all books and adds their people to the stage.
pub(crate) fn enrol(
    stage: &mut Stage,
    cascade: &Cascade,
    seed: u64,
) -> Result<Settlers, (String, Refusal)> {
    let mut drawn = Vec::new();
    for keepers in &cascade.keepers {
        let vaults = vaults(stage, &keepers.market);
        // Where dai is minted by the vaults, bidders have what borrowers spent.
        let holds =
            stage.assets.iter().filter(|asset| asset.usd > 0.0 && !vaults).map(|asset| Holding {
                asset: asset.symbol.clone(),
                tokens: decimal(KEEPERS_USD / asset.usd, asset.decimals),
            });
        stage.accounts.push(Holder { name: keepers_of(&keepers.market), holds: holds.collect() });
        stage.accounts.push(Holder { name: opportunist_of(&keepers.market), holds: Vec::new() });
    }
    for (at, book) in cascade.books.iter().enumerate() {
        let threshold = threshold(stage, book).map_err(|refusal| (place(at), refusal))?;
        let members = draw(stage, book, threshold, seed).map_err(|refusal| (place(at), refusal))?;
        let decimals = |symbol: &str| {
            let asset = stage.assets.iter().find(|asset| asset.symbol == symbol);
            asset.map_or(18, |asset| asset.decimals)
        };
        let places = (decimals(&book.collateral), decimals(&book.debt));
        let vaults = vaults(stage, &book.market);
        for (i, member) in members.iter().enumerate() {
            let holds = |asset: &str, tokens, places| Holding {
                asset: asset.to_owned(),
                tokens: decimal(tokens, places),
            };
            stage.accounts.push(Holder {
                name: name(book, i),
                holds: vec![
                    holds(&book.collateral, member.collateral_tokens, places.0),
                    holds(&book.debt, if vaults { 0.0 } else { member.savings }, places.1),
                ],
            });
        }
        drawn.push((at, members));
        if vaults {
            continue;
        }
        let members = &drawn[drawn.len() - 1].1;
        let lent: f64 = members.iter().map(|m| m.debt_tokens).sum();
        stage.accounts.push(Holder {
            name: lenders(book),
            holds: vec![Holding {
                asset: book.debt.clone(),
                tokens: decimal(lent / UTILISATION, places.1),
            }],
        });
    }
    Ok(Settlers { drawn })
}

/// Where a book stands in the cascade.
fn place(at: usize) -> String {
    format!("books.{at}")
}
/// The account that a market's keepers act by.
pub(super) fn keepers_of(market: &str) -> String {
    format!("keepers:{market}")
}
/// The account that bids next to nothing in a market's auctions.
pub(super) fn opportunist_of(market: &str) -> String {
    format!("opportunist:{market}")
}
fn name(book: &Book, index: usize) -> String {
    format!("{}:{index}", book.cohort)
}
fn lenders(book: &Book) -> String {
    format!("{}:lenders", book.cohort)
}

/// Whether a market is one of vaults, whose debt asset is minted by it.
fn vaults(stage: &Stage, market: &str) -> bool {
    let found = stage.markets.iter().find(|m| m.name() == market);
    matches!(found, Some(crate::stage::StageMarket::Vaults { .. }))
}

/// The share of its value that the collateral of a book may be owed against before it is liquidated.
fn threshold(stage: &Stage, book: &Book) -> Result<f64, Refusal> {
    use crate::stage::StageMarket as M;
    let market = stage.markets.iter().find(|market| market.name() == book.market);
    let found = match market {
        Some(M::Pooled { reserves, .. }) => {
            let reserve = reserves.iter().find(|r| r.asset == book.collateral);
            reserve.map(|r| f64::from(r.threshold_bps.max(r.ltv_bps)) / 1e4)
        }
        Some(M::Compound { tokens, .. }) => {
            let token = tokens.iter().find(|t| t.asset == book.collateral);
            token.and_then(|t| t.collateral_factor_percent.0.parse::<f64>().ok()).map(|p| p / 100.0)
        }
        Some(M::Vaults { ilks, .. }) => {
            let ilk = ilks.iter().find(|ilk| ilk.collateral == book.collateral);
            ilk.and_then(|ilk| ilk.ratio_percent.0.parse::<f64>().ok()).map(|p| 100.0 / p)
        }
        _ => None,
    };
    found.filter(|threshold| *threshold > 0.0).ok_or_else(|| {
        let message = format!("\"{}\" is no collateral of \"{}\"", book.collateral, book.market);
        (message, "a book needs a Pooled or Compound market that takes its collateral".to_owned())
    })
}

impl Settlers {
    /// Gives everybody their loan.
    pub(crate) fn settle(
        &self,
        cascade: &Cascade,
        placed: &mut Placed,
    ) -> Result<Vec<Member>, (String, Refusal)> {
        let mut members = Vec::new();
        for (at, drawn) in &self.drawn {
            let settled = settle(&cascade.books[*at], drawn, placed);
            members.extend(settled.map_err(|refusal| (place(*at), refusal))?);
        }
        Ok(members)
    }
}

fn settle(book: &Book, drawn: &[Drawn], placed: &mut Placed) -> Result<Vec<Member>, Refusal> {
    let names = placed.names.clone();
    let (market, collateral, debt) =
        (names.market(&book.market)?, names.asset(&book.collateral)?, names.asset(&book.debt)?);
    let vaults = placed.chain.markets()[market.index()].vault().is_some();
    let mut better_times = None;
    if !vaults {
        let supply = Call::Supply { market, asset: debt, amount: AmountExpr::All };
        execute(placed, names.account(&lenders(book))?, &[supply])?;
        let (feed, said) = pushed(&placed.chain, market, collateral, book)?;
        report(placed, feed, price(said.usd() * BETTER_TIMES)?)?;
        better_times = Some((feed, said));
    }
    // The loan is spent: with the vaults' bidders, where the vaults mint it.
    let spent_at = match names.account(&keepers_of(&book.market)) {
        Ok(keepers) if vaults => keepers,
        _ => placed.chain.outside(),
    };
    let mut members = Vec::with_capacity(drawn.len());
    for (i, member) in drawn.iter().enumerate() {
        let account = names.account(&name(book, i))?;
        let amount = tokens(&placed.chain, debt, member.debt_tokens);
        if amount.is_zero() {
            continue;
        }
        let kept = if vaults { tokens(&placed.chain, debt, member.savings) } else { Amount::ZERO };
        let mut calls = vec![Call::Supply { market, asset: collateral, amount: AmountExpr::All }];
        if !vaults {
            calls.push(Call::SetCollateral { market, asset: collateral, enabled: true });
        }
        calls.push(Call::Borrow { market, asset: debt, amount: AmountExpr::Exact(amount) });
        calls.push(Call::Transfer {
            to: spent_at,
            asset: debt,
            amount: AmountExpr::Exact(amount.saturating_sub(kept)),
        });
        execute(placed, account, &calls)?;
        members.push(Member {
            account,
            market,
            debt,
            health: member.health,
            trigger: member.trigger,
            savings: member.savings,
        });
    }
    if let Some((feed, said)) = better_times {
        report(placed, feed, said)?;
    }
    Ok(members)
}

/// The push feed by which a market prices an asset, and what it says.
fn pushed(
    chain: &Chain,
    market: MarketId,
    asset: AssetId,
    book: &Book,
) -> Result<(FeedId, Price), Refusal> {
    let feed = feed_of(chain, market, asset).ok_or_else(|| {
        let message = format!("\"{}\" does not list \"{}\"", book.market, book.collateral);
        (message, "list it".to_owned())
    })?;
    match chain.feed(feed) {
        Feed::Push(push) => Ok((feed, push.price)),
        _ => {
            let help = "let the market read a Push feed for it";
            Err(("a book's collateral needs a push feed".to_owned(), help.to_owned()))
        }
    }
}

fn report(placed: &mut Placed, feed: FeedId, price: Price) -> Result<(), Refusal> {
    let by = placed.names.world();
    execute(placed, by, &[Call::PushPrice { feed, price }])
}

/// The feed by which a market prices an asset.
fn feed_of(chain: &Chain, market: MarketId, asset: AssetId) -> Option<FeedId> {
    match &chain.markets()[market.index()] {
        Market::Pooled(pooled) => {
            pooled.reserve_of(asset).map(|i| pooled.reserves[usize::from(i)].feed)
        }
        Market::Compound(compound) => {
            compound.token_of(asset).map(|i| compound.tokens[usize::from(i)].feed)
        }
        _ => None,
    }
}

/// Whole tokens in smallest units, floored.
pub(super) fn tokens(chain: &Chain, asset: AssetId, tokens: f64) -> Amount {
    Amount::from_f64_floor(tokens / unit(chain.asset(asset).decimals))
}
