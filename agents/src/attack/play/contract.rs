//! The moves of a second account: the attacker's contract, whose positions are its own, and which keeps no money.
//!
//! What a borrower leaves behind is not what a lender is owed: whoever is both, in two accounts, lends against
//! what nobody will pay, or wins what the other account loses and does not have. A market sees two accounts, and
//! the attacker is one purse: what the contract posts comes from the attacker, and what it borrows goes there.

use super::super::outcome::max_borrow;
use super::{Hand, Player};
use markets::units::{AccountId, Amount, AssetId, MarketId};
use protocols::perpetual::MOST;
use sim::chain::call::{AmountExpr, Call, PerpetualCall};
use sim::chain::{Chain, Market};

impl Player<'_> {
    /// The contract posts this much, borrows all that it can of another asset, and takes back what need not stay
    /// posted: a market lends up to one line and lets go of collateral up to another.
    pub(super) fn borrow_apart(
        &self,
        chain: &mut Chain,
        hand: &mut Hand,
        market: MarketId,
        (collateral, posted): (AssetId, Amount),
        debt: AssetId,
    ) -> Option<()> {
        let (contract, session) = (self.owner.contract?, &mut hand.session);
        let to = self.ground.attacker;
        let amount = AmountExpr::Exact(posted);
        session.call(chain, Call::Transfer { to: contract, asset: collateral, amount }).ok()?;
        session.open(chain, Call::By { account: contract, body: 0 }).ok()?;
        session.call(chain, Call::Supply { market, asset: collateral, amount }).ok()?;
        if self.ground.chain.markets()[market.index()].compound().is_some() {
            let enter = Call::SetCollateral { market, asset: collateral, enabled: true };
            session.call(chain, enter).ok()?;
        }
        let room = compound_room(chain, market, contract);
        let most = max_borrow(chain, market, contract, debt);
        let amount = AmountExpr::Exact(most);
        session.call(chain, Call::Borrow { market, asset: debt, amount }).ok()?;
        if let Some(free) = unneeded(chain, market, contract, posted, room) {
            let amount = AmountExpr::Exact(free);
            let back = Call::Withdraw { market, asset: collateral, amount };
            if session.call(chain, back).is_ok() {
                session.call(chain, Call::Transfer { to, asset: collateral, amount }).ok()?;
            }
        }
        let amount = AmountExpr::Exact(most);
        session.call(chain, Call::Transfer { to, asset: debt, amount }).ok()?;
        session.close(chain).ok()
    }

    /// The contract pays this much into a perpetual market and makes a contract with the attacker at the mark, as
    /// large as the margins of both carry: what one of them will have won the other will owe.
    pub(super) fn deal_apart(
        &self,
        chain: &mut Chain,
        hand: &mut Hand,
        market: MarketId,
        paid: Amount,
        long: bool,
    ) -> Option<()> {
        let (contract, by, session) =
            (self.owner.contract?, self.ground.attacker, &mut hand.session);
        let perpetual = chain.markets()[market.index()].perpetual()?;
        let (asset, margin_bps) = (perpetual.quote, perpetual.contract.terms.initial_margin_bps);
        let units = perpetual.whole_units(paid).ok()?;
        let amount = AmountExpr::Exact(perpetual.amount(units.into()));
        session.call(chain, Call::Transfer { to: contract, asset, amount }).ok()?;
        session.open(chain, Call::By { account: contract, body: 0 }).ok()?;
        session.call(chain, Call::Supply { market, asset, amount }).ok()?;
        let touched = chain.touched(chain.markets()[market.index()].perpetual()?).ok()?;
        let mark = touched.contract.mark;
        let carried = |account: AccountId| {
            let free = u128::from(touched.contract.withdrawable(account.index()));
            let a_lot = u128::from(mark) * u128::from(margin_bps.max(1));
            i64::try_from(free * 10_000 / a_lot).unwrap_or(i64::MAX)
        };
        let lots = carried(by).min(carried(contract)).min(MOST as i64);
        let side = if long { -lots } else { lots };
        let offer = PerpetualCall::Offer { market, lots: side, tick: mark };
        session.call(chain, Call::Perpetual(offer)).ok()?;
        session.close(chain).ok()?;
        let take = PerpetualCall::Take { market, maker: contract, lots: lots.unsigned_abs() };
        session.call(chain, Call::Perpetual(take)).ok()
    }
}

/// What an account that has posted one thing need not keep posted, a billionth less for rounding; `None` where
/// there is nothing. A pooled market lends up to the LTV and pays out as far as the health factor stays at one
/// (Aave, `validateHFAndLtv`); the others lend and pay out up to the same line, which a debt may stay below for
/// want of more to lend.
fn unneeded(
    chain: &Chain,
    id: MarketId,
    account: AccountId,
    posted: Amount,
    room_before: f64,
) -> Option<Amount> {
    let part = match &chain.markets()[id.index()] {
        Market::Pooled(pooled) => {
            1.0 - 1e18 / pooled.health(chain, account).ok()?.health_factor.to_f64()
        }
        Market::Compound(_) => compound_room(chain, id, account) / room_before,
        Market::Isolated(isolated) => {
            let position = isolated.position(chain, account).ok()?;
            1.0 - position.borrowed.to_f64() / position.max_borrow.to_f64()
        }
        Market::MarginDesk(_) | Market::Perpetual(_) | Market::Vault(_) => return None,
    };
    (part > 1e-6).then(|| Amount::from_f64_floor(posted.to_f64() * (part - 1e-9)))
}

/// What a Compound market would still lend against what an account has posted there; zero elsewhere.
fn compound_room(chain: &Chain, id: MarketId, account: AccountId) -> f64 {
    let compound = chain.markets()[id.index()].compound();
    let liquidity = compound.and_then(|compound| compound.account_liquidity(chain, account).ok());
    liquidity.map_or(0.0, |liquidity| Amount(liquidity.liquidity).to_f64())
}
