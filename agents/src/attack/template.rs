//! Templates: attacks that a search found, for whoever sits in an attacker's seat to make again when it likes.
//!
//! A template is a list of moves in one transaction, each with a share of what is at hand when it is made, so
//! that it fits any block of any world of its scenario, where pools, markets and assets have the same numbers.
//! Its size is the share of the flash loans that it begins with, or where there are none of what it spends
//! first; the rest follows. It is offered only where a play of it on a fork of the chain, now, earns the
//! attacker's least profit at one of the [`SIZES`].

use super::moves::Move;
use super::play::{Ground, Played, Player, Record, Step};
use super::seat::SIZES;
use super::spot_oracle::Sight;
use super::synthesis::Attack;
use super::{Attacker, owes};
use crate::scripted::arbitrageur::bid;
use crate::scripted::gas_of;
use bevy_ecs::prelude::Resource;
use markets::units::{AccountId, Amount, AssetId, U256};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{Call, Outcome, Transaction, TxBuffer, TxHeader};
use sim::worth::Fair;
use std::sync::Arc;

/// Values that a seated attacker sees of each template: the most that it earns now, and the share of its size
/// at which.
pub const TEMPLATE_FIELDS: usize = 2;
/// The mark of the guard; searched calls use none.
const MARK: u8 = 0;

/// An attack that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template(Vec<Step>);

/// The templates of a world's seat, in the order of its choices.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
pub struct Templates(pub Arc<[Template]>);

/// The most that a template earns now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Chance {
    /// In USD, gas at the base fee paid; −∞ where no size goes through.
    pub(super) usd: f64,
    /// The share of its size.
    pub(super) size: f64,
}

impl Template {
    /// An attack's moves with amounts as shares of what was at hand; `None` where it takes more than one
    /// transaction.
    #[must_use]
    pub fn of(attack: &Attack) -> Option<Self> {
        if attack.record.parts.len() != 1
            || attack.steps.iter().any(|s| s.action.ends_transaction())
        {
            return None;
        }
        let sizes = attack.record.sizes.iter();
        let steps = attack.steps.iter().zip(sizes).map(|(step, size)| match size {
            _ if step.share >= 1.0 || size.hand <= 0.0 => Step::of(step.action, step.share),
            size => Step::of(step.action, size.used / size.hand),
        });
        Some(Self(steps.collect()))
    }

    /// Its moves.
    pub fn moves(&self) -> impl Iterator<Item = Move> {
        self.0.iter().map(|step| step.action)
    }

    /// Its moves with this share of its size.
    fn steps(&self, size: f64) -> Vec<Step> {
        let mut steps = self.0.clone();
        let is_loan = |step: &&mut Step| matches!(step.action, Move::Flash(_));
        let mut loans = steps.iter_mut().filter(is_loan).peekable();
        if loans.peek().is_some() {
            loans.for_each(|step| step.share *= size);
        } else if let Some(first) = steps.iter_mut().find(|s| s.action.spends().is_some()) {
            first.share *= size;
        }
        steps
    }

    /// Its moves with this share of its size and without those that cannot be made now (a cap is full, a
    /// reserve lends nothing), and what they come to.
    #[must_use]
    pub fn fitted(&self, size: f64, player: &mut Player<'_>) -> (Vec<Step>, Played) {
        let mut steps = self.steps(size);
        loop {
            let played = player.play(&steps);
            match played.stopped_at().filter(|at| *at < steps.len()) {
                Some(at) => drop(steps.remove(at)),
                None => return (steps, played),
            }
        }
    }

    /// The most that it earns now, of all sizes; of equal ones the smallest.
    fn chance(&self, player: &mut Player<'_>) -> Chance {
        let mut best = Chance { usd: f64::NEG_INFINITY, size: 0.0 };
        for size in SIZES {
            let (_, played) = self.fitted(size, player);
            if played.profit_usd > best.usd {
                best = Chance { usd: played.profit_usd, size };
            }
        }
        best
    }

    fn is_possible_on(&self, chain: &Chain) -> bool {
        self.moves().all(|action| action.is_possible_on(chain))
    }
}

/// The chain as an attacker sees it in the open block, from one of its accounts.
fn ground(sight: &Sight<'_>, attacker: AccountId) -> Ground {
    Ground {
        chain: sight.chain.clone(),
        attacker,
        fair: Fair::new(sight.chain, &sight.prices.fair),
        pending: TxBuffer::default(),
        // No template waits.
        block_secs: 0,
        wait_blocks: 0,
    }
}

/// What templates earn now from an account, in their order; `each` hears of every one.
pub(super) fn look(
    templates: &[Template],
    sight: &Sight<'_>,
    account: AccountId,
    mut each: impl FnMut(usize, Chance),
) {
    if !templates.iter().any(|template| template.is_possible_on(sight.chain)) {
        return;
    }
    let ground = ground(sight, account);
    let mut player = Player::new(&ground);
    for (i, template) in templates.iter().enumerate() {
        if template.is_possible_on(sight.chain) {
            each(i, template.chance(&mut player));
        }
    }
}

impl Attacker {
    /// Submits a template's transaction with this share of its size, if that pays now.
    pub(super) fn make(
        &mut self,
        template: &Template,
        size: f64,
        sight: &Sight<'_>,
        (actor, outbox): (&Actor, &mut Outbox),
    ) {
        let account = self.accounts[self.current];
        if owes(sight.chain, account) || !template.is_possible_on(sight.chain) {
            return;
        }
        let mut ground = ground(sight, account);
        let mut player = Player::new(&ground);
        let (steps, _) = template.fitted(size, &mut player);
        self.simulations += player.simulations;
        let Some(record) = player.record(&steps) else { return };
        let profit_usd = record.played.profit_usd;
        let Some(calls) = guarded(&record, &mut ground) else { return };
        let gas = record.parts.iter().map(|part| part.gas).sum::<u64>() + 2 * gas_of::MARK;
        let purse = self.gas.held(sight.chain, account).min(self.purse);
        let clock = sight.chain.clock();
        let before_gas_usd = profit_usd + record.gas_usd;
        let price_usd = sight.gas_price_usd;
        match bid(&clock, gas, before_gas_usd, self.bid_share, price_usd, purse) {
            Some((gas, left_usd)) if left_usd >= self.min_profit_usd => {
                outbox.submit(actor, Wallet(account), gas, &calls);
                self.submitted = true;
                self.last_expected_usd = left_usd;
            }
            _ => {}
        }
    }
}

/// The calls of a played template, undone unless what gained most in the wallet gains 99 % of it again (where
/// nothing does, as they are); `None` where they fail as one transaction.
fn guarded(record: &Record, ground: &mut Ground) -> Option<Vec<Call>> {
    let [part] = record.parts.as_slice() else { return None };
    let (by, fair, count) = (ground.attacker, &ground.fair, ground.chain.assets().len());
    let assets = || (0..count).map(|i| AssetId(i as u16));
    let holdings =
        |chain: &Chain| -> Vec<Amount> { assets().map(|a| chain.balance(by, a)).collect() };
    let before = holdings(&ground.chain);
    let header = TxHeader::free(by);
    let tx = Transaction { header: &header, calls: &part.calls };
    let (_, after) = ground.chain.simulate(tx, |chain, receipt| {
        (receipt.outcome == Outcome::Success).then(|| holdings(chain))
    });
    let after = after?;
    let gains = assets().map(|a| (a, after[a.index()].saturating_sub(before[a.index()])));
    let most = gains.max_by(|a, b| fair.usd(a.0, a.1).total_cmp(&fair.usd(b.0, b.1)));
    let mut calls = part.calls.clone();
    if let Some((asset, gain)) = most.filter(|(_, gain)| !gain.is_zero()) {
        let min_gain = Amount(gain.0 - gain.0.div_ceil(U256::from(100)));
        calls.insert(0, Call::Mark { mark: MARK, asset });
        calls.push(Call::RequireGain { mark: MARK, asset, min_gain });
    }
    Some(calls)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::moves::Lender;
    use super::super::outcome::Owner;
    use super::super::synthesis::{Options, size};
    use super::*;
    use crate::test_world::{self, MARKET, POOL, PRICES, TAIL, Terms, USDC, WETH};
    use markets::units::PoolId;
    use sim::chain::call::AmountExpr;

    const FLASH: Move = Move::Flash(Lender::Market { market: MARKET, asset: USDC });
    const PUMP: Move = Move::Swap { pool: POOL, from: USDC, to: TAIL };
    const SUPPLY: Move = Move::Supply { market: MARKET, asset: TAIL };

    /// A market with so much USDC and WETH to lend, searched by somebody with gas money only.
    fn ground(usdc: f64, weth: f64) -> Ground {
        let mut chain = test_world::chain(&Terms::default());
        let [lender, attacker] = ["lender", "attacker"].map(|name| chain.add_account(name));
        for (account, asset, tokens) in
            [(lender, USDC, usdc), (lender, WETH, weth), (attacker, WETH, 20.0)]
        {
            let amount = test_world::amount(asset, tokens);
            if !amount.is_zero() {
                chain.genesis_mint(account, asset, amount).unwrap();
            }
            if account == lender && !amount.is_zero() {
                let supply = Call::Supply { market: MARKET, asset, amount: AmountExpr::All };
                let done = test_world::system(&mut chain, lender, &[supply]).outcome;
                assert_eq!(done, Outcome::Success);
            }
        }
        let fair = Fair::new(&chain, &PRICES);
        let pending = TxBuffer::default();
        Ground { chain, attacker, fair, pending, block_secs: 12, wait_blocks: 0 }
    }

    fn borrow(asset: AssetId) -> Move {
        Move::Borrow { market: MARKET, asset }
    }

    fn template(ground: &Ground, moves: &[Move]) -> Template {
        let options = Options { simulations: 4_000, ..Options::default() };
        Template::of(&size(ground, moves, &options).unwrap()).unwrap()
    }

    #[test]
    fn its_size_is_that_of_its_loans_or_of_what_it_spends_first() {
        let steps = [(FLASH, 0.8), (PUMP, 0.5), (SUPPLY, 1.0)].map(|(m, s)| Step::of(m, s));
        let shares = |template: &Template| -> Vec<f64> {
            template.steps(0.25).iter().map(|step| step.share).collect()
        };
        assert_eq!(shares(&Template(steps.to_vec())), [0.2, 0.5, 1.0]);
        assert_eq!(shares(&Template(steps[1..].to_vec())), [0.125, 1.0]);
        assert_eq!(Template(steps.to_vec()).steps(1.0), steps);
    }

    #[test]
    fn what_cannot_be_done_now_is_left_out() {
        let rich = ground(2e6, 200.0);
        let moves = [FLASH, PUMP, SUPPLY, borrow(WETH), borrow(USDC)];
        let template = template(&rich, &moves);
        let made = |ground: &Ground| {
            let mut player = Player::new(ground);
            let (steps, played) = template.fitted(1.0, &mut player);
            (steps.iter().map(|step| step.action).collect::<Vec<_>>(), played.profit_usd)
        };
        let (all, most) = made(&rich);
        assert_eq!(all, moves);
        assert!(most > 100_000.0, "{most}");
        let (fewer, less) = made(&ground(2e6, 0.0));
        assert_eq!(fewer, [FLASH, PUMP, SUPPLY, borrow(USDC)]);
        assert!(less > 10_000.0 && less < most, "{less} {most}");
        // Without anything to lend nothing is left that could be done.
        let (none, nothing) = made(&ground(0.0, 0.0));
        assert!(none.is_empty() && nothing <= 0.0, "{none:?} {nothing}");
        let elsewhere =
            Template(vec![Step::of(Move::Swap { pool: PoolId(7), from: USDC, to: TAIL }, 1.0)]);
        assert!(template.is_possible_on(&rich.chain) && !elsewhere.is_possible_on(&rich.chain));
    }

    #[test]
    fn whoever_comes_first_makes_it_fail_without_a_trace_but_gas() {
        let mut ground = ground(2e6, 200.0);
        let template = template(&ground, &[FLASH, PUMP, SUPPLY, borrow(WETH), borrow(USDC)]);
        let mut player = Player::new(&ground);
        let (steps, played) = template.fitted(1.0, &mut player);
        let record = player.record(&steps).unwrap();
        let before = ground.chain.state_hash();
        let calls = guarded(&record, &mut ground).unwrap();
        assert_eq!(before, ground.chain.state_hash(), "it was only tried");
        let by = ground.attacker;
        let wealth = |chain: &Chain| {
            Owner::of(chain, by, &ground.fair).books(chain, &ground.fair).wealth_usd
        };
        let mut alone = ground.chain.clone();
        assert_eq!(test_world::system(&mut alone, by, &calls).outcome, Outcome::Success);
        let earned = wealth(&alone) - wealth(&ground.chain) - record.gas_usd;
        assert!((earned / played.profit_usd - 1.0).abs() < 1e-9, "{earned} {played:?}");
        // Somebody sold a little to the pool before it.
        let mut raced = ground.chain.clone();
        let other = raced.add_account("other");
        raced.genesis_mint(other, TAIL, test_world::amount(TAIL, 20_000.0)).unwrap();
        let min_out = Amount::ZERO;
        let sale = Call::Swap { pool: POOL, asset_in: TAIL, amount: AmountExpr::All, min_out };
        assert_eq!(test_world::system(&mut raced, other, &[sale]).outcome, Outcome::Success);
        let before = wealth(&raced);
        assert_ne!(test_world::system(&mut raced, by, &calls).outcome, Outcome::Success);
        assert_eq!(wealth(&raced), before);
    }
}
