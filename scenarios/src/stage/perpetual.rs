//! From a perpetual future's lines in a file to a market, and from its calls to calls.

use super::act::On;
use super::names::{Refusal, refuse};
use super::place::Builder;
use super::schema::{Act, Decimal, Side, StageFunding, StageMarket};
use markets::units::{AccountId, Amount, U256};
use protocols::perpetual::{FundingTerms, Perpetual, PerpetualMarket, PerpetualTerms};
use sim::chain::Market;
use sim::chain::call::{Call, PerpetualCall};

impl Builder {
    pub(super) fn perpetual(
        &self,
        spec: &StageMarket,
        account: AccountId,
        now: u64,
    ) -> Result<Market, Refusal> {
        let StageMarket::Perpetual {
            name: _,
            quote,
            underlying,
            feed,
            lot,
            tick,
            initial_margin_bps,
            maintenance_margin_bps,
            liquidation_fee_bps,
            profit_backs_withdrawals,
            funding,
        } = spec
        else {
            return refuse("no perpetual market", "this is a fault of the program");
        };
        let names = &self.names;
        let [quote, underlying] = [names.asset(quote)?, names.asset(underlying)?];
        let feed = names.feed(feed)?;
        let lot_units = lot.units(names.decimals(underlying))?;
        let token = U256::from(10).pow(U256::from(names.decimals(underlying)));
        // A lot at a tick, in the quote asset's smallest unit.
        let worth = lot_units.checked_mul(tick.units(names.decimals(quote))?);
        let unit = worth.filter(|worth| !worth.is_zero() && (*worth % token).is_zero());
        let Some(quote_unit) = unit.and_then(|worth| u64::try_from(worth / token).ok()) else {
            let help = "lot times tick is a whole number of the quote asset's smallest units";
            return refuse("a lot and a tick that cannot be paid for", help);
        };
        let terms = PerpetualTerms {
            initial_margin_bps: *initial_margin_bps,
            maintenance_margin_bps: *maintenance_margin_bps,
            liquidation_fee_bps: *liquidation_fee_bps,
            funding: funding.as_ref().map_or_else(|| Ok(FundingTerms::default()), funding_terms)?,
            profit_backs_withdrawals: *profit_backs_withdrawals,
        };
        // Every call looks at the feed first: the mark before it is nobody's.
        let contract = Perpetual::new(terms, 0, 1, now).map_err(|_out_of_range| {
            let help = "margins, fee and rates are at most 100 %, maintenance at most initial";
            ("terms that no contract can have".to_owned(), help.to_owned())
        })?;
        let (lot_units, offers) = (Amount(lot_units), Vec::new());
        Ok(Market::Perpetual(PerpetualMarket {
            account,
            quote,
            quote_unit,
            underlying,
            lot_units,
            feed,
            contract,
            offers,
        }))
    }
}

/// Rates from percent to 10⁻⁸.
fn funding_terms(spec: &StageFunding) -> Result<FundingTerms, Refusal> {
    let rate = |percent: &Decimal| -> Result<i64, Refusal> {
        i64::try_from(percent.units(6)?).map_err(|_too_large| {
            (format!("\"{}\" is no rate", percent.0), "write at most 100".to_owned())
        })
    };
    Ok(FundingTerms {
        interest_e8: rate(&spec.interest_percent)?,
        clamp_e8: rate(&spec.clamp_percent)?,
        cap_e8: rate(&spec.cap_percent)?,
        interval_secs: spec.interval_secs,
    })
}

/// A call of a perpetual market.
///
/// # Errors
/// The first name or number that cannot be used.
pub(super) fn call(on: On<'_>, act: &Act) -> Result<Call, Refusal> {
    let names = on.names;
    let Some(name) = market_of(act) else {
        return refuse("no call of a perpetual market", "this is a fault of the program");
    };
    let market = names.market(name)?;
    let Some(perpetual) = on.chain.markets()[market.index()].perpetual() else {
        let message = format!("\"{name}\" is no perpetual market");
        return refuse(message, "place one as Perpetual, see docs/writing-a-scenario.md");
    };
    let token = U256::from(10).pow(U256::from(names.decimals(perpetual.underlying)));
    let lots = |size: &Decimal| {
        whole(size.units(names.decimals(perpetual.underlying))?, perpetual.lot_units.0, "lots")
    };
    let ticks = |price: &Decimal| {
        let paid = price.units(names.decimals(perpetual.quote))?;
        let step = token.saturating_mul(U256::from(perpetual.quote_unit));
        whole(paid.saturating_mul(perpetual.lot_units.0), step, "ticks")
    };
    Ok(Call::Perpetual(match act {
        Act::Offer { side, size, price, .. } => {
            let Ok(size) = i64::try_from(lots(size)?) else {
                return refuse("this is more than can be offered", "offer less");
            };
            let lots = if *side == Side::Buy { size } else { -size };
            PerpetualCall::Offer { market, lots, tick: ticks(price)? }
        }
        Act::Take { maker, size, .. } => {
            PerpetualCall::Take { market, maker: names.account(maker)?, lots: lots(size)? }
        }
        Act::TakeOver { account, size, .. } => {
            PerpetualCall::Liquidate { market, account: names.account(account)?, lots: lots(size)? }
        }
        Act::Deleverage { account, .. } => {
            PerpetualCall::Deleverage { market, account: names.account(account)? }
        }
        _ => PerpetualCall::Touch { market },
    }))
}

const fn market_of(act: &Act) -> Option<&String> {
    match act {
        Act::Offer { market, .. }
        | Act::Take { market, .. }
        | Act::TakeOver { market, .. }
        | Act::Deleverage { market, .. }
        | Act::Mark { market } => Some(market),
        _ => None,
    }
}

/// How many steps an amount is, where they are whole.
fn whole(amount: U256, step: U256, steps: &str) -> Result<u64, Refusal> {
    let times = amount.checked_div(step).filter(|times| times.checked_mul(step) == Some(amount));
    times.and_then(|times| u64::try_from(times).ok()).ok_or_else(|| {
        let help =
            format!("write a multiple of what the market's {steps} are, at most 64 bits of them");
        (format!("this is no whole number of {steps}"), help)
    })
}
