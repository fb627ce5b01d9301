//! Positions: which reserves an account uses as collateral and which it borrows.
//!
//! How much is on the ledger, as scaled share balances; a position is only the two bit maps that say
//! where to look (Aave `DataTypes.UserConfigurationMap`), and the e-mode that the account is in.

use serde::{Deserialize, Serialize};

/// Most reserves a market can list: one bit each in a [`Position`].
pub const MAX_RESERVES: usize = 32;

/// An account's flags in a market. The default is an account that the market has never seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Bit `i`: the supply in reserve `i` counts as collateral.
    pub collateral: u32,
    /// Bit `i`: there is debt in reserve `i`.
    pub borrowing: u32,
    /// The e-mode that the account is in; zero: none.
    pub e_mode: u8,
}

impl Position {
    /// Whether there is neither collateral nor debt.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        (self.collateral | self.borrowing) == 0
    }
    /// Whether there is any debt.
    #[must_use]
    pub const fn is_borrowing_any(self) -> bool {
        self.borrowing != 0
    }
    /// Whether the supply in a reserve counts as collateral.
    #[must_use]
    pub const fn uses_as_collateral(self, reserve: u16) -> bool {
        self.collateral >> reserve & 1 == 1
    }
    /// Whether there is debt in a reserve.
    #[must_use]
    pub const fn borrows(self, reserve: u16) -> bool {
        self.borrowing >> reserve & 1 == 1
    }
    /// The same with the collateral flag of a reserve set or cleared.
    #[must_use]
    pub const fn with_collateral(self, reserve: u16, enabled: bool) -> Self {
        Self { collateral: with_bit(self.collateral, reserve, enabled), ..self }
    }
    /// The same with the debt flag of a reserve set or cleared.
    #[must_use]
    pub const fn with_borrowing(self, reserve: u16, enabled: bool) -> Self {
        Self { borrowing: with_bit(self.borrowing, reserve, enabled), ..self }
    }
    /// The one reserve that is collateral, where it is one.
    #[must_use]
    pub const fn only_collateral(self) -> Option<u16> {
        if self.collateral.is_power_of_two() {
            Some(self.collateral.trailing_zeros() as u16)
        } else {
            None
        }
    }
    /// The one reserve with debt, where it is one.
    #[must_use]
    pub const fn only_debt(self) -> Option<u16> {
        if self.borrowing.is_power_of_two() {
            Some(self.borrowing.trailing_zeros() as u16)
        } else {
            None
        }
    }
    /// The reserves that are collateral or debt, in ascending order.
    pub fn reserves(self) -> impl Iterator<Item = u16> {
        bits(self.collateral | self.borrowing)
    }
    /// The reserves with debt, in ascending order.
    pub fn borrowed_reserves(self) -> impl Iterator<Item = u16> {
        bits(self.borrowing)
    }
    /// The reserves that are collateral, in ascending order.
    pub fn collateral_reserves(self) -> impl Iterator<Item = u16> {
        bits(self.collateral)
    }
}

const fn with_bit(map: u32, bit: u16, on: bool) -> u32 {
    if on { map | 1 << bit } else { map & !(1 << bit) }
}

fn bits(mut map: u32) -> impl Iterator<Item = u16> {
    std::iter::from_fn(move || {
        if map == 0 {
            return None;
        }
        let bit = map.trailing_zeros() as u16;
        map &= map - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_independent_per_reserve() {
        let p = Position::default().with_collateral(0, true).with_borrowing(31, true);
        assert!(p.uses_as_collateral(0) && !p.uses_as_collateral(31));
        assert!(p.borrows(31) && !p.borrows(0));
        assert_eq!(p.reserves().collect::<Vec<_>>(), [0, 31]);
        assert!(p.with_collateral(0, false).with_borrowing(31, false).is_empty());
    }
}
