//! Pooled lending in both generations of Aave v3: every call undone, and rules that no vector shows.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    dead_code,
    reason = "a test fails by panicking, and nobody imports it"
)]

mod world;

use markets::units::{AccountId, Amount, AssetId, Bps};
use protocols::lending::{LendingError, Version};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call, Outcome, PooledCall, Revert, Transaction};
use world::{World, exact, header};

const VERSIONS: [Version; 2] = [Version::V3_0_2, Version::V3_6];

fn reverted(w: &mut World, call: Call) -> Revert {
    match w.send(w.user, &[call]) {
        Outcome::Reverted { reason, .. } => reason,
        other => panic!("{call:?}: {other:?}"),
    }
}

/// Every kind of call that a user makes, each of which goes through after those before it.
fn every_call(w: &World) -> Vec<Call> {
    let (market, to) = (w.market, w.liquidator);
    let [usd, eth, btc, eur, _] = w.assets[..] else { panic!("five assets") };
    let dollar = |i| w.dollar(i);
    let set = |asset, enabled| Call::SetCollateral { market, asset, enabled };
    let flash = |keep, body| PooledCall::FlashLoan {
        market,
        loans: 3,
        assets: [usd, eth, btc],
        amounts: [100 * dollar(0), 100 * dollar(1), 100 * dollar(2)],
        keep,
        body,
    };
    let repay = |asset, amount, with_shares| PooledCall::Repay {
        market,
        borrower: w.user,
        asset,
        amount,
        with_shares,
    };
    let flash_one = Call::FlashLoan { market, asset: eth, amount: Amount::new(1 << 40), body: 1 };
    vec![
        w.supply(1, 1_000 * dollar(1)),
        w.withdraw(1, 10 * dollar(1)),
        w.borrow(3, 50 * dollar(3)),
        w.repay(3, 10 * dollar(3)),
        Call::Pooled(repay(eur, exact(5 * dollar(3)), true)),
        Call::Pooled(repay(eur, AmountExpr::All, false)),
        set(btc, false),
        set(btc, true),
        Call::Pooled(PooledCall::TransferShares { market, to, asset: btc, amount: exact(1 << 10) }),
        Call::Pooled(PooledCall::SetEMode { market, category: 1 }),
        Call::Pooled(PooledCall::MintToTreasury { market, asset: usd }),
        Call::MintToTreasury { market },
        flash_one,
        Call::Mark { mark: 0, asset: usd },
        Call::Pooled(flash(0, 1)),
        Call::Mark { mark: 1, asset: usd },
        Call::Pooled(flash(0b010, 0)),
    ]
}

fn liquidations(w: &World) -> Vec<Call> {
    vec![
        w.liquidate(1, 0, 10 * w.dollar(0), false),
        w.liquidate(2, 0, 10 * w.dollar(0), true),
        w.liquidate(3, 0, 20 * w.dollar(0), false),
        w.liquidate(3, 0, u128::MAX, false),
    ]
}

fn undone(chain: &Chain, by: AccountId, calls: &[Call]) {
    let before = chain.state_hash();
    for end in 0..=calls.len() {
        let mut cut = calls[..end].to_vec();
        cut.push(Call::RequireGain { mark: 3, asset: AssetId(0), min_gain: Amount::MAX });
        let mut copy = chain.clone();
        let receipt = copy.execute(Transaction { header: &header(by), calls: &cut });
        let Outcome::Reverted { call, reason } = receipt.outcome else { panic!("{receipt:?}") };
        // Where the cut is before a body, the failing call is in it.
        assert!(usize::from(call) >= end.saturating_sub(1), "{end}: {reason:?}");
        assert!(copy == *chain, "cut at {end}");
        assert_eq!(copy.state_hash(), before, "cut at {end}");
        assert_eq!(copy.logs(), chain.logs());
    }
}

#[test]
fn a_forced_revert_at_every_call_leaves_no_trace() {
    for version in VERSIONS {
        let w = World::new(version);
        let calls = every_call(&w);
        undone(&w.chain, w.user, &calls);
        let mut after = w;
        after.ok(after.user, &calls);
        after.chain.audit_all().unwrap();
    }
}

#[test]
fn a_reverted_liquidation_leaves_no_trace_its_bad_debt_included() {
    for version in VERSIONS {
        let mut w = World::new(version);
        for i in 1..5 {
            w.set_price(i, 20);
        }
        for i in [1, 2, 4] {
            // All but one collateral goes, and with it, in 3.6, what of the debt it does not cover.
            w.ok(w.liquidator, &[w.liquidate(i, 0, u128::MAX, false)]);
        }
        let all = w.liquidate(3, 0, u128::MAX, false);
        undone(&w.chain, w.liquidator, &[all]);
        w.ok(w.liquidator, &[all]);
        let deficit = w.chain.pooled(w.market).reserves[0].deficit;
        assert_eq!(deficit.is_zero(), version == Version::V3_0_2);
        w.chain.audit_all().unwrap();
    }
}

#[test]
fn every_liquidation_is_undone() {
    for version in VERSIONS {
        let mut w = World::new(version);
        for i in 1..5 {
            w.set_price(i, 20);
        }
        let calls = match version {
            Version::V3_0_2 => liquidations(&w),
            // No dust.
            Version::V3_6 => vec![
                w.liquidate(1, 0, u128::MAX, false),
                w.liquidate(2, 0, u128::MAX, true),
                w.liquidate(3, 0, u128::MAX, false),
            ],
        };
        undone(&w.chain, w.liquidator, &calls);
        w.ok(w.liquidator, &calls);
        w.chain.audit_all().unwrap();
    }
}

#[test]
fn siloed_debt_is_alone() {
    for version in VERSIONS {
        let mut w = World::new(version);
        let market = w.market;
        w.chain.genesis_market(market).unwrap().reserves[3].config.siloed_borrowing = true;
        let violation = Revert::Lending(LendingError::SiloedBorrowingViolation);
        let (siloed, other) = (w.borrow(3, w.dollar(3)), w.borrow(1, w.dollar(1)));
        assert_eq!(reverted(&mut w, siloed), violation);
        let repay = Call::Repay { market, asset: w.assets[0], amount: AmountExpr::All };
        w.ok(w.user, &[repay, siloed, siloed]);
        assert_eq!(reverted(&mut w, other), violation);
    }
}

#[test]
fn repaying_with_shares_may_not_end_unhealthy_in_3_6() {
    for version in VERSIONS {
        let mut w = World::new(version);
        let (market, borrower, asset) = (w.market, w.user, w.assets[3]);
        w.ok(w.user, &[w.borrow(3, 100 * w.dollar(3))]);
        for i in [1, 2, 4] {
            w.set_price(i, 10);
        }
        let amount = exact(w.dollar(3));
        let call = PooledCall::Repay { market, borrower, asset, amount, with_shares: true };
        let outcome = w.send(w.user, &[Call::Pooled(call)]);
        let reason = Revert::Lending(LendingError::HealthFactorLowerThanLiquidationThreshold);
        let expected = match version {
            Version::V3_0_2 => Outcome::Success,
            Version::V3_6 => Outcome::Reverted { call: 0, reason },
        };
        assert_eq!(outcome, expected);
    }
}

#[test]
fn leaving_an_e_mode_is_checked_against_life_outside_in_3_6() {
    let mut w = World::new(Version::V3_6);
    let market = w.market;
    let mode = |category| Call::Pooled(PooledCall::SetEMode { market, category });
    w.ok(w.user, &[mode(1)]);
    w.chain.genesis_market(market).unwrap().reserves[0].config.borrowing_enabled = false;
    // Within the mode its list decides.
    w.ok(w.user, &[w.borrow(0, w.dollar(0)), mode(1)]);
    let refused = |error| Revert::Lending(error);
    assert_eq!(reverted(&mut w, mode(0)), refused(LendingError::InvalidDebtInEmode));
    let reserves = &mut w.chain.genesis_market(market).unwrap().reserves;
    reserves[0].config.borrowing_enabled = true;
    reserves[1].config.ltv = Bps(0);
    assert_eq!(reverted(&mut w, mode(0)), refused(LendingError::InvalidCollateralInEmode));
}
