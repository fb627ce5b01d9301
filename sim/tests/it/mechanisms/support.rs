//! What every family's tests do.

use markets::oracle::push::PushFeed;
use markets::units::{AccountId, Amount, AssetId, FeedId, Price};
use sim::chain::call::{AmountExpr, Call, Outcome, Revert, Transaction, TxHeader, VaultCall};
use sim::chain::{Chain, Feed};

pub(crate) const E6: u128 = 1_000_000;
pub(crate) const E18: u128 = 1_000_000_000_000_000_000;
pub(crate) const GENESIS: u64 = 1_600_000_000;
pub(crate) const HOUR: u64 = 3_600;
pub(crate) const DAY: u64 = 24 * HOUR;
pub(crate) const YEAR: u64 = 365 * DAY;

pub(crate) fn units(amount: u128) -> Amount {
    Amount::new(amount)
}
pub(crate) fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}
/// A price in whole USD.
pub(crate) fn usd(whole: u128) -> Price {
    Price(whole * 100_000_000)
}
/// A feed that `reporter` pushes to, and that never goes stale.
pub(crate) fn push(reporter: AccountId, price: Price) -> Feed {
    Feed::Push(PushFeed {
        reporter,
        price,
        updated_at: GENESIS,
        heartbeat_secs: 0,
        deviation_bps: 0,
        max_age_secs: 0,
    })
}

fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: u64::MAX,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        // No gas, so that a revert may change nothing at all.
        system: true,
    }
}

/// Executes, and checks every invariant after.
pub(crate) fn run(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Outcome {
    let outcome = chain.execute(Transaction { header: &header(sender), calls }).outcome;
    chain.audit_all().unwrap();
    outcome
}

/// Executes what must succeed.
#[track_caller]
pub(crate) fn done(chain: &mut Chain, sender: AccountId, calls: &[Call]) {
    assert_eq!(run(chain, sender, calls), Outcome::Success);
}

/// Executes one call that must be refused for this reason, and must leave no trace.
#[track_caller]
pub(crate) fn refused(chain: &mut Chain, sender: AccountId, call: Call, reason: impl Into<Revert>) {
    let (before, reason) = (chain.clone(), reason.into());
    let outcome = run(chain, sender, &[call]);
    assert_eq!(outcome, Outcome::Reverted { call: 0, reason }, "{call:?}");
    assert!(*chain == before, "a refused call left a trace: {call:?}");
}

/// The next block, so many seconds later.
pub(crate) fn wait(chain: &mut Chain, secs: u64) {
    let now = chain.clock().timestamp;
    chain.begin_block(now + secs, 0);
}

/// Moves a push feed.
#[track_caller]
pub(crate) fn report(chain: &mut Chain, reporter: AccountId, feed: FeedId, price: Price) {
    done(chain, reporter, &[Call::PushPrice { feed, price }]);
}

/// Every account's balance of every asset.
pub(crate) fn balances(chain: &Chain) -> Vec<Amount> {
    let accounts = 0..chain.accounts().len() as u32;
    let assets = 0..chain.assets().len() as u16;
    accounts
        .flat_map(|who| assets.clone().map(move |asset| (AccountId(who), AssetId(asset))))
        .map(|(who, asset)| chain.balance(who, asset))
        .collect()
}

/// Runs a transaction that succeeds, and its every beginning with a call that cannot: none of those may
/// change anything.
pub(crate) fn assert_undone_at_every_call(chain: &Chain, sender: AccountId, calls: &[Call]) {
    let digest = chain.state_hash();
    let too_much = exact(u128::MAX);
    for cut in 0..=calls.len() {
        let mut broken = calls[..cut].to_vec();
        for (at, call) in broken.iter_mut().enumerate() {
            // A body that is cut short ends with the call that fails.
            if let Call::FlashLoan { body, .. } | Call::Vault(VaultCall::Take { body, .. }) = call {
                *body = (*body).min((cut - at) as u16);
            }
        }
        broken.push(Call::Transfer {
            to: chain.builder(),
            asset: chain.gas_asset(),
            amount: too_much,
        });
        let mut tried = chain.clone();
        let outcome =
            tried.execute(Transaction { header: &header(sender), calls: &broken }).outcome;
        let reason = Revert::InsufficientBalance;
        assert_eq!(outcome, Outcome::Reverted { call: cut as u16, reason }, "cut at {cut}");
        assert!(tried == *chain, "state differs after a revert at call {cut}");
        assert_eq!(tried.state_hash(), digest, "digest differs after a revert at call {cut}");
        assert_eq!(tried.logs(), chain.logs());
        tried.audit_all().unwrap();
    }
    let mut tried = chain.clone();
    let whole = header(sender);
    let (receipt, seen) =
        tried.simulate(Transaction { header: &whole, calls }, |chain, _| chain.state_hash());
    assert_eq!(receipt.outcome, Outcome::Success);
    assert_eq!(tried.state_hash(), digest, "a simulation leaves no trace");
    done(&mut tried, sender, calls);
    assert_eq!(tried.state_hash(), seen, "and tells the truth");
    assert_ne!(seen, digest);
}
