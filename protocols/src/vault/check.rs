//! What always holds of vaults and their auctions, between transactions.

use super::{Lot, Vault};
use crate::LendingView;
use markets::units::{Amount, Ray, U256};

/// Every property that [`Vault::check`] looks at: id and sentence.
pub const INVARIANTS: [(&str, &str); 8] = [
    ("vault-debt-sums", "all dai inside is bad debt plus every normalised debt at its rate"),
    ("vault-holds-collateral", "the collateral at hand covers what is locked, free and in auction"),
    ("vault-rate-at-least-one", "a collateral type's rate is at least one"),
    ("auction-house-holds-lots", "the house holds of each collateral type what its auctions sell"),
    (
        "auction-english-bid",
        "an English auction's bid is at most its tab, and only a whole tab lowers the lot",
    ),
    ("auction-dutch-lot", "a Dutch auction has something to sell and something to raise"),
    ("auction-limits-sum", "what counts against the limits is what running auctions are to raise"),
    ("auction-order", "auctions are in the order they started, and none is younger than the count"),
];

/// Which property is broken, and the figures.
type Broken = (usize, String);

impl Vault {
    /// Checks every property in [`INVARIANTS`].
    ///
    /// # Errors
    /// The index of the first that is broken, and the figures.
    pub fn check(&self, view: &impl LendingView) -> Result<(), Broken> {
        let overflow = |i: usize| (i, "more than 256 bits".to_owned());
        let mut debt = view.total_supply(self.sin).0;
        for (i, ilk) in self.ilks.iter().enumerate() {
            let of_type = view.total_supply(ilk.art).0.checked_mul(ilk.rate.0);
            debt = of_type.and_then(|d| d.checked_add(debt)).ok_or_else(|| overflow(0))?;
            let wad = view
                .total_supply(ilk.ink)
                .checked_add(view.total_supply(ilk.gem))
                .ok_or_else(|| overflow(1))?;
            let held = view.balance(self.account, ilk.token);
            // Rounded up: a part of a token's smallest unit is owed as a whole one.
            let scale = U256::from(10_u64.pow(18 - u32::from(ilk.decimals.min(18))));
            let owed = wad.0.div_ceil(scale);
            if held.0 < owed {
                return Err((1, format!("type {i}: holds {held}, owes {owed}")));
            }
            if ilk.rate < Ray::ONE {
                return Err((2, format!("type {i}: rate {}", ilk.rate)));
            }
        }
        let inside = view.total_supply(self.internal).0;
        if inside != debt {
            return Err((0, format!("{inside} inside, {debt} owed")));
        }
        self.check_auctions(view)
    }

    fn check_auctions(&self, view: &impl LendingView) -> Result<(), Broken> {
        let (mut litter, mut dirt) = (U256::ZERO, U256::ZERO);
        let mut last = 0;
        for auction in &self.auctions {
            let id = auction.id;
            if id <= last || id > self.state.kicks {
                return Err((7, format!("auction {id} after {last} of {}", self.state.kicks)));
            }
            last = id;
            match &auction.lot {
                Lot::English(bid) => {
                    litter = litter.saturating_add(bid.tab.0);
                    if bid.bid > bid.tab || (bid.guy.is_none() && !bid.bid.is_zero()) {
                        return Err((4, format!("auction {id}: bid {}, tab {}", bid.bid, bid.tab)));
                    }
                }
                Lot::Dutch(sale) => {
                    dirt = dirt.saturating_add(sale.tab.0);
                    if sale.lot.is_zero() || sale.tab.is_zero() {
                        return Err((5, format!("auction {id}: {} for {}", sale.lot, sale.tab)));
                    }
                }
            }
        }
        for (i, ilk) in self.ilks.iter().enumerate() {
            let of_type = self.auctions.iter().filter(|a| usize::from(a.ilk) == i);
            let sold = of_type.fold(U256::ZERO, |sum, auction| {
                let (Lot::English(super::Bid { lot, .. }) | Lot::Dutch(super::Sale { lot, .. })) =
                    auction.lot;
                sum.saturating_add(lot.0)
            });
            let raised = self.auctions.iter().filter(|a| usize::from(a.ilk) == i);
            let raised = raised.fold(U256::ZERO, |sum, auction| match &auction.lot {
                Lot::English(_) => sum,
                Lot::Dutch(sale) => sum.saturating_add(sale.tab.0),
            });
            if ilk.dirt.0 != raised {
                return Err((6, format!("type {i}: {}, auctions {raised}", ilk.dirt)));
            }
            // At least: anyone may send the house free collateral.
            let held = view.balance(self.house, ilk.gem);
            if held < Amount(sold) {
                return Err((3, format!("type {i}: holds {held}, sells {sold}")));
            }
        }
        let state = &self.state;
        if state.litter.0 != litter || state.dirt.0 != dirt {
            let detail = format!("{} and {}, auctions {litter}, {dirt}", state.litter, state.dirt);
            return Err((6, detail));
        }
        Ok(())
    }
}
