//! The core: joining and leaving, locking and drawing, the stability fee, the safety price, healing.

use super::{Change, Ilk, Int, Vault, VaultError, feed_price, minus, plus, times};
use crate::LendingView;
use crate::fixed::{rdiv, rmul, rpow};
use markets::units::{AccountId, Amount, AssetId, Flow, RAY, Ray, U256};

/// A vault, with the fee collected up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UrnView {
    /// Locked collateral, in wad.
    pub ink: Amount,
    /// Normalised debt, in wad.
    pub art: Amount,
    /// Debt, in rad.
    pub tab: Amount,
    /// The most debt that the collateral carries at the stored safety price, in rad.
    pub limit: Amount,
}

impl Vault {
    /// Brings collateral tokens in: `amount` in the token's decimals (`GemJoin.join`).
    ///
    /// # Errors
    /// No such type, or overflow.
    pub fn join(&self, by: AccountId, ilk: u16, amount: Amount) -> Result<Change, VaultError> {
        let ilk = self.ilk(ilk)?;
        let wad = ilk.wad_from_tokens(amount)?;
        let mut change = Change::new(self.state);
        change.flow(Flow::Move { from: by, to: self.account, asset: ilk.token, amount });
        change.flow(Flow::Mint { to: by, asset: ilk.gem, amount: wad });
        Ok(change)
    }

    /// Takes collateral tokens out: `amount` in the token's decimals (`GemJoin.exit`).
    ///
    /// # Errors
    /// No such type, overflow, or less free collateral.
    pub fn exit(
        &self,
        view: &impl LendingView,
        by: AccountId,
        ilk: u16,
        amount: Amount,
    ) -> Result<Change, VaultError> {
        let ilk = self.ilk(ilk)?;
        let wad = ilk.wad_from_tokens(amount)?;
        minus(view.balance(by, ilk.gem), wad)?;
        let mut change = Change::new(self.state);
        change.flow(Flow::Burn { from: by, asset: ilk.gem, amount: wad });
        change.flow(Flow::Move { from: self.account, to: by, asset: ilk.token, amount });
        Ok(change)
    }

    /// Brings dai tokens in, in wad (`DaiJoin.join`).
    ///
    /// # Errors
    /// Overflow, or the join holds less than it would give.
    pub fn join_dai(
        &self,
        view: &impl LendingView,
        by: AccountId,
        wad: Amount,
    ) -> Result<Change, VaultError> {
        let amount = Amount(times(wad.0, RAY)?);
        minus(view.balance(self.account, self.internal), amount)?;
        let mut change = Change::new(self.state);
        change.flow(Flow::Move { from: self.account, to: by, asset: self.internal, amount });
        change.flow(Flow::Burn { from: by, asset: self.dai, amount: wad });
        Ok(change)
    }

    /// Takes dai tokens out, in wad (`DaiJoin.exit`).
    ///
    /// # Errors
    /// Overflow, or less dai inside.
    pub fn exit_dai(
        &self,
        view: &impl LendingView,
        by: AccountId,
        wad: Amount,
    ) -> Result<Change, VaultError> {
        let amount = Amount(times(wad.0, RAY)?);
        minus(view.balance(by, self.internal), amount)?;
        let mut change = Change::new(self.state);
        change.flow(Flow::Move { from: by, to: self.account, asset: self.internal, amount });
        change.flow(Flow::Mint { to: by, asset: self.dai, amount: wad });
        Ok(change)
    }

    /// Moves dai inside, in rad (`Vat.move`).
    #[must_use]
    pub fn move_internal(&self, by: AccountId, to: AccountId, rad: Amount) -> Change {
        let mut change = Change::new(self.state);
        change.flow(Flow::Move { from: by, to, asset: self.internal, amount: rad });
        change
    }

    /// Moves free collateral, in wad (`Vat.flux`).
    ///
    /// # Errors
    /// No such type.
    pub fn flux(
        &self,
        by: AccountId,
        to: AccountId,
        ilk: u16,
        wad: Amount,
    ) -> Result<Change, VaultError> {
        let mut change = Change::new(self.state);
        change.flow(Flow::Move { from: by, to, asset: self.ilk(ilk)?.gem, amount: wad });
        Ok(change)
    }

    /// Locks or frees collateral and draws or wipes debt, both of the sender's vault (`Vat.frob`), in wad;
    /// the debt is normalised. The change keeps the vault safe, or makes it no riskier; a debt that rises
    /// stays below both ceilings; a debt that is not nothing is not dust.
    ///
    /// # Errors
    /// One variant of [`VaultError`] per rule.
    pub fn frob(
        &self,
        view: &impl LendingView,
        by: AccountId,
        index: u16,
        dink: Int,
        dart: Int,
    ) -> Result<Change, VaultError> {
        let overflow = VaultError::Arithmetic;
        let ilk = self.ilk(index)?;
        let ink = dink.add_to(view.balance(by, ilk.ink)).ok_or(overflow)?;
        let art = dart.add_to(view.balance(by, ilk.art)).ok_or(overflow)?;
        let all_art = dart.add_to(view.total_supply(ilk.art)).ok_or(overflow)?;
        let moved = Amount(times(ilk.rate.0, dart.magnitude().0)?);
        let dtab = if dart.is_negative() { Int::minus(moved) } else { Int::plus(moved) };
        let dtab = dtab.ok_or(overflow)?;
        let tab = times(ilk.rate.0, art.0)?;
        let debt = dtab.add_to(view.total_supply(self.internal)).ok_or(overflow)?;
        let draws = !dart.is_negative() && dart != Int::ZERO;
        let riskier = draws || dink.is_negative();
        if draws && (times(all_art.0, ilk.rate.0)? > ilk.line.0 || debt > self.state.line) {
            return Err(VaultError::CeilingExceeded);
        }
        if riskier && tab > times(ink.0, ilk.spot.0)? {
            return Err(VaultError::NotSafe);
        }
        if !art.is_zero() && tab < ilk.dust.0 {
            return Err(VaultError::Dust);
        }
        let dgem = if dink.is_negative() {
            Int::plus(dink.magnitude())
        } else {
            Int::minus(dink.magnitude())
        };
        let dgem = dgem.ok_or(overflow)?;
        dgem.add_to(view.balance(by, ilk.gem)).ok_or(overflow)?;
        dtab.add_to(view.balance(by, self.internal)).ok_or(overflow)?;
        let mut change = Change::new(self.state);
        change.signed(by, ilk.gem, dgem);
        change.signed(by, ilk.ink, dink);
        change.signed(by, ilk.art, dart);
        change.signed(by, self.internal, dtab);
        Ok(change)
    }

    /// Collects the stability fee of a type up to now: debts grow by `(base + duty)^seconds`, and the vow
    /// earns the difference (`Jug.drip`).
    ///
    /// # Errors
    /// No such type, or overflow.
    pub fn drip(&self, view: &impl LendingView, index: u16) -> Result<Change, VaultError> {
        let overflow = VaultError::Arithmetic;
        let mut ilk = *self.ilk(index)?;
        let rate = self.rate_at(&ilk, view.now())?;
        let all_art = view.total_supply(ilk.art);
        let mut change = Change::new(self.state);
        let (grown, fell) = (rate.0.saturating_sub(ilk.rate.0), ilk.rate.0.saturating_sub(rate.0));
        let earned = Int::plus(Amount(times(all_art.0, grown)?)).ok_or(overflow)?;
        let lost = Int::minus(Amount(times(all_art.0, fell)?)).ok_or(overflow)?;
        lost.add_to(view.balance(self.vow, self.internal)).ok_or(overflow)?;
        change.signed(self.vow, self.internal, earned);
        change.signed(self.vow, self.internal, lost);
        (ilk.rate, ilk.rho) = (rate, view.now());
        change.ilk = Some((index, ilk));
        Ok(change)
    }

    /// A type's rate with the fee up to now; the power is rounded half up, the product floored.
    fn rate_at(&self, ilk: &Ilk, now: u64) -> Result<Ray, VaultError> {
        let overflow = VaultError::Arithmetic;
        let elapsed = now.checked_sub(ilk.rho).ok_or(overflow)?;
        let per_second = self.state.base.checked_add(ilk.duty).ok_or(overflow)?;
        let factor = rpow(per_second.0, elapsed, RAY).ok_or(overflow)?;
        rmul(factor, ilk.rate.0).map(Ray).ok_or(overflow)
    }

    /// Stores a type's safety price, `price / mat`, floored; zero where the oracle has no price
    /// (`Spotter.poke`).
    ///
    /// # Errors
    /// No such type, or overflow.
    pub fn poke(&self, view: &impl LendingView, index: u16) -> Result<Change, VaultError> {
        let mut ilk = *self.ilk(index)?;
        ilk.spot = match feed_price(&ilk, view) {
            Ok(price) => rdiv(price.0, ilk.mat.0).map(Ray).ok_or(VaultError::Arithmetic)?,
            Err(VaultError::Oracle(_)) => Ray::ZERO,
            Err(error) => return Err(error),
        };
        let mut change = Change::new(self.state);
        change.ilk = Some((index, ilk));
        Ok(change)
    }

    /// Cancels the vow's dai against its bad debt, in rad (`Vow.heal`).
    ///
    /// # Errors
    /// The vow has less of either.
    pub fn heal(&self, view: &impl LendingView, rad: Amount) -> Result<Change, VaultError> {
        if rad > view.balance(self.vow, self.internal) {
            return Err(VaultError::InsufficientSurplus);
        }
        if rad > view.balance(self.vow, self.sin) {
            return Err(VaultError::InsufficientDebt);
        }
        let mut change = Change::new(self.state);
        change.flow(Flow::Burn { from: self.vow, asset: self.sin, amount: rad });
        change.flow(Flow::Burn { from: self.vow, asset: self.internal, amount: rad });
        Ok(change)
    }

    /// A vault as it is now, the fee up to now included.
    ///
    /// # Errors
    /// No such type, or overflow.
    pub fn urn(
        &self,
        view: &impl LendingView,
        account: AccountId,
        index: u16,
    ) -> Result<UrnView, VaultError> {
        let ilk = self.ilk(index)?;
        let (ink, art) = (view.balance(account, ilk.ink), view.balance(account, ilk.art));
        let rate = self.rate_at(ilk, view.now())?;
        let (tab, limit) = (times(art.0, rate.0)?, times(ink.0, ilk.spot.0)?);
        Ok(UrnView { ink, art, tab: Amount(tab), limit: Amount(limit) })
    }

    /// Whether a vault can be liquidated: it has a safety price, and less collateral than its debt as of
    /// the last collection of the fee needs.
    pub(super) fn is_unsafe(ilk: &Ilk, ink: Amount, art: Amount) -> Result<bool, VaultError> {
        Ok(!ilk.spot.is_zero() && times(ink.0, ilk.spot.0)? < times(art.0, ilk.rate.0)?)
    }

    /// Takes collateral and debt from a vault: the collateral to the house, the debt to the vow's bad debt
    /// (`Vat.grab`).
    pub(super) fn grab(
        &self,
        change: &mut Change,
        ilk: &Ilk,
        urn: AccountId,
        dink: Amount,
        dart: Amount,
    ) -> Result<(), VaultError> {
        let due = Amount(times(dart.0, ilk.rate.0)?);
        (change.seized, change.due) = (dink, due);
        change.flow(Flow::Burn { from: urn, asset: ilk.ink, amount: dink });
        change.flow(Flow::Burn { from: urn, asset: ilk.art, amount: dart });
        change.flow(Flow::Mint { to: self.house, asset: ilk.gem, amount: dink });
        change.flow(Flow::Mint { to: self.vow, asset: self.sin, amount: due });
        Ok(())
    }

    /// Pays dai that nobody has: the vow owes it (`Vat.suck`).
    pub(super) fn suck(&self, change: &mut Change, to: AccountId, rad: Amount) {
        change.flow(Flow::Mint { to: self.vow, asset: self.sin, amount: rad });
        change.flow(Flow::Mint { to, asset: self.internal, amount: rad });
    }

    /// The normalised debt that so many dai tokens draw, ceiled so that at least that much can be taken
    /// out, given the dai already inside.
    ///
    /// # Errors
    /// Overflow.
    pub fn art_to_draw(inside: Amount, wad: Amount, rate: Ray) -> Result<Amount, VaultError> {
        let wanted = Amount(times(wad.0, RAY)?);
        Ok(Amount(wanted.saturating_sub(inside).0.div_ceil(rate.0)))
    }

    /// The most dai tokens that a vault can draw at the stored rate and safety price, within both ceilings.
    ///
    /// # Errors
    /// No such type, or overflow.
    pub fn max_draw(
        &self,
        view: &impl LendingView,
        account: AccountId,
        index: u16,
    ) -> Result<Amount, VaultError> {
        let ilk = self.ilk(index)?;
        let (ink, art) = (view.balance(account, ilk.ink), view.balance(account, ilk.art));
        let room = |limit: U256, used: U256| limit.saturating_sub(used);
        let of_vault = room(times(ink.0, ilk.spot.0)?, times(art.0, ilk.rate.0)?);
        let of_type = room(ilk.line.0, times(view.total_supply(ilk.art).0, ilk.rate.0)?);
        let of_all = room(self.state.line.0, view.total_supply(self.internal).0);
        // Floor twice: a whole number of normalised units, and of dai tokens.
        let art = of_vault.min(of_type).min(of_all) / ilk.rate.0;
        Ok(Amount(times(art, ilk.rate.0)? / RAY))
    }

    /// What wiping with at most `most` dai tokens takes in tokens, and the normalised debt that it and the
    /// dai already inside wipe: all of it where that is enough, else floored.
    ///
    /// # Errors
    /// No such type, or overflow.
    pub fn wipe(
        &self,
        view: &impl LendingView,
        account: AccountId,
        index: u16,
        most: Amount,
    ) -> Result<(Amount, Amount), VaultError> {
        let ilk = self.ilk(index)?;
        let art = view.balance(account, ilk.art);
        let inside = view.balance(account, self.internal);
        let missing = Amount(times(art.0, ilk.rate.0)?).saturating_sub(inside);
        let amount = most.min(Amount(missing.0.div_ceil(RAY)));
        let available = plus(inside, Amount(times(amount.0, RAY)?))?;
        Ok((amount, art.min(Amount(available.0 / ilk.rate.0))))
    }

    /// Whether an asset is a collateral token, or dai.
    #[must_use]
    pub fn lists(&self, asset: AssetId) -> bool {
        asset == self.dai || self.ilk_of(asset).is_some()
    }

    /// All bad debt that is in the vow and no auction will raise, in rad.
    ///
    /// # Errors
    /// Overflow.
    pub fn shortfall(&self, view: &impl LendingView) -> Result<Amount, VaultError> {
        let covered =
            plus(view.balance(self.vow, self.internal), plus(self.state.litter, self.state.dirt)?)?;
        Ok(view.balance(self.vow, self.sin).saturating_sub(covered))
    }
}

impl Ilk {
    /// Collateral in wad from the token's decimals, exactly.
    ///
    /// # Errors
    /// Overflow, or a token of more than 18 decimals.
    pub fn wad_from_tokens(&self, amount: Amount) -> Result<Amount, VaultError> {
        let scale = 18_u8.checked_sub(self.decimals).ok_or(VaultError::Arithmetic)?;
        let scale = U256::from(10_u64.pow(u32::from(scale)));
        times(amount.0, scale).map(Amount)
    }
    /// Collateral in the token's decimals from wad, floored.
    #[must_use]
    pub fn tokens_from_wad(&self, wad: Amount) -> Amount {
        let scale = 18_u8.saturating_sub(self.decimals);
        Amount(wad.0 / U256::from(10_u64.pow(u32::from(scale))))
    }
}
