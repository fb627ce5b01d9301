//! Spot-oracle manipulation with a flash loan: pump the pool that the oracle reads, borrow against the
//! pumped collateral, dump the rest, leave the debt.
//!
//! Incident class: bZx-2 (February 2020; Qin et al., *Attacking the DeFi ecosystem with flash loans*,
//! FC 2021, §3.2), Harvest (October 2020), Cheese Bank (November 2020), Inverse Finance (April 2022).
//!
//! ```text
//! flash loan F of the quote asset ── own cash + F buy x worth of collateral in the pool
//!   supply s of it  ── the oracle now reads the pumped pool
//!   borrow the quote asset, then other assets, as far as LTV · s · pumped price goes
//!   sell the collateral that was not supplied back into the pool
//! repay F and the premium
//! ```
//!
//! With reserves (T, U), no fee, and all that is not supplied sold back, the net cost of the supplied
//! `s` is `U·s/(T − s)` *whatever* the pump, while the loan grows with the square of the pumped price
//! ratio `1 + x/U`: only fees, flash liquidity, caps and what there is to borrow bound the attack. That
//! is why a spot oracle of a small pool is a hole rather than a risk.

use super::search::{Best, maximise};
use crate::scripted::{Token, gas_of};
use markets::units::{AccountId, Amount, MarketId, PoolId};
use serde::{Deserialize, Serialize};
use sim::chain::call::{AmountExpr, Call, Outcome, Transaction, TxHeader};
use sim::chain::{Chain, Fork};
use sim::exchange::Exchange;
use sim::prices::FairPrices;
use sim::views::MarketViews;

/// Most assets that are borrowed, the quote asset included.
pub const MAX_LOOT: usize = 4;
/// Share of a limit that the plan uses: the limit itself is refused by rounding.
const USE: f64 = 0.999_999;
/// What is counted against a cap, relative to the belief of it.
const MARGIN: f64 = 1.000_001;
/// Gas of the largest bundle.
pub(super) const GAS: u64 = gas_of::TRANSACTION
    + gas_of::FLASH_LOAN
    + 2 * gas_of::SWAP
    + gas_of::SUPPLY
    + MAX_LOOT as u64 * gas_of::BORROW
    + 4 * gas_of::MARK;

/// What is attacked: a market's reserve whose feed reads a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) market: MarketId,
    pub(super) pool: PoolId,
    /// The collateral that the pool prices.
    pub(super) tail: Token,
    pub(super) tail_reserve: u16,
    /// The pool's other asset.
    pub(super) quote: Token,
    /// What can be borrowed: the quote asset first.
    pub(super) loot: [Option<(Token, u16)>; MAX_LOOT],
}

/// What an attacker reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight<'a> {
    pub(super) chain: &'a Chain,
    pub(super) exchange: &'a Exchange,
    pub(super) prices: &'a FairPrices,
    pub(super) views: &'a MarketViews,
    /// Price of the gas asset.
    pub(super) gas_price_usd: f64,
}

/// The state of an attack, in whole tokens, USD and ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Setting {
    /// Pool reserves: collateral, quote.
    pool: (f64, f64),
    /// 1 − swap fee.
    keep: f64,
    ltv: f64,
    /// Room below the supply cap.
    room: f64,
    own_quote: f64,
    own_tail: f64,
    /// Quote asset that can be flash-borrowed.
    flash: f64,
    premium: f64,
    /// Price of the quote asset that the oracle of the collateral uses.
    quote_oracle_usd: f64,
    quote_usd: f64,
    tail_usd: f64,
    loot: [Loot; MAX_LOOT],
    gas_usd: f64,
}

/// What there is to borrow of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Loot {
    available: f64,
    oracle_usd: f64,
    /// What a token brings at the exchange, before impact.
    worth_usd: f64,
}

/// How much of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// Quote asset paid into the pool, in whole tokens.
    pub(super) pump: f64,
    /// Part of it that is borrowed in flash.
    pub(super) flash: f64,
    /// Collateral supplied, in whole tokens.
    pub(super) supply: f64,
    /// Borrowed, in whole tokens, in the order of the target's loot.
    borrow: [f64; MAX_LOOT],
    /// What the model expects, gas paid, in USD.
    pub(super) profit_usd: f64,
}

impl Target {
    /// What can be seen of the state; `None` where the reserve is shut, the cap is full, or an oracle is
    /// silent.
    pub(super) fn setting(&self, sight: &Sight<'_>, account: AccountId) -> Option<Setting> {
        let Sight { chain, exchange, prices, views, gas_price_usd } = *sight;
        let tail_view = views.reserves.get(usize::from(self.tail_reserve))?;
        if tail_view.frozen || tail_view.ltv <= 0.0 || !tail_view.oracle_usable {
            return None;
        }
        let pooled = chain.pooled(self.market);
        let tail = &pooled.reserves[usize::from(self.tail_reserve)];
        let owed_to_treasury =
            self.tail.tokens(tail.accrued_to_treasury) * tail_view.liquidity_index;
        let room = if tail.config.supply_cap == 0 {
            f64::INFINITY
        } else {
            tail_view.supply_cap - (tail_view.supplied + owed_to_treasury) * MARGIN
        };
        if room <= 0.0 || tail.config.paused || !tail.config.active {
            return None;
        }
        let mut loot = [Loot::default(); MAX_LOOT];
        for (slot, entry) in loot.iter_mut().zip(&self.loot) {
            let Some((token, reserve)) = entry else { break };
            let view = &views.reserves[usize::from(*reserve)];
            let config = &pooled.reserves[usize::from(*reserve)].config;
            let open =
                config.active && !config.paused && !config.frozen && config.borrowing_enabled;
            if !open || !view.oracle_usable {
                continue;
            }
            let cap_room = if view.borrow_cap > 0.0 {
                (view.borrow_cap - view.borrowed * MARGIN).max(0.0)
            } else {
                f64::INFINITY
            };
            *slot = Loot {
                available: view.available.min(cap_room),
                oracle_usd: view.oracle_usd,
                worth_usd: prices.usd(token.asset) * (1.0 - exchange.cost_ratio(token.asset)),
            };
        }
        let flash = self.loot[0].filter(|(token, _)| *token == self.quote).map_or(0.0, |(_, r)| {
            let config = &pooled.reserves[usize::from(r)].config;
            let lends = config.flash_loan_enabled && config.active && !config.paused;
            if lends { views.reserves[usize::from(r)].available } else { 0.0 }
        });
        let pool = chain.pair(self.pool);
        let (t, u) = pool.reserves_from(self.tail.asset).ok()?;
        let (t, u) = (t as f64 / self.tail.unit, u as f64 / self.quote.unit);
        Some(Setting {
            pool: (t, u),
            keep: 1.0 - f64::from(pool.fee.0) / 1e6,
            ltv: tail_view.ltv,
            room,
            own_quote: self.quote.held(chain, account),
            own_tail: self.tail.held(chain, account),
            flash,
            premium: pooled.flash_premium.ratio(),
            quote_oracle_usd: tail_view.oracle_usd * t / u,
            quote_usd: prices.usd(self.quote.asset),
            tail_usd: prices.usd(self.tail.asset),
            loot,
            gas_usd: GAS as f64 * chain.clock().base_fee as f64 * 1e-18 * gas_price_usd,
        })
    }

    /// The bundle of a plan.
    pub(super) fn bundle(&self, plan: &Plan, out: &mut Vec<Call>) {
        let Self { market, pool, tail, quote, .. } = *self;
        let exact = |token: Token, tokens| AmountExpr::Exact(token.amount(tokens));
        out.clear();
        out.push(Call::Mark { mark: 0, asset: quote.asset });
        let flash = quote.amount(plan.flash);
        if !flash.is_zero() {
            out.push(Call::FlashLoan { market, asset: quote.asset, amount: flash, body: 0 });
        }
        let opened = out.len();
        let pump = exact(quote, plan.pump);
        out.push(Call::Swap { pool, asset_in: quote.asset, amount: pump, min_out: Amount::ZERO });
        out.push(Call::Supply { market, asset: tail.asset, amount: exact(tail, plan.supply) });
        for (entry, tokens) in self.loot.iter().zip(plan.borrow) {
            if let Some((token, _)) = entry
                && tokens * token.unit >= 1.0
            {
                let amount = exact(*token, tokens);
                out.push(Call::Borrow { market, asset: token.asset, amount });
            }
        }
        let all = AmountExpr::All;
        out.push(Call::Swap { pool, asset_in: tail.asset, amount: all, min_out: Amount::ZERO });
        let body_len = (out.len() - opened) as u16;
        if let Some(Call::FlashLoan { body, .. }) = out.get_mut(opened - 1) {
            *body = body_len;
        }
    }

    /// Guards the bundle: each asset that gained in the simulation must gain 99 % of it again.
    pub(super) fn guard(&self, gains: &Gains, out: &mut Vec<Call>) {
        if gains.quote > 0.0 {
            let min_gain = self.quote.amount(0.99 * gains.quote);
            out.push(Call::RequireGain { mark: 0, asset: self.quote.asset, min_gain });
        }
    }

    /// What a plan really earns before the tip, in USD, by simulation; −∞ where it reverts.
    pub(super) fn simulate(
        &self,
        fork: &mut Fork,
        setting: &Setting,
        account: AccountId,
        plan: &Plan,
        buffer: &mut Vec<Call>,
    ) -> Gains {
        self.bundle(plan, buffer);
        let header = TxHeader::free(account);
        let holdings = |chain: &Chain| {
            let mut held = [0.0; MAX_LOOT + 2];
            held[0] = self.quote.held(chain, account);
            held[1] = self.tail.held(chain, account);
            for (slot, entry) in held[2..].iter_mut().zip(&self.loot) {
                if let Some((token, _)) = entry {
                    *slot = token.held(chain, account);
                }
            }
            held
        };
        let before = holdings(&fork.0);
        let tx = Transaction { header: &header, calls: buffer };
        let (_, after) = fork.0.simulate(tx, |chain, receipt| {
            (receipt.outcome == Outcome::Success).then(|| holdings(chain))
        });
        let Some(after) = after else {
            return Gains { profit_usd: f64::NEG_INFINITY, quote: 0.0 };
        };
        let quote = after[0] - before[0];
        let mut usd = quote * setting.quote_usd + (after[1] - before[1]) * setting.tail_usd;
        for (i, loot) in setting.loot.iter().enumerate() {
            let is_quote = self.loot[i].is_some_and(|(token, _)| token == self.quote);
            if !is_quote {
                usd += (after[2 + i] - before[2 + i]) * loot.worth_usd;
            }
        }
        Gains { profit_usd: usd - setting.gas_usd, quote }
    }
}

/// What a simulated plan earned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gains {
    /// Gas at the base fee paid, in USD.
    pub(super) profit_usd: f64,
    /// In the quote asset, in whole tokens.
    pub(super) quote: f64,
}

impl Setting {
    /// The same with a share of the flash liquidity and of what there is to borrow.
    pub(super) fn limited(mut self, share: f64) -> Self {
        self.flash *= share;
        self.loot.iter_mut().for_each(|loot| loot.available *= share);
        self
    }

    /// The gate: an upper bound of the profit without fees, in USD, in constant time. Not positive
    /// means that no size pays.
    ///
    /// With `m = 1 + x_max/U`, supplying the share `σ = s/T` of the reserve brings at most
    /// `min(L, ltv·σ·U·m²)` and costs at least `U·σ/(1 − σ)`; both are concave in σ.
    pub(super) fn bound_usd(&self) -> f64 {
        let (t, u) = self.pool;
        let loot_usd: f64 = self.loot.iter().map(|l| l.available * l.worth_usd).sum();
        let m = 1.0 + (self.own_quote + self.flash) / u;
        let slope = self.ltv * m * m;
        // Own collateral costs its price elsewhere, which the pool's may exceed: count it as free.
        let free = self.own_tail / t;
        if slope <= 1.0 && free <= 0.0 {
            return 0.0;
        }
        let most = (self.room / t).min(1.0 - 1.0 / m + free);
        // The loan reaches the loot at the first, costs catch up with it at the second.
        let filled = loot_usd / (slope * u * self.quote_usd);
        let turned = 1.0 - 1.0 / slope.sqrt() + free;
        let sigma = most.min(filled).min(turned).max(0.0);
        let paid = (sigma - free).max(0.0);
        let cost = u * paid / (1.0 - paid).max(1e-9);
        let loan_usd = (slope * sigma * u * self.quote_usd).min(loot_usd);
        loan_usd - cost * self.quote_usd - self.gas_usd
    }

    /// What the bundle's gas costs at the base fee, in USD.
    pub(super) const fn gas_usd(&self) -> f64 {
        self.gas_usd
    }

    /// The most that can be paid into the pool.
    fn most_pump(&self) -> f64 {
        (self.own_quote + self.flash) * USE
    }

    /// Collateral bought by a pump, and the pool after it.
    fn pumped(&self, pump: f64) -> (f64, (f64, f64)) {
        let (t, u) = self.pool;
        let paid = self.keep * pump;
        let bought = t * paid / (u + paid);
        (bought, (t - bought, u + pump))
    }

    /// Most that can be supplied after a pump.
    fn most_supply(&self, pump: f64) -> f64 {
        ((self.pumped(pump).0 + self.own_tail) * USE).min(self.room * USE)
    }

    /// What pumping `pump` and supplying `supply` earns, gas paid; −∞ in USD where the flash loan
    /// could not be repaid.
    pub(super) fn plan(&self, pump: f64, supply: f64) -> Plan {
        let (bought, (t, u)) = self.pumped(pump);
        let flash = (pump - self.own_quote).max(0.0);
        let price_usd = u / t * self.quote_oracle_usd;
        let mut power_usd = self.ltv * supply * price_usd * USE;
        let mut borrow = [0.0; MAX_LOOT];
        let mut gained_usd = 0.0;
        let mut borrowed_quote = 0.0;
        for (i, (loot, slot)) in self.loot.iter().zip(&mut borrow).enumerate() {
            if loot.oracle_usd <= 0.0 {
                continue;
            }
            // What is lent in flash is not at hand for the loan.
            let at_hand =
                if i == 0 { loot.available.min(self.flash - flash) } else { loot.available };
            let tokens = (at_hand.max(0.0) * USE).min(power_usd / loot.oracle_usd);
            power_usd = (power_usd - tokens * loot.oracle_usd).max(0.0);
            *slot = tokens;
            if i == 0 {
                borrowed_quote = tokens;
            } else {
                gained_usd += tokens * loot.worth_usd;
            }
        }
        let rest = bought + self.own_tail - supply;
        let paid = self.keep * rest;
        let dumped = u * paid / (t + paid);
        let quote = borrowed_quote + dumped - pump - self.premium * flash;
        let repaid = self.own_quote + quote >= 0.0;
        let profit_usd = if repaid {
            gained_usd + quote * self.quote_usd - self.own_tail * self.tail_usd - self.gas_usd
        } else {
            f64::NEG_INFINITY
        };
        Plan { pump, flash, supply, borrow, profit_usd }
    }

    /// The best supply for a pump.
    fn best_supply(&self, pump: f64) -> Best {
        let most = self.most_supply(pump);
        maximise(0.0, most, 8, 24, |supply| self.plan(pump, supply).profit_usd)
    }

    /// The best plan by the model: over the pump on the outside, over the supply inside. Nested, because
    /// the two trade off along a ridge (the loan that just exhausts what there is to borrow) on which
    /// coordinate search would get stuck.
    pub(super) fn best_plan(&self) -> Plan {
        let most = self.most_pump();
        // Pumps matter by ratio: the grid is even in the square root.
        let value = |root: f64| self.best_supply(root * root).value;
        let best = maximise(0.0, most.sqrt(), 32, 32, value);
        let pump = best.at * best.at;
        self.plan(pump, self.best_supply(pump).at)
    }
}

/// The best plan by simulation: the model's, then golden-section search on the chain itself around it,
/// over the pump and over the supply. Returns the plan, what it earns, and how many simulations that took.
pub(super) fn best_by_simulation(
    target: &Target,
    setting: &Setting,
    fork: &mut Fork,
    account: AccountId,
    buffer: &mut Vec<Call>,
) -> (Plan, Gains, u32) {
    let start = setting.best_plan();
    let mut simulations = 1;
    let mut best = start;
    let mut gains = target.simulate(fork, setting, account, &best, buffer);
    let mut consider = |plan: Plan, fork: &mut Fork| {
        let seen = target.simulate(fork, setting, account, &plan, buffer);
        simulations += 1;
        if seen.profit_usd > gains.profit_usd {
            (best, gains) = (plan, seen);
        }
        seen.profit_usd
    };
    for width in [0.02, 0.002] {
        let low = start.pump * (1.0 - width);
        let high = (start.pump * (1.0 + width)).min(setting.most_pump());
        maximise(low, high, 2, 6, |pump| {
            consider(setting.plan(pump, setting.best_supply(pump).at), fork)
        });
        let most = setting.most_supply(start.pump);
        let low = start.supply * (1.0 - width);
        let high = (start.supply * (1.0 + width)).min(most);
        maximise(low, high, 2, 6, |supply| consider(setting.plan(start.pump, supply), fork));
    }
    (best, gains, simulations)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::test_world::{self, MARKET, POOL, TAIL, Terms, USDC, WETH};
    use markets::units::AssetId;
    use sim::rng::{Purpose, Streams};

    /// Supplies liquidity that somebody else left in the market.
    fn supply(chain: &mut Chain, asset: AssetId, tokens: f64) {
        let whale = chain.add_account("whale");
        chain.genesis_mint(whale, asset, test_world::amount(asset, tokens)).unwrap();
        let call = Call::Supply { market: MARKET, asset, amount: AmountExpr::All };
        assert_eq!(test_world::system(chain, whale, &[call]).outcome, Outcome::Success);
    }

    struct Scene {
        chain: Chain,
        exchange: Exchange,
        prices: FairPrices,
        views: MarketViews,
        target: Target,
        account: AccountId,
    }

    impl Scene {
        fn new(terms: &Terms, usdc: f64, weth: f64, own: f64, seed_tokens: f64) -> Self {
            let mut chain = test_world::chain(terms);
            supply(&mut chain, USDC, usdc);
            supply(&mut chain, WETH, weth);
            let account = chain.add_account("attacker");
            let mint = |chain: &mut Chain, asset, tokens| {
                chain.genesis_mint(account, asset, test_world::amount(asset, tokens)).unwrap();
            };
            mint(&mut chain, USDC, own);
            mint(&mut chain, TAIL, seed_tokens);
            mint(&mut chain, WETH, 20.0);
            let source = test_world::source(terms);
            let prices = FairPrices::new(&source, chain.assets());
            let exchange = test_world::exchange(&chain);
            let views = MarketViews::new(&chain, MARKET, &prices, 12);
            let token = |asset| Token::of_id(&chain, asset);
            let target = Target {
                market: MARKET,
                pool: POOL,
                tail: token(TAIL),
                tail_reserve: 2,
                quote: token(USDC),
                loot: [Some((token(USDC), 1)), Some((token(WETH), 0)), None, None],
            };
            Self { chain, exchange, prices, views, target, account }
        }

        fn setting(&self) -> Setting {
            let sight = Sight {
                chain: &self.chain,
                exchange: &self.exchange,
                prices: &self.prices,
                views: &self.views,
                gas_price_usd: 2_000.0,
            };
            self.target.setting(&sight, self.account).unwrap()
        }
    }

    /// A state that an attacker might find; number `i` of a family.
    fn random_scene(i: u64) -> Scene {
        let mut rng = Streams::new(77, 0).at(Purpose::Test, 0, 0, i);
        let mut u = |low: f64, high: f64| crate::scripted::uniform(&mut rng, low, high);
        let terms = Terms {
            pool_usdc: libm::exp(u(libm::log(5e4), libm::log(3e6))),
            pool_skew: u(0.9, 1.1),
            tail_ltv_bps: u(2_000.0, 7_500.0) as u32,
            tail_cap: libm::exp(u(libm::log(5e3), libm::log(5e6))) as u64,
            ..Terms::default()
        };
        let usdc = libm::exp(u(libm::log(2e5), libm::log(5e7)));
        let weth = u(10.0, 10_000.0);
        let own = if u(0.0, 1.0) < 0.5 { 0.0 } else { u(1e3, 1e6) };
        let seed = if u(0.0, 1.0) < 0.7 { 0.0 } else { u(1e2, 5e4) };
        Scene::new(&terms, usdc, weth, own, seed)
    }

    #[test]
    fn the_size_is_within_a_percent_of_a_dense_grid_on_twenty_states() {
        let (mut buffer, mut paying) = (Vec::new(), 0);
        for i in 0..20 {
            let scene = random_scene(i);
            let setting = scene.setting();
            let mut fork = Fork(scene.chain.clone());
            let (target, account) = (&scene.target, scene.account);
            let (_, found, _) =
                best_by_simulation(target, &setting, &mut fork, account, &mut buffer);
            let mut grid = f64::NEG_INFINITY;
            for x in 1..=120 {
                // Even in the square root, as sizes matter by ratio.
                let pump = setting.most_pump() * (f64::from(x) / 120.0) * (f64::from(x) / 120.0);
                for y in 0..=60 {
                    let supply = setting.most_supply(pump) * f64::from(y) / 60.0;
                    let plan = setting.plan(pump, supply);
                    let seen = target.simulate(&mut fork, &setting, account, &plan, &mut buffer);
                    grid = grid.max(seen.profit_usd);
                }
            }
            if grid <= 0.0 {
                assert!(found.profit_usd <= 0.0, "state {i}: {found:?}, nothing on the grid");
                continue;
            }
            assert!(found.profit_usd >= 0.99 * grid, "state {i}: {found:?} < grid {grid}");
            let bound = setting.bound_usd();
            assert!(grid <= bound, "state {i}: {grid} above the gate's bound {bound}");
            paying += u32::from(found.profit_usd > 1_000.0);
        }
        assert!(paying >= 12, "{paying} of 20 states pay");
    }

    #[test]
    fn the_model_agrees_with_the_chain() {
        let mut buffer = Vec::new();
        for i in 0..20 {
            let scene = random_scene(i);
            let setting = scene.setting();
            let plan = setting.best_plan();
            let mut fork = Fork(scene.chain.clone());
            let seen =
                scene.target.simulate(&mut fork, &setting, scene.account, &plan, &mut buffer);
            if plan.profit_usd > 100.0 {
                let error = (seen.profit_usd - plan.profit_usd).abs();
                assert!(error < 1e-3 * plan.profit_usd + 1.0, "state {i}: {seen:?} {plan:?}");
            }
        }
    }

    #[test]
    fn a_search_leaves_the_fork_as_it_was() {
        let scene = random_scene(3);
        let setting = scene.setting();
        let mut fork = Fork(scene.chain.clone());
        best_by_simulation(&scene.target, &setting, &mut fork, scene.account, &mut Vec::new());
        assert!(fork.0 == scene.chain);
    }

    #[test]
    fn the_gate_is_shut_where_nothing_can_be_gained() {
        // LTV m² ≤ 1 for every pump that fits into the flash liquidity.
        let poor = Terms { tail_ltv_bps: 2_000, pool_usdc: 3e6, ..Terms::default() };
        assert!(Scene::new(&poor, 2e5, 10.0, 0.0, 0.0).setting().bound_usd() <= 0.0);
        let rich = Scene::new(&Terms::default(), 5e6, 100.0, 0.0, 0.0);
        assert!(rich.setting().bound_usd() > 1e5);
    }

    #[test]
    fn a_bundle_pays_what_it_promised_and_leaves_the_debt() {
        let mut scene = Scene::new(&Terms::default(), 5e6, 100.0, 0.0, 0.0);
        let setting = scene.setting();
        let mut fork = Fork(scene.chain.clone());
        let mut calls = Vec::new();
        let (target, account) = (scene.target, scene.account);
        let (plan, gains, _) =
            best_by_simulation(&target, &setting, &mut fork, account, &mut calls);
        assert!(gains.profit_usd > 1e5, "{gains:?}");
        target.bundle(&plan, &mut calls);
        target.guard(&gains, &mut calls);
        let receipt = test_world::system(&mut scene.chain, account, &calls);
        assert_eq!(receipt.outcome, Outcome::Success);
        let health = scene.chain.health(MARKET, account).unwrap();
        assert!(health.is_liquidatable());
    }
}
