//! The loop: prices, reports, borrowers, keepers.

use super::auctions::{self, Room, poke};
use super::book::{Member, tokens};
use super::keepers::{Desk, Outlet, outlets};
use super::schema::{Cascade, Friction, PathSpec, Report};
use crate::schema::Role;
use crate::stage::{Names, Played, Refusal, execute, price};
use crate::windows::Window;
use markets::units::{AssetId, FeedId, MarketId};
use sim::chain::call::{AmountExpr, Call, Outcome, Transaction, TxHeader};
use sim::chain::{Chain, Market};
use sim::prices::unit;
use sim::worth::Fair;
use std::path::Path;

/// A path that can be asked for any second.
struct Track {
    asset: AssetId,
    /// Seconds and USD.
    points: Vec<(f64, f64)>,
}

impl Track {
    fn at(&self, secs: f64) -> f64 {
        let next = self.points.partition_point(|(at, _)| *at <= secs);
        match (next.checked_sub(1).map(|i| self.points[i]), self.points.get(next)) {
            (Some((t0, p0)), Some((t1, p1))) => {
                let share = (secs - t0) / (t1 - t0);
                libm::exp(libm::log(p0) + share * (libm::log(*p1) - libm::log(p0)))
            }
            (Some((_, last)), None) => last,
            (None, Some((_, first))) => *first,
            (None, None) => 0.0,
        }
    }
}

/// A feed that follows a price.
struct Reporter {
    feed: FeedId,
    track: usize,
    spec: Report,
    last: f64,
    last_at: f64,
}

/// Seconds between two looks of a borrower at its health.
const LOOK_SECS: f64 = 600.0;

/// Most liquidations of one account within a step.
const MOST_ROUNDS: u32 = 8;

/// Plays a cascade after a timeline, on the same chain.
pub(crate) fn run(
    cascade: &Cascade,
    base: &Path,
    friction: &Friction,
    members: &mut [Member],
    played: &mut Played,
) -> Result<(), (String, Refusal)> {
    let names = played.after.names.clone();
    let start = played.after.chain.clock().timestamp;
    let tracks = tracks(cascade, base, &names, start)?;
    let mut reporters = Vec::new();
    for (i, spec) in cascade.reports.iter().enumerate() {
        let at = |refusal| (format!("reports.{i}"), refusal);
        let feed = names.feed(&spec.feed).map_err(at)?;
        let asset = names.asset(&spec.asset).map_err(at)?;
        let track = tracks.iter().position(|track| track.asset == asset).ok_or_else(|| {
            at((format!("no path for \"{}\"", spec.asset), "add it to prices".to_owned()))
        })?;
        let last = played.after.chain.price(feed).map_or(0.0, |price| price.usd());
        reporters.push(Reporter { feed, track, spec: spec.clone(), last, last_at: 0.0 });
    }
    let (mut desks, mut rooms) = (Vec::new(), Vec::new());
    for (i, spec) in cascade.keepers.iter().enumerate() {
        let at = |refusal| (format!("keepers.{i}"), refusal);
        if let Some(bidders) = spec.bidders {
            let room = Room::new(spec, bidders, &names, friction).map_err(at)?;
            room.open(played).map_err(at)?;
            rooms.push(room);
        } else {
            desks.push(Desk::new(spec, &names).map_err(at)?);
        }
    }
    let outlets = outlets(&cascade.outlets, &names);
    let mut outlets = outlets.map_err(|refusal| ("outlets".to_owned(), refusal))?;
    let gas = cascade.gas_gwei.iter().map(|(hours, gwei)| (hours * 3_600.0, *gwei)).collect();
    let gas = Track { asset: played.after.chain.gas_asset(), points: gas };
    let step = f64::from(cascade.step_secs);
    let steps = cascade.hours * 3_600.0 / step;
    if !(cascade.step_secs > 0 && steps.is_finite() && (1.0..=1e6).contains(&steps)) {
        let refusal = ("no or too many steps".to_owned(), "up to a million steps".to_owned());
        return Err(("hours".to_owned(), refusal));
    }
    let mut stirred = true;
    for n in 1..=steps as u64 {
        let secs = n as f64 * step;
        played.next(cascade.step_secs);
        for track in &tracks {
            played.after.fair[track.asset.index()] = track.at(secs);
        }
        let mut moved = false;
        for reporter in &mut reporters {
            moved |= report(reporter, &tracks, secs, &outlets, friction, played)
                .map_err(|refusal| ("reports".to_owned(), refusal))?;
        }
        if moved {
            played.look();
        }
        let poked = poke(played);
        for room in &rooms {
            room.step(n, gas.at(secs), friction, members, poked || n == 1, played);
        }
        for outlet in &mut outlets {
            let track = tracks.iter().find(|track| track.asset == outlet.asset);
            let last_hour = track.map_or(0.0, |track| {
                libm::log(track.at(secs) / track.at((secs - 3_600.0).max(0.0)))
            });
            outlet.recover(step, last_hour, friction);
        }
        // Interest alone changes little within a step: health is looked at after a report, and while
        // something could not be sold.
        if friction.on && secs % LOOK_SECS < step {
            defend(members, played);
        }
        if moved || stirred {
            stirred = liquidate(&desks, &mut outlets, members, friction, played);
        }
    }
    Ok(())
}

fn tracks(
    cascade: &Cascade,
    base: &Path,
    names: &Names,
    start: u64,
) -> Result<Vec<Track>, (String, Refusal)> {
    let mut tracks: Vec<Track> = Vec::new();
    for (i, spec) in cascade.prices.iter().enumerate() {
        let at = |refusal| (format!("prices.{i}"), refusal);
        let asset = names.asset(&spec.asset).map_err(at)?;
        let points = match &spec.path {
            PathSpec::Points(points) => {
                points.iter().map(|(hours, usd)| (hours * 3_600.0, *usd)).collect()
            }
            PathSpec::Csv(file) => from_file(&base.join(file), start).map_err(at)?,
            PathSpec::Per { of, ratio } => {
                let other = names.asset(of).map_err(at)?;
                let found = tracks.iter().find(|track| track.asset == other).ok_or_else(|| {
                    let help = "place the other asset's path before this one";
                    at((format!("\"{of}\" has no path yet"), help.to_owned()))
                })?;
                let points = ratio.iter().map(|(hours, ratio)| (hours * 3_600.0, *ratio));
                let ratio = Track { asset, points: points.collect() };
                let mut times: Vec<f64> = found.points.iter().map(|(secs, _)| *secs).collect();
                times.extend(ratio.points.iter().map(|(secs, _)| *secs));
                times.sort_by(f64::total_cmp);
                times.dedup();
                times.into_iter().map(|secs| (secs, found.at(secs) * ratio.at(secs))).collect()
            }
        };
        let rising = points.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let sound = points.iter().all(|(t, p)| t.is_finite() && p.is_finite() && *p > 0.0);
        if points.is_empty() || !rising || !sound {
            let help = "at least one point, times rising, prices above zero";
            return Err(at(("a path that cannot be".to_owned(), help.to_owned())));
        }
        tracks.push(Track { asset, points });
    }
    Ok(tracks)
}

/// A recorded window as points: open, the nearer of high and low, the other, close.
fn from_file(file: &Path, start: u64) -> Result<Vec<(f64, f64)>, Refusal> {
    let window = Window::read("path", Role::Test, file).map_err(|error| {
        (error.to_string(), "name a price file, relative to the incident's".to_owned())
    })?;
    let mut points = Vec::new();
    for (i, bar) in window.bars.iter().enumerate() {
        let opens = window.start.0 as f64 + i as f64 * f64::from(window.bar_secs) - start as f64;
        let up_first = bar.high - bar.open < bar.open - bar.low;
        let (first, second) = if up_first { (bar.high, bar.low) } else { (bar.low, bar.high) };
        let quarter = f64::from(window.bar_secs) / 4.0;
        points.push((opens, bar.open));
        points.push((opens + quarter, first));
        points.push((opens + 2.0 * quarter, second));
        points.push((opens + 3.0 * quarter, bar.close));
    }
    Ok(points)
}

/// Pushes a price where that is due; whether it did.
fn report(
    reporter: &mut Reporter,
    tracks: &[Track],
    secs: f64,
    outlets: &[Outlet],
    friction: &Friction,
    played: &mut Played,
) -> Result<bool, Refusal> {
    let spec = &reporter.spec;
    let hours = secs / 3_600.0;
    let silent = spec.silent_hours.iter().any(|(from, to)| (*from..*to).contains(&hours));
    let seen_at = if friction.on { (secs - spec.lag_secs as f64).max(0.0) } else { secs };
    let track = &tracks[reporter.track];
    let outlet = outlets.iter().find(|o| o.asset == track.asset).filter(|_| spec.sees_sales);
    let seen = (track.at(seen_at) * outlet.map_or(1.0, Outlet::ratio)).max(spec.floor_usd);
    let moved = (seen / reporter.last - 1.0).abs() * 1e4;
    let due = if friction.on {
        !silent
            && (moved >= spec.deviation_bps
                || secs - reporter.last_at >= spec.heartbeat_secs as f64)
    } else {
        moved > 0.0
    };
    if due {
        let by = played.after.names.world();
        let call = Call::PushPrice { feed: reporter.feed, price: price(seen)? };
        execute(&mut played.after, by, &[call])?;
        (reporter.last, reporter.last_at) = (seen, secs);
    }
    Ok(due)
}

/// Borrowers below their trigger repay until their health is what it was, as far as their savings go.
fn defend(members: &mut [Member], played: &mut Played) {
    for member in members.iter_mut().filter(|m| m.trigger > 0.0 && m.savings > 0.0) {
        let chain = &mut played.after.chain;
        let Some((health, debt)) = health(chain, member.market, member) else { continue };
        if health >= member.trigger {
            continue;
        }
        let wanted = (debt * (1.0 - health / member.health)).min(member.savings);
        let amount = tokens(chain, member.debt, wanted);
        let call = Call::Repay {
            market: member.market,
            asset: member.debt,
            amount: AmountExpr::Exact(amount),
        };
        let header = TxHeader::free(member.account);
        let outcome = chain.execute(Transaction { header: &header, calls: &[call] }).outcome;
        member.savings = if outcome == Outcome::Success { member.savings - wanted } else { 0.0 };
    }
}

/// A member's health factor, and its debt in whole tokens; `None` without debt or price.
fn health(chain: &Chain, market: MarketId, member: &Member) -> Option<(f64, f64)> {
    let scale = unit(chain.asset(member.debt).decimals);
    match &chain.markets()[market.index()] {
        Market::Pooled(pooled) => {
            if !pooled.position(member.account).is_borrowing_any() {
                return None;
            }
            let health = chain.health(market, member.account).ok()?;
            let debt = pooled.debt(chain, member.account, pooled.reserve_of(member.debt)?);
            let factor = markets::units::Amount(health.health_factor.0).to_f64() / 1e18;
            Some((factor, debt.to_f64() * scale))
        }
        Market::Compound(compound) => {
            let token = compound.token_of(member.debt)?;
            let owed = compound.borrow_balance_stored(member.account, token)?;
            let liquidity = compound.account_liquidity(chain, member.account).ok()?;
            let usd = chain.price(compound.tokens[usize::from(token)].feed).ok()?.usd();
            let debt = owed.to_f64() * scale;
            let spare = |wad| markets::units::Amount(wad).to_f64() / 1e18;
            let spare = spare(liquidity.liquidity) - spare(liquidity.shortfall);
            (debt > 0.0).then(|| ((debt * usd + spare) / (debt * usd), debt))
        }
        Market::Vault(vault) => auctions::health(chain, vault, member),
        _ => None,
    }
}

/// Lets every desk liquidate what pays; whether something is left that does not.
fn liquidate(
    desks: &[Desk],
    outlets: &mut [Outlet],
    members: &[Member],
    friction: &Friction,
    played: &mut Played,
) -> bool {
    let mut left = false;
    let fair = Fair::with_shares(&played.after.chain, &played.after.fair);
    let named = played.after.names.people();
    for desk in desks {
        let market = desk.market;
        let book = members.iter().filter(|m| m.market == market).map(|m| m.account);
        for account in book.chain(named.iter().copied()) {
            // Again while it is under water and pays: each time the close factor's share.
            for _ in 0..MOST_ROUNDS {
                let Some(call) = desk.offer(&played.after.chain, &fair, account, outlets, friction)
                else {
                    break;
                };
                left = true;
                if played.try_run(desk.by, &[call]) != Outcome::Success {
                    break;
                }
            }
        }
    }
    left
}
