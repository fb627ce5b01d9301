//! Who trades at the exchange's books: market makers, noise traders, trend followers, whales.
//!
//! They live at the exchange alone: no account on the chain, no gas. In each block they look once, when its
//! price is known, and what they send arrives by their latency. Their money is their own affair; what they
//! have bought and paid is in the venue's accounts, where it adds up to nothing.

pub mod market_maker;
pub mod noise_trader;
pub mod trend_follower;
pub mod whale;

use super::next_actor_id;
use bevy_ecs::prelude::*;
use market_maker::{MarketMaker, MarketMakerConfig};
use noise_trader::{NoiseTraders, NoiseTradersConfig};
use serde::{Deserialize, Serialize};
use sim::actor::Actor;
use sim::config::Episode;
use sim::exchange::{BookVenue, Exchange};
use sim::prices::FairPrices;
use sim::rng::{Purpose, Streams, actor_key};
use trend_follower::{TrendFollower, TrendFollowersConfig};
use whale::{Whales, WhalesConfig};

/// The participants of one book.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BookCrowd {
    /// Market makers.
    pub makers: MarketMakerConfig,
    /// Noise traders.
    pub noise: NoiseTradersConfig,
    /// Trend followers.
    pub trend: TrendFollowersConfig,
    /// Whales.
    pub whales: WhalesConfig,
}

/// Milliseconds as microseconds.
fn micros(millis: f64) -> u64 {
    (millis * 1e3) as u64
}

/// Puts a book's participants into a world: `place` is the book's among the exchange's, `symbol` its
/// asset's, `half_spread` its makers' half spread without risk, as a ratio.
pub fn spawn(world: &mut World, place: usize, symbol: &str, half_spread: f64, crowd: &BookCrowd) {
    let first_id = next_actor_id(world);
    let mut exchange = world.resource_mut::<Exchange>();
    let Some(book) = exchange.books_mut().get_mut(place) else { return };
    let actor = |id: u32, kind: &str, index: u32| Actor {
        id: first_id + id,
        key: actor_key(&format!("{kind}:{symbol}"), index.into()),
    };
    let mut id = 0;
    let mut next = |kind: &str, index| {
        id += 1;
        actor(id - 1, kind, index)
    };
    let makers: Vec<_> = (0..crowd.makers.count)
        .map(|i| {
            let maker = MarketMaker::enrol(book, place, half_spread, &crowd.makers, i);
            (next("market maker", i), maker)
        })
        .collect();
    let noise = (next("noise traders", 0), NoiseTraders::enrol(book, place, &crowd.noise));
    let followers: Vec<_> = (0..crowd.trend.count)
        .map(|i| (next("trend follower", i), TrendFollower::enrol(book, place, &crowd.trend, i)))
        .collect();
    let whales = (next("whales", 0), Whales::enrol(book, place, &crowd.whales));
    world.spawn_batch(makers);
    world.spawn(noise);
    world.spawn_batch(followers);
    world.spawn(whales);
}

/// Lets every participant of every book look at the block's price, and at the book as the last block
/// left it.
#[expect(clippy::too_many_arguments, reason = "a system's arguments are what it looks at")]
pub fn trade_at_books(
    streams: Res<Streams>,
    episode: Res<Episode>,
    prices: Res<FairPrices>,
    mut exchange: ResMut<Exchange>,
    mut makers: Query<&mut MarketMaker>,
    mut noise: Query<(&Actor, &mut NoiseTraders)>,
    mut followers: Query<&mut TrendFollower>,
    mut whales: Query<(&Actor, &mut Whales)>,
) {
    let books = exchange.books_mut();
    if books.is_empty() {
        return;
    }
    let elsewhere = |book: &BookVenue| prices.usd_elsewhere(book.terms().asset);
    let rng =
        |actor: &Actor| streams.at(Purpose::Exchange, actor.key, episode.number, episode.block);
    for mut maker in &mut makers {
        let book = &mut books[maker.place];
        let usd = elsewhere(book);
        maker.quote(book, usd);
    }
    for (actor, mut traders) in &mut noise {
        let book = &mut books[traders.place];
        let usd = elsewhere(book);
        traders.trade(book, usd, &mut rng(actor));
    }
    for mut follower in &mut followers {
        let book = &mut books[follower.place];
        follower.trade(book, episode.block);
    }
    for (actor, mut whales) in &mut whales {
        let book = &mut books[whales.place];
        let usd = elsewhere(book);
        whales.trade(book, usd, &mut rng(actor));
    }
}
