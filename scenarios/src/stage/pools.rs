//! From a pool's lines in a file to a pool, filled.

use super::names::{Refusal, find, refuse};
use super::place::Builder;
use super::schema::{Decimal, StagePool};
use markets::amm::concentrated::{Concentrated, tick_math};
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::share_vault::ShareVault;
use markets::amm::stable_swap::{FEE_DENOMINATOR, MAX_A, MAX_COINS, MAX_FEE, StableSwap};
use markets::units::{AccountId, Amount, Pips, PoolId};
use sim::chain::Pool;
use sim::chain::call::{AmountExpr, Call, ConcentratedCall, StableSwapCall};

impl Builder {
    pub(super) fn pool(&mut self, spec: &StagePool) -> Result<(), Refusal> {
        let names = &self.names;
        let account = names.account(&format!("pool:{}", spec.name()))?;
        let pool = match spec {
            StagePool::ConstantProduct { name, assets: (a, b), fee_pips, .. } => {
                let share = names.asset(name)?;
                if *fee_pips >= 1_000_000 || a == b {
                    return refuse(
                        "a pair that cannot be",
                        "name two assets and a fee below 100 %",
                    );
                }
                let (a, b) = (names.asset(a)?, names.asset(b)?);
                Pool::ConstantProduct(ConstantProduct::new(a, b, share, account, Pips(*fee_pips)))
            }
            StagePool::StableSwap { name, assets, tokens, amplification, fee_percent } => {
                let fee = (fee_percent / 100.0 * FEE_DENOMINATOR as f64 + 0.5) as u64;
                let sound = (2..=MAX_COINS).contains(&assets.len())
                    && assets.len() == tokens.len()
                    && (1..MAX_A).contains(amplification)
                    && fee <= MAX_FEE;
                if !sound {
                    let help = format!(
                        "two or three assets with as many amounts, an amplification below {MAX_A}, a fee of \
                         at most {} %",
                        MAX_FEE * 100 / FEE_DENOMINATOR
                    );
                    return refuse("a StableSwap pool that cannot be", help);
                }
                let mut coins = Vec::new();
                for symbol in assets {
                    let at = find("asset", &names.assets, symbol)?;
                    if names.decimals[at] > 18 {
                        return refuse("a coin of more than 18 decimals", "Curve has none");
                    }
                    coins.push((names.asset(symbol)?, names.decimals[at]));
                }
                let (share, owner) = (names.asset(name)?, names.world);
                let half = FEE_DENOMINATOR / 2;
                let pool =
                    StableSwap::new(&coins, share, account, owner, *amplification, fee, half);
                Pool::StableSwap(pool)
            }
            StagePool::Exponential {
                base, quote, liquidity_rate, min_price, max_price, ..
            } => Pool::Exponential(Exponential {
                base_decimals: names.decimals(names.asset(base)?),
                quote_decimals: names.decimals(names.asset(quote)?),
                base: names.asset(base)?,
                quote: names.asset(quote)?,
                account,
                liquidity_rate: liquidity_rate.wad()?,
                min_price: min_price.wad()?,
                max_price: max_price.wad()?,
            }),
            StagePool::FixedPrice { base, quote, price, .. } => Pool::FixedPrice(FixedPrice {
                base_decimals: names.decimals(names.asset(base)?),
                base: names.asset(base)?,
                price: names.units(quote, price)?,
                quote: names.asset(quote)?,
                account,
            }),
            StagePool::Concentrated { assets: (a, b), fee_pips, tick_spacing, .. } => {
                if *fee_pips >= 1_000_000 || !(1..16_384).contains(tick_spacing) || a == b {
                    let help = "name two assets, a fee below 100 %, a spacing from 1 to 16,383";
                    return refuse("a concentrated pool that cannot be", help);
                }
                let (a, b) = (names.asset(a)?, names.asset(b)?);
                let fee = Pips(*fee_pips);
                let pool = Concentrated::new(a, b, account, None, fee, *tick_spacing);
                Pool::Concentrated(pool)
            }
            StagePool::ShareVault { name, asset, invested, .. } => {
                let pool = invested.as_ref().map(|(pool, _)| names.pool(pool)).transpose()?;
                Pool::ShareVault(ShareVault {
                    asset: names.asset(asset)?,
                    share: names.asset(name)?,
                    account,
                    invested: pool,
                })
            }
        };
        self.chain.add_pool(pool);
        Ok(())
    }

    /// Fills a pool: its first deposit is the world's.
    pub(super) fn fill(&mut self, at: usize, spec: &StagePool) -> Result<(), Refusal> {
        let pool = PoolId(at as u16);
        let (world, account) = (self.names.world, self.chain.pools()[at].account());
        let call = match spec {
            StagePool::ConstantProduct { assets: (a, b), tokens: (x, y), .. } => {
                let (max0, max1) = (self.give(world, a, x)?, self.give(world, b, y)?);
                Call::AddLiquidity { pool, max0, max1 }
            }
            StagePool::StableSwap { assets, tokens, .. } => {
                let mut amounts = [Amount::ZERO; MAX_COINS];
                for ((slot, asset), tokens) in amounts.iter_mut().zip(assets).zip(tokens) {
                    *slot = self.give(world, asset, tokens)?;
                }
                let min_shares = Amount::ZERO;
                Call::StableSwap(StableSwapCall::AddLiquidity { pool, amounts, min_shares })
            }
            StagePool::Exponential { base, quote, base_tokens, quote_tokens, .. } => {
                self.give(account, base, base_tokens)?;
                self.give(account, quote, quote_tokens)?;
                return Ok(());
            }
            StagePool::FixedPrice { base, base_tokens, .. } => {
                self.give(account, base, base_tokens)?;
                return Ok(());
            }
            StagePool::Concentrated { assets: (a, b), tick, observations, ranges, .. } => {
                let sqrt_price = tick_math::sqrt_ratio_at_tick(*tick);
                let Ok(sqrt_price) = sqrt_price else {
                    return refuse("a tick that is out of range", "give one within ±887,272");
                };
                let mut calls = vec![
                    Call::Concentrated(ConcentratedCall::Initialize { pool, sqrt_price }),
                    Call::Concentrated(ConcentratedCall::IncreaseCardinality {
                        pool,
                        cardinality: (*observations).max(1),
                    }),
                ];
                // Who provides has what it takes: it is minted, and what is left stays with the world.
                let plenty = Amount(markets::units::U256::from(1_u128 << 120));
                for asset in [a, b] {
                    let asset = self.names.asset(asset)?;
                    self.chain.genesis_mint(world, asset, plenty).map_err(super::place::refused)?;
                }
                for (lower, upper, liquidity) in ranges {
                    let Ok(liquidity) = u128::try_from(liquidity.units(0)?) else {
                        return refuse("a liquidity above 128 bits", "the contract has none");
                    };
                    let (owner, body) = (world, None);
                    calls.push(Call::Concentrated(ConcentratedCall::Mint {
                        pool,
                        owner,
                        lower: *lower,
                        upper: *upper,
                        liquidity,
                        body,
                    }));
                }
                return self.run(world, &calls);
            }
            StagePool::ShareVault { name, asset, tokens, shares, invested } => {
                self.give(account, asset, tokens)?;
                self.give(world, name, shares)?;
                let Some((pool, held)) = invested else { return Ok(()) };
                let amount = AmountExpr::Exact(self.names.units(pool, held)?);
                Call::Transfer { to: account, asset: self.names.asset(pool)?, amount }
            }
        };
        self.run(world, &[call])
    }

    /// Mints to an account; how much it was.
    pub(super) fn give(
        &mut self,
        to: AccountId,
        asset: &str,
        tokens: &Decimal,
    ) -> Result<Amount, Refusal> {
        let amount = self.names.units(asset, tokens)?;
        let asset = self.names.asset(asset)?;
        self.chain.genesis_mint(to, asset, amount).map_err(super::place::refused)?;
        Ok(amount)
    }
}
