//! StableSwap pools, priced shares, one-maker reserves, the margin desk and perpetual markets, as transactions.

mod bzx;
mod lender;
mod perpetual;
mod share_vault;
mod stable_swap;

pub(crate) use lender::{E18, NOW, exact, fixed_feed, lender};

use markets::units::{AccountId, Amount, AssetId};
use sim::chain::Chain;
use sim::chain::call::{Call, Outcome, Transaction, TxHeader};

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
