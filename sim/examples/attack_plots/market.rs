//! The market of the recorded attacks, and the attacks on it, as transactions.
//!
//! A token is collateral on Aave v3.0.2, where dollars are lent against it; its price is read from its
//! only venue, a Uniswap v2 pair. The attacker has supplied the token before, lifts its price on the pair,
//! borrows what the market then reports, and lets the price fall back. Incident class: lending markets
//! that price collateral by a thin pool (Cream, October 2021; Inverse, April and June 2022; Mango, October
//! 2022).

use markets::amm::concentrated::Concentrated;
use markets::amm::concentrated::tick_math::sqrt_ratio_at_tick;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::window::WindowFeed;
use markets::units::{
    AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price, U256,
};
use protocols::interest::RateStrategy;
use protocols::lending::{Pooled, Version};
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use serde_json::Value;
use sim::chain::call::{
    AmountExpr, Call, ConcentratedCall, ConcentratedLog, Log, Outcome, Receipt, Revert,
    Transaction, TxHeader,
};
use sim::chain::{Chain, Feed, Market as Lending, Pool};

/// Seconds between two blocks of the recording.
pub const BLOCK_SECS: u64 = 12;
/// More dollars than any attack moves.
const PLENTY: Amount = Amount(U256::from_limbs([0, 1 << 32, 0, 0]));

/// What prices the token.
#[derive(Clone, Copy, Debug)]
pub enum Oracle {
    /// The pair's reserves, this instant.
    Spot,
    /// The pair's average over a window, from checkpoints up to one time.
    Average { window_secs: u32, every_secs: u32, last_checkpoint: u64 },
}

/// How a transaction is executed.
pub type Send = fn(&mut Chain, AccountId, &[Call]) -> Receipt;

/// A market before, in or after an attack.
#[derive(Clone)]
pub struct Market {
    pub chain: Chain,
    pub lending: MarketId,
    pub pair: PoolId,
    pub feed: FeedId,
    pub token: AssetId,
    pub dollar: AssetId,
    pub attacker: AccountId,
    pub liquidator: AccountId,
    arbitrageur: AccountId,
    keeper: AccountId,
    lender: PoolId,
    lender_account: AccountId,
    start: Start,
    send: Send,
}

/// What the attack began with, in the smallest units.
#[derive(Clone, Copy)]
struct Start {
    pair_token: U256,
    pair_dollars: U256,
    token_supplied: U256,
    dollars_held: U256,
}

/// What an attack, or the end of one, moved.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moved {
    pub bought: Amount,
    pub borrowed: Amount,
    pub sold_for: Amount,
    pub flash_fee: Amount,
}

/// An arbitrageur's trade.
#[derive(Clone, Copy, Debug)]
pub struct Trade {
    pub sells_token: bool,
    pub amount_in: Amount,
    pub amount_out: Amount,
}

fn integer(value: &Value) -> U256 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    U256::from_str_radix(&text, 10).unwrap_or_else(|_| panic!("not an integer: {value}"))
}
fn bps(value: &Value) -> Bps {
    Bps(integer(value).to())
}
/// A fraction of 10²⁷ in whole basis points.
fn bps_of_ray(value: &Value) -> Bps {
    Bps((integer(value) / U256::from(10).pow(U256::from(23))).to())
}

fn reserve_config(terms: &Value, init: &Value, reserve_factor: &Value) -> ReserveConfig {
    let rates = &init["rates"];
    ReserveConfig {
        ltv: bps(&terms["ltv"]),
        liquidation_threshold: bps(&terms["liqThreshold"]),
        liquidation_bonus: Bps(bps(&terms["liqBonus"]).0 - Bps::ONE.0),
        liquidation_protocol_fee: bps(&init["liqProtocolFee"]),
        reserve_factor: bps(reserve_factor),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: bps_of_ray(&rates["optimalUsage"]),
            base_bps: bps_of_ray(&rates["baseRate"]),
            slope1_bps: bps_of_ray(&rates["slope1"]),
            slope2_bps: bps_of_ray(&rates["slope2"]),
        },
        ..ReserveConfig::OPEN
    }
}

/// Executes a transaction that pays no gas.
pub fn execute(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Receipt {
    let header = TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: u64::MAX,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    };
    chain.execute(Transaction { header: &header, calls })
}

fn outcome(receipt: Receipt) -> Result<(), Revert> {
    match receipt.outcome {
        Outcome::Success => Ok(()),
        Outcome::Reverted { reason, .. } | Outcome::Refused(reason) => Err(reason),
        Outcome::Invalid => panic!("Invariant: a transaction without gas is always included"),
    }
}

impl Market {
    /// The market that a recording's `init` describes, under an oracle, at the recording's first second.
    pub fn new(init: &Value, oracle: Oracle, send: Send) -> Self {
        let opens = integer(&init["t0"]).to();
        let begins = match oracle {
            Oracle::Spot => opens,
            Oracle::Average { window_secs, last_checkpoint, .. } => {
                last_checkpoint - 2 * u64::from(window_secs)
            }
        };
        let mut chain = Chain::new("ETH", begins, 0);
        let [token, dollar] =
            [("TOK", 18), ("USD", 6)].map(|(s, places)| chain.add_asset(s, places));
        let [share, a_token, token_debt, a_dollar, dollar_debt] =
            [("LP", 18), ("aTOK", 18), ("vTOK", 18), ("aUSD", 6), ("vUSD", 6)]
                .map(|(symbol, places)| chain.add_asset(symbol, places));
        let [attacker, arbitrageur, liquidator, provider, keeper] =
            ["attacker", "arbitrageur", "liquidator", "provider", "keeper"]
                .map(|name| chain.add_account(name));
        let [pair_account, lender_account, holder, treasury] =
            ["pair", "lender", "aTokens", "treasury"].map(|name| chain.add_account(name));

        let pool = ConstantProduct::new(token, dollar, share, pair_account, Pips(3_000));
        let pair = chain.add_pool(Pool::ConstantProduct(pool));
        let fee = Pips(integer(&init["flashFeePips"]).to());
        let pool = Concentrated::new(token, dollar, lender_account, None, fee, 10);
        let lender = chain.add_pool(Pool::Concentrated(pool));
        let feed = chain.add_feed(match oracle {
            Oracle::Spot => Feed::Spot(SpotFeed { pool: pair, asset: token, quote: None }),
            Oracle::Average { window_secs, every_secs, .. } => {
                Feed::Window(Box::new(WindowFeed::new(pair, token, None, window_secs, every_secs)))
            }
        });
        let dollar_feed = chain.add_feed(Feed::Push(PushFeed {
            reporter: keeper,
            price: Price(integer(&init["usd"]["price"]).to()),
            updated_at: begins,
            heartbeat_secs: 0,
            deviation_bps: 0,
            max_age_secs: 0,
        }));
        let version = Version::V3_0_2;
        let mut pooled =
            Pooled::of_version(version, holder, treasury, keeper, RiskRegime::guardian());
        let config = reserve_config(init, init, &init["tokReserveFactor"]);
        pooled.add_reserve(Reserve::of_version(
            version, token, a_token, token_debt, feed, 18, config, begins,
        ));
        let config = reserve_config(&init["usd"], init, &init["usd"]["reserveFactor"]);
        pooled.add_reserve(Reserve::of_version(
            version,
            dollar,
            a_dollar,
            dollar_debt,
            dollar_feed,
            6,
            config,
            begins,
        ));
        let lending = chain.add_market(Lending::Pooled(pooled));

        let start = Start {
            pair_token: integer(&init["pairTok"]),
            pair_dollars: integer(&init["pairUsd"]),
            token_supplied: integer(&init["attackerTokCollateral"]),
            dollars_held: integer(&init["attackerUsd"]),
        };
        let held = Amount(start.dollars_held);
        let wealth = [
            (provider, token, PLENTY),
            (provider, dollar, PLENTY),
            (arbitrageur, token, PLENTY),
            (arbitrageur, dollar, PLENTY),
            (liquidator, dollar, PLENTY),
            (lender_account, dollar, PLENTY),
            (attacker, token, Amount(start.token_supplied)),
            (attacker, dollar, held),
        ];
        for (account, asset, amount) in wealth {
            chain.genesis_mint(account, asset, amount).expect("Invariant: nothing overflows");
        }
        let mut market = Self {
            chain,
            lending,
            pair,
            feed,
            token,
            dollar,
            attacker,
            liquidator,
            arbitrageur,
            keeper,
            lender,
            lender_account,
            start,
            send: execute,
        };
        let supplied = Amount(integer(&init["poolUsdLiquidity"]));
        market.open(provider, supplied, oracle).expect("Invariant: the market opens");
        if opens > market.chain.clock().timestamp {
            market.chain.begin_block(opens, 0);
        }
        market.send = send;
        market
    }

    /// Everybody's first transactions, and the oracle's history.
    fn open(
        &mut self,
        provider: AccountId,
        supplied: Amount,
        oracle: Oracle,
    ) -> Result<(), Revert> {
        let Start { pair_token, pair_dollars, token_supplied, .. } = self.start;
        let supply = |market, asset, amount| Call::Supply {
            market,
            asset,
            amount: AmountExpr::Exact(amount),
        };
        let lends = [
            Call::AddLiquidity {
                pool: self.pair,
                max0: Amount(pair_token),
                max1: Amount(pair_dollars),
            },
            supply(self.lending, self.dollar, supplied),
            Call::Concentrated(ConcentratedCall::Initialize {
                pool: self.lender,
                sqrt_price: sqrt_ratio_at_tick(0).map_err(Revert::from)?,
            }),
            Call::Concentrated(ConcentratedCall::Mint {
                pool: self.lender,
                owner: provider,
                lower: -10,
                upper: 10,
                liquidity: 1_000_000,
                body: None,
            }),
        ];
        self.run(provider, &lends)?;
        let own = Amount(token_supplied);
        self.run(self.attacker, &[supply(self.lending, self.token, own)])?;
        if let Oracle::Average { last_checkpoint, every_secs, .. } = oracle {
            self.checkpoint()?;
            while self.chain.clock().timestamp < last_checkpoint {
                self.wait(u64::from(every_secs));
                self.checkpoint()?;
            }
        }
        Ok(())
    }

    fn run(&mut self, sender: AccountId, calls: &[Call]) -> Result<(), Revert> {
        outcome((self.send)(&mut self.chain, sender, calls))
    }

    /// Lets time pass.
    pub fn wait(&mut self, secs: u64) {
        let until = self.chain.clock().timestamp + secs;
        self.chain.begin_block(until, 0);
    }
    /// The keeper's checkpoint of the average.
    pub fn checkpoint(&mut self) -> Result<(), Revert> {
        self.run(self.keeper, &[Call::Checkpoint { feed: self.feed }])
    }

    /// The whole attack as one transaction: dollars from a flash loan buy the token on the pair, what was
    /// bought is supplied too or, with `dump`, sold back after borrowing; the flash loan is paid back.
    pub fn attack_at_once(&mut self, flash: Amount, dump: bool) -> Result<Moved, Revert> {
        let borrow = self.borrow();
        if flash.is_zero() {
            return self.moved(&[borrow]);
        }
        let bought = AmountExpr::DeltaSince(0);
        let mut calls = vec![
            Call::Mark { mark: 0, asset: self.token },
            Call::Concentrated(ConcentratedCall::Flash {
                pool: self.lender,
                amount0: Amount::ZERO,
                amount1: flash,
                body: 4,
            }),
            self.sell(self.dollar, AmountExpr::Exact(flash)),
        ];
        if dump {
            calls.extend([borrow, self.sell(self.token, bought)]);
        } else {
            let (market, asset) = (self.lending, self.token);
            calls.extend([Call::Supply { market, asset, amount: bought }, borrow]);
        }
        calls.push(Call::Transfer {
            to: self.lender_account,
            asset: self.dollar,
            amount: AmountExpr::FlashDebt,
        });
        self.moved(&calls)
    }

    /// Gives the attacker own dollars up to `amount`, from the lender's, which count as held from the start.
    pub fn endow(&mut self, amount: Amount) {
        let held = self.chain.balance(self.attacker, self.dollar);
        let more = amount.saturating_sub(held);
        let call = Call::Transfer {
            to: self.attacker,
            asset: self.dollar,
            amount: AmountExpr::Exact(more),
        };
        self.run(self.lender_account, &[call]).expect("Invariant: the lender has plenty");
        self.start.dollars_held += more.0;
    }
    /// The first half of the attack that takes its time: own dollars lift the price.
    pub fn pump(&mut self, amount: Amount) -> Result<Moved, Revert> {
        self.moved(&[self.sell(self.dollar, AmountExpr::Exact(amount))])
    }
    /// The second half: borrow what the oracle allows by now, and sell.
    pub fn borrow_and_dump(&mut self) -> Result<Moved, Revert> {
        self.moved(&[self.borrow(), self.sell(self.token, AmountExpr::All)])
    }

    fn sell(&self, asset_in: AssetId, amount: AmountExpr) -> Call {
        Call::Swap { pool: self.pair, asset_in, amount, min_out: Amount::ZERO }
    }
    const fn borrow(&self) -> Call {
        let (market, asset) = (self.lending, self.dollar);
        Call::Borrow { market, asset, amount: AmountExpr::AvailableBorrows }
    }

    /// Executes calls of the attacker; what they moved, by the chain's log.
    fn moved(&mut self, calls: &[Call]) -> Result<Moved, Revert> {
        let logged = self.chain.logs().len();
        self.run(self.attacker, calls)?;
        let mut moved = Moved::default();
        for log in &self.chain.logs()[logged..] {
            match *log {
                Log::Swap { asset_in, amount_out, .. } if asset_in == self.dollar => {
                    moved.bought = amount_out;
                }
                Log::Swap { amount_out, .. } => moved.sold_for = amount_out,
                Log::Borrow { amount, .. } => moved.borrowed = amount,
                Log::Concentrated(ConcentratedLog::Flash { paid1, .. }) => moved.flash_fee = paid1,
                _ => {}
            }
        }
        Ok(moved)
    }

    /// An arbitrageur brings the pair back to the ratio that it began with.
    pub fn arbitrage(&mut self) -> Result<Trade, Revert> {
        let Start { pair_token, pair_dollars, .. } = self.start;
        let pool = self.chain.pair(self.pair);
        let (token, dollars) = (U256::from(pool.reserve0), U256::from(pool.reserve1));
        let product = token * dollars;
        let more_token = (product * pair_token / pair_dollars).root(2).saturating_sub(token);
        let more_dollars = (product * pair_dollars / pair_token).root(2).saturating_sub(dollars);
        let sells_token = !more_token.is_zero();
        let (asset, amount_in) = if sells_token {
            (self.token, Amount(more_token))
        } else {
            (self.dollar, Amount(more_dollars))
        };
        let mut trade = Trade { sells_token, amount_in, amount_out: Amount::ZERO };
        if !amount_in.is_zero() {
            let logged = self.chain.logs().len();
            let sale = self.sell(asset, AmountExpr::Exact(amount_in));
            self.run(self.arbitrageur, &[sale])?;
            if let Some(Log::Swap { amount_out, .. }) = self.chain.logs().get(logged) {
                trade.amount_out = *amount_out;
            }
        }
        Ok(trade)
    }

    /// Liquidates the attacker as far as one call goes; what was repaid and seized.
    pub fn liquidate(&mut self) -> Result<(Amount, Amount), Revert> {
        let held = |market: &Self, asset| market.chain.balance(market.liquidator, asset);
        let before = (held(self, self.dollar), held(self, self.token));
        let call = Call::Liquidate {
            market: self.lending,
            borrower: self.attacker,
            collateral: self.token,
            debt: self.dollar,
            amount: AmountExpr::All,
        };
        self.run(self.liquidator, &[call])?;
        Ok((
            before.0.saturating_sub(held(self, self.dollar)),
            held(self, self.token).saturating_sub(before.1),
        ))
    }

    /// The attacker's collateral, in the token.
    pub fn collateral(&self) -> Amount {
        self.chain.pooled(self.lending).supplied(&self.chain, self.attacker, 0)
    }
    /// The attacker's debt, in dollars.
    pub fn debt(&self) -> Amount {
        self.chain.pooled(self.lending).debt(&self.chain, self.attacker, 1)
    }
    /// What the protocol lost: the attacker's debt, once no collateral is left.
    pub fn bad_debt(&self) -> Amount {
        if self.collateral().is_zero() { self.debt() } else { Amount::ZERO }
    }

    /// What the attack has earned, in 10⁻⁶ dollars at the starting price: with the position written off,
    /// and with the position kept where it is worth something.
    pub fn profit(&self) -> (i128, i128) {
        let Start { pair_token, pair_dollars, token_supplied, dollars_held } = self.start;
        let signed =
            |x: U256| i128::try_from(x).expect("Invariant: amounts of dollars fit 127 bits");
        let worth = |amount: U256| signed(amount * pair_dollars / pair_token);
        let held = |asset| self.chain.balance(self.attacker, asset).0;
        let written_off = signed(held(self.dollar)) + worth(held(self.token))
            - signed(dollars_held)
            - worth(token_supplied);
        let position = worth(self.collateral().0) - signed(self.debt().0);
        (written_off, written_off + position.max(0))
    }
}
