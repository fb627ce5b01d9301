//! What the owner may change (`file`).

use super::{Change, House, Vault, VaultError};
use crate::LendingView;
use markets::units::{AccountId, Amount, RAY, Ray, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// A parameter, in the unit that the documentation gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Param {
    /// Most debt of all, rad (`Line`); whatever the collateral type named.
    GlobalLine,
    /// Most in English auctions, rad (`box`); whatever the type.
    BoxLimit,
    /// Most in Dutch auctions, rad (`Hole`); whatever the type.
    GlobalHole,
    /// Most debt of a type, rad.
    Line,
    /// Least debt of a vault, rad.
    Dust,
    /// Least collateral ratio, ray; takes effect at the next poke.
    Mat,
    /// Stability fee per second, ray; the fee must have been collected in this second.
    Duty,
    /// Liquidation penalty, wad, at least one.
    Chop,
    /// Most in Dutch auctions of a type, or in one English auction, rad.
    Hole,
    /// Minimum increase of an English bid, wad.
    Beg,
    /// Seconds that an English bid must stand.
    Ttl,
    /// Seconds of an English auction.
    Tau,
    /// Starting price of a Dutch auction over the oracle's, ray.
    Buf,
    /// Seconds before a Dutch auction must be reset.
    Tail,
    /// Price ratio below which it must be reset, ray.
    Cusp,
    /// Keeper's share of the tab, wad.
    Chip,
    /// Keeper's flat pay, rad.
    Tip,
}

impl Vault {
    /// Changes a parameter (owner only).
    ///
    /// # Errors
    /// Not the owner, no such type or parameter, out of range, or a fee not collected.
    pub fn file(
        &self,
        view: &impl LendingView,
        by: AccountId,
        index: u16,
        param: Param,
        value: U256,
    ) -> Result<Change, VaultError> {
        if by != self.owner {
            return Err(VaultError::NotAuthorised);
        }
        let mut change = Change::new(self.state);
        let mut ilk = *self.ilk(index)?;
        let refused = VaultError::UnrecognizedParam;
        let secs = || u64::try_from(value).ok().ok_or(refused);
        match (param, &mut ilk.house) {
            (Param::GlobalLine, _) => change.state.line = Amount(value),
            (Param::BoxLimit, _) => change.state.box_limit = Amount(value),
            (Param::GlobalHole, _) => change.state.hole = Amount(value),
            (Param::Line, _) => ilk.line = Amount(value),
            (Param::Dust, _) => ilk.dust = Amount(value),
            (Param::Mat, _) if !value.is_zero() => ilk.mat = Ray(value),
            (Param::Duty, _) if view.now() != ilk.rho => return Err(VaultError::RhoNotUpdated),
            (Param::Duty, _) if value >= RAY => ilk.duty = Ray(value),
            (Param::Chop, _) if value >= WAD => ilk.chop = Wad(value),
            (Param::Hole, _) => ilk.hole = Amount(value),
            (Param::Beg, House::English(rules)) if value > WAD => rules.beg = Wad(value),
            (Param::Ttl, House::English(rules)) => rules.ttl_secs = secs()?,
            (Param::Tau, House::English(rules)) => rules.tau_secs = secs()?,
            (Param::Buf, House::Dutch(rules)) => rules.buf = Ray(value),
            (Param::Tail, House::Dutch(rules)) => rules.tail_secs = secs()?,
            (Param::Cusp, House::Dutch(rules)) => rules.cusp = Ray(value),
            (Param::Chip, House::Dutch(rules)) => rules.chip = Wad(value),
            (Param::Tip, House::Dutch(rules)) => rules.tip = Amount(value),
            _ => return Err(refused),
        }
        change.ilk = Some((index, ilk));
        Ok(change)
    }
}
