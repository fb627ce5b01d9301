//! StableSwap pools, priced shares, one-maker reserves and the margin desk, as transactions.

mod bzx;
mod share_vault;
mod stable_swap;

use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{AmountExpr, Call, Outcome, Transaction, TxHeader};
use sim::chain::{Chain, Feed};

pub(crate) const E18: u128 = 1_000_000_000_000_000_000;
pub(crate) const NOW: u64 = 1_600_000_012;

pub(crate) fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}

/// A header without gas, so that balances tell the whole story.
pub(crate) fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: 30_000_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    }
}

pub(crate) fn execute(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Outcome {
    let outcome = chain.execute(Transaction { header: &header(sender), calls }).outcome;
    chain.audit_all().unwrap();
    hold_invariants(chain);
    outcome
}

/// The mechanisms' own invariants.
pub(crate) fn hold_invariants(chain: &Chain) {
    for pool in chain.pools() {
        if let Some(pool) = pool.stable_swap() {
            let held = std::array::from_fn(|i| chain.balance(pool.account, pool.coins[i]));
            let supply = chain.ledger().total_supply(pool.share);
            pool.check(&held, supply, chain.clock().timestamp).unwrap();
        }
    }
    for market in chain.markets() {
        if let Some(desk) = market.margin_desk() {
            let held = |asset| chain.balance(desk.account, asset);
            desk.check(held(desk.loan), held(desk.position)).unwrap();
        }
    }
}

/// Fails after every number of calls: whatever ran before, nothing may be left of it.
pub(crate) fn assert_every_cut_is_undone(chain: &Chain, sender: AccountId, calls: &[Call]) {
    for cut in 0..=calls.len() {
        let mut broken = calls[..cut].to_vec();
        let end = broken.len();
        for (at, call) in broken.iter_mut().enumerate() {
            if let Call::FlashLoan { body, .. } = call {
                // The failing call is inside where the cut is.
                *body = (*body).min((end - at) as u16);
            }
        }
        let nothing = AssetId(0);
        broken.push(Call::RequireGain { mark: 3, asset: nothing, min_gain: Amount::MAX });
        let mut copy = chain.clone();
        let receipt = copy.execute(Transaction { header: &header(sender), calls: &broken });
        // At the planted call: all before it have run.
        let planted =
            matches!(receipt.outcome, Outcome::Reverted { call, .. } if usize::from(call) == cut);
        assert!(planted, "{cut}: {receipt:?}");
        assert!(copy == *chain, "state differs after a revert at call {cut}");
        assert_eq!(copy.state_hash(), chain.state_hash());
        assert_eq!(copy.logs(), chain.logs());
    }
}

/// A feed that says one price for ever.
pub(crate) fn fixed_feed(chain: &mut Chain, reporter: AccountId, price: Price) -> FeedId {
    chain.add_feed(Feed::Push(markets::oracle::push::PushFeed {
        reporter,
        price,
        updated_at: NOW,
        heartbeat_secs: 0,
        deviation_bps: 0,
        max_age_secs: 0,
    }))
}

/// A lending market without fees or interest: an asset, its feed, its decimals and its LTV for each reserve.
pub(crate) fn lender(
    chain: &mut Chain,
    name: &str,
    reserves: &[(AssetId, FeedId, u8, u32)],
) -> Pooled {
    let shares: Vec<_> = reserves
        .iter()
        .map(|(asset, _, decimals, _)| {
            let symbol = chain.asset(*asset).symbol.clone();
            let share = chain.add_asset(&format!("{name}-a{symbol}"), *decimals);
            (share, chain.add_asset(&format!("{name}-d{symbol}"), *decimals))
        })
        .collect();
    let [account, treasury, manager] =
        ["", "-treasury", "-manager"].map(|part| chain.add_account(&format!("{name}{part}")));
    let mut market = Pooled::new(account, treasury, manager, RiskRegime::guardian());
    market.flash_premium = Bps(0);
    for ((asset, feed, decimals, ltv), (share, debt)) in reserves.iter().zip(shares) {
        let config = ReserveConfig {
            ltv: Bps(*ltv),
            liquidation_threshold: Bps(*ltv),
            liquidation_bonus: Bps(500),
            liquidation_protocol_fee: Bps(0),
            reserve_factor: Bps(0),
            supply_cap: 0,
            borrow_cap: 0,
            rates: RateStrategy {
                optimal_usage_bps: Bps(9_000),
                base_bps: Bps(0),
                slope1_bps: Bps(0),
                slope2_bps: Bps(0),
            },
            ..ReserveConfig::OPEN
        };
        market.add_reserve(Reserve::new(*asset, share, debt, *feed, *decimals, config, NOW));
    }
    market
}
