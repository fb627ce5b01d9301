//! What lending operations cost, without the chain around them.
#![allow(clippy::unwrap_used, reason = "a bench stops at what it did not expect")]

#[path = "../tests/it/common/mod.rs"]
mod common;

use common::{USER, World};
use criterion::{Criterion, criterion_group, criterion_main};
use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, FeedId, Price};
use protocols::LendingView;
use protocols::lending::{Change, Pooled};
use protocols::risk_params::RiskRegime;
use std::hint::black_box;

/// A dense ledger, as the chain's is.
struct Dense {
    balances: Vec<Amount>,
    supplies: Vec<Amount>,
    prices: Vec<u128>,
    now: u64,
}

const ASSETS: usize = 9;

impl LendingView for Dense {
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        self.balances[account.index() * ASSETS + asset.index()]
    }
    fn total_supply(&self, asset: AssetId) -> Amount {
        self.supplies[asset.index()]
    }
    fn price(&self, feed: FeedId) -> Result<Price, OracleError> {
        Ok(Price(self.prices[feed.index()]))
    }
    fn now(&self) -> u64 {
        self.now
    }
}

/// A market in use, twelve seconds after its last touch.
fn market() -> (Pooled, Dense) {
    let mut w = World::three(RiskRegime::guardian());
    let (lender, who) = (AccountId(USER), AccountId(USER + 1));
    for r in 0..3 {
        for a in [lender, who] {
            w.fund(a, r, 10_u128.pow(28));
        }
        w.supply(lender, r, Amount::new(10_u128.pow(if r == 1 { 14 } else { 24 }))).unwrap();
    }
    w.supply(who, 0, Amount::new(123_456_789_012_345_678_901)).unwrap();
    w.supply(who, 2, Amount::new(3_456_789_012_345_678_901)).unwrap();
    w.ledger.now += 500_000;
    w.borrow(who, 1, Amount::new(123_456_789_012)).unwrap();
    w.ledger.now += 500_000;
    w.borrow(who, 0, Amount::new(1_234_567_890_123_456_789)).unwrap();
    w.supply(who, 2, Amount::new(1_000_000_000_000)).unwrap();
    w.ledger.now += 12;
    let mut dense = Dense {
        balances: vec![Amount::ZERO; ASSETS * 8],
        supplies: (0..ASSETS).map(|a| w.ledger.total_supply(AssetId(a as u16))).collect(),
        prices: w.ledger.prices.clone(),
        now: w.ledger.now,
    };
    for ((account, asset), balance) in &w.ledger.balances {
        dense.balances[account.index() * ASSETS + asset.index()] = Amount(*balance);
    }
    (w.market, dense)
}

fn lending(c: &mut Criterion) {
    let (market, mut view) = market();
    let who = AccountId(USER + 1);
    let mut out = Change::default();
    c.bench_function("health, two collaterals and two debts", |b| {
        b.iter(|| market.health(black_box(&view), black_box(who)).unwrap());
    });
    type Verb = fn(
        &Pooled,
        &Dense,
        AccountId,
        u16,
        Amount,
        &mut Change,
    ) -> Result<(), protocols::lending::LendingError>;
    let verbs: [(&str, Verb); 4] = [
        ("supply", |m, v, a, r, x, o| m.supply(v, a, r, x, o)),
        ("withdraw", |m, v, a, r, x, o| m.withdraw(v, a, r, x, o)),
        ("borrow", |m, v, a, r, x, o| m.borrow(v, a, r, x, o)),
        ("repay", |m, v, a, r, x, o| m.repay(v, a, r, x, o)),
    ];
    for (name, verb) in verbs {
        c.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                verb(&market, &view, who, 0, black_box(Amount::new(1_000_000_007)), &mut out)
                    .unwrap();
            });
        });
    }
    view.prices[0] /= 3;
    let health = market.health(&view, who).unwrap();
    assert!(health.is_liquidatable(), "{health:?}");
    c.bench_function("liquidate", |b| {
        b.iter(|| {
            out.clear();
            let by = AccountId(USER);
            market.liquidate(&view, by, who, 0, 1, black_box(Amount::MAX), &mut out).unwrap();
        });
    });
}

criterion_group!(benches, lending);
criterion_main!(benches);
