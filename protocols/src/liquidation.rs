//! Liquidation: who may seize how much.
