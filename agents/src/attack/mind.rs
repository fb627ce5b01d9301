//! An assailant inside a world: it takes its turns by itself, whoever else plays there. With it a risk policy
//! learns against attackers that were learned, and is judged under them.

use super::Attacker;
use super::assailant::Assailant;
use super::seat::{Order, Seat, fields, is_turn, logits};
use super::spot_oracle::Sight;
use super::template::Templates;
use bevy_ecs::prelude::*;
use markets::price::draw;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::chain::Chain;
use sim::config::{Config, Episode};
use sim::exchange::Exchange;
use sim::prices::FairPrices;
use sim::rng::{Purpose, Streams, actor_key};
use sim::systems::observe::Seen;
use sim::views::MarketViews;

/// Who takes the seat of a world's attackers.
#[derive(Resource, Clone, Debug)]
pub struct Mind {
    assailant: Assailant,
    idle_blocks: u64,
    /// `[public row | risk heads | its own fields]`.
    row: Vec<f32>,
    mask: Vec<f32>,
    action: Vec<f32>,
}

/// Which of several is met in an episode, by their chances, which sum to one: the same at the same address.
#[must_use]
pub fn drawn(streams: &Streams, episode: u64, chances: impl Iterator<Item = f64>) -> usize {
    let word = streams.at(Purpose::Setup, actor_key("opponents", 0), episode, 0).next_u64();
    let mut left = draw::uniform(word);
    let mut last = 0;
    for (i, chance) in chances.enumerate() {
        left -= chance;
        last = i;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// Turns that the seat has had in the episode.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turns(u64);

impl Mind {
    /// Puts an assailant into a world at the start of an episode, in whose first `idle_blocks` it does
    /// nothing. Where the world's own attackers look for themselves, they go on doing so.
    pub fn enter(world: &mut World, assailant: &Assailant, idle_blocks: u64) {
        let taken = !matches!(assailant, Assailant::AsWritten);
        let templates = world.get_resource::<Templates>().map_or(0, |t| t.0.len());
        world.insert_resource(Seat { taken, order: None });
        world.insert_resource(Turns::default());
        world.insert_resource(Self {
            assailant: assailant.clone(),
            idle_blocks,
            row: Vec::new(),
            mask: vec![0.0; logits(templates)],
            action: vec![0.0; 2],
        });
    }

    /// Lets another take over in the middle of an episode: one who takes orders from one who does.
    pub fn relieve(world: &mut World, assailant: &Assailant) {
        if let Some(mut mind) = world.get_resource_mut::<Self>() {
            mind.assailant = assailant.clone();
        }
    }
}

/// What the seat's attacker reads beside what the risk policy sees.
#[derive(bevy_ecs::system::SystemParam)]
pub struct Around<'w> {
    chain: Res<'w, Chain>,
    exchange: Res<'w, Exchange>,
    prices: Res<'w, FairPrices>,
    views: Res<'w, MarketViews>,
    episode: Res<'w, Episode>,
    config: Res<'w, Config>,
    templates: Option<Res<'w, Templates>>,
    streams: Res<'w, Streams>,
}

/// Gives the seat its order at every turn. It does not see through the policy, which may still be learning:
/// where an attacker sees what the policy would do, it sees that it holds.
pub fn think(
    mind: Option<ResMut<Mind>>,
    seat: Option<ResMut<Seat>>,
    turns: Option<ResMut<Turns>>,
    seen: Seen<'_>,
    around: Around<'_>,
    attackers: Query<&Attacker>,
) {
    let (Some(mut mind), Some(mut seat), Some(mut turns)) = (mind, seat, turns) else { return };
    let Around { chain, exchange, prices, views, episode, config, templates, streams } = &around;
    if !seat.taken || !is_turn(episode, config.decision_every_blocks, mind.idle_blocks) {
        return;
    }
    let Some(attacker) = attackers.iter().find(|a| a.has_ground()) else { return };
    let Mind { assailant, row, mask, action, .. } = &mut *mind;
    let public = seen.dim();
    let heads = seen.heads().count();
    let templates = templates.as_ref().map_or(&[][..], |templates| &templates.0);
    row.resize(public + heads + fields(templates.len()), 0.0);
    seen.write_row(&mut row[..public]);
    row[public..public + heads].fill(0.0);
    let gas_price_usd = prices.usd(chain.gas_asset());
    let sight = Sight { chain, exchange, prices, views, gas_price_usd };
    let own = &mut row[public + heads..];
    attacker.look(&sight, (episode, config), templates, (own, mask));
    let mut rng =
        streams.at(Purpose::Learner, actor_key("attacker", 0), episode.number, episode.block);
    assailant.by_chance(turns.0 as usize, row, mask, action, &mut rng);
    turns.0 += 1;
    seat.order = Some(Order::of(action));
}
