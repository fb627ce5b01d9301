//! From a snapshot to positions in a market, by the market's own calls.

use super::{AboveLtv, Snapshot};
use crate::genesis::before_first_block;
use crate::problem::Problem;
use markets::units::{AccountId, Amount, Bps, MarketId};
use protocols::lending::LendingError;
use protocols::reserve::ReserveConfig;
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call, Outcome, Revert};
use std::collections::{BTreeMap, BTreeSet};

/// LTV and threshold while accounts that owe more than LTV allows are entered: a basis point stays for
/// the rounding of an episode that opens at other prices.
const KEPT_LTV: Bps = Bps(9_999);

/// How a snapshot enters a market.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placing<'a> {
    /// Begins the names of its accounts.
    pub(crate) name: &'a str,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) above_ltv: AboveLtv,
    /// Whole tokens of each asset for one of the file, by symbol; empty where the episode opens at the
    /// scenario's own prices. An episode that opens elsewhere has the same values and health factors.
    pub(crate) scale: &'a [(String, f64)],
    /// Whether the file has been held against the market's limits before: at the scenario's own prices
    /// and parameters. An episode that has others takes it as it is; caps are in tokens.
    pub(crate) is_held: bool,
}

/// What the market did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Which row.
    pub(crate) row: usize,
    /// Whether it was the debt, not the collateral.
    pub(crate) is_debt: bool,
    /// Why.
    pub(crate) reason: Revert,
}

/// Supplies and then borrows for every account; what is borrowed leaves the world, as what borrowers
/// borrow does. Returns the accounts, in the order in which the file names them.
pub(crate) fn place(
    chain: &mut Chain,
    market: MarketId,
    placing: &Placing<'_>,
) -> Result<Vec<AccountId>, Vec<Refused>> {
    let kept = lift(chain, market, placing);
    let entered = enter(chain, market, placing);
    if let (Some(kept), Some(pooled)) = (kept, chain.genesis_market(market)) {
        for (reserve, config) in pooled.reserves.iter_mut().zip(kept) {
            reserve.config = config;
        }
    }
    entered
}

/// Puts aside the limits that positions of the past need not meet. Returns the configurations.
fn lift(chain: &mut Chain, market: MarketId, placing: &Placing<'_>) -> Option<Vec<ReserveConfig>> {
    if placing.above_ltv == AboveLtv::Refuse && !placing.is_held {
        return None;
    }
    let pooled = chain.genesis_market(market)?;
    let kept = pooled.reserves.iter().map(|reserve| reserve.config).collect();
    for reserve in &mut pooled.reserves {
        let config = &mut reserve.config;
        if config.liquidation_threshold.0 > 0 {
            let most = if placing.is_held { Bps::ONE } else { KEPT_LTV };
            config.ltv = most;
            config.liquidation_threshold = most;
        }
        if placing.is_held {
            config.supply_cap = 0;
            config.borrow_cap = 0;
            config.frozen = false;
        }
    }
    Some(kept)
}

fn enter(
    chain: &mut Chain,
    market: MarketId,
    placing: &Placing<'_>,
) -> Result<Vec<AccountId>, Vec<Refused>> {
    let rows = &placing.snapshot.rows;
    let mut order = Vec::new();
    let mut accounts: BTreeMap<&str, AccountId> = BTreeMap::new();
    for row in rows {
        accounts.entry(&row.account).or_insert_with(|| {
            let account = chain.add_account(&format!("{}:{}", placing.name, row.account));
            order.push(account);
            account
        });
    }
    let (mut refused, mut poor) = (Vec::new(), BTreeSet::new());
    for is_debt in [false, true] {
        for (i, row) in rows.iter().enumerate() {
            let tokens = if is_debt { row.debt } else { row.collateral };
            let account = accounts[row.account.as_str()];
            if tokens.is_zero() || poor.contains(&account) {
                continue;
            }
            let done = amount(chain, placing, &row.asset, tokens)
                .and_then(|amount| one(chain, market, account, &row.asset, amount, is_debt));
            if let Err(reason) = done {
                refused.push(Refused { row: i, is_debt, reason });
                poor.insert(account);
            }
        }
    }
    if refused.is_empty() { Ok(order) } else { Err(refused) }
}

/// Smallest units of an amount of the file.
fn amount(
    chain: &Chain,
    placing: &Placing<'_>,
    symbol: &str,
    tokens: super::Tokens,
) -> Result<Amount, Revert> {
    let asset = chain.asset_by_symbol(symbol).ok_or(Revert::UnknownId)?;
    let amount = tokens.amount(chain.asset(asset).decimals).ok_or(Revert::BadAmount)?;
    let scale = placing.scale.iter().find(|(of, _)| of == symbol).map_or(1.0, |(_, scale)| *scale);
    let scaled =
        if scale == 1.0 { amount } else { Amount::from_f64_floor(amount.to_f64() * scale) };
    Ok(scaled)
}

/// Supplies or borrows.
fn one(
    chain: &mut Chain,
    market: MarketId,
    account: AccountId,
    symbol: &str,
    amount: Amount,
    is_debt: bool,
) -> Result<(), Revert> {
    let asset = chain.asset_by_symbol(symbol).ok_or(Revert::UnknownId)?;
    let exact = AmountExpr::Exact(amount);
    let outcome = if is_debt {
        let to = chain.outside();
        let calls = [
            Call::Mark { mark: 0, asset },
            Call::Borrow { market, asset, amount: exact },
            Call::Transfer { to, asset, amount: AmountExpr::DeltaSince(0) },
        ];
        before_first_block(chain, account, &calls)
    } else {
        chain.genesis_mint(account, asset, amount)?;
        before_first_block(chain, account, &[Call::Supply { market, asset, amount: exact }])
    };
    match outcome {
        Outcome::Success => Ok(()),
        Outcome::Refused(reason) | Outcome::Reverted { reason, call: _ } => Err(reason),
        Outcome::Invalid => Err(Revert::NotAuthorised),
    }
}

impl Snapshot {
    /// What the market did not take, as problems of the file.
    pub(crate) fn explain(&self, refused: &[Refused]) -> Vec<Problem> {
        let problem = |refused: &Refused| {
            let row = &self.rows[refused.row];
            let what = if refused.is_debt { "borrow" } else { "supply" };
            let tells = match refused.reason {
                Revert::BadAmount => "the amount does not fit 128 bits".to_owned(),
                reason => reason.to_string(),
            };
            let message =
                format!("account \"{}\" cannot {what} this {}: {tells}", row.account, row.asset);
            self.problem(refused.row, message, help(refused.reason).to_owned())
        };
        refused.iter().map(problem).collect()
    }
}

/// How to mend a row that was refused.
fn help(reason: Revert) -> &'static str {
    let Revert::Lending(reason) = reason else {
        return "write amounts in whole tokens, and mind the asset's decimals";
    };
    match reason {
        LendingError::CollateralCannotCoverNewBorrow
        | LendingError::HealthFactorLowerThanLiquidationThreshold => {
            "at the scenario's start prices LTV does not allow this debt. Was it made at other prices, \
             `above_ltv: Keep`, which `ballast impact` sets, enters every account whose collateral is worth \
             more than its debt; an account that is worth less cannot be entered: write less debt or more \
             collateral, or drop it"
        }
        LendingError::CollateralBalanceIsZero | LendingError::LtvValidationFailed => {
            "the account has no collateral with an LTV above zero: give it a row with one, or drop it"
        }
        LendingError::InvalidLiquidity | LendingError::InvalidAmount => {
            "the reserve has less at hand: add suppliers to the file or raise total_usd of its lenders"
        }
        LendingError::SupplyCapExceeded => "raise the reserve's supply_cap_tokens; 0 is no cap",
        LendingError::BorrowCapExceeded => "raise the reserve's borrow_cap_tokens; 0 is no cap",
        LendingError::BorrowingNotEnabled => "write `borrowing: true` in the reserve",
        _ => "the market refuses this as it would refuse a transaction",
    }
}
