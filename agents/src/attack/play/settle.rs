//! Closing what is open: what was gained is sold, and loans are repaid.

use super::super::moves::Lender;
use super::perform::{swap, trades};
use super::{Hand, Player};
use markets::units::{Amount, AssetId, PoolId};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call};

impl Player<'_> {
    /// Sells what was gained and repays the loans; the part of the loans that could be repaid where not
    /// all could.
    pub(super) fn settle(&mut self, chain: &mut Chain, hand: &mut Hand) -> Result<(), f64> {
        if hand.loans.is_empty() {
            return Ok(());
        }
        let by = self.ground.attacker;
        while let Some((lender, _)) = hand.loans.last().copied() {
            let asset = lender.asset();
            let owed = hand.session.owed().unwrap_or(Amount::MAX);
            self.sell_for(chain, hand, asset, owed);
            let held = chain.balance(by, asset);
            let back = held.min(owed);
            if held < owed {
                let short = held.to_f64() / owed.to_f64();
                let (rest, other) = self.owed_in_other(chain, hand, back).ok_or(short)?;
                self.pay(chain, hand, lender, other, rest).ok_or(short)?;
            }
            self.pay(chain, hand, lender, asset, back).ok_or(0.0)?;
            hand.session.close(chain).map_err(|_revert| 0.0)?;
            hand.loans.pop();
        }
        Ok(())
    }

    /// What the other asset of a pair must pay for a flash swap of which only `back` comes back, and that
    /// asset.
    fn owed_in_other(&self, chain: &Chain, hand: &Hand, back: Amount) -> Option<(Amount, AssetId)> {
        let (Lender::Pair { pool, asset }, out) = *hand.loans.last()? else { return None };
        let pair = chain.pool(pool).constant_product()?;
        let zero = Amount::ZERO;
        let (out0, out1) = if pair.token0 == asset { (out, zero) } else { (zero, out) };
        let (rest, other) = (pair.flash_debt_in_other(out0, out1, back)?, pair.other(asset).ok()?);
        (chain.balance(self.ground.attacker, other) >= rest).then_some((rest, other))
    }

    /// Sends a pool what it is owed; a market takes it by itself.
    fn pay(
        &self,
        chain: &mut Chain,
        hand: &mut Hand,
        lender: Lender,
        asset: AssetId,
        amount: Amount,
    ) -> Option<()> {
        let (Lender::Pair { pool, .. } | Lender::Concentrated { pool, .. }) = lender else {
            return Some(());
        };
        if amount.is_zero() {
            return Some(());
        }
        let to = self.pool(pool).account();
        let pay = Call::Transfer { to, asset, amount: AmountExpr::Exact(amount) };
        hand.session.call(chain, pay).ok()
    }

    /// Sells every asset that the attacker has gained for `asset`, each where it brings most: where that
    /// is needed to have `owed`, or where it brings more than the asset is worth.
    fn sell_for(&self, chain: &mut Chain, hand: &mut Hand, asset: AssetId, owed: Amount) {
        let (by, fair) = (self.ground.attacker, &self.ground.fair);
        for i in 0..self.wallet.len() {
            let loot = AssetId(i as u16);
            let gained = chain.balance(by, loot).saturating_sub(self.wallet[i]);
            if loot == asset || gained.is_zero() {
                continue;
            }
            let had = chain.balance(by, asset);
            let mut best: Option<(PoolId, Amount)> = None;
            for (p, pool) in self.ground.chain.pools().iter().enumerate() {
                if !trades(pool, loot, asset) {
                    continue;
                }
                let id = PoolId(p as u16);
                let mark = hand.session.mark(chain);
                let sold = hand.session.call(chain, swap(pool, id, loot, asset, gained)).is_ok();
                let brought = chain.balance(by, asset).saturating_sub(had);
                hand.session.back(chain, &mark);
                if sold && best.is_none_or(|(_, most)| brought > most) {
                    best = Some((id, brought));
                }
            }
            let Some((id, brought)) = best else { continue };
            if had < owed || fair.usd(asset, brought) > fair.usd(loot, gained) {
                let sale = swap(self.pool(id), id, loot, asset, gained);
                // It went through a moment ago, in this state.
                hand.session.call(chain, sale).ok();
            }
        }
    }
}
