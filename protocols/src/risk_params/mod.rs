//! What a risk policy may move: parameters, bounds, rate limits and delays.
//!
//! One function, [`RiskRegime::legal`], says whether a change is allowed now; action masks, the
//! decoding of learned actions and execution all ask it, so they cannot disagree.

pub(crate) mod apply;
mod error;
mod regime;
mod rule;

pub use apply::{Standing, standing};
pub use error::RiskError;
pub use regime::{RegimeName, RiskRegime};
pub use rule::{AtOnce, Rule, Step};

use serde::{Deserialize, Serialize};

/// A parameter that a risk policy may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RiskParam {
    /// Loan-to-value of a reserve, in bps.
    Ltv,
    /// Liquidation threshold of a reserve, in bps.
    LiquidationThreshold,
    /// Liquidation bonus of a reserve beyond par, in bps.
    LiquidationBonus,
    /// Supply cap of a reserve, in whole tokens.
    SupplyCap,
    /// Borrow cap of a reserve, in whole tokens.
    BorrowCap,
    /// The market's close factor, in bps.
    CloseFactor,
    /// Whether a reserve is frozen: 0 or 1.
    Frozen,
    /// Which of its two feeds a reserve reads: 0 the first, 1 the other.
    Oracle,
    /// Whether the market refuses liquidations past the toxic frontier: 0 or 1.
    ToxicStop,
    /// Share of a bonus that the market pays at a health factor of one, in bps.
    BonusAtLine,
    /// Health factor at and below which the market pays the whole bonus, in bps.
    FullBonusAt,
}

impl RiskParam {
    /// How many there are.
    pub const COUNT: usize = 11;
    /// How many, the first, a reserve may have.
    pub const OF_RESERVES: usize = 8;
    /// All, in the order of [`RiskParam::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Ltv,
        Self::LiquidationThreshold,
        Self::LiquidationBonus,
        Self::SupplyCap,
        Self::BorrowCap,
        Self::CloseFactor,
        Self::Frozen,
        Self::Oracle,
        Self::ToxicStop,
        Self::BonusAtLine,
        Self::FullBonusAt,
    ];
    /// Position in [`RiskParam::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
    /// Whether it belongs to the market rather than to one reserve.
    #[must_use]
    pub const fn is_market_wide(self) -> bool {
        matches!(self, Self::CloseFactor | Self::ToxicStop | Self::BonusAtLine | Self::FullBonusAt)
    }
}

/// A wish to set one parameter to one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskChange {
    /// Which reserve; `None` for a parameter of the whole market.
    pub reserve: Option<u16>,
    /// Which parameter.
    pub param: RiskParam,
    /// The value after, in the parameter's unit.
    pub value: u64,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Toward larger values.
    Up,
    /// Toward smaller values.
    Down,
}

/// How much of a policy's step, in parts of [`Part::WHOLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part(u32);

impl Part {
    /// All of it.
    pub const WHOLE: Self = Self(1 << 16);

    /// A share between 0 and 1, to the nearest part; what lies beyond counts as the bound, NaN as nothing.
    #[must_use]
    pub fn of_share(share: f32) -> Self {
        Self((share.clamp(0.0, 1.0) * Self::WHOLE.0 as f32).round() as u32)
    }

    /// So much of a distance, to the nearest unit, half a unit counting as one.
    #[must_use]
    pub fn of(self, distance: u64) -> u64 {
        let parts = u128::from(distance) * u128::from(self.0);
        ((parts + u128::from(Self::WHOLE.0 / 2)) >> Self::WHOLE.0.ilog2()) as u64
    }
}

/// A move of a policy's action table: which way, and how much of a policy's step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Move {
    /// Which way.
    pub direction: Direction,
    /// How far.
    pub part: Part,
}

impl From<Direction> for Move {
    /// A whole step.
    fn from(direction: Direction) -> Self {
        Self { direction, part: Part::WHOLE }
    }
}

/// A queued change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingChange {
    /// What will change.
    pub change: RiskChange,
    /// Unix time from which anyone may apply it, in seconds.
    pub ready_at: u64,
}
