//! From worlds to frames: one sample per block, and the events that its logs and receipts tell of.

use crate::format;
use crate::frame::{
    AccountView, AssetHistory, Event, EventKind, Frame, HEALTH_EDGES, HealthHistogram, Origin,
    ReserveHistory, Totals,
};
use crate::series::Series;
use sim::action::{ActionField, DOWN, UP, field_of};
use sim::actor::Wallet;
use sim::chain::Chain;
use sim::chain::call::{Call, Log, Outcome, Receipt, Revert, Transaction};
use sim::config::{AttackerAccounts, Config};
use sim::prices::FairPrices;
use sim::reward::EpisodeTotals;
use sim::views::{Belief, MarketViews, PositionViews};
use std::collections::BTreeMap;

/// Debt below this is dust, in USD: it is not counted in the histogram.
const DUST_USD: f64 = 0.01;

/// A world at the end of a block.
pub(crate) struct Moment<'a> {
    /// The chain, with the block's logs.
    pub(crate) chain: &'a Chain,
    /// Fair prices of the block.
    pub(crate) prices: &'a FairPrices,
    /// The episode's constants.
    pub(crate) config: &'a Config,
    /// Whose gains are attacks.
    pub(crate) attackers: &'a AttackerAccounts,
    /// The episode so far.
    pub(crate) totals: &'a EpisodeTotals,
    /// The objective so far, in USD.
    pub(crate) objective_usd: f64,
}

/// Keeps the history of an episode and makes frames of it.
pub(crate) struct Recorder {
    frame: Frame,
    views: MarketViews,
    positions: PositionViews,
    wallets: BTreeMap<u32, Wallet>,
    inspected: Option<u32>,
}

impl Recorder {
    /// Begins with the state before the first block.
    pub(crate) fn new(moment: &Moment<'_>, mut frame: Frame) -> Self {
        let Moment { chain, prices, config, .. } = *moment;
        let views = MarketViews::new(chain, config.market, prices, config.block_secs);
        let symbols = || views.reserves.iter().map(|r| chain.asset(r.asset).symbol.clone());
        frame.block_secs = config.block_secs;
        frame.last_block = Some(config.episode_blocks);
        frame.assets =
            symbols().map(|symbol| AssetHistory { symbol, ..AssetHistory::default() }).collect();
        frame.reserves = symbols()
            .map(|symbol| ReserveHistory { symbol, ..ReserveHistory::default() })
            .collect();
        let mut recorder = Self {
            frame,
            views,
            positions: PositionViews::default(),
            wallets: BTreeMap::new(),
            inspected: None,
        };
        recorder.go_to(moment, 0);
        recorder.sample(moment);
        recorder
    }

    /// Goes to a block that has been recorded, whose state is given. What is known of later blocks is
    /// kept: equal worlds have equal histories.
    pub(crate) fn go_to(&mut self, moment: &Moment<'_>, block: u64) {
        let Moment { chain, prices, totals, .. } = *moment;
        self.views.project(chain, prices);
        self.frame.block = block;
        self.frame.timestamp = chain.clock().timestamp;
        let sums = &mut self.frame.totals;
        sums.transactions = totals.transactions;
        sums.reverted = totals.reverted;
        sums.liquidations = totals.liquidations;
    }

    /// Adds the state at the end of a block, and what happened in it.
    pub(crate) fn block<'t>(
        &mut self,
        moment: &Moment<'_>,
        block: u64,
        included: impl Iterator<Item = (Transaction<'t>, &'t Receipt)>,
    ) {
        self.go_to(moment, block);
        if (block as usize) < self.frame.close_factor.len() {
            return;
        }
        let earned_before = self.frame.totals.attacker_profit_usd.last_value().unwrap_or(0.0);
        let gain_usd = moment.totals.attacker_profit_usd - earned_before;
        for (transaction, receipt) in included {
            self.transaction(moment, block, &transaction, receipt, gain_usd);
        }
        for log in moment.chain.logs() {
            self.log(moment, block, log);
        }
        self.sample(moment);
    }

    /// Appends the present values to every series.
    fn sample(&mut self, moment: &Moment<'_>) {
        let totals = moment.totals;
        let frame = &mut self.frame;
        for (asset, view) in frame.assets.iter_mut().zip(&self.views.reserves) {
            asset.fair.push(view.mid_usd);
            asset.pool.push(if view.pool.is_some() { view.pool_usd } else { f64::NAN });
            asset.oracle.push(if view.oracle_usable { view.oracle_usd } else { f64::NAN });
        }
        for (reserve, view) in frame.reserves.iter_mut().zip(&self.views.reserves) {
            reserve.utilisation.push(view.utilisation);
            reserve.borrow_rate.push(view.borrow_rate);
            reserve.supply_rate.push(view.supply_rate);
            reserve.ltv.push(view.ltv);
            reserve.threshold.push(view.threshold);
            reserve.bonus.push(view.bonus);
            reserve.supply_cap.push(view.supply_cap);
            reserve.borrow_cap.push(view.borrow_cap);
            reserve.frozen.push(f64::from(u8::from(view.frozen)));
        }
        frame.close_factor.push(self.views.close_factor);
        let sums = &mut frame.totals;
        sums.supplied_usd.push(self.views.supplied_usd());
        sums.borrowed_usd.push(self.views.borrowed_usd());
        sums.bad_debt_usd.push(totals.bad_debt_usd());
        sums.liquidated_usd.push(totals.liquidated_usd);
        sums.attacker_profit_usd.push(totals.attacker_profit_usd);
        sums.objective_usd.push(moment.objective_usd);
    }

    /// Attacks are bundles of an attacker that borrow by flash loan, insist on a gain or act by a contract.
    fn transaction(
        &mut self,
        moment: &Moment<'_>,
        block: u64,
        transaction: &Transaction<'_>,
        receipt: &Receipt,
        gain_usd: f64,
    ) {
        let sender = transaction.header.sender;
        let is_bundle = transaction.calls.iter().any(|call| {
            matches!(call, Call::FlashLoan { .. } | Call::RequireGain { .. } | Call::By { .. })
        });
        if !is_bundle || !moment.attackers.0.contains(&sender) {
            return;
        }
        let name = account_name(moment.chain, sender.index());
        let (kind, text, usd) = match receipt.outcome {
            Outcome::Success => {
                let text = format!(
                    "{name}: bundle of {} calls, gain {}",
                    transaction.calls.len(),
                    format::usd(gain_usd)
                );
                (EventKind::Attack, text, gain_usd)
            }
            Outcome::Refused(reason) | Outcome::Reverted { reason, .. } => {
                (EventKind::RevertedAttack, format!("{name}: {}", revert_text(reason)), 0.0)
            }
            Outcome::Invalid => return,
        };
        self.wallets.insert(sender.0, Wallet(sender));
        self.frame.events.push(Event { block, kind, text, usd, account: Some(sender.0) });
    }

    fn log(&mut self, moment: &Moment<'_>, block: u64, log: &Log) {
        let Moment { chain, prices, .. } = *moment;
        let symbol = |asset| chain.asset(asset).symbol.as_str();
        let event = match *log {
            Log::Liquidation { borrower, collateral, debt, seized, repaid, .. } => {
                self.wallets.insert(borrower.0, Wallet(borrower));
                let usd = prices.value_usd(debt, repaid);
                let text = format!(
                    "{}: {} of {} repaid for {} {}",
                    account_name(chain, borrower.index()),
                    format::usd(usd),
                    symbol(debt),
                    format::short(prices.tokens(collateral, seized)),
                    symbol(collateral),
                );
                Event { block, kind: EventKind::Liquidation, text, usd, account: Some(borrower.0) }
            }
            Log::BadDebt { borrower, asset, amount, .. } => {
                self.wallets.insert(borrower.0, Wallet(borrower));
                let usd = prices.value_usd(asset, amount);
                let name = account_name(chain, borrower.index());
                let text = format!("{name}: {} of {} written off", format::usd(usd), symbol(asset));
                Event { block, kind: EventKind::BadDebt, text, usd, account: Some(borrower.0) }
            }
            Log::RiskChanged { change, .. } => {
                let ActionField { name, unit, choices, .. } = *field_of(change.param);
                let reserve = change
                    .reserve
                    .and_then(|r| self.frame.reserves.get(usize::from(r)))
                    .map_or("market", |reserve| reserve.symbol.as_str());
                let value = match (name, unit) {
                    ("oracle", _) => choices[if change.value == 0 { DOWN } else { UP }].to_owned(),
                    (_, "0 or 1") => if change.value == 0 { "off" } else { "on" }.to_owned(),
                    (_, "bps") => format::percent(change.value as f64 / 1e4),
                    _ => format::short(change.value as f64),
                };
                let text = format!("{reserve} {} to {value}", name.replace('_', " "));
                Event { block, kind: EventKind::RiskChange, text, usd: 0.0, account: None }
            }
            _ => return,
        };
        self.frame.events.push(event);
    }

    /// Looks closely at an account from now on, or at none.
    pub(crate) fn inspect(&mut self, account: Option<u32>) {
        self.inspected = account;
    }

    /// The frame of the block last added.
    pub(crate) fn frame(&mut self, chain: &Chain, origin: Origin) -> Frame {
        self.positions.rebuild(chain, self.views.market);
        self.positions.sweep(&self.views);
        let mut health = HealthHistogram::new(&HEALTH_EDGES);
        for Belief { health_factor, debt_usd, .. } in self.positions.beliefs() {
            if debt_usd > DUST_USD {
                health.add(health_factor, debt_usd);
            }
        }
        let mut frame = self.frame.clone();
        cut_after_block(&mut frame);
        frame.origin = origin;
        frame.health = health;
        frame.inspected = self
            .inspected
            .and_then(|account| self.wallets.get(&account))
            .map(|wallet| self.account(chain, *wallet));
        frame
    }

    fn account(&self, chain: &Chain, wallet: Wallet) -> AccountView {
        let Wallet(id) = wallet;
        let (views, positions) = (&self.views, &self.positions);
        let health = chain.health(views.market, id);
        let mut view = AccountView {
            account: id.0,
            name: account_name(chain, id.index()),
            health_factor: health.map_or(f64::NAN, |health| health.health_factor.ratio()),
            ..AccountView::default()
        };
        for (r, reserve) in views.reserves.iter().enumerate() {
            let supplied = positions.collateral_tokens(views, id, r);
            let borrowed = positions.debt_tokens(views, id, r);
            view.collateral_usd += supplied * reserve.oracle_usd;
            view.debt_usd += borrowed * reserve.oracle_usd;
            view.reserves.push((chain.asset(reserve.asset).symbol.clone(), supplied, borrowed));
        }
        if view.debt_usd == 0.0 {
            view.health_factor = f64::INFINITY;
        }
        view
    }
}

/// Cuts off what is known of blocks after the frame's.
pub(super) fn cut_after_block(frame: &mut Frame) {
    let len = frame.block as usize + 1;
    if frame.totals.attacker_profit_usd.len() <= len {
        return;
    }
    for asset in &mut frame.assets {
        let AssetHistory { symbol: _, fair, pool, oracle } = asset;
        cut([fair, pool, oracle], len);
    }
    for reserve in &mut frame.reserves {
        let ReserveHistory {
            symbol: _,
            utilisation,
            borrow_rate,
            supply_rate,
            ltv,
            threshold,
            bonus,
            supply_cap,
            borrow_cap,
            frozen,
        } = reserve;
        cut([utilisation, borrow_rate, supply_rate, ltv, threshold, bonus], len);
        cut([supply_cap, borrow_cap, frozen], len);
    }
    for holding in &mut frame.holdings {
        cut([&mut holding.tokens, &mut holding.usd], len);
    }
    let Totals {
        supplied_usd,
        borrowed_usd,
        bad_debt_usd,
        liquidated_usd,
        attacker_profit_usd,
        objective_usd,
        transactions: _,
        reverted: _,
        liquidations: _,
    } = &mut frame.totals;
    cut([supplied_usd, borrowed_usd, bad_debt_usd, liquidated_usd], len);
    cut([attacker_profit_usd, objective_usd, &mut frame.close_factor], len);
    let kept = frame.events.iter().take_while(|event| event.block <= frame.block).count();
    frame.events.truncate(kept);
}

fn cut<const N: usize>(series: [&mut Series; N], len: usize) {
    for series in series {
        series.truncate(len);
    }
}

fn account_name(chain: &Chain, index: usize) -> String {
    chain.accounts().get(index).cloned().unwrap_or_else(|| format!("account {index}"))
}

fn revert_text(reason: Revert) -> String {
    reason.to_string()
}
