//! What a candidate came to, and what it would with a loan more.

use super::super::moves::Move;
use super::super::outcome::{Books, max_borrow, supplied, vaults, written_off_usd};
use super::{CLOSING, Hand, Part, Played, Player, Record};
use markets::units::{Amount, AssetId, FeedId, MarketId};
use sim::chain::call::{AmountExpr, Call};
use sim::chain::{Chain, Market, Pool};

/// Loans that are tried after a candidate: so many first ones, and so many in a row.
pub(super) const LOANS_AHEAD: usize = 3;
/// Loans, in a row.
pub(super) type Ahead = [Option<Move>; LOANS_AHEAD];

/// What a market would lend, or pay out against profit on paper.
struct Credit {
    action: Move,
    call: Call,
    /// At fair prices, less what is left behind for it.
    usd: f64,
}

impl Player<'_> {
    /// Closes what is open and measures.
    pub(super) fn finish(
        &mut self,
        chain: &mut Chain,
        hand: &mut Hand,
        record: &mut Option<Record>,
    ) -> Played {
        let fair = &self.ground.fair;
        let state = self.fingerprint(chain);
        let potential = self.promise_usd(chain, hand);
        let distortion = self.distortion(chain);
        let settled = self.settle(chain, hand);
        let gas = hand.gas + hand.session.gas();
        if let Err(part) = settled {
            let (potential_usd, progress) = (potential, CLOSING + part);
            return Played { potential_usd, progress, distortion, state, ..Played::FAILED };
        }
        hand.gas = gas;
        if let Some(record) = record {
            let calls = hand.session.calls().to_vec();
            if !calls.is_empty() {
                let gas = hand.session.gas();
                record.parts.push(Part { calls, gas, then_pending: None, then_wait: 0 });
            }
        }
        let after = self.books(chain);
        let lost = hand.written_off_usd + written_off_usd(chain, fair)
            - written_off_usd(&self.ground.chain, fair);
        let gas_usd = fair.gas_usd(&self.ground.chain, gas);
        let bad_debt_usd = (after.shortfall_usd - self.before.shortfall_usd + lost).max(0.0);
        // What others' shares of vaults are worth less; whoever holds them now.
        let now = |share: AssetId| vaults(chain, fair).find(|(of, _)| *of == share);
        let entrusted = self.entrusted.iter();
        let taken_usd: f64 = entrusted
            .map(|(share, others, usd)| {
                others * (usd - now(*share).map_or(0.0, |(_, usd)| usd)).max(0.0)
            })
            .sum();
        Played {
            profit_usd: after.wealth_usd - self.before.wealth_usd - gas_usd,
            potential_usd: potential,
            bad_debt_usd,
            loss_usd: bad_debt_usd + taken_usd,
            progress: 1e4,
            distortion,
            state,
            ahead: [None; LOANS_AHEAD],
        }
    }

    /// Measures what a loan more would come to, then closes what is open and measures.
    pub(super) fn finish_ahead(&mut self, chain: &mut Chain, hand: &mut Hand) -> Played {
        let ahead = self.look_ahead(chain, hand);
        let played = self.finish(chain, hand, &mut None);
        let (usd, ahead) = ahead.unwrap_or((f64::NEG_INFINITY, [None; LOANS_AHEAD]));
        Played { potential_usd: usd.max(played.potential_usd), ahead, ..played }
    }

    /// What the attacker and its contract own and leave behind.
    fn books(&self, chain: &Chain) -> Books {
        self.owner.books(chain, &self.ground.fair)
    }

    /// Wealth with the most that one market would lend now taken at fair prices, the position left and loans
    /// repaid.
    fn promise_usd(&self, chain: &Chain, hand: &Hand) -> f64 {
        let fair = &self.ground.fair;
        let own_usd = self.books(chain).wealth_usd - self.before.wealth_usd;
        let owed: f64 = hand
            .loans
            .iter()
            .map(|(l, lent)| fair.worth_usd(chain, l.asset(), lent.to_f64()))
            .sum();
        let most = self.credits(chain).first().map_or(0.0, |credit| credit.usd);
        own_usd - owed + most
    }

    /// What comes of loans that markets would make now, all taken to the full and closed: each of the largest,
    /// and more on top of it while that brings more. Every trial is a simulation.
    fn look_ahead(&mut self, chain: &mut Chain, hand: &mut Hand) -> Option<(f64, Ahead)> {
        let mut best: Option<(f64, Ahead)> = None;
        for first in self.credits(chain).into_iter().take(LOANS_AHEAD) {
            let mark = hand.session.mark(chain);
            let (mut ahead, mut reached) = ([None; LOANS_AHEAD], f64::NEG_INFINITY);
            let mut first = Some(first);
            for n in 0..LOANS_AHEAD {
                let next = first.take().or_else(|| self.credits(chain).into_iter().next());
                let Some(Credit { action, call, .. }) = next else { break };
                if hand.session.call(chain, call).is_err() {
                    break;
                }
                let usd = self.closed_usd(chain, hand);
                if n > 0 && usd <= reached && usd > f64::NEG_INFINITY {
                    break;
                }
                ahead[n] = Some(action);
                reached = usd;
                if best.is_none_or(|(most, _)| usd > most) && usd > f64::NEG_INFINITY {
                    best = Some((usd, ahead));
                }
            }
            hand.session.back(chain, &mark);
            if ahead[0].is_none() {
                break;
            }
        }
        best
    }

    /// What the attacker would have gained if it closed now, gas left out; −∞ where it could not.
    fn closed_usd(&mut self, chain: &mut Chain, hand: &mut Hand) -> f64 {
        self.simulations += 1;
        let mark = hand.session.mark(chain);
        let loans = hand.loans.clone();
        let usd = if self.settle(chain, hand).is_ok() {
            self.books(chain).wealth_usd - self.before.wealth_usd
        } else {
            f64::NEG_INFINITY
        };
        hand.session.back(chain, &mark);
        hand.loans = loans;
        usd
    }

    /// What markets would lend the attacker now, the largest first.
    fn credits(&self, chain: &Chain) -> Vec<Credit> {
        let (by, fair) = (self.ground.attacker, &self.ground.fair);
        let mut credits = Vec::new();
        let mut lends = |market: MarketId, asset: AssetId| {
            let amount = max_borrow(chain, market, by, asset);
            let usd = fair.worth_usd(chain, asset, amount.to_f64());
            if usd > 0.0 {
                let amount = AmountExpr::Exact(amount);
                let (action, call) =
                    (Move::Borrow { market, asset }, Call::Borrow { market, asset, amount });
                credits.push(Credit { action, call, usd });
            }
        };
        let mut paid = Vec::new();
        for (i, market) in chain.markets().iter().enumerate() {
            let id = MarketId(i as u16);
            match market {
                Market::Pooled(pooled) if pooled.position(by).collateral != 0 => {
                    pooled.reserves.iter().for_each(|reserve| lends(id, reserve.underlying));
                }
                Market::Compound(compound) if compound.membership(by) != 0 => {
                    compound.tokens.iter().for_each(|token| lends(id, token.underlying));
                }
                Market::Isolated(isolated)
                    if !chain.balance(by, isolated.collateral_share).is_zero() =>
                {
                    lends(id, isolated.loan);
                }
                Market::Vault(vault) => lends(id, vault.dai),
                Market::Perpetual(perpetual) => {
                    let (market, asset) = (id, perpetual.quote);
                    let most = fair.usd(asset, supplied(chain, id, by, asset));
                    let usd = most - fair.equity_usd(chain, id, by).max(0.0);
                    if usd > 0.0 {
                        let amount = AmountExpr::All;
                        let (action, call) = (
                            Move::Withdraw { market, asset },
                            Call::Withdraw { market, asset, amount },
                        );
                        paid.push(Credit { action, call, usd });
                    }
                }
                _ => {}
            }
        }
        credits.append(&mut paid);
        credits.sort_by(|a, b| b.usd.total_cmp(&a.usd));
        credits
    }

    /// How far oracles have been moved, and prices of shares.
    fn distortion(&self, chain: &Chain) -> f64 {
        let moved = self.prices.iter().zip(prices(chain)).map(|(before, now)| {
            if *before > 0.0 && now > 0.0 {
                libm::log(now / before).abs()
            } else {
                f64::from(u8::from(*before != now))
            }
        });
        moved.sum()
    }

    /// A number that equal states share: wallet, pools and shares.
    fn fingerprint(&self, chain: &Chain) -> u64 {
        let mut hash = 0_u64;
        let mut add = |amount: Amount| {
            for limb in &amount.0.as_limbs()[..2] {
                hash = sim::rng::mix(hash ^ limb);
            }
        };
        for i in 0..self.wallet.len() {
            add(chain.balance(self.ground.attacker, AssetId(i as u16)));
        }
        for pool in chain.pools() {
            match pool {
                Pool::ConstantProduct(pair) => {
                    add(Amount::new(pair.reserve0));
                    add(Amount::new(pair.reserve1));
                }
                Pool::Concentrated(pool) => add(Amount(pool.state.sqrt_price)),
                Pool::StableSwap(pool) => pool.balances.iter().for_each(|held| add(*held)),
                Pool::Exponential(reserve) => add(chain.balance(reserve.account, reserve.quote)),
                Pool::FixedPrice(depot) => add(chain.balance(depot.account, depot.base)),
                Pool::ShareVault(vault) => add(chain.balance(vault.account, vault.asset)),
            }
        }
        for market in chain.markets() {
            if let Some(desk) = market.margin_desk() {
                add(desk.books.cash);
            }
            if let Some(perpetual) = market.perpetual() {
                for by in self.owner.accounts() {
                    let account = perpetual.contract.account(by.index());
                    let lots = account.map_or(0, |account| account.lots);
                    add(Amount::new(u128::from(lots as u64)));
                }
                add(perpetual.amount(perpetual.contract.deposits));
            }
        }
        hash
    }
}

/// What every feed says, in USD; then what a share of every cToken and vault redeems for, which a market believes
/// without a feed. 0 where there is nothing to be said.
pub(super) fn prices(chain: &Chain) -> impl Iterator<Item = f64> {
    let feeds = (0..chain.feeds().len())
        .map(|feed| chain.price(FeedId(feed as u16)).map_or(0.0, |price| price.usd()));
    let c_tokens = chain.markets().iter().filter_map(Market::compound).flat_map(|compound| {
        let rate = |token| compound.exchange_rate_stored(chain, token as u16);
        (0..compound.tokens.len()).map(move |token| rate(token).map_or(0.0, |rate| rate.to_f64()))
    });
    let vaults = chain.pools().iter().filter_map(Pool::share_vault).map(|vault| {
        let held = chain.holdings(vault).ok().filter(|held| !held.supply.is_zero());
        held.map_or(0.0, |held| held.total.to_f64() / held.supply.to_f64())
    });
    feeds.chain(c_tokens).chain(vaults)
}
