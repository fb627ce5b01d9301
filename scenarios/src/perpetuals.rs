//! Perpetual futures of a scenario: what a file says, its checks, the contract that it makes and its participants.

use crate::check::Checker;
use crate::genesis::AssembleError;
use crate::schema::Scenario;
use agents::scripted::perpetual::PerpetualCrowd;
use agents::scripted::perpetual::basis::BasisTradersConfig;
use agents::scripted::perpetual::keeper::PerpetualKeepersConfig;
use agents::scripted::perpetual::maker::PerpetualMakersConfig;
use agents::scripted::perpetual::trader::LeveragedTradersConfig;
use bevy_ecs::prelude::World;
use markets::units::{Amount, AssetId, FeedId, MarketId, U256};
use protocols::perpetual::{FundingTerms, Perpetual, PerpetualMarket, PerpetualTerms};
use serde::{Deserialize, Serialize};
use sim::chain::{Chain, Market};

/// A perpetual future, marked by the scenario's feed of its asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerpetualSpec {
    /// What it is on: an asset with a feed among the scenario's `oracles`.
    pub asset: String,
    /// What it is margined and paid in; a whole token counts as a dollar.
    pub quote: String,
    /// What it asks for.
    #[serde(default)]
    pub contract: ContractSpec,
    /// Makers.
    #[serde(default)]
    pub makers: PerpetualMakersConfig,
    /// Keepers.
    #[serde(default)]
    pub keepers: PerpetualKeepersConfig,
    /// Leveraged traders.
    #[serde(default)]
    pub traders: Vec<LeveragedTradersConfig>,
    /// Basis traders.
    #[serde(default)]
    pub basis: Vec<BasisTradersConfig>,
}

/// What a perpetual future asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ContractSpec {
    /// Margin that opening a position takes, in basis points of its value.
    pub initial_margin_bps: u32,
    /// Margin below which it is liquidated, in basis points.
    pub maintenance_margin_bps: u32,
    /// What a liquidation pays to the insurance fund, in basis points of what it closes.
    pub liquidation_fee_bps: u32,
    /// Interest rate of an interval, in percent.
    pub funding_interest_percent: f64,
    /// How far funding may lie from the premium towards interest, in percent.
    pub funding_clamp_percent: f64,
    /// Largest funding of an interval either way, in percent.
    pub funding_cap_percent: f64,
    /// Between two payments, in hours.
    pub funding_hours: f64,
    /// The insurance fund at the start, in USD.
    pub insurance_usd: f64,
    /// Worth of a lot at the start at most, in USD: a lot is a power of ten of tokens.
    pub lot_usd: f64,
    /// Tick at most, in basis points of the price at the start: a power of ten of dollars.
    pub tick_bps: f64,
}

impl Default for ContractSpec {
    /// Margins and liquidation fee are dYdX's of ETH-USD (5 %, 3 %; "L2 Perpetual Contract Specs"; 1.5 %,
    /// "Margin"), funding is Binance's ([`FundingTerms`]); the fund is judgement.
    fn default() -> Self {
        Self {
            initial_margin_bps: 500,
            maintenance_margin_bps: 300,
            liquidation_fee_bps: 150,
            funding_interest_percent: 0.01,
            funding_clamp_percent: 0.05,
            funding_cap_percent: 0.75,
            funding_hours: 8.0,
            insurance_usd: 250_000.0,
            lot_usd: 2.0,
            tick_bps: 0.1,
        }
    }
}

impl ContractSpec {
    fn terms(&self) -> PerpetualTerms {
        let e8 = |percent: f64| (percent * 1e6).round() as i64;
        PerpetualTerms {
            initial_margin_bps: self.initial_margin_bps,
            maintenance_margin_bps: self.maintenance_margin_bps,
            liquidation_fee_bps: self.liquidation_fee_bps,
            funding: FundingTerms {
                interest_e8: e8(self.funding_interest_percent),
                clamp_e8: e8(self.funding_clamp_percent),
                cap_e8: e8(self.funding_cap_percent),
                interval_secs: (self.funding_hours * 3_600.0).round() as u64,
            },
            profit_backs_withdrawals: false,
        }
    }

    /// Smallest units of the underlying in a lot, and of the quote asset in a lot at a tick: both powers of ten.
    fn steps(&self, usd: f64, decimals: u8, quote_decimals: u8) -> (Amount, u64) {
        let ten = |power: i32| U256::from(10).pow(U256::from(power.max(0)));
        let (decimals, quote) = (i32::from(decimals), i32::from(quote_decimals));
        // A lot is 10⁻ⁿ tokens, a tick 10⁻ᵐ dollars, and their product at least a smallest unit.
        let n = (libm::ceil(libm::log10(usd / self.lot_usd)) as i32).clamp(-12, decimals);
        let m = libm::ceil(-libm::log10(usd * self.tick_bps / 1e4)) as i32;
        let unit = (quote - n - m).clamp(0, 18);
        (Amount(ten(decimals - n)), ten(unit).saturating_to())
    }
}

/// Symbols of what the contracts are on, in order: those of the observation table.
#[must_use]
pub fn symbols(s: &Scenario) -> Vec<&str> {
    s.perpetuals.iter().map(|p| p.asset.as_str()).collect()
}

/// What a contract is built on: its two assets with decimals, the underlying's price, its feed.
pub(crate) struct Site {
    pub(crate) underlying: (AssetId, u8, f64),
    pub(crate) quote: (AssetId, u8),
    pub(crate) feed: FeedId,
    pub(crate) now: u64,
}

/// Adds a contract to a chain, its insurance fund paid in.
pub(crate) fn add(
    chain: &mut Chain,
    spec: &PerpetualSpec,
    site: &Site,
) -> Result<MarketId, AssembleError> {
    let account = chain.add_account(&format!("perpetual:{}", spec.asset));
    let (underlying, decimals, usd) = site.underlying;
    let (quote, quote_decimals) = site.quote;
    let (lot_units, quote_unit) = spec.contract.steps(usd, decimals, quote_decimals);
    // Every call looks at the feed first: the mark before it is nobody's.
    let contract = Perpetual::new(spec.contract.terms(), 0, 1, site.now)
        .map_err(|reason| AssembleError::Perpetual { asset: spec.asset.clone(), reason })?;
    let mut market = PerpetualMarket {
        account,
        quote,
        quote_unit,
        underlying,
        lot_units,
        feed: site.feed,
        contract,
        offers: Vec::new(),
    };
    let insurance = spec.contract.insurance_usd * libm::pow(10.0, f64::from(quote_decimals));
    if let Ok(units) = market.whole_units(Amount::from_f64_floor(insurance)) {
        market.contract.insure(units);
        chain.genesis_mint(account, quote, market.amount(i128::from(units)))?;
    }
    Ok(chain.add_market(Market::Perpetual(market)))
}

/// Puts the contracts' participants into a world.
pub(crate) fn spawn(
    s: &Scenario,
    markets: &[MarketId],
    world: &mut World,
) -> Result<(), AssembleError> {
    for (spec, market) in s.perpetuals.iter().zip(markets) {
        let crowd = PerpetualCrowd {
            makers: &spec.makers,
            keepers: &spec.keepers,
            traders: &spec.traders,
            basis: &spec.basis,
        };
        agents::scripted::perpetual::spawn(world, *market, &spec.asset, crowd)?;
    }
    Ok(())
}

/// Checks the contracts: what they refer to, and that every number is one that can be.
pub(crate) fn check(s: &Scenario, checker: &mut Checker<'_>) {
    let known: Vec<&str> = s.assets.iter().map(|a| a.symbol.as_str()).collect();
    checker.once(|i| format!("perpetuals.{i}.asset"), symbols(s).into_iter());
    for (i, spec) in s.perpetuals.iter().enumerate() {
        let at = format!("perpetuals.{i}");
        checker.known(&format!("{at}.asset"), "asset", &spec.asset, &known);
        checker.known(&format!("{at}.quote"), "asset", &spec.quote, &known);
        let has_feed = s.oracles.iter().any(|o| o.asset() == spec.asset);
        if !has_feed && known.contains(&spec.asset.as_str()) {
            checker.refuse(
                &format!("{at}.asset"),
                format!("{} has no oracle, so this contract has no index", spec.asset),
                format!("add a feed with asset: \"{}\" to `oracles`", spec.asset),
            );
        }
        if let Some(quote) = s.assets.iter().find(|a| a.symbol == spec.quote) {
            check_quote(&at, spec, (quote.decimals, quote.start_price_usd), checker);
        }
        check_contract(&format!("{at}.contract"), &spec.contract, checker);
        check_people(&at, spec, checker);
    }
}

fn check_quote(
    at: &str,
    spec: &PerpetualSpec,
    (decimals, usd): (u8, f64),
    checker: &mut Checker<'_>,
) {
    let at = format!("{at}.quote");
    if spec.quote == spec.asset {
        checker.refuse(
            &at,
            "a contract on what it is margined in",
            "margin it in a dollar, for example \"USDC\"",
        );
    } else if !(0.9..=1.1).contains(&usd) || decimals < 6 {
        checker.refuse(
            &at,
            format!(
                "{} is no dollar of at least 6 decimals: a whole token counts as one",
                spec.quote
            ),
            "margin the contract in a stablecoin, for example \"USDC\"",
        );
    }
}

fn check_contract(at: &str, c: &ContractSpec, checker: &mut Checker<'_>) {
    let initial = f64::from(c.initial_margin_bps);
    let ranges = [
        ("initial_margin_bps", initial, 1.0, 1e4),
        ("maintenance_margin_bps", f64::from(c.maintenance_margin_bps), 0.0, initial),
        ("liquidation_fee_bps", f64::from(c.liquidation_fee_bps), 0.0, 1e4),
        ("funding_interest_percent", c.funding_interest_percent, -100.0, 100.0),
        ("funding_clamp_percent", c.funding_clamp_percent, 0.0, 100.0),
        ("funding_cap_percent", c.funding_cap_percent, 0.0, 100.0),
        ("funding_hours", c.funding_hours, 0.01, 1e6),
        ("insurance_usd", c.insurance_usd, 0.0, 1e12),
        ("lot_usd", c.lot_usd, 1e-3, 1e4),
        ("tick_bps", c.tick_bps, 1e-2, 100.0),
    ];
    checker.ranges(at, &ranges);
}

fn check_people(at: &str, spec: &PerpetualSpec, checker: &mut Checker<'_>) {
    let (m, k) = (&spec.makers, &spec.keepers);
    let ranges = [
        ("makers.count", f64::from(m.count), 0.0, 1e3),
        ("makers.half_spread_bps", m.half_spread_bps, 0.0, 1e3),
        ("makers.quote_usd", m.quote_usd, 1.0, 1e10),
        ("makers.most_usd", m.most_usd, m.quote_usd, 1e10),
        ("makers.skew_bps", m.skew_bps, 0.0, 1e3),
        ("makers.requote_bps", m.requote_bps, 0.0, 1e3),
        ("makers.hedge_ratio", m.hedge_ratio, 0.0, 1.0),
        ("makers.hedge_min_usd", m.hedge_min_usd, 1.0, 1e10),
        ("makers.margin_ratio", m.margin_ratio, least_margin(&spec.contract), 10.0),
        ("makers.gas_purse_tokens", m.gas_purse_tokens, 0.0, 1e9),
        ("makers.priority_fee_gwei", m.priority_fee_gwei, 0.0, 1e9),
        ("keepers.count", f64::from(k.count), 0.0, 1e3),
        ("keepers.margin_usd", k.margin_usd, 1.0, 1e10),
        ("keepers.most_per_block", f64::from(k.most_per_block), 1.0, 1e3),
        ("keepers.most_slippage_bps", k.most_slippage_bps, 0.0, 1e4),
        ("keepers.gas_purse_tokens", k.gas_purse_tokens, 0.0, 1e9),
        ("keepers.priority_fee_gwei", k.priority_fee_gwei, 0.0, 1e9),
    ];
    checker.ranges(at, &ranges);
    for (i, trader) in spec.traders.iter().enumerate() {
        check_traders(&format!("{at}.traders.{i}"), trader, checker);
    }
    for (i, basis) in spec.basis.iter().enumerate() {
        let ranges = [
            ("count", f64::from(basis.count), 0.0, 1e6),
            ("capital_usd", basis.capital_usd, 1.0, 1e12),
            ("floor_percent", basis.floor_percent, -1e4, 1e4),
            ("full_percent", basis.full_percent, basis.floor_percent + 1e-3, 1e5),
            ("band", basis.band, 1e-3, 1.0),
            ("most_slippage_bps", basis.most_slippage_bps, 0.0, 1e4),
            ("every_blocks", f64::from(basis.every_blocks), 1.0, f64::from(u32::MAX)),
            ("gas_purse_tokens", basis.gas_purse_tokens, 0.0, 1e9),
            ("priority_fee_gwei", basis.priority_fee_gwei, 0.0, 1e9),
        ];
        checker.ranges(&format!("{at}.basis.{i}"), &ranges);
    }
}

/// Margin that makers must keep at least: twice the initial one, as they bring it up from half.
fn least_margin(contract: &ContractSpec) -> f64 {
    2.0 * f64::from(contract.initial_margin_bps) / 1e4
}

fn check_traders(at: &str, t: &LeveragedTradersConfig, checker: &mut Checker<'_>) {
    checker.size(&format!("{at}.equity"), &t.equity);
    let ranges = [
        ("count", f64::from(t.count), 0.0, 1e6),
        ("leverage_min", t.leverage_min, 0.01, 1e3),
        ("leverage_max", t.leverage_max, t.leverage_min, 1e3),
        ("open_share", t.open_share, 0.0, 1.0),
        ("long_share", t.long_share, 0.0, 1.0),
        ("trend_hours", t.trend_hours, 0.01, 1e6),
        ("trend_per_percent", t.trend_per_percent, -10.0, 10.0),
        ("idle_hours", t.idle_hours, 0.01, 1e9),
        ("holding_hours", t.holding_hours, 0.01, 1e9),
        ("never_react_share", t.never_react_share, 0.0, 1.0),
        ("top_up_share", t.top_up_share, 0.0, 1.0),
        ("trigger", t.trigger, 0.0, 1e3),
        ("savings_ratio", t.savings_ratio, 0.0, 1e3),
        ("every_blocks", f64::from(t.every_blocks), 1.0, f64::from(u32::MAX)),
        ("gas_purse_tokens", t.gas_purse_tokens, 0.0, 1e9),
        ("priority_fee_gwei", t.priority_fee_gwei, 0.0, 1e9),
    ];
    checker.ranges(at, &ranges);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_and_ticks_are_powers_of_ten_whose_product_can_be_paid() {
        let spec = ContractSpec::default();
        // A thousandth of an ether, a cent: a hundred-thousandth of a dollar.
        assert_eq!(spec.steps(1_800.0, 18, 6), (Amount::new(10_u128.pow(15)), 10));
        // A ten-thousandth of a bitcoin is 3.45 dollars, so a hundred-thousandth; ticks of ten cents.
        assert_eq!(spec.steps(34_500.0, 8, 6), (Amount::new(1_000), 1));
        // A token at three thousandths of a cent: ten thousand of them, ticks of 10⁻¹⁰ dollars.
        assert_eq!(spec.steps(3e-5, 18, 6), (Amount::new(10_u128.pow(22)), 1));
    }
}
