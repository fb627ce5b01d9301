//! From a stage file to a chain: names become ids, decimals become integers, contracts are placed and
//! filled by transactions.

use super::act::{On, translate};
use super::names::{Names, Refusal, refuse};
use super::schema::{Decimal, Stage, StagePool, Step};
use crate::check::Checker;
use crate::dates::Utc;
use markets::units::{AccountId, AssetId, MarketId};
use sim::chain::call::{Call, Outcome, Transaction, TxHeader, VaultCall};
use sim::chain::{CONTRACT, Chain};

/// A chain with everything placed, and the names of it all.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The chain, after the setup.
    pub chain: Chain,
    /// Who is who.
    pub names: Names,
    /// Fair prices in USD, by asset; zero for what has none of its own (shares).
    pub fair: Vec<f64>,
}

/// Places a stage; problems go to the checker, each at its place.
pub(crate) fn place(stage: &Stage, at: &str, checker: &mut Checker<'_>) -> Option<Placed> {
    let before = checker.count();
    let Some(start) = Utc::parse(&stage.start_utc).filter(|t| t.0 > u64::from(stage.block_secs))
    else {
        let message = format!("\"{}\" is no moment", stage.start_utc);
        checker.refuse(&format!("{at}start_utc"), message, "write it as 2020-02-15T01:38:57Z");
        return None;
    };
    checker.within(&format!("{at}block_secs"), f64::from(stage.block_secs), 1.0, 86_400.0);
    names_once(stage, at, checker);
    let mut builder = Builder::new(stage, start.0 - u64::from(stage.block_secs));
    let mut each = |path: String, done: Result<(), Refusal>| {
        if let Err((message, help)) = done {
            checker.refuse(&path, message, help);
        }
    };
    for (i, holder) in stage.accounts.iter().enumerate() {
        for (k, holding) in holder.holds.iter().enumerate() {
            let minted = builder.mint(&holder.name, &holding.asset, &holding.tokens);
            each(format!("{at}accounts.{i}.holds.{k}"), minted);
        }
    }
    for (i, spec) in stage.feeds.iter().enumerate() {
        each(format!("{at}feeds.{i}"), builder.feed(spec, start.0));
    }
    for (i, spec) in stage.pools.iter().enumerate() {
        each(format!("{at}pools.{i}"), builder.pool(spec));
    }
    for (i, spec) in stage.markets.iter().enumerate() {
        each(format!("{at}markets.{i}"), builder.market(spec, start.0));
    }
    for (i, asset) in stage.assets.iter().enumerate() {
        checker.within(&format!("{at}assets.{i}.usd"), asset.usd, 0.0, 1e15);
    }
    if let Some(name) = &stage.attacker
        && !stage.accounts.iter().any(|holder| holder.name == *name)
    {
        let known: Vec<&str> = stage.accounts.iter().map(|holder| holder.name.as_str()).collect();
        let message = format!("unknown account \"{name}\"");
        checker.refuse(&format!("{at}attacker"), message, format!("known: {}", known.join(", ")));
    }
    if checker.count() > before {
        return None;
    }
    builder.chain.begin_block(start.0, 0);
    let mut each = |path: String, done: Result<(), Refusal>| {
        if let Err((message, help)) = done {
            checker.refuse(&path, message, help);
        }
    };
    for (i, spec) in stage.pools.iter().enumerate() {
        each(format!("{at}pools.{i}"), builder.fill(i, spec));
    }
    each(format!("{at}markets"), builder.poke());
    for (i, step) in stage.setup.iter().enumerate() {
        each(format!("{at}setup.{i}"), builder.step(step));
    }
    if checker.count() > before {
        return None;
    }
    let mut fair = vec![0.0; builder.chain.assets().len()];
    for (asset, id) in stage.assets.iter().zip(&builder.names.ids) {
        fair[id.index()] = asset.usd;
    }
    Some(Placed { chain: builder.chain, names: builder.names, fair })
}

/// Refuses two things of a kind with one name, of which only one would be meant by it, and names of contracts.
fn names_once(stage: &Stage, at: &str, checker: &mut Checker<'_>) {
    let mut once = |list: &str, field: &str, names: Vec<&str>| {
        checker.once(|i| format!("{at}{list}.{i}.{field}"), names.into_iter());
    };
    once("assets", "symbol", stage.assets.iter().map(|a| a.symbol.as_str()).collect());
    once("accounts", "name", stage.accounts.iter().map(|a| a.name.as_str()).collect());
    once("feeds", "name", stage.feeds.iter().map(|f| f.name()).collect());
    once("pools", "name", stage.pools.iter().map(|p| p.name()).collect());
    once("markets", "name", stage.markets.iter().map(|m| m.name()).collect());
    for (i, holder) in stage.accounts.iter().enumerate() {
        if holder.name.ends_with(CONTRACT) {
            let message = format!("\"{}\" would be another account's contract", holder.name);
            let help = format!("choose a name that does not end in {CONTRACT}");
            checker.refuse(&format!("{at}accounts.{i}.name"), message, help);
        }
    }
}

/// Builds a chain.
pub(super) struct Builder {
    pub(super) chain: Chain,
    pub(super) names: Names,
}

impl Builder {
    /// Gives every name its id: a feed may name a pool that the file places later.
    fn new(stage: &Stage, timestamp: u64) -> Self {
        let mut chain = Chain::new("GAS", timestamp, 0);
        let world = chain.add_account("world");
        let names = Names {
            assets: Vec::new(),
            ids: Vec::new(),
            decimals: Vec::new(),
            accounts: Vec::new(),
            feeds: stage.feeds.iter().map(|f| f.name().to_owned()).collect(),
            pools: stage.pools.iter().map(|p| p.name().to_owned()).collect(),
            markets: stage.markets.iter().map(|m| m.name().to_owned()).collect(),
            world,
        };
        let mut builder = Self { chain, names };
        builder.enrol(stage);
        builder
    }
    fn enrol(&mut self, stage: &Stage) {
        for asset in &stage.assets {
            self.asset(&asset.symbol, asset.decimals);
        }
        for holder in &stage.accounts {
            self.account(&holder.name);
        }
        // Shares are assets that files can name: a pool's by its name, a cToken's by `c` and its symbol.
        for pool in &stage.pools {
            match pool {
                StagePool::ConstantProduct { name, .. } | StagePool::StableSwap { name, .. } => {
                    self.asset(name, 18);
                }
                // As many as what is deposited has; the check of the pool says where that is unknown.
                StagePool::ShareVault { name, asset, .. } => {
                    let of = self.names.assets.iter().position(|symbol| symbol == asset);
                    self.asset(name, of.map_or(18, |of| self.names.decimals[of]));
                }
                _ => {}
            }
            self.account(&format!("pool:{}", pool.name()));
        }
        for market in &stage.markets {
            self.account(&format!("market:{}", market.name()));
        }
    }
    pub(super) fn asset(&mut self, symbol: &str, decimals: u8) -> AssetId {
        self.names.assets.push(symbol.to_owned());
        self.names.decimals.push(decimals);
        let id = self.chain.add_asset(symbol, decimals);
        self.names.ids.push(id);
        id
    }
    pub(super) fn account(&mut self, name: &str) -> AccountId {
        let id = self.chain.add_account(name);
        self.names.accounts.push((name.to_owned(), id));
        id
    }
    fn mint(&mut self, to: &str, asset: &str, tokens: &Decimal) -> Result<(), Refusal> {
        let to = self.names.account(to)?;
        self.give(to, asset, tokens).map(drop)
    }

    /// Lets every kind of vault take its feed's price.
    fn poke(&mut self) -> Result<(), Refusal> {
        let mut calls = Vec::new();
        for (i, market) in self.chain.markets().iter().enumerate() {
            let kinds = market.vault().map_or(0, |vault| vault.ilks.len());
            calls.extend((0..kinds).map(|ilk| {
                Call::Vault(VaultCall::Poke { market: MarketId(i as u16), ilk: ilk as u16 })
            }));
        }
        self.run(self.names.world, &calls)
    }

    fn step(&mut self, step: &Step) -> Result<(), Refusal> {
        let by = self.names.account(&step.by)?;
        let mut calls = Vec::new();
        let on = On { chain: &self.chain, names: &self.names, by };
        translate(on, &step.calls, &mut calls)?;
        self.run(by, &calls)
    }

    pub(super) fn run(&mut self, by: AccountId, calls: &[Call]) -> Result<(), Refusal> {
        let outcome =
            self.chain.execute(Transaction { header: &TxHeader::free(by), calls }).outcome;
        succeeded(outcome, calls)
    }
}

/// A transaction that must succeed.
pub(crate) fn execute(placed: &mut Placed, by: AccountId, calls: &[Call]) -> Result<(), Refusal> {
    let outcome = placed.chain.execute(Transaction { header: &TxHeader::free(by), calls }).outcome;
    succeeded(outcome, calls)
}

/// An outcome that the file promised to be a success.
pub(super) fn succeeded(outcome: Outcome, calls: &[Call]) -> Result<(), Refusal> {
    let (call, reason) = match outcome {
        Outcome::Success => return Ok(()),
        Outcome::Reverted { call, reason } => (Some(call), reason.to_string()),
        Outcome::Refused(code) => (None, code.to_string()),
        Outcome::Invalid => (None, "never included".to_owned()),
    };
    let kind = call.and_then(|call| calls.get(usize::from(call))).map_or("transaction", Call::kind);
    let place =
        call.map_or_else(String::new, |call| format!(" (call {}, bodies counted)", call + 1));
    refuse(
        format!("this does not succeed: {kind}{place}: {reason}"),
        "the chain refuses it as it stands then: look at balances, prices and what came before",
    )
}

pub(super) fn refused(error: sim::chain::call::Revert) -> Refusal {
    (error.to_string(), "hold less of it: balances have 256 bits".to_owned())
}
