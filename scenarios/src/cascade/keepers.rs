//! What can be liquidated, what of it pays, and where it is sold.

use super::book::keepers_of;
use super::schema::{self, Friction, Keepers};
use crate::stage::{Names, Refusal};
use markets::units::{AccountId, Amount, AssetId, MarketId, U256};
use protocols::compound::Compound;
use sim::chain::call::{AmountExpr, Call};
use sim::chain::{Chain, Market};
use sim::prices::unit;
use sim::worth::Fair;

/// ln 1.01: the log displacement that `depth_usd` stands for.
const ONE_PERCENT: f64 = 0.009_950_330_853_168_083;
/// A fall within an hour, as a logarithm, that leaves only `depth_left`.
const STRESS: f64 = 0.105_360_515_657_826_3;

/// A market for seized collateral.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outlet {
    pub(super) asset: AssetId,
    depth_usd: f64,
    /// Share of the depth that is there.
    left: f64,
    /// Log displacement of the price, below zero after sales.
    displacement: f64,
}

impl Outlet {
    /// After `secs`, with a log return of `last_hour` behind it.
    pub(super) fn recover(&mut self, secs: f64, last_hour: f64, friction: &Friction) {
        let kept = libm::exp2(-secs / friction.half_life_secs);
        self.displacement *= kept;
        self.left = 1.0 - (1.0 - self.left) * kept;
        let stress = (-last_hour / STRESS).clamp(0.0, 1.0);
        self.left = self.left.min(libm::pow(friction.depth_left, stress));
    }
    /// The price over the recorded one.
    pub(super) fn ratio(&self) -> f64 {
        libm::exp(self.displacement)
    }
    /// What can be sold until the price is `fall` below the recorded one, as a logarithm, in USD.
    fn room_usd(&self, fall: f64) -> f64 {
        ((fall + self.displacement) / ONE_PERCENT).max(0.0) * self.depth_usd * self.left
    }
    fn sell(&mut self, usd: f64) {
        self.displacement -= usd / (self.depth_usd * self.left) * ONE_PERCENT;
    }
}

/// The outlets of a cascade.
pub(super) fn outlets(specs: &[schema::Outlet], names: &Names) -> Result<Vec<Outlet>, Refusal> {
    let outlet = |spec: &schema::Outlet| -> Result<Outlet, Refusal> {
        if !(spec.depth_usd.is_finite() && spec.depth_usd > 0.0) {
            let help = "write how many dollars move the price by one percent";
            return Err((format!("a depth of {} USD", spec.depth_usd), help.to_owned()));
        }
        Ok(Outlet {
            asset: names.asset(&spec.asset)?,
            depth_usd: spec.depth_usd,
            left: 1.0,
            displacement: 0.0,
        })
    };
    specs.iter().map(outlet).collect()
}

/// Keepers of one market at work.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) market: MarketId,
    /// Who sends.
    pub(super) by: AccountId,
    margin: f64,
}

impl Desk {
    pub(super) fn new(spec: &Keepers, names: &Names) -> Result<Self, Refusal> {
        Ok(Self {
            market: names.market(&spec.market)?,
            by: names.account(&keepers_of(&spec.market))?,
            margin: spec.min_margin_bps / 1e4,
        })
    }

    /// The call that liquidates what pays of an account, if any does.
    pub(super) fn offer(
        &self,
        chain: &Chain,
        fair: &Fair,
        account: AccountId,
        outlets: &mut [Outlet],
        friction: &Friction,
    ) -> Option<Call> {
        let case = case(chain, self.market, account)?;
        let outlet = outlets.iter_mut().find(|o| o.asset == case.collateral)?;
        let debt_usd = fair.usd(case.debt, case.most);
        let mut share = 1.0;
        if friction.on {
            // What a dollar repaid brings is 1 + bonus at the oracle's prices; at fair ones it may be less.
            let oracle_over_fair = case.collateral_price / fair.token_usd(chain, case.collateral)
                * (fair.token_usd(chain, case.debt) / case.debt_price);
            let brings = (1.0 + case.bonus) / oracle_over_fair;
            let fall = libm::log(brings / (1.0 + self.margin));
            let room = outlet.room_usd(fall) / brings;
            share = (room / debt_usd).min(1.0);
            // Gas and attention: no crumbs.
            if share * debt_usd < 100.0_f64.min(debt_usd) || share <= 0.0 {
                return None;
            }
            outlet.sell(share * debt_usd * brings);
        }
        let amount = if share >= 1.0 {
            case.most
        } else {
            Amount::from_f64_floor(case.most.to_f64() * share)
        };
        Some(Call::Liquidate {
            market: self.market,
            borrower: account,
            collateral: case.collateral,
            debt: case.debt,
            amount: AmountExpr::Exact(amount),
        })
    }
}

/// A position under water: its largest collateral, its largest debt, what may be repaid.
#[derive(Clone, Copy, Debug)]
struct Case {
    collateral: AssetId,
    debt: AssetId,
    /// Most of the debt that one liquidation may repay.
    most: Amount,
    /// What a liquidator gets beyond what it repays, as a ratio.
    bonus: f64,
    /// Oracle prices, in USD.
    collateral_price: f64,
    debt_price: f64,
}

fn case(chain: &Chain, market: MarketId, account: AccountId) -> Option<Case> {
    match &chain.markets()[market.index()] {
        Market::Pooled(pooled) => {
            let position = pooled.position(account);
            if !position.is_borrowing_any()
                || !chain.health(market, account).ok()?.is_liquidatable()
            {
                return None;
            }
            let largest = |amount: &dyn Fn(u16) -> Amount| {
                let each = pooled.reserves.iter().enumerate().filter_map(|(i, reserve)| {
                    let usd = chain.price(reserve.feed).ok()?.usd();
                    let worth = amount(i as u16).to_f64() * unit(reserve.decimals) * usd;
                    (worth > 0.0).then_some((worth, i as u16, usd))
                });
                each.max_by(|a, b| a.0.total_cmp(&b.0))
            };
            let (_, c, collateral_price) = largest(&|i| pooled.supplied(chain, account, i))?;
            let (_, d, debt_price) = largest(&|i| pooled.debt(chain, account, i))?;
            let config = &pooled.reserves[usize::from(c)].config;
            let bonus = f64::from(config.liquidation_bonus.0) / 1e4
                * (1.0 - f64::from(config.liquidation_protocol_fee.0) / 1e4);
            Some(Case {
                collateral: pooled.reserves[usize::from(c)].underlying,
                debt: pooled.reserves[usize::from(d)].underlying,
                most: pooled.max_repayable(chain, account, c, d),
                bonus,
                collateral_price,
                debt_price,
            })
        }
        Market::Compound(compound) => compound_case(chain, compound, account),
        _ => None,
    }
}

fn compound_case(chain: &Chain, compound: &Compound, account: AccountId) -> Option<Case> {
    let liquidity = compound.account_liquidity(chain, account).ok()?;
    if liquidity.shortfall.is_zero() {
        return None;
    }
    let price =
        |i: usize| chain.price(compound.tokens[i].feed).ok().map(markets::units::Price::usd);
    let mut collateral: Option<(f64, usize)> = None;
    let mut debt: Option<(f64, usize, Amount)> = None;
    for (i, token) in compound.tokens.iter().enumerate() {
        let usd = price(i)? * unit(token.decimals);
        let shares = chain.balance(account, token.c_token).to_f64();
        let rate = compound.exchange_rate_stored(chain, i as u16)?;
        let worth = shares * Amount(rate.0).to_f64() / 1e18 * usd;
        if compound.is_member(account, i as u16)
            && worth > collateral.map_or(0.0, |(worth, _)| worth)
        {
            collateral = Some((worth, i));
        }
        let owed = compound.borrow_balance_stored(account, i as u16)?;
        let worth = owed.to_f64() * usd;
        if worth > debt.map_or(0.0, |(worth, ..)| worth) {
            debt = Some((worth, i, owed));
        }
    }
    let ((held, c), (_, d, owed)) = (collateral?, debt?);
    let (close, incentive) = (compound.policy.close_factor, compound.policy.liquidation_incentive);
    let bonus = Amount(incentive.0).to_f64() / 1e18 - 1.0;
    let (collateral_price, debt_price) = (price(c)?, price(d)?);
    let closable = owed.0.checked_mul(close.0)? / U256::from(1_000_000_000_000_000_000_u64);
    // No more than the collateral pays for, a little less for interest that accrues first.
    let paid = held / (1.0 + bonus) / debt_price / unit(compound.tokens[d].decimals) * 0.999_99;
    Some(Case {
        collateral: compound.tokens[c].underlying,
        debt: compound.tokens[d].underlying,
        most: Amount(closable).min(Amount::from_f64_floor(paid)),
        bonus,
        collateral_price,
        debt_price,
    })
}
