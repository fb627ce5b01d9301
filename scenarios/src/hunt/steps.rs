//! A taped attack on a stage, one call at a time: what each did to prices, to the attacker's purse and to the
//! lenders.
//!
//! A stage has nobody but the attacker, so what there is to see lies between two calls of a transaction, not
//! between two blocks. The tape's transactions are executed once more, call by call, and the state after each
//! block is held to the tape's.

use super::{Setting, sentence};
use agents::attack::outcome::Owner;
use markets::units::{AccountId, AssetId, FeedId, MarketId};
use sim::chain::call::{Call, Outcome, Receipt, Transaction};
use sim::chain::{Chain, Pool, Session};
use sim::prices::unit;
use sim::tape::{TapeError, TapeReader};
use sim::worth::{Fair, entries};
use std::collections::BTreeMap;

/// One step of an attack, and what there is to see after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What was done, in words.
    pub text: String,
    /// Whether it failed and was undone.
    pub failed: bool,
    /// Unix time, in seconds.
    pub timestamp: u64,
    /// What each feed says, in USD per token; NaN where it says nothing.
    pub feeds_usd: Vec<f64>,
    /// What each pool says of the coin that is less like a dollar, in USD per token at the other coin's fair
    /// price; NaN where it has no price of its own.
    pub pools_usd: Vec<f64>,
    /// What the attacker has gained if loans that are open are given back, in USD at fair prices.
    pub gain_usd: f64,
    /// What lenders are short of now and were not before, in USD at fair prices.
    pub bad_debt_usd: f64,
    /// What the attacker holds, has supplied and owes.
    pub purse: Vec<Item>,
}

/// One thing that the attacker has, or owes.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The asset and what it is to the attacker.
    pub name: String,
    /// How much, in whole tokens; below zero where it is owed.
    pub tokens: f64,
    /// The same, in USD at fair prices.
    pub usd: f64,
}

/// An attack, step by step; the first is the stage before anything was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// Names of the feeds.
    pub feeds: Vec<String>,
    /// Names of the pools.
    pub pools: Vec<String>,
    /// The steps.
    pub seen: Vec<Seen>,
}

/// Why an attack cannot be shown step by step.
#[derive(Debug, thiserror::Error)]
pub enum StepsError {
    /// The tape is damaged.
    #[error(transparent)]
    Tape(#[from] TapeError),
    /// Its calls one by one do not lead where its transactions led.
    #[error("block {block} comes out otherwise call by call; this is a fault of the program")]
    Otherwise {
        /// The block.
        block: u64,
    },
}

impl Steps {
    /// Plays a tape through.
    ///
    /// # Errors
    /// The tape does not decode, or what is played differs from what was recorded.
    pub fn of(tape: &TapeReader, setting: &Setting) -> Result<Self, StepsError> {
        let mut player = tape.play()?;
        let mut chain = player.chain().clone();
        let mut watch = Watch::new(&chain, setting);
        watch.see(&chain, &[], "before the attack".to_owned(), false);
        let mut passed: u64 = 0;
        while player.step()? {
            let header = player.record().header;
            chain.begin_block(header.timestamp, header.background_gas);
            passed += 1;
            if player.transactions().is_empty() {
                continue;
            }
            let text = match passed {
                1 => "a block goes by".to_owned(),
                _ => format!("{passed} blocks go by"),
            };
            watch.see(&chain, &[], text, false);
            passed = 0;
            for (transaction, receipt) in player.transactions().iter().zip(player.receipts()) {
                let same = watch.transaction(&mut chain, &transaction, receipt);
                same.ok_or(StepsError::Otherwise { block: header.block })?;
            }
            if chain.state_hash() != player.chain().state_hash() {
                return Err(StepsError::Otherwise { block: header.block });
            }
        }
        let pools = chain.pools().iter().map(|pool| name_of(&chain, pool)).collect();
        Ok(Self { feeds: setting.feeds.clone(), pools, seen: watch.seen })
    }
}

/// What loans that are open have paid out, in smallest units.
type Lent = Vec<(AssetId, f64)>;

/// A call whose body runs: where it ends, what it paid out, what it is.
struct Open {
    end: usize,
    lent: Lent,
    /// `None` where nothing is given back: the contract's calls.
    words: Option<String>,
}

/// Keeps what there is to see after each step.
struct Watch<'a> {
    setting: &'a Setting,
    owner: Owner,
    wealth_before_usd: f64,
    bad_debt_before_usd: f64,
    seen: Vec<Seen>,
}

impl<'a> Watch<'a> {
    fn new(chain: &Chain, setting: &'a Setting) -> Self {
        let owner = Owner::of(chain, setting.attacker, &setting.fair);
        Self {
            setting,
            wealth_before_usd: owner.books(chain, &setting.fair).wealth_usd,
            owner,
            bad_debt_before_usd: bad_debt_usd(chain, &setting.fair),
            seen: Vec::new(),
        }
    }

    /// Executes a transaction that succeeded call by call; of another it says what became of it. `None` where a
    /// call fails by itself.
    fn transaction(
        &mut self,
        chain: &mut Chain,
        sent: &Transaction<'_>,
        receipt: &Receipt,
    ) -> Option<()> {
        let reason = match receipt.outcome {
            Outcome::Success => return self.calls(chain, sent),
            Outcome::Refused(reason) | Outcome::Reverted { reason, .. } => reason.to_string(),
            Outcome::Invalid => "its sender cannot pay for it".to_owned(),
        };
        chain.execute(*sent);
        let who = &chain.accounts()[sent.header.sender.index()];
        let text =
            format!("a transaction of {who} with {} calls fails: {reason}", sent.calls.len());
        self.see(chain, &[], text, true);
        Some(())
    }

    fn calls(&mut self, chain: &mut Chain, sent: &Transaction<'_>) -> Option<()> {
        let sender = sent.header.sender;
        let mut session = Session::begin(sender, Vec::new());
        let mut open: Vec<Open> = Vec::new();
        for (i, call) in sent.calls.iter().enumerate() {
            self.close(chain, &mut session, &mut open, i)?;
            let words = sentence(chain, call);
            if let Some(length) = call.body() {
                let had = balances(chain, sender);
                session.open(chain, *call).ok()?;
                let lent = gained(&had, &balances(chain, sender));
                let words = (!matches!(call, Call::By { .. })).then(|| words.clone());
                open.push(Open { end: i + 1 + length, lent, words });
            } else {
                session.call(chain, *call).ok()?;
            }
            self.see(chain, &open, words, false);
        }
        self.close(chain, &mut session, &mut open, sent.calls.len())
    }

    /// Closes the bodies that end before call `at`.
    fn close(
        &mut self,
        chain: &mut Chain,
        session: &mut Session,
        open: &mut Vec<Open>,
        at: usize,
    ) -> Option<()> {
        while let Some(Open { words, .. }) = open.pop_if(|open| open.end <= at) {
            session.close(chain).ok()?;
            if let Some(words) = words {
                self.see(chain, open, format!("given back: {words}"), false);
            }
        }
        Some(())
    }

    fn see(&mut self, chain: &Chain, open: &[Open], text: String, failed: bool) {
        let Setting { fair, feeds, .. } = self.setting;
        let lent: Lent = open.iter().flat_map(|open| open.lent.iter().copied()).collect();
        let lent_usd: f64 = lent.iter().map(|(asset, n)| fair.worth_usd(chain, *asset, *n)).sum();
        let wealth_usd = self.owner.books(chain, fair).wealth_usd;
        let price = |i| chain.price(FeedId(i as u16)).map_or(f64::NAN, |price| price.usd());
        self.seen.push(Seen {
            text,
            failed,
            timestamp: chain.clock().timestamp,
            feeds_usd: (0..feeds.len()).map(price).collect(),
            pools_usd: chain.pools().iter().map(|pool| pool_usd(chain, pool, fair)).collect(),
            gain_usd: wealth_usd - lent_usd - self.wealth_before_usd,
            bad_debt_usd: bad_debt_usd(chain, fair) - self.bad_debt_before_usd,
            purse: purse(chain, &self.owner, fair, &lent),
        });
    }
}

/// What an account and its contract hold of assets that are worth something, have supplied and owe, by name.
fn purse(chain: &Chain, owner: &Owner, fair: &Fair, lent: &Lent) -> Vec<Item> {
    let mut items: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    let mut add = |asset: AssetId, what: &str, units: f64| {
        let usd = fair.worth_usd(chain, asset, units);
        if usd != 0.0 {
            let of = chain.asset(asset);
            let entry = items.entry(format!("{}, {what}", of.symbol)).or_default();
            entry.0 += units * unit(of.decimals);
            entry.1 += usd;
        }
    };
    let own = (owner.account, ["supplied", "owed"]);
    let its = owner.contract;
    let its = its.map(|contract| (contract, ["contract supplied", "contract owes"]));
    for (account, [supplied, owed]) in std::iter::once(own).chain(its) {
        for asset in (0..chain.assets().len()).map(|i| AssetId(i as u16)) {
            add(asset, "held", chain.balance(account, asset).to_f64());
        }
        for id in 0..chain.markets().len() {
            entries(chain, MarketId(id as u16), account, |entry| {
                let (what, sign) = if entry.owed { (owed, -1.0) } else { (supplied, 1.0) };
                add(entry.asset, what, sign * entry.units);
            });
        }
    }
    lent.iter().for_each(|(asset, units)| add(*asset, "flash-borrowed", -units));
    let item = |(name, (tokens, usd))| Item { name, tokens, usd };
    items.into_iter().map(item).collect()
}

fn name_of(chain: &Chain, pool: &Pool) -> String {
    chain.accounts()[pool.account().index()].trim_start_matches("pool:").to_owned()
}

fn pool_usd(chain: &Chain, pool: &Pool, fair: &Fair) -> f64 {
    let (a, b, spot) = match pool {
        Pool::ConstantProduct(pair) => (pair.token0, pair.token1, pair.spot_price(pair.token0)),
        Pool::Concentrated(pool) => (pool.token0, pool.token1, pool.spot_price(pool.token0)),
        Pool::StableSwap(_) | Pool::Exponential(_) | Pool::FixedPrice(_) | Pool::ShareVault(_) => {
            return f64::NAN;
        }
    };
    let away = |asset| (fair.token_usd(chain, asset) - 1.0).abs();
    let tokens = |asset| unit(chain.asset(asset).decimals);
    if away(b) <= away(a) {
        spot * fair.unit_usd(b) / tokens(a)
    } else {
        fair.unit_usd(a) / spot / tokens(b)
    }
}

fn bad_debt_usd(chain: &Chain, fair: &Fair) -> f64 {
    (0..chain.markets().len()).map(|id| fair.bad_debt_usd(chain, MarketId(id as u16))).sum()
}

fn balances(chain: &Chain, account: AccountId) -> Vec<f64> {
    let assets = (0..chain.assets().len()).map(|i| AssetId(i as u16));
    assets.map(|asset| chain.balance(account, asset).to_f64()).collect()
}

fn gained(had: &[f64], has: &[f64]) -> Lent {
    let gains = had.iter().zip(has).map(|(had, has)| has - had).enumerate();
    let gains = gains.filter(|(_, gain)| *gain > 0.0);
    gains.map(|(i, gain)| (AssetId(i as u16), gain)).collect()
}
