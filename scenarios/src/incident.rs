//! Incidents of the past: a stage, what was recorded, and how near the simulation comes.
//!
//! A figure is a *reproduction* where the file fixes everything that leads to it: it tests the mechanisms.
//! It is of a *model* where behaviour decides: it tests the behaviour, and only such figures are scored.

use crate::cascade::{self, Cascade, Friction, PathSpec};
use crate::check::Checker;
use crate::episode::hex;
use crate::load::{read, typed};
use crate::problem::Rejected;
use crate::stage::{Placed, Played, Refusal, Stage, place, play};
use crate::tree;
use markets::units::{AccountId, Amount, AssetId, MarketId};
use serde::{Deserialize, Serialize};
use sim::chain::call::{Log, VaultLog};
use sim::prices::unit;
use sim::worth::Fair;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The schema that this build reads.
pub const SCHEMA: u32 = 1;

/// An incident file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Version of this schema; [`SCHEMA`].
    pub schema: u32,
    /// A name for files and reports: `bzx1_2020_02_15`.
    pub id: String,
    /// A title.
    pub name: String,
    /// What happened.
    pub summary: String,
    /// Where its facts are from.
    pub sources: Vec<String>,
    /// What stood where, and what was done.
    pub stage: Stage,
    /// A fall of prices after the timeline, and who lives through it.
    #[serde(default)]
    pub cascade: Option<Cascade>,
    /// What was recorded.
    pub figures: Vec<Figure>,
    /// Where there is no cascade, which has a null of its own: overrides, as `--set` takes them, that put what was
    /// recorded in the place of what the model lets come out, prices above all. What is measured then is the null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null: Vec<String>,
}

/// How a recorded figure is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Basis {
    /// Read in a source.
    Retrieved,
    /// Worked out from what was read.
    Derived,
    /// Remembered, to be checked.
    Recalled,
}

/// What a figure tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// The file fixes everything that leads to it: the mechanisms.
    Reproduction,
    /// Behaviour decides: the behaviour.
    Model,
}

/// A recorded figure, and what it is in the simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// What was recorded; nothing in a world that never was.
    #[serde(default)]
    pub recorded: Option<f64>,
    /// Its unit, for people.
    pub unit: String,
    /// How it is known.
    pub basis: Basis,
    /// How surely, from 0 to 1.
    pub confidence: f64,
    /// What it tests.
    pub kind: Kind,
    /// What it is here.
    pub measure: Measure,
    /// How far a reproduction may be off, in percent of what was recorded. Where absent: half of the last
    /// digit that was recorded, at most a percent and at least a thousandth.
    #[serde(default)]
    pub within_percent: Option<f64>,
    /// Why the two may differ, where that is known.
    #[serde(default)]
    pub note: String,
}

/// What is read from a played stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "a measure's sentence names its fields")]
pub enum Measure {
    /// What an account has more of an asset than at the start, in whole tokens.
    Gained { who: String, asset: String },
    /// What an account holds more than at the start, in USD at the fair prices of the end; what it has in
    /// markets counts where that is more than it owes there.
    GainedUsd { who: String },
    /// The same, in whole tokens of an asset.
    GainedWorth { who: String, asset: String },
    /// What a transaction brought its sender of an asset, in whole tokens.
    Received { label: String, asset: String },
    /// What it cost them.
    Paid { label: String, asset: String },
    /// What a market lent or sold in the whole timeline to an account, in whole tokens.
    Borrowed { market: String, who: String, asset: String },
    /// What an account bought of an asset from a pool in the whole timeline, in whole tokens.
    Bought { pool: String, who: String, asset: String },
    /// What it supplied to a market, in whole tokens.
    Supplied { market: String, who: String, asset: String },
    /// What liquidations took of an asset from a market's borrowers, in whole tokens.
    Seized { market: String, asset: String },
    /// What an account has in a market at the end, in USD at fair prices.
    OwnedUsd { market: String, who: String },
    /// Debt in a market that nothing covers at the end, in whole tokens of an asset at fair prices.
    BadDebtWorth { market: String, asset: String },
    /// Debt in a market that nothing covers at fair prices at the end, in USD.
    BadDebtUsd { market: String },
    /// Debt that liquidations repaid in a market, in USD.
    RepaidUsd { market: String },
    /// Collateral that they took, in USD.
    SeizedUsd { market: String },
    /// How many there were.
    Liquidations { market: String },
    /// How many auctions a market of vaults has started.
    Auctions { market: String },
    /// Of those that were won, the share won with less than a hundredth of the lot's worth.
    ZeroBidShare { market: String },
    /// The highest that a feed said between transactions, in USD.
    Highest { feed: String },
    /// The lowest.
    Lowest { feed: String },
    /// What a feed said after a transaction, in USD.
    Said { label: String, feed: String },
}

/// A figure, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    /// The figure.
    #[serde(flatten)]
    pub figure: Figure,
    /// What the simulation has.
    pub simulated: f64,
    /// Simulated over recorded; `None` where nothing, or zero, was recorded.
    pub ratio: Option<f64>,
    /// The same over the sweep of what is not known of a cascade: least and most.
    pub swept: Option<(f64, f64)>,
    /// What a null has: of a cascade mechanical liquidation at the recorded price, without anybody's behaviour; of
    /// a stage its [`Incident::null`].
    pub null: Option<f64>,
    /// Of a reproduction, whether it is as near as it must be ([`Figure::is_met`]).
    pub reproduced: Option<bool>,
}

impl Figure {
    /// Whether a value reproduces what was recorded: within [`Self::within_percent`]; by default within half of
    /// the record's last digit where that is at most a percent of it, or a thousandth of it (fees and prices of
    /// an incident are rarely recorded more finely).
    #[must_use]
    pub fn is_met(&self, value: f64) -> bool {
        let Some(recorded) = self.recorded else { return true };
        let (off, size) = (libm::fabs(value - recorded), libm::fabs(recorded));
        match self.within_percent {
            Some(percent) => off <= size * percent / 100.0,
            None => off <= (0.5 * last_digit(recorded)).min(size * 1e-2).max(size * 1e-3),
        }
    }
}

/// The place value of a number's last digit that is not zero: 10,000 for 30,000, a hundredth for 1.25.
fn last_digit(x: f64) -> f64 {
    let text = format!("{}", libm::fabs(x));
    match text.split_once('.') {
        Some((_, part)) => libm::pow(10.0, -(part.len() as f64)),
        None => {
            let zeros = text.len() - text.trim_end_matches('0').len();
            libm::pow(10.0, zeros as f64)
        }
    }
}

impl Measured {
    /// Whether the simulation is nearer to the record than the null model: by the ratio, and where nothing was
    /// recorded by the amount; `None` where the figure is not scored.
    #[must_use]
    pub fn beats_null(&self) -> Option<bool> {
        let recorded = self.figure.recorded?;
        let distance = |x: f64| match x / recorded {
            _ if recorded == 0.0 => Some(libm::fabs(x)),
            ratio => (ratio > 0.0).then(|| libm::fabs(libm::log(ratio))),
        };
        if self.figure.kind != Kind::Model {
            return None;
        }
        match (distance(self.simulated), distance(self.null?)) {
            (Some(here), Some(there)) => Some(here < there),
            // Nothing where there was something is infinitely far.
            (Some(_), None) => Some(true),
            (None, _) => Some(false),
        }
    }
}

/// An incident that was read, checked and played.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// The file.
    pub incident: Incident,
    /// Where it was read from.
    pub path: PathBuf,
    /// A hash over its text and the price files that it names: the incident as it was before the run.
    pub hash: String,
    /// The digest of the chain's state before the first transaction of the timeline, drawn borrowers included: the
    /// position book.
    pub book: String,
    /// The stage before and after.
    pub played: Played,
    /// Its figures.
    pub figures: Vec<Measured>,
}

/// The stage of an incident file, placed and not played, and its text with the overrides.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn stage(path: &Path, overrides: &[String]) -> Result<(Incident, Placed, String), Rejected> {
    stage_of(path, &read(path)?, overrides)
}

/// The same of an incident's text; `path` says where it is from.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn stage_of(
    path: &Path,
    text: &str,
    overrides: &[String],
) -> Result<(Incident, Placed, String), Rejected> {
    let file = path.display().to_string();
    let (source, incident) = typed::<Incident>(&file, text, overrides)?;
    let root = tree::parse(&source.text).ok();
    let mut checker = Checker::new(&source, root.as_ref());
    checker.header(&incident);
    let placed = place(&incident.stage, "stage.", &mut checker);
    let text = source.text.as_str().to_owned();
    finish(checker, path, file, placed).map(|placed| (incident, placed, text))
}

/// Reads, checks and plays an incident, and measures its figures.
///
/// # Errors
/// Everything that is wrong with the file, a transaction that does not succeed included.
pub fn replay(path: &Path, overrides: &[String]) -> Result<Replayed, Rejected> {
    let file = path.display().to_string();
    let text = read(path)?;
    let (source, incident) = typed::<Incident>(&file, &text, overrides)?;
    let root = tree::parse(&source.text).ok();
    let mut checker = Checker::new(&source, root.as_ref());
    checker.header(&incident);
    let base = path.parent().unwrap_or(Path::new(""));
    let hash = hash(&source.text, &incident, base);
    let measured = if checker.count() == 0 {
        measured(&incident, base, &mut checker)
    } else {
        // Nothing is played; what else is wrong with the stage is said too.
        let _placed = place(&incident.stage, "stage.", &mut checker);
        None
    };
    let (played, mut figures) = finish(checker, path, file, measured)?;
    if !incident.null.is_empty() {
        let all = [overrides, &incident.null].concat();
        for (figure, value) in figures.iter_mut().zip(null(path, &text, &all)?) {
            figure.null = Some(value);
        }
    }
    let book = hex(&played.before.chain.state_hash());
    Ok(Replayed { incident, path: path.to_owned(), hash, book, played, figures })
}

/// What the figures of an incident without a cascade are with these overrides.
fn null(path: &Path, text: &str, overrides: &[String]) -> Result<Vec<f64>, Rejected> {
    let file = path.display().to_string();
    let (source, incident) = typed::<Incident>(&file, text, overrides)?;
    let root = tree::parse(&source.text).ok();
    let mut checker = Checker::new(&source, root.as_ref());
    let staged = staged(&incident, &mut checker);
    finish(checker, path, file, staged.map(|(_, values)| values))
}

/// Plays an incident's stage and timeline, and measures.
fn staged(incident: &Incident, checker: &mut Checker<'_>) -> Option<(Played, Vec<f64>)> {
    let placed = place(&incident.stage, "stage.", checker)?;
    let played = play(&incident.stage, placed, "stage.", checker)?;
    let values = values(incident, &played, checker)?;
    Some((played, values))
}

/// A hash over an incident's text and the price files that it names; a file that cannot be read is refused where it is
/// played.
fn hash(text: &str, incident: &Incident, base: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    for price in incident.cascade.iter().flat_map(|cascade| &cascade.prices) {
        if let PathSpec::Csv(file) = &price.path
            && let Ok(bytes) = std::fs::read(base.join(file))
        {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
    }
    hasher.finalize().to_hex().to_string()
}

fn finish<T>(
    checker: Checker<'_>,
    path: &Path,
    file: String,
    made: Option<T>,
) -> Result<T, Rejected> {
    checker.finish().map_err(|problems| Rejected { file, problems })?;
    made.ok_or_else(|| {
        Rejected::whole(path, "nothing was played", "this is a fault of the program")
    })
}

/// Plays an incident under every friction of the sweep and under none.
fn measured(
    incident: &Incident,
    base: &Path,
    checker: &mut Checker<'_>,
) -> Option<(Played, Vec<Measured>)> {
    let Some(cascade) = &incident.cascade else {
        let (played, values) = staged(incident, checker)?;
        let each = incident.figures.iter().zip(&values);
        let figures = each.map(|(figure, value)| single(figure, *value)).collect();
        return Some((played, figures));
    };
    let run = |friction: &Friction, checker: &mut Checker<'_>| {
        let mut stage = incident.stage.clone();
        let settlers = cascade::enrol(&mut stage, cascade, friction.seed);
        let settlers = settlers.map_err(|wrong| refuse(checker, wrong)).ok()?;
        let mut placed = place(&stage, "stage.", checker)?;
        let members = settlers.settle(cascade, &mut placed);
        let mut members = members.map_err(|wrong| refuse(checker, wrong)).ok()?;
        let mut played = play(&stage, placed, "stage.", checker)?;
        cascade::run(cascade, base, friction, &mut members, &mut played)
            .map_err(|wrong| refuse(checker, wrong))
            .ok()?;
        let values = values(incident, &played, checker)?;
        Some((played, values))
    };
    let frictions = cascade.friction.sweep();
    let (played, middle) = run(&frictions[0], checker)?;
    let (_, null) = run(&Friction::NONE, checker)?;
    let mut swept = vec![middle.clone()];
    for friction in &frictions[1..] {
        swept.push(run(friction, checker)?.1);
    }
    let figures = incident.figures.iter().enumerate().map(|(i, figure)| {
        let all = swept.iter().map(|values| values[i]);
        let low = all.clone().fold(f64::INFINITY, f64::min);
        let high = all.fold(f64::NEG_INFINITY, f64::max);
        Measured { swept: Some((low, high)), null: Some(null[i]), ..single(figure, middle[i]) }
    });
    let figures = figures.collect();
    Some((played, figures))
}

fn refuse(checker: &mut Checker<'_>, (at, (message, help)): (String, Refusal)) {
    checker.refuse(&format!("cascade.{at}"), message, help);
}

fn single(figure: &Figure, simulated: f64) -> Measured {
    Measured {
        figure: figure.clone(),
        simulated,
        ratio: figure
            .recorded
            .filter(|recorded| *recorded != 0.0)
            .map(|recorded| simulated / recorded),
        swept: None,
        null: None,
        reproduced: (figure.kind == Kind::Reproduction).then(|| figure.is_met(simulated)),
    }
}

impl Checker<'_> {
    fn header(&mut self, incident: &Incident) {
        if incident.schema != SCHEMA {
            let message = format!("schema {} is not known to this build", incident.schema);
            self.refuse("schema", message, format!("this build reads schema {SCHEMA}"));
        }
        if incident.id.trim().is_empty() {
            self.refuse("id", "an incident needs a name for files and reports", "bzx1_2020_02_15");
        }
        if incident.sources.is_empty() {
            self.refuse("sources", "an incident without sources", "say where its facts are from");
        }
        for (i, figure) in incident.figures.iter().enumerate() {
            self.within(&format!("figures.{i}.confidence"), figure.confidence, 0.0, 1.0);
            if let Some(percent) = figure.within_percent {
                self.within(&format!("figures.{i}.within_percent"), percent, 0.0, 100.0);
            }
            if figure.recorded.is_some_and(|recorded| !recorded.is_finite()) {
                let message = "this is no number that was recorded";
                self.refuse(&format!("figures.{i}.recorded"), message, "write a number");
            }
        }
        self.once(
            |i| format!("figures.{i}.name"),
            incident.figures.iter().map(|f| f.name.as_str()),
        );
        if let Some(cascade) = &incident.cascade {
            self.cascade(cascade);
            if !incident.null.is_empty() {
                let help = "leave it out";
                self.refuse(
                    "null",
                    "a cascade has its own null: no friction and nobody's behaviour",
                    help,
                );
            }
        }
    }

    /// What a cascade must have, and its numbers.
    fn cascade(&mut self, cascade: &Cascade) {
        if cascade.keepers.is_empty() {
            let help = "without keepers nobody liquidates: add (market: \"…\")";
            self.refuse("cascade.keepers", "a cascade needs somebody who liquidates", help);
        }
        let friction = &cascade.friction;
        let lists = [
            ("depth_left", &friction.depth_left, 1e-6, 1.0),
            ("half_life_secs", &friction.half_life_secs, 1.0, 1e7),
        ];
        for (name, list, least, most) in lists {
            let at = format!("cascade.friction.{name}");
            if list.is_empty() {
                self.refuse(&at, "there is nothing to simulate with", "write at least one number");
            }
            for (i, value) in list.iter().enumerate() {
                self.within(&format!("{at}.{i}"), *value, least, most);
            }
        }
        for (i, report) in cascade.reports.iter().enumerate() {
            let at = format!("cascade.reports.{i}.deviation_bps");
            self.within(&at, report.deviation_bps, 0.0, 1e4);
        }
    }
}

/// Every figure's value, in order; `None` where one names what is not there.
fn values(incident: &Incident, played: &Played, checker: &mut Checker<'_>) -> Option<Vec<f64>> {
    let mut values = Vec::new();
    for (i, figure) in incident.figures.iter().enumerate() {
        match measure(&figure.measure, played) {
            Ok(value) => values.push(value),
            Err((message, help)) => {
                checker.refuse(&format!("figures.{i}.measure"), message, help);
            }
        }
    }
    (values.len() == incident.figures.len()).then_some(values)
}

fn measure(measure: &Measure, played: &Played) -> Result<f64, (String, String)> {
    let (before, after) = (&played.before, &played.after);
    let names = &after.names;
    let tokens =
        |asset: AssetId, amount: Amount| amount.to_f64() * unit(after.chain.asset(asset).decimals);
    let transaction = |label: &str| {
        played.transactions.iter().find(|done| done.label == label).ok_or_else(|| {
            let known: Vec<&str> = played.transactions.iter().map(|d| d.label.as_str()).collect();
            (format!("no transaction \"{label}\""), format!("there are: {}", known.join(", ")))
        })
    };
    let fair = Fair::with_shares(&after.chain, &after.fair);
    Ok(match measure {
        Measure::Gained { who, asset } => {
            let (who, asset) = (names.account(who)?, names.asset(asset)?);
            tokens(asset, after.chain.balance(who, asset))
                - tokens(asset, before.chain.balance(who, asset))
        }
        Measure::GainedUsd { who } => gained_usd(played, &fair, names.account(who)?),
        Measure::GainedWorth { who, asset } => {
            let usd = fair.token_usd(&after.chain, names.asset(asset)?);
            gained_usd(played, &fair, names.account(who)?) / usd
        }
        Measure::Received { label, asset } => {
            let (done, asset) = (transaction(label)?, names.asset(asset)?);
            let at = asset.index();
            tokens(asset, done.after[at]) - tokens(asset, done.before[at])
        }
        Measure::Paid { label, asset } => {
            let (done, asset) = (transaction(label)?, names.asset(asset)?);
            let at = asset.index();
            tokens(asset, done.before[at]) - tokens(asset, done.after[at])
        }
        Measure::Borrowed { market, who, asset } => {
            let wanted = (names.market(market)?, names.account(who)?, names.asset(asset)?);
            sum(played, |log, _| match log {
                Log::Borrow { market, by, asset, amount } if (*market, *by, *asset) == wanted => {
                    Some(tokens(*asset, *amount))
                }
                _ => None,
            })
        }
        Measure::Bought { pool, who, asset } => {
            let (pool, who, asset) = (names.pool(pool)?, names.account(who)?, names.asset(asset)?);
            sum(played, |log, _| match log {
                Log::Swap { pool: at, by, asset_in, amount_out, .. }
                    if (*at, *by) == (pool, who) && *asset_in != asset =>
                {
                    Some(tokens(asset, *amount_out))
                }
                _ => None,
            })
        }
        Measure::Supplied { market, who, asset } => {
            let wanted = (names.market(market)?, names.account(who)?, names.asset(asset)?);
            sum(played, |log, _| match log {
                Log::Supply { market, by, asset, amount } if (*market, *by, *asset) == wanted => {
                    Some(tokens(*asset, *amount))
                }
                _ => None,
            })
        }
        Measure::Seized { market, asset } => {
            let wanted = (names.market(market)?, names.asset(asset)?);
            sum(played, |log, _| match log {
                Log::Liquidation { market, collateral, seized, .. }
                    if (*market, *collateral) == wanted =>
                {
                    Some(tokens(*collateral, *seized))
                }
                _ => None,
            })
        }
        Measure::OwnedUsd { market, who } => {
            let (market, who) = (names.market(market)?, names.account(who)?);
            fair.stake(&after.chain, market, who).owned_usd
        }
        Measure::BadDebtWorth { market, asset } => {
            let usd = fair.token_usd(&after.chain, names.asset(asset)?);
            fair.bad_debt_usd(&after.chain, names.market(market)?) / usd
        }
        Measure::BadDebtUsd { market } => fair.bad_debt_usd(&after.chain, names.market(market)?),
        Measure::RepaidUsd { market } => {
            let wanted = names.market(market)?;
            sum(played, |log, fair| match log {
                Log::Liquidation { market, debt, repaid, .. } if *market == wanted => {
                    Some(fair.usd(*debt, *repaid))
                }
                _ => None,
            })
        }
        Measure::SeizedUsd { market } => {
            let wanted = names.market(market)?;
            sum(played, |log, fair| match log {
                Log::Liquidation { market, collateral, seized, .. } if *market == wanted => {
                    Some(fair.usd(*collateral, *seized))
                }
                _ => None,
            })
        }
        Measure::Liquidations { market } => {
            let wanted = names.market(market)?;
            sum(played, |log, _| match log {
                Log::Liquidation { market, .. } if *market == wanted => Some(1.0),
                _ => None,
            })
        }
        Measure::Auctions { market } => {
            let vault = after.chain.markets()[names.market(market)?.index()].vault();
            vault.map_or(f64::NAN, |vault| vault.state.kicks as f64)
        }
        Measure::ZeroBidShare { market } => zero_bid_share(played, names.market(market)?),
        Measure::Highest { feed } => {
            played.seen[names.feed(feed)?.index()].map_or(f64::NAN, |(_, high)| high)
        }
        Measure::Lowest { feed } => {
            played.seen[names.feed(feed)?.index()].map_or(f64::NAN, |(low, _)| low)
        }
        Measure::Said { label, feed } => {
            transaction(label)?.prices[names.feed(feed)?.index()].unwrap_or(f64::NAN)
        }
    })
}

/// The sum of what is read from the logs, each with the fair prices of its time. (A float's empty sum is −0.)
fn sum(played: &Played, read: impl Fn(&Log, &Fair) -> Option<f64>) -> f64 {
    played.logs.iter().filter_map(|(log, fair)| read(log, fair)).sum::<f64>() + 0.0
}

/// What an account gained at the fair prices of the end; a position under water is left behind.
fn gained_usd(played: &Played, fair: &Fair, who: AccountId) -> f64 {
    let worth = |placed: &Placed| {
        let markets = (0..placed.chain.markets().len() as u16).map(MarketId);
        let stakes: f64 =
            markets.map(|market| fair.equity_usd(&placed.chain, market, who).max(0.0)).sum();
        fair.wallet_usd(&placed.chain, who) + stakes
    };
    worth(&played.after) - worth(&played.before)
}

/// Of the auctions won in a market of vaults, the share that went for less than a hundredth of their worth.
fn zero_bid_share(played: &Played, wanted: MarketId) -> f64 {
    let chain = &played.after.chain;
    let Some(vault) = chain.markets()[wanted.index()].vault() else { return f64::NAN };
    let (mut won, mut for_nothing) = (0.0, 0.0);
    let mut last: BTreeMap<u64, f64> = BTreeMap::new();
    for (log, fair) in &played.logs {
        match log {
            Log::Vault(VaultLog::Bid { market, auction, bid, .. }) if *market == wanted => {
                last.insert(*auction, bid.to_f64() / 1e45 * fair.token_usd(chain, vault.dai));
            }
            Log::Vault(VaultLog::Dealt { market, auction, lot }) if *market == wanted => {
                // Incidents have one kind of vault a market, or kinds that are alike in this.
                let usd = vault.ilks.first().map_or(0.0, |ilk| fair.token_usd(chain, ilk.token));
                let worth = lot.to_f64() / 1e18 * usd;
                won += 1.0;
                if last.get(auction).is_some_and(|bid| *bid < worth / 100.0) {
                    for_nothing += 1.0;
                }
            }
            _ => {}
        }
    }
    if won > 0.0 { for_nothing / won } else { 0.0 }
}
