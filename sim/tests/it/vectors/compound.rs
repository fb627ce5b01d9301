//! Compound v2: Unitroller and Comptroller, CErc20, the rate models.

use super::support::{Failed, Mismatch, amount, integer, number, same, text};
use super::trace::send;
use markets::oracle::mantissa::MantissaFeed;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PriceMantissa, U256, Wad};
use protocols::compound::{
    Book, CToken, Compound, Policy, RateError, RateModel, Refusal, Stop, TokenConfig, YearlyRates,
    utilization,
};
use serde_json::Value;
use sim::chain::call::{AmountExpr, Call, CompoundCall, Outcome, Revert};
use sim::chain::{Chain, Feed, Market};

const USERS: [&str; 4] = ["A", "B", "C", "L"];
const MARKET: MarketId = MarketId(0);

/// A recorded world.
struct World {
    chain: Chain,
    admin: AccountId,
    users: [AccountId; 4],
    underlyings: Vec<AssetId>,
    c_tokens: Vec<AssetId>,
    feeds: Vec<FeedId>,
}

/// What a transaction came to, in the words of the vectors.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Ok,
    Code(String),
    Reverted(String),
}

/// Replays a case of `compound_v2`.
pub fn replay(_: &Value, case: &Value) -> Result<usize, Failed> {
    let mut world = World::new(&case["init"]).map_err(|mismatch| mismatch.at(0))?;
    let steps = case["steps"].as_array().expect("steps are a list");
    for (index, step) in steps.iter().enumerate() {
        world.step(step).map_err(|mismatch| mismatch.at(index))?;
    }
    world.check_end(&case["final"]).map_err(|mismatch| mismatch.at(steps.len() - 1))?;
    Ok(steps.len())
}

/// Replays a case of `compound_v2_rates`: one evaluation of a model.
pub fn replay_rates(_: &Value, case: &Value) -> Result<usize, Failed> {
    rates(case).map_err(|mismatch| mismatch.at(0))?;
    Ok(1)
}

fn rates(case: &Value) -> Result<(), Mismatch> {
    let model = model(&text(&case["fn"]), &case["cfg"]);
    let (given, out) = (&case["in"], &case["out"]);
    let [cash, borrows, reserves] = ["cash", "borrows", "reserves"].map(|k| amount(&given[k]));
    let reserve_factor = Wad(integer(&given["reserveFactor"]));
    let got = |field: &str| {
        let model = model?;
        match field {
            "utilization" => utilization(cash, borrows, reserves),
            "borrowRate" => model.borrow_rate(cash, borrows, reserves),
            "supplyRate" => model.supply_rate(cash, borrows, reserves, reserve_factor),
            other => panic!("unknown output {other}"),
        }
    };
    for (field, expected) in fields(out) {
        same_or_reverted(field, expected, got(field))?;
    }
    Ok(())
}

fn model(name: &str, yearly: &Value) -> Result<RateModel, RateError> {
    let get = |k: &str| yearly.get(k).map_or(Wad::ZERO, |v| Wad(integer(v)));
    let rates = YearlyRates {
        base: get("baseRatePerYear"),
        multiplier: get("multiplierPerYear"),
        jump_multiplier: get("jumpMultiplierPerYear"),
        kink: get("kink"),
    };
    match name {
        "JumpRateModel" => Ok(RateModel::jump(rates)),
        "JumpRateModelV2" => RateModel::jump_v2(rates),
        "WhitePaperInterestRateModel" => Ok(RateModel::white_paper(rates.base, rates.multiplier)),
        other => panic!("unknown rate model {other}"),
    }
}

/// A value, or `{revert: reason}`.
fn same_or_reverted<T: ToString, E: ToString>(
    field: impl Into<String>,
    expected: &Value,
    got: Result<T, E>,
) -> Result<(), Mismatch> {
    match (expected.get("revert"), got) {
        (None, Ok(got)) => same(field, expected, got.to_string()),
        (Some(reason), Err(got)) => same(field, reason, got.to_string()),
        (None, Err(got)) => same(field, expected, format!("revert: {}", got.to_string())),
        (Some(_), Ok(got)) => same(field, expected, got.to_string()),
    }
}

fn fields(object: &Value) -> impl Iterator<Item = (&String, &Value)> {
    object.as_object().expect("an object").iter()
}

impl World {
    fn new(init: &Value) -> Result<Self, Mismatch> {
        let mut chain = Chain::new("GAS", 0, 7);
        let block = number(&init["n"]);
        chain.begin_block_at(block, 12, 0);
        let admin = chain.add_account("admin");
        let users = USERS.map(|name| chain.add_account(name));
        let wad = |v: &Value| Wad(integer(v));
        let policy = Policy {
            close_factor: wad(&init["closeFactor"]),
            liquidation_incentive: wad(&init["liquidationIncentive"]),
            transfer_paused: false,
            seize_paused: false,
        };
        let mut compound = Compound::new(admin, policy);
        let (mut underlyings, mut c_tokens, mut feeds) = (Vec::new(), Vec::new(), Vec::new());
        for (i, listed) in init["markets"].as_array().expect("a list").iter().enumerate() {
            let decimals = u8::try_from(number(&listed["decimals"])).expect("decimals are small");
            let underlying = chain.add_asset(&format!("U{i}"), decimals);
            let c_token = chain.add_asset(&format!("cU{i}"), 8);
            let mantissa = PriceMantissa(integer(&listed["price"]));
            let feed = MantissaFeed { reporter: admin, decimals, mantissa };
            let feed = chain.add_feed(Feed::Mantissa(feed));
            let rate_model = model(&text(&listed["irm"]), listed).expect("a model is deployed");
            check_slopes(i, listed, rate_model)?;
            compound.add_token(CToken {
                underlying,
                c_token,
                account: chain.add_account(&format!("cU{i}")),
                feed,
                decimals,
                initial_exchange_rate: wad(&listed["initialExchangeRate"]),
                config: TokenConfig {
                    rate_model,
                    reserve_factor: wad(&listed["reserveFactor"]),
                    collateral_factor: wad(&listed["collateralFactor"]),
                    borrow_cap: amount(&listed["borrowCap"]),
                    mint_paused: false,
                    borrow_paused: false,
                },
                book: Book::new(block),
            });
            // "all users hold plenty of every underlying"
            for user in users {
                let plenty = Amount(U256::from(1) << 180);
                chain.genesis_mint(user, underlying, plenty).expect("the account exists");
            }
            underlyings.push(underlying);
            c_tokens.push(c_token);
            feeds.push(feed);
        }
        assert_eq!(chain.add_market(Market::Compound(compound)), MARKET);
        Ok(Self { chain, admin, users, underlyings, c_tokens, feeds })
    }

    fn user(&self, name: &Value) -> AccountId {
        let at = USERS.iter().position(|user| name == user);
        self.users[at.unwrap_or_else(|| panic!("unknown user {name}"))]
    }
    fn asset(&self, market: &Value) -> AssetId {
        self.underlyings[number(market) as usize]
    }

    /// The sender and the call of a step.
    fn call(&self, op: &str, given: &Value) -> (AccountId, Call) {
        let exact = |k: &str| AmountExpr::Exact(amount(&given[k]));
        let (market, asset) = (MARKET, || self.asset(&given["m"]));
        let who = || self.user(&given["who"]);
        match op {
            "mint" => (who(), Call::Supply { market, asset: asset(), amount: exact("amount") }),
            "redeemUnderlying" => {
                (who(), Call::Withdraw { market, asset: asset(), amount: exact("amount") })
            }
            "borrow" => (who(), Call::Borrow { market, asset: asset(), amount: exact("amount") }),
            "repayBorrow" => {
                (who(), Call::Repay { market, asset: asset(), amount: exact("amount") })
            }
            "enterMarket" => (who(), Call::SetCollateral { market, asset: asset(), enabled: true }),
            "exitMarket" => (who(), Call::SetCollateral { market, asset: asset(), enabled: false }),
            "liquidateBorrow" => {
                let call = Call::Liquidate {
                    market,
                    borrower: self.user(&given["user"]),
                    collateral: self.asset(&given["coll"]),
                    debt: self.asset(&given["debt"]),
                    amount: exact("repay"),
                };
                (who(), call)
            }
            "redeem" => {
                let tokens = exact("tokens");
                (who(), Call::Compound(CompoundCall::Redeem { market, asset: asset(), tokens }))
            }
            "transferCToken" => {
                let (to, tokens) = (self.user(&given["to"]), exact("tokens"));
                let call = CompoundCall::Transfer { market, asset: asset(), to, tokens };
                (who(), Call::Compound(call))
            }
            "accrueInterest" => {
                let call = CompoundCall::Accrue { market, asset: asset() };
                (self.admin, Call::Compound(call))
            }
            "addReserves" => {
                let amount = exact("amount");
                let call = CompoundCall::AddReserves { market, asset: asset(), amount };
                (self.users[3], Call::Compound(call))
            }
            "reduceReserves" => {
                let amount = amount(&given["amount"]);
                let call = CompoundCall::ReduceReserves { market, asset: asset(), amount };
                (self.admin, Call::Compound(call))
            }
            "setPrice" => {
                let feed = self.feeds[number(&given["m"]) as usize];
                let mantissa = PriceMantissa(integer(&given["price"]));
                (self.admin, Call::Compound(CompoundCall::PostPrice { feed, mantissa }))
            }
            other => panic!("unknown op {other}"),
        }
    }

    fn step(&mut self, step: &Value) -> Result<(), Mismatch> {
        let clock = self.chain.clock();
        let block = number(&step["n"]);
        if block != clock.block {
            self.chain.begin_block_at(block, clock.timestamp + 12, 0);
        }
        let (op, given) = (text(&step["op"]), &step["in"]);
        let (sender, call) = self.call(&op, given);
        let before = self.chain.clone();
        let ended = self.execute(sender, call, &op);
        let expected = if step["ok"] == true {
            Ended::Ok
        } else if let Some(code) = step.get("code") {
            Ended::Code(text(code))
        } else {
            Ended::Reverted(text(&step["revert"]))
        };
        if ended != expected {
            let (expected, got) = (format!("{expected:?}"), format!("{ended:?}"));
            return Err(Mismatch { field: "outcome".to_owned(), expected, got });
        }
        if matches!(ended, Ended::Reverted(_)) {
            same("unchanged", &Value::from("true"), self.chain == before)?;
        }
        if let Some(markets) = step.get("mkts") {
            for (i, expected) in fields(markets) {
                self.check_market(i.parse().expect("an index"), expected)?;
            }
        }
        if let Some(users) = step.get("users") {
            for (name, expected) in fields(users) {
                self.check_user(name, expected)?;
            }
        }
        if let Some(out) = step.get("out") {
            self.check_out(given, out, &before)?;
        }
        Ok(())
    }

    fn execute(&mut self, sender: AccountId, call: Call, op: &str) -> Ended {
        let receipt = send(&mut self.chain, sender, &[call]);
        match receipt.outcome {
            Outcome::Success => Ended::Ok,
            Outcome::Refused(Revert::CompoundCode(refusal)) => Ended::Code(code(op, refusal)),
            Outcome::Reverted { reason: Revert::Compound(reason), .. } => {
                Ended::Reverted(reason.to_string())
            }
            other => panic!("{op}: {other:?}"),
        }
    }

    /// Flows are what balances moved by.
    fn check_out(&self, given: &Value, out: &Value, before: &Chain) -> Result<(), Mismatch> {
        let gained = |account, asset| {
            self.chain.balance(account, asset).0 - before.balance(account, asset).0
        };
        let lost = |account, asset| {
            before.balance(account, asset).0 - self.chain.balance(account, asset).0
        };
        let c_token = |market: &Value| self.c_tokens[number(market) as usize];
        for (field, expected) in fields(out) {
            match field.as_str() {
                "paid" => {
                    let paid = lost(self.user(&given["who"]), self.asset(&given["m"]));
                    same(field, expected, paid)?;
                }
                "underlying" => {
                    let received = gained(self.user(&given["who"]), self.asset(&given["m"]));
                    same(field, expected, received)?;
                }
                "repaid" => {
                    let repaid = lost(self.user(&given["who"]), self.asset(&given["debt"]));
                    same(field, expected, repaid)?;
                }
                "seizedTotal" => {
                    let seized = lost(self.user(&given["user"]), c_token(&given["coll"]));
                    same(field, expected, seized)?;
                }
                "toLiquidator" => {
                    let received = gained(self.user(&given["who"]), c_token(&given["coll"]));
                    same(field, expected, received)?;
                }
                "liq" => {
                    for (name, expected) in fields(expected) {
                        self.check_liquidity(name, expected)?;
                    }
                }
                other => panic!("unknown output {other}"),
            }
        }
        Ok(())
    }

    fn check_market(&self, index: usize, expected: &Value) -> Result<(), Mismatch> {
        let compound = self.chain.compound_market(MARKET);
        let listed = &compound.tokens[index];
        let Book { accrual_block, borrow_index, total_borrows, total_reserves } = listed.book;
        for (key, expected) in fields(expected) {
            let field = format!("mkts.{index}.{key}");
            let value = match key.as_str() {
                "blk" => U256::from(accrual_block),
                "idx" => borrow_index.0,
                "tb" => total_borrows.0,
                "tr" => total_reserves.0,
                "ts" => self.chain.ledger().total_supply(listed.c_token).0,
                "cash" => self.chain.balance(listed.account, listed.underlying).0,
                "er" => {
                    let rate = compound.exchange_rate_stored(&self.chain, index as u16);
                    let failed = protocols::compound::CompoundError::ExchangeRateStoredFailed;
                    same_or_reverted(field, expected, rate.ok_or(failed))?;
                    continue;
                }
                "br" => {
                    same_or_reverted(field, expected, listed.borrow_rate(&self.chain))?;
                    continue;
                }
                "sr" => {
                    same_or_reverted(field, expected, listed.supply_rate(&self.chain))?;
                    continue;
                }
                other => panic!("unknown field of a market {other}"),
            };
            same(field, expected, value)?;
        }
        Ok(())
    }

    fn check_user(&self, name: &str, expected: &Value) -> Result<(), Mismatch> {
        let account = self.user(&Value::from(name));
        let compound = self.chain.compound_market(MARKET);
        for (key, expected) in fields(expected) {
            if key == "liq" {
                self.check_liquidity(name, expected)?;
                continue;
            }
            for (i, expected) in expected.as_array().expect("a list").iter().enumerate() {
                let field = format!("users.{name}.{key}.{i}");
                let token = i as u16;
                match key.as_str() {
                    "c" => same(field, expected, self.chain.balance(account, self.c_tokens[i]))?,
                    "b" => {
                        let owed = compound.borrow_balance_stored(account, token);
                        same_or_reverted(field, expected, owed.ok_or("overflow"))?;
                    }
                    "in" => same(field, expected, compound.is_member(account, token))?,
                    other => panic!("unknown field of a user {other}"),
                }
            }
        }
        Ok(())
    }

    fn check_liquidity(&self, name: &str, expected: &Value) -> Result<(), Mismatch> {
        let account = self.user(&Value::from(name));
        let got = self.chain.compound_market(MARKET).account_liquidity(&self.chain, account);
        let field = format!("users.{name}.liq");
        let values = match got {
            Ok(got) => [U256::ZERO, got.liquidity, got.shortfall],
            Err(Stop::Refused(code)) => [U256::from(code.code()), U256::ZERO, U256::ZERO],
            Err(Stop::Reverted(reason)) => {
                return same_or_reverted(field, expected, Err::<U256, _>(reason));
            }
        };
        for (i, value) in values.into_iter().enumerate() {
            same(format!("{field}.{i}"), &expected[i], value)?;
        }
        Ok(())
    }

    fn check_end(&self, end: &Value) -> Result<(), Mismatch> {
        for (key, expected) in fields(end) {
            match key.as_str() {
                "mkts" => {
                    for (i, market) in expected.as_array().expect("a list").iter().enumerate() {
                        self.check_market(i, market)?;
                    }
                }
                "users" => {
                    for (name, user) in fields(expected) {
                        self.check_user(name, user)?;
                    }
                }
                other => panic!("unknown part of the end {other}"),
            }
        }
        Ok(())
    }
}

/// The slopes per block that the contract's constructor computed.
fn check_slopes(index: usize, listed: &Value, model: RateModel) -> Result<(), Mismatch> {
    let RateModel::Jump { base, multiplier, jump_multiplier, .. } = model else { return Ok(()) };
    for (key, got) in [
        ("baseRatePerBlock", base),
        ("multiplierPerBlock", multiplier),
        ("jumpMultiplierPerBlock", jump_multiplier),
    ] {
        same(format!("init.markets.{index}.{key}"), &listed[key], got)?;
    }
    Ok(())
}

/// The number that the recorder saw: `transfer` answers true or false, and false was recorded as 999.
fn code(op: &str, refusal: Refusal) -> String {
    if op == "transferCToken" { "999".to_owned() } else { refusal.code().to_string() }
}
