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

/// Most assets that are borrowed, the quote asset included.
pub(super) const MAX_LOOT: usize = 4;
/// Share of a limit that the plan uses: the limit itself is refused by rounding.
const USE: f64 = 0.999_999;
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
    /// What can be seen of the state; `None` where an oracle is silent or the reserve is shut.
    pub(super) fn setting(
        &self,
        chain: &Chain,
        exchange: &Exchange,
        prices: &FairPrices,
        account: AccountId,
        gas_price_usd: f64,
    ) -> Option<Setting> {
        let pooled = chain.pooled(self.market);
        let tail = &pooled.reserves[usize::from(self.tail_reserve)];
        let config = &tail.config;
        let ltv = tail.effective_ltv().ratio();
        if !config.active || config.paused || config.frozen || ltv <= 0.0 {
            return None;
        }
        let ledger = chain.ledger();
        let room = if config.supply_cap == 0 {
            f64::INFINITY
        } else {
            let shares = self.tail.tokens(ledger.total_supply(tail.a_token));
            config.supply_cap as f64 - shares * tail.liquidity_index.ratio() * 1.000_001
        };
        if room <= 0.0 {
            return None;
        }
        let pool = chain.pool(self.pool).constant_product();
        let (t, u) = pool.reserves_from(self.tail.asset).ok()?;
        let mut loot = [Loot::default(); MAX_LOOT];
        for (slot, entry) in loot.iter_mut().zip(&self.loot) {
            let Some((token, reserve)) = entry else { break };
            let book = &pooled.reserves[usize::from(*reserve)];
            let c = &book.config;
            let mut available = token.tokens(book.virtual_balance);
            if c.borrow_cap != 0 {
                let debt = token.tokens(ledger.total_supply(book.debt_token));
                let owed = debt * book.borrow_index.ratio() * 1.000_001;
                available = available.min(c.borrow_cap as f64 - owed).max(0.0);
            }
            if !c.active || c.paused || c.frozen || !c.borrowing_enabled {
                available = 0.0;
            }
            *slot = Loot {
                available,
                oracle_usd: chain.price(book.feed).ok()?.usd(),
                worth_usd: prices.usd(token.asset) * (1.0 - exchange.cost_ratio(token.asset)),
            };
        }
        let lends_quote = self.loot[0].is_some_and(|(token, reserve)| {
            let book = &pooled.reserves[usize::from(reserve)].config;
            token == self.quote && book.flash_loan_enabled && !book.paused
        });
        let flash = match self.loot[0] {
            Some((token, reserve)) if lends_quote => {
                token.tokens(pooled.reserves[usize::from(reserve)].virtual_balance)
            }
            _ => 0.0,
        };
        let spot_usd = chain.price(tail.feed).ok()?.usd();
        let spot = u as f64 / self.quote.unit / (t as f64 / self.tail.unit);
        Some(Setting {
            pool: (t as f64 / self.tail.unit, u as f64 / self.quote.unit),
            keep: 1.0 - f64::from(pool.fee.0) / 1e6,
            ltv,
            room,
            own_quote: self.quote.held(chain, account),
            own_tail: self.tail.held(chain, account),
            flash,
            premium: pooled.flash_premium.ratio(),
            quote_oracle_usd: spot_usd / spot,
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
        let header = TxHeader {
            sender: account,
            actor: u32::MAX,
            sequence: 0,
            gas_limit: u64::MAX,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            system: true,
        };
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
            let at_hand = if i == 0 { loot.available.min(self.flash - flash) } else { loot.available };
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
/// over the pump and over the supply. Returns the plan and what it earns.
pub(super) fn best_by_simulation(
    target: &Target,
    setting: &Setting,
    fork: &mut Fork,
    account: AccountId,
    buffer: &mut Vec<Call>,
) -> (Plan, Gains) {
    let mut best = setting.best_plan();
    let mut gains = target.simulate(fork, setting, account, &best, buffer);
    let mut consider = |plan: Plan, fork: &mut Fork| {
        let seen = target.simulate(fork, setting, account, &plan, buffer);
        if seen.profit_usd > gains.profit_usd {
            (best, gains) = (plan, seen);
        }
        seen.profit_usd
    };
    let start = best_of(setting);
    let widths = [0.02, 0.002];
    for width in widths {
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
    (best, gains)
}

/// The model's plan, again: the search around it needs its centre after `best` has moved.
fn best_of(setting: &Setting) -> Plan {
    setting.best_plan()
}
