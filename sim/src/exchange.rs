//! The exchange: a dealer around the fair price, with spread, fee, depth and transient impact.
//!
//! An order fills one block after it was sent (latency) and settles on chain as a
//! [`Call::Settle`] of the world, first in its block. With
//! `impact_enabled`, an order of `v` USD displaces the log price of what it trades by
//! `ln(1.01) · v / depth_usd`, is itself filled at half that displacement (a linear book), and the
//! displacement decays with a half-life: a cascade moves the venue it sells into, transiently around
//! the replayed price. Without it, prices are the replayed ones and every size fills at the spread.
//!
//! A listing may have a limit order book instead (`exchange::book`): its participants quote around the replayed
//! price, the chain's traders take from it what is there, and its mid is the fair price. An order between
//! two assets is two legs over the dollar, each at a dealer or at a book.

mod book;
mod telemetry;

pub use book::{BookTerms, BookVenue, Stress};
pub use telemetry::{DEPTH_BANDS, Telemetry};

use crate::actor::{ExchangeOrder, Outbox};
use crate::chain::Chain;
use crate::chain::call::Call;
use crate::prices::FairPrices;
use bevy_ecs::prelude::Resource;
use book::Leg;
use markets::units::{AccountId, Amount, AssetId};
use serde::{Deserialize, Serialize};

/// ln 1.01: the log displacement that `depth_usd` stands for.
const ONE_PERCENT: f64 = 0.009_950_330_853_168_083;
/// Largest log displacement of an asset: a factor of e either way.
const MAX_IMPACT: f64 = 1.0;

/// An asset at the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The asset.
    pub asset: AssetId,
    /// Half the spread, in basis points.
    pub half_spread_bps: f64,
    /// Taker fee, in basis points.
    pub taker_fee_bps: f64,
    /// What must be traded to move the price by one percent, in USD; infinite for the numéraire.
    pub depth_usd: f64,
}

/// The exchange's book.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    listings: Vec<Option<Listing>>,
    /// Log displacement of the price, by asset.
    impact: Vec<f64>,
    /// Share of a displacement that is left after a block.
    decay: f64,
    impact_enabled: bool,
    /// Orders that fill in this block; scratch between the half-blocks.
    filling: Vec<ExchangeOrder>,
    /// What traders have paid in this block so far: settlement happens later in it.
    paid: Vec<(AccountId, AssetId, Amount)>,
    /// Books, in the order of their listings.
    books: Vec<BookVenue>,
}

impl Exchange {
    /// An exchange of these listings.
    #[must_use]
    pub fn new(
        listings: &[Listing],
        n_assets: usize,
        impact_half_life_secs: f64,
        block_secs: u32,
        impact_enabled: bool,
    ) -> Self {
        let mut by_asset = vec![None; n_assets];
        for listing in listings {
            by_asset[listing.asset.index()] = Some(*listing);
        }
        Self {
            listings: by_asset,
            impact: vec![0.0; n_assets],
            decay: libm::exp2(-f64::from(block_secs) / impact_half_life_secs),
            impact_enabled,
            filling: Vec::new(),
            paid: Vec::new(),
            books: Vec::new(),
        }
    }

    /// Lists an asset by a book, whose price is `usd`, in place of the dealer.
    pub fn list_book(&mut self, terms: BookTerms, block_secs: u32, usd: f64) {
        self.books.push(BookVenue::new(terms, block_secs, usd));
    }
    /// The books, in the order of their listings.
    #[must_use]
    pub fn books(&self) -> &[BookVenue] {
        &self.books
    }
    /// The books, for their participants.
    pub fn books_mut(&mut self) -> &mut [BookVenue] {
        &mut self.books
    }
    /// The book of an asset, if it has one.
    #[must_use]
    pub fn book(&self, asset: AssetId) -> Option<&BookVenue> {
        self.books.iter().find(|book| book.terms().asset == asset)
    }
    fn book_mut(&mut self, asset: AssetId) -> Option<&mut BookVenue> {
        self.books.iter_mut().find(|book| book.terms().asset == asset)
    }

    /// An asset's listing.
    #[must_use]
    pub fn listing(&self, asset: AssetId) -> Option<&Listing> {
        self.listings.get(asset.index()).and_then(Option::as_ref)
    }
    /// USD that move the asset's price by one percent; 0 where it is not listed. Of a book, what the
    /// thinner side has within one percent now.
    #[must_use]
    pub fn depth_usd(&self, asset: AssetId) -> f64 {
        match self.book(asset).map(BookVenue::telemetry) {
            Some(now) => now.bids_usd[1].min(now.asks_usd[1]),
            None => self.listing(asset).map_or(0.0, |l| l.depth_usd),
        }
    }
    /// Log displacement of the asset's price now.
    #[must_use]
    pub fn impact(&self, asset: AssetId) -> f64 {
        self.impact.get(asset.index()).copied().unwrap_or(0.0)
    }
    /// Whether trades displace prices.
    #[must_use]
    pub const fn impact_enabled(&self) -> bool {
        self.impact_enabled
    }
    /// Share of the mid that a seller of the asset receives, or a buyer pays beyond it, before
    /// displacement: half spread and fee.
    #[must_use]
    pub fn cost_ratio(&self, asset: AssetId) -> f64 {
        match self.book(asset) {
            Some(book) => {
                0.5 * book.telemetry().spread + f64::from(book.terms().fees.taker_pips) / 1e6
            }
            None => self.dealer_cost(asset),
        }
    }
    fn dealer_cost(&self, asset: AssetId) -> f64 {
        self.listing(asset).map_or(0.0, |l| (l.half_spread_bps + l.taker_fee_bps) / 1e4)
    }

    /// Whole tokens of `buy` for `tokens` of `sell` at the present quotes, own displacement included;
    /// `None` where one is not listed or has no price. A belief: the fill comes a block later.
    #[must_use]
    pub fn expected_tokens(
        &self,
        prices: &FairPrices,
        sell: AssetId,
        buy: AssetId,
        tokens: f64,
    ) -> Option<f64> {
        if !self.books.is_empty() && (self.book(sell).is_some() || self.book(buy).is_some()) {
            let usd = self.expected_usd(prices, sell, tokens)?;
            return self.expected_buy(prices, buy, usd);
        }
        let (bid, ask) = (self.listing(sell)?, self.listing(buy)?);
        let (sell_mid, buy_mid) = (prices.usd(sell), prices.usd(buy));
        if sell_mid <= 0.0 || buy_mid <= 0.0 || tokens <= 0.0 {
            return None;
        }
        let gross = tokens * sell_mid;
        // Each leg fills at half its own displacement.
        let slip = -0.5 * (self.displacement(bid, gross) + self.displacement(ask, gross));
        let slip = if slip == 0.0 { 1.0 } else { libm::exp(slip) };
        let usd = gross * (1.0 - self.cost_ratio(sell)) * slip;
        Some(usd / (buy_mid * (1.0 + self.cost_ratio(buy))))
    }

    /// The mid that selling whole tokens would leave, in USD; `None` where the asset is not listed. Of a book,
    /// until somebody quotes anew.
    #[must_use]
    pub fn mid_after_sale(&self, prices: &FairPrices, sell: AssetId, tokens: f64) -> Option<f64> {
        let (listing, mid) = (self.listing(sell)?, prices.usd(sell));
        Some(match self.book(sell) {
            Some(book) => book.mid_after_sale(tokens),
            None => mid * libm::exp(-self.displacement(listing, tokens * mid)),
        })
    }

    /// Dollars for whole tokens at the present quotes.
    fn expected_usd(&self, prices: &FairPrices, sell: AssetId, tokens: f64) -> Option<f64> {
        let listing = self.listing(sell)?;
        if let Some(book) = self.book(sell) {
            return Some(book.expected_usd(tokens));
        }
        let gross = tokens * prices.usd(sell);
        let slip = libm::exp(-0.5 * self.displacement(listing, gross));
        Some(gross * (1.0 - self.dealer_cost(sell)) * slip)
    }

    /// Whole tokens for dollars at the present quotes.
    fn expected_buy(&self, prices: &FairPrices, buy: AssetId, usd: f64) -> Option<f64> {
        let listing = self.listing(buy)?;
        let mid = prices.usd(buy);
        if mid <= 0.0 {
            return None;
        }
        if let Some(book) = self.book(buy) {
            return Some(book.expected_tokens(usd));
        }
        let slip = libm::exp(-0.5 * self.displacement(listing, usd));
        Some(usd * slip / (mid * (1.0 + self.dealer_cost(buy))))
    }

    /// Log displacement that trading `usd` causes.
    fn displacement(&self, listing: &Listing, usd: f64) -> f64 {
        if self.impact_enabled {
            (ONE_PERCENT * usd / listing.depth_usd).min(MAX_IMPACT)
        } else {
            0.0
        }
    }

    /// A block begins: books learn the new price, before their participants are asked.
    pub fn open_books(&mut self, prices: &FairPrices) {
        for book in &mut self.books {
            book.open(prices.replayed[book.terms().asset.index()]);
        }
    }

    /// Lets the rest of the block pass at the books; their mids are the fair prices.
    pub fn close_books(&mut self, prices: &mut FairPrices) {
        for book in &mut self.books {
            let asset = book.terms().asset.index();
            let replayed = prices.replayed[asset];
            let impact = libm::log(book.close() / replayed).clamp(-MAX_IMPACT, MAX_IMPACT);
            self.impact[asset] = impact;
            prices.fair[asset] = replayed * libm::exp(impact);
        }
    }

    /// Lets a block pass: displacements decay, and fair prices follow them; books trade what arrives
    /// before the chain's orders.
    pub fn requote(&mut self, prices: &mut FairPrices) {
        for book in &mut self.books {
            book.run_to_chain();
        }
        for (asset, impact) in self.impact.iter_mut().enumerate() {
            if self.books.iter().any(|book| book.terms().asset.index() == asset) {
                continue;
            }
            if *impact == 0.0 {
                prices.fair[asset] = prices.replayed[asset];
            } else {
                *impact *= self.decay;
                if impact.abs() < 1e-12 {
                    *impact = 0.0;
                }
                prices.fair[asset] = prices.replayed[asset] * libm::exp(*impact);
            }
        }
    }

    /// Fills the orders of the last block, by actor and then in the order they were sent, each at the
    /// quotes that the one before it left; settlements are submitted as transactions of the world.
    pub fn fill(&mut self, chain: &Chain, prices: &mut FairPrices, outbox: &mut Outbox) {
        if outbox.orders.is_empty() {
            return;
        }
        let mut filling = std::mem::take(&mut self.filling);
        std::mem::swap(&mut filling, &mut outbox.orders);
        filling.sort_by_key(|order| order.actor);
        self.paid.clear();
        for order in &filling {
            if let Some(settle) = self.fill_one(chain, prices, order) {
                outbox.submit_system(chain.outside(), &[settle]);
            }
        }
        filling.clear();
        self.filling = filling;
    }

    fn fill_one(
        &mut self,
        chain: &Chain,
        prices: &mut FairPrices,
        order: &ExchangeOrder,
    ) -> Option<Call> {
        let (sell, buy) = (order.sell, order.buy);
        let spent = self
            .paid
            .iter()
            .filter(|(trader, asset, _)| *trader == order.trader && *asset == sell)
            .fold(Amount::ZERO, |sum, (_, _, paid)| sum.checked_add(*paid).unwrap_or(Amount::MAX));
        let left = chain.balance(order.trader, sell).saturating_sub(spent);
        let pays = order.amount.min(left);
        if !self.books.is_empty() && (self.book(sell).is_some() || self.book(buy).is_some()) {
            return self.fill_by_book(prices, order, pays);
        }
        let tokens = prices.tokens(sell, pays);
        let bought = self.expected_tokens(prices, sell, buy, tokens)?;
        let receives = prices.amount_of_tokens(buy, bought);
        if pays.is_zero() || receives.is_zero() || sell == buy {
            return None;
        }
        self.paid.push((order.trader, sell, pays));
        let gross = tokens * prices.usd(sell);
        self.displace(prices, sell, gross, -1.0);
        self.displace(prices, buy, gross, 1.0);
        Some(Call::Settle {
            trader: order.trader,
            pays_asset: sell,
            pays,
            receives_asset: buy,
            receives,
        })
    }

    /// Fills an order of which at least one leg trades at a book, as far as the books go. What a trader
    /// pays is what the legs take: the rest of the order is dropped. Rounding to whole lots is the venues'.
    fn fill_by_book(
        &mut self,
        prices: &mut FairPrices,
        order: &ExchangeOrder,
        pays: Amount,
    ) -> Option<Call> {
        let (sell, buy) = (order.sell, order.buy);
        if sell == buy || self.listing(sell).is_none() || self.listing(buy).is_none() {
            return None;
        }
        let most_usd = self.book(buy).map_or(f64::INFINITY, BookVenue::most_usd);
        let sold = match self.book_mut(sell) {
            Some(book) => book.sell(pays, most_usd),
            None => {
                let usd = self.expected_usd(prices, sell, prices.tokens(sell, pays))?;
                Leg { amount: pays, usd }
            }
        };
        let bought = match self.book_mut(buy) {
            Some(book) => book.buy(sold.usd),
            None => {
                let tokens = self.expected_buy(prices, buy, sold.usd)?;
                Leg { amount: prices.amount_of_tokens(buy, tokens), usd: sold.usd }
            }
        };
        let by_dealer = self.book(sell).is_none();
        let pays = if by_dealer && bought.usd < sold.usd {
            // A dealer buys no more than what the other leg has spent, the last unit in its favour.
            let part = Amount::from_f64_floor(pays.to_f64() * (bought.usd / sold.usd));
            part.checked_add(Amount::new(1)).map_or(pays, |part| part.min(pays))
        } else {
            sold.amount
        };
        if by_dealer {
            let gross = prices.value_usd(sell, pays);
            self.displace(prices, sell, gross, -1.0);
        }
        if self.book(buy).is_none() {
            self.displace(prices, buy, sold.usd, 1.0);
        }
        if pays.is_zero() || bought.amount.is_zero() {
            return None;
        }
        self.paid.push((order.trader, sell, pays));
        Some(Call::Settle {
            trader: order.trader,
            pays_asset: sell,
            pays,
            receives_asset: buy,
            receives: bought.amount,
        })
    }

    fn displace(&mut self, prices: &mut FairPrices, asset: AssetId, usd: f64, sign: f64) {
        let Some(listing) = self.listings[asset.index()] else { return };
        let moved = self.displacement(&listing, usd);
        if moved > 0.0 {
            let impact = &mut self.impact[asset.index()];
            *impact = (*impact + sign * moved).clamp(-MAX_IMPACT, MAX_IMPACT);
            prices.fair[asset.index()] = prices.replayed[asset.index()] * libm::exp(*impact);
        }
    }
}
