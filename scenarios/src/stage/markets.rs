//! From a market's lines in a file to a market.

use super::names::{Refusal, refuse};
use super::place::Builder;
use super::schema::{Decimal, DeskCheck, StageMarket, StageReserve, StageToken};
use crate::genesis::rates;
use markets::units::{AccountId, Amount, Bps, U256, Wad};
use protocols::compound::{Book, CToken, Compound, Policy, RateModel, TokenConfig};
use protocols::isolated::{Irm, Isolated};
use protocols::lending::Pooled;
use protocols::margin_desk::{MarginDesk, PriceCheck};
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::Market;

impl Builder {
    pub(super) fn market(&mut self, spec: &StageMarket, now: u64) -> Result<(), Refusal> {
        let account = self.names.account(&format!("market:{}", spec.name()))?;
        let market = match spec {
            StageMarket::Pooled { name, flash_premium_bps, close_factor_bps, reserves } => {
                let treasury = self.chain.add_account(&format!("treasury:{name}"));
                let guardian = RiskRegime::guardian();
                let mut pooled = Pooled::new(account, treasury, self.names.world, guardian);
                pooled.flash_premium = Bps(*flash_premium_bps);
                pooled.state.close_factor = Bps(*close_factor_bps);
                for spec in reserves {
                    let reserve = self.reserve(name, spec, now)?;
                    pooled.add_reserve(reserve);
                }
                Market::Pooled(pooled)
            }
            StageMarket::Compound { close_factor_percent, incentive_percent, tokens, .. } => {
                let policy = Policy {
                    close_factor: close_factor_percent.percent()?,
                    liquidation_incentive: incentive_percent.percent()?,
                    transfer_paused: false,
                    seize_paused: false,
                };
                let mut market = Compound::new(self.names.world, policy);
                for spec in tokens {
                    let token = self.c_token(spec)?;
                    market.add_token(token);
                }
                Market::Compound(market)
            }
            StageMarket::Isolated { name, .. } => self.isolated(name, spec, account, now)?,
            StageMarket::Desk { .. } => self.desk(spec, account, now)?,
            StageMarket::Perpetual { .. } => self.perpetual(spec, account, now)?,
            StageMarket::Vaults { name, dai, ilks } => {
                self.vaults(name, dai, ilks, account, now)?
            }
        };
        self.chain.add_market(market);
        Ok(())
    }

    fn reserve(&mut self, market: &str, spec: &StageReserve, now: u64) -> Result<Reserve, Refusal> {
        let (asset, feed) = (self.names.asset(&spec.asset)?, self.names.feed(&spec.feed)?);
        let decimals = self.names.decimals(asset);
        let [a_token, debt_token] = ["a", "d"]
            .map(|kind| self.chain.add_asset(&format!("{kind}{}:{market}", spec.asset), decimals));
        let config = ReserveConfig {
            ltv: Bps(spec.ltv_bps),
            liquidation_threshold: Bps(spec.threshold_bps.max(spec.ltv_bps)),
            liquidation_bonus: Bps(spec.bonus_bps),
            liquidation_protocol_fee: Bps(spec.protocol_fee_bps),
            reserve_factor: Bps(spec.reserve_factor_bps),
            supply_cap: spec.supply_cap_tokens,
            borrow_cap: spec.borrow_cap_tokens,
            rates: spec.rates.as_ref().map_or(ReserveConfig::OPEN.rates, rates),
            ..ReserveConfig::OPEN
        };
        config.check().map_err(|error| {
            (format!("{}: {error}", spec.asset), "no deployed market would take this".to_owned())
        })?;
        Ok(Reserve::new(asset, a_token, debt_token, feed, decimals, config, now))
    }

    /// A cToken of eight decimals, fifty of which are minted for a token at first, as deployed.
    fn c_token(&mut self, spec: &StageToken) -> Result<CToken, Refusal> {
        let (underlying, feed) = (self.names.asset(&spec.asset)?, self.names.feed(&spec.feed)?);
        let decimals = self.names.decimals(underlying);
        let zero = Decimal("0".to_owned());
        let (base, slope) = spec.rates_percent.clone().unwrap_or_else(|| (zero.clone(), zero));
        let symbol = format!("c{}", spec.asset);
        let c_token = self.asset(&symbol, 8);
        let scale = U256::from(10).pow(U256::from(8 + u32::from(decimals)));
        Ok(CToken {
            underlying,
            c_token,
            account: self.account(&symbol),
            feed,
            decimals,
            initial_exchange_rate: Wad(U256::from(2) * scale),
            config: TokenConfig {
                rate_model: RateModel::white_paper(base.percent()?, slope.percent()?),
                reserve_factor: Wad::default(),
                collateral_factor: spec.collateral_factor_percent.percent()?,
                borrow_cap: match &spec.borrow_cap_tokens {
                    Some(cap) => Amount(cap.units(decimals)?),
                    None => Amount::ZERO,
                },
                mint_paused: false,
                borrow_paused: false,
            },
            book: Book::new(self.chain.clock().block),
        })
    }

    fn isolated(
        &mut self,
        name: &str,
        spec: &StageMarket,
        account: AccountId,
        now: u64,
    ) -> Result<Market, Refusal> {
        let StageMarket::Isolated {
            loan,
            collateral,
            collateral_feed,
            loan_feed,
            lltv_percent,
            ..
        } = spec
        else {
            return refuse("no isolated market", "this is a fault of the program");
        };
        let names = &self.names;
        let (loan, collateral) = (names.asset(loan)?, names.asset(collateral)?);
        let collateral_feed = names.feed(collateral_feed)?;
        let loan_feed = loan_feed.as_ref().map(|feed| names.feed(feed)).transpose()?;
        let (owner, lltv) = (names.world, lltv_percent.percent()?);
        let places = [names.decimals(loan), names.decimals(collateral)];
        let [supply_share, debt_share, collateral_share] =
            ["s", "d", "c"].map(|kind| self.chain.add_asset(&format!("{name}-{kind}"), 18));
        let irm = Irm::Fixed { rate: Wad::default() };
        Ok(Market::Isolated(Isolated {
            account,
            owner,
            loan,
            collateral,
            supply_share,
            debt_share,
            collateral_share,
            loan_decimals: places[0],
            collateral_decimals: places[1],
            collateral_feed,
            loan_feed,
            lltv,
            state: Isolated::created(now, owner, &irm),
            irm,
        }))
    }

    fn desk(
        &mut self,
        spec: &StageMarket,
        account: AccountId,
        now: u64,
    ) -> Result<Market, Refusal> {
        let StageMarket::Desk {
            name,
            loan,
            position,
            pool,
            leverage_bps,
            over_collateral_bps,
            max_slippage,
        } = spec
        else {
            return refuse("no desk", "this is a fault of the program");
        };
        let names = &self.names;
        let assets = (names.asset(loan)?, names.asset(position)?);
        let pool = names.pool(pool)?;
        if *over_collateral_bps == 0 || leverage_bps < over_collateral_bps {
            return refuse(
                "a desk that lends nothing",
                "raise leverage_bps above over_collateral_bps",
            );
        }
        let check = |check: &DeskCheck| -> Result<PriceCheck, Refusal> {
            let loan_feed = names.feed(&check.loan_feed)?;
            let position_feed = names.feed(&check.position_feed)?;
            Ok(PriceCheck { loan_feed, position_feed, max_slippage: Bps(check.bps) })
        };
        let price_check = max_slippage.as_ref().map(check).transpose()?;
        let share = self.asset(&format!("i{name}"), 18);
        let (leverage, ocr) = (Bps(*leverage_bps), Bps(*over_collateral_bps));
        let mut desk = MarginDesk::new(account, share, assets, pool, leverage, ocr, now);
        desk.price_check = price_check;
        Ok(Market::MarginDesk(desk))
    }
}
