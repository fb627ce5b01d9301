//! Uniswap v3: the pool, and the libraries' mathematics.

use super::support::{Failed, Mismatch, integer, same, text};
use super::trace::send;
use markets::amm::concentrated::periphery::{
    amounts_for_liquidity, consult, liquidity_for_amounts, quote_at_tick,
};
use markets::amm::concentrated::sqrt_price::{
    amount0_delta, amount1_delta, next_sqrt_price_from_input, next_sqrt_price_from_output,
};
use markets::amm::concentrated::swap_step::compute_swap_step;
use markets::amm::concentrated::tick_math::{sqrt_ratio_at_tick, tick_at_sqrt_ratio};
use markets::amm::concentrated::{Concentrated, ConcentratedError, Position, Tick};
use markets::math::{Rounding, mul_div};
use markets::units::{AccountId, Amount, AssetId, Pips, PoolId, U256};
use serde_json::Value;
use sim::chain::call::{AmountExpr, Call, ConcentratedCall, ConcentratedLog, Log, Outcome, Revert};
use sim::chain::{Chain, Pool};

fn parse<T: std::str::FromStr>(v: &Value) -> T {
    text(v).parse().ok().unwrap_or_else(|| panic!("{v} is no integer of its type"))
}
/// Sign and magnitude.
fn signed(v: &Value) -> (bool, U256) {
    let text = text(v);
    let magnitude = text.strip_prefix('-').unwrap_or(&text).to_owned();
    (text.starts_with('-'), integer(&Value::String(magnitude)))
}
fn signed_text(negative: bool, amount: Amount) -> String {
    if negative && !amount.is_zero() { format!("-{amount}") } else { amount.to_string() }
}

/// Compares an object's fields with ours: every one that is recorded must be known, and none may lack.
fn fields(place: &str, expected: &Value, got: &[(&str, String)]) -> Result<(), Mismatch> {
    let object = expected.as_object().unwrap_or_else(|| panic!("{place} is no object: {expected}"));
    for (name, value) in object {
        let ours = got.iter().find(|(known, _)| known == name);
        let ours = ours.unwrap_or_else(|| panic!("{place} has an unknown field {name}"));
        same(format!("{place}.{name}"), value, &ours.1)?;
    }
    assert_eq!(object.len(), got.len(), "{place} lacks a field: {expected}");
    Ok(())
}
fn verdict(step: &Value, got: &str) -> Mismatch {
    let expected = if step["ok"] == true { "ok".to_owned() } else { text(&step["revert"]) };
    Mismatch { field: "ok".to_owned(), expected, got: got.to_owned() }
}

/// One evaluation of a library function.
pub fn math(_: &Value, case: &Value) -> Result<usize, Failed> {
    let arguments = case["in"].as_array().expect("arguments");
    let at = |i: usize| integer(&arguments[i]);
    let flag = |i: usize| arguments[i].as_bool().expect("a boolean");
    let one = |x: U256| vec![x.to_string()];
    let product =
        |rounding| mul_div(at(0), at(1), at(2), rounding).ok_or(ConcentratedError::Overflow);
    let rounding = |up: bool| if up { Rounding::Ceil } else { Rounding::Floor };
    let result = match case["fn"].as_str().expect("a function") {
        "getSqrtRatioAtTick" => sqrt_ratio_at_tick(parse(&arguments[0])).map(one),
        "getTickAtSqrtRatio" => tick_at_sqrt_ratio(at(0)).map(|tick| vec![tick.to_string()]),
        "computeSwapStep" => {
            let (exact_out, remaining) = signed(&arguments[3]);
            let fee = Pips(parse(&arguments[4]));
            compute_swap_step(at(0), at(1), parse(&arguments[2]), remaining, !exact_out, fee).map(
                |step| {
                    [step.sqrt_price, step.amount_in, step.amount_out, step.fee]
                        .map(|x| x.to_string())
                        .to_vec()
                },
            )
        }
        "mulDiv" => product(Rounding::Floor).map(one),
        "mulDivRoundingUp" => product(Rounding::Ceil).map(one),
        "getAmount0Delta" => {
            amount0_delta(at(0), at(1), parse(&arguments[2]), rounding(flag(3))).map(one)
        }
        "getAmount1Delta" => {
            amount1_delta(at(0), at(1), parse(&arguments[2]), rounding(flag(3))).map(one)
        }
        "getNextSqrtPriceFromInput" => {
            next_sqrt_price_from_input(at(0), parse(&arguments[1]), at(2), flag(3)).map(one)
        }
        "getNextSqrtPriceFromOutput" => {
            next_sqrt_price_from_output(at(0), parse(&arguments[1]), at(2), flag(3)).map(one)
        }
        "getLiquidityForAmounts" => liquidity_for_amounts(at(0), at(1), at(2), at(3), at(4))
            .map(|liquidity| vec![liquidity.to_string()]),
        "getAmountsForLiquidity" => {
            amounts_for_liquidity(at(0), at(1), at(2), parse(&arguments[3]))
                .map(|(amount0, amount1)| vec![amount0.to_string(), amount1.to_string()])
        }
        "getQuoteAtTick" => {
            quote_at_tick(parse(&arguments[0]), parse(&arguments[1]), flag(2)).map(one)
        }
        other => panic!("unknown function {other}"),
    };
    match (&result, case["ok"] == true) {
        (Ok(ours), true) => {
            let theirs = case["out"].as_array().expect("results");
            assert_eq!(theirs.len(), ours.len(), "{case}");
            for (i, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                same(format!("out[{i}]"), theirs, ours).map_err(|m| m.at(0))?;
            }
            Ok(1)
        }
        (Err(reason), false) if case["revert"] == reason.code() => Ok(1),
        _ => Err(verdict(case, &format!("{result:?}")).at(0)),
    }
}

/// A case's chain: one pool, and who is who.
struct World {
    chain: Chain,
    pool: PoolId,
    account: AccountId,
    tokens: [AssetId; 2],
    owner: AccountId,
    traders: AccountId,
    providers: Vec<(String, AccountId)>,
}

/// What each of them holds of either token: plenty.
fn wealth() -> Amount {
    Amount(U256::from(1) << 250)
}

impl World {
    fn new(case: &Value) -> Self {
        let init = &case["init"];
        let time: u64 = parse(&init["t"]);
        let mut chain = Chain::new("ETH", time, 0);
        let tokens = ["T0", "T1"].map(|symbol| chain.add_asset(symbol, 18));
        let [account, owner, traders] =
            ["pool", "owner", "trader"].map(|name| chain.add_account(name));
        let mut names: Vec<String> = case["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .filter_map(|step| Some(step["in"]["who"].as_str()?.to_owned()))
            .collect();
        names.sort();
        names.dedup();
        let providers: Vec<_> =
            names.into_iter().map(|name| (name.clone(), chain.add_account(&name))).collect();
        for who in providers.iter().map(|(_, id)| *id).chain([traders]) {
            for token in tokens {
                chain.genesis_mint(who, token, wealth()).expect("minted");
            }
        }
        let (fee, spacing) = (Pips(parse(&init["fee"])), parse(&init["tickSpacing"]));
        let concentrated =
            Concentrated::new(tokens[0], tokens[1], account, Some(owner), fee, spacing);
        let pool = chain.add_pool(Pool::Concentrated(concentrated));
        let mut world = Self { chain, pool, account, tokens, owner, traders, providers };
        let sqrt_price = integer(&init["sqrtPriceX96"]);
        let made = world.execute(
            owner,
            &[Call::Concentrated(ConcentratedCall::Initialize { pool, sqrt_price })],
        );
        assert_eq!(made, Ok(()), "{init}");
        world
    }

    fn pool(&self) -> &Concentrated {
        self.chain.pool(self.pool).concentrated().expect("a concentrated pool")
    }
    fn who(&self, step: &Value) -> AccountId {
        let name = step["in"]["who"].as_str().expect("a name");
        self.providers.iter().find(|(known, _)| known == name).expect("a known name").1
    }

    fn execute(&mut self, sender: AccountId, calls: &[Call]) -> Result<(), Revert> {
        match send(&mut self.chain, sender, calls).outcome {
            Outcome::Success => Ok(()),
            Outcome::Reverted { reason, .. } => Err(reason),
            other => panic!("a system transaction was {other:?}"),
        }
    }

    /// Executes a step; what it returned, by the recorded names.
    fn step(&mut self, step: &Value) -> Result<Vec<(&'static str, String)>, Revert> {
        let (pool, input) = (self.pool, &step["in"]);
        let one = |call| vec![Call::Concentrated(call)];
        let ends = || (parse(&input["lo"]), parse(&input["hi"]));
        let (sender, calls) = match step["op"].as_str().expect("an op") {
            "mint" => {
                let ((lower, upper), owner) = (ends(), self.who(step));
                let liquidity = parse(&input["liquidity"]);
                let mint =
                    ConcentratedCall::Mint { pool, owner, lower, upper, liquidity, body: None };
                (owner, one(mint))
            }
            "burn" => {
                let (lower, upper) = ends();
                let liquidity = parse(&input["liquidity"]);
                (self.who(step), one(ConcentratedCall::Burn { pool, lower, upper, liquidity }))
            }
            "collect" => {
                let (lower, upper) = ends();
                let (max0, max1) = (parse(&input["max0"]), parse(&input["max1"]));
                (self.who(step), one(ConcentratedCall::Collect { pool, lower, upper, max0, max1 }))
            }
            "swap" => {
                let (exact_out, amount) = signed(&input["amountSpecified"]);
                let swap = ConcentratedCall::Swap {
                    pool,
                    zero_for_one: input["zeroForOne"].as_bool().expect("a boolean"),
                    exact_out,
                    amount: AmountExpr::Exact(Amount(amount)),
                    sqrt_price_limit: integer(&input["sqrtPriceLimitX96"]),
                    body: None,
                };
                (self.traders, one(swap))
            }
            "flash" => {
                let [amount0, amount1, pay0, pay1] = ["amount0", "amount1", "pay0", "pay1"]
                    .map(|name| Amount(integer(&input[name])));
                let pay = |asset, amount| Call::Transfer {
                    to: self.account,
                    asset,
                    amount: AmountExpr::Exact(amount),
                };
                let mut calls = one(ConcentratedCall::Flash { pool, amount0, amount1, body: 2 });
                calls.extend([pay(self.tokens[0], pay0), pay(self.tokens[1], pay1)]);
                (self.traders, calls)
            }
            "setFeeProtocol" => {
                let (fee0, fee1) = (parse(&input["f0"]), parse(&input["f1"]));
                (self.owner, one(ConcentratedCall::SetFeeProtocol { pool, fee0, fee1 }))
            }
            "collectProtocol" => {
                let (max0, max1) = (parse(&input["max0"]), parse(&input["max1"]));
                (self.owner, one(ConcentratedCall::CollectProtocol { pool, max0, max1 }))
            }
            "increaseCardinality" => {
                let cardinality = parse(&input["n"]);
                (self.owner, one(ConcentratedCall::IncreaseCardinality { pool, cardinality }))
            }
            other => panic!("unknown op {other}"),
        };
        let logs = self.chain.logs().len();
        let fees = |amount: &Value| {
            let (fee, one) = (U256::from(self.pool().fee.0), U256::from(1_000_000));
            mul_div(integer(amount), fee, one, Rounding::Ceil).expect("a fee").to_string()
        };
        let flash_fees =
            (step["op"] == "flash").then(|| (fees(&input["amount0"]), fees(&input["amount1"])));
        self.execute(sender, &calls)?;
        let reported = &self.chain.logs()[logs..];
        let both = |amount0: Amount, amount1: Amount| {
            vec![("amount0", amount0.to_string()), ("amount1", amount1.to_string())]
        };
        Ok(match reported {
            [] => Vec::new(),
            [Log::Swap { asset_in, amount_in, amount_out, .. }] => {
                let first = *asset_in == self.tokens[0];
                let (amount0, amount1) =
                    if first { (amount_in, amount_out) } else { (amount_out, amount_in) };
                vec![
                    ("amount0", signed_text(!first, *amount0)),
                    ("amount1", signed_text(first, *amount1)),
                ]
            }
            [Log::Concentrated(ConcentratedLog::Flash { .. })] => {
                let (fee0, fee1) = flash_fees.expect("a flash");
                vec![("fee0", fee0), ("fee1", fee1)]
            }
            [
                Log::Concentrated(
                    ConcentratedLog::Mint { amount0, amount1, .. }
                    | ConcentratedLog::Burn { amount0, amount1, .. }
                    | ConcentratedLog::Collect { amount0, amount1, .. }
                    | ConcentratedLog::CollectProtocol { amount0, amount1, .. },
                ),
            ] => both(*amount0, *amount1),
            other => panic!("unknown report {other:?}"),
        })
    }

    fn check_state(&self, expected: &Value) -> Result<(), Mismatch> {
        let s = &self.pool().state;
        let [balance0, balance1] =
            self.tokens.map(|token| self.chain.balance(self.account, token).to_string());
        let ours = [
            ("sqrtPriceX96", s.sqrt_price.to_string()),
            ("tick", s.tick.to_string()),
            ("obsIndex", s.observation_index.to_string()),
            ("obsCard", s.observation_cardinality.to_string()),
            ("obsCardNext", s.observation_cardinality_next.to_string()),
            ("feeProtocol", s.fee_protocol.to_string()),
            ("liquidity", s.liquidity.to_string()),
            ("fg0", s.fee_growth0.to_string()),
            ("fg1", s.fee_growth1.to_string()),
            ("protoFees0", s.protocol_fees0.to_string()),
            ("protoFees1", s.protocol_fees1.to_string()),
            ("bal0", balance0),
            ("bal1", balance1),
        ];
        fields("state", expected, &ours)
    }

    fn check_tick(&self, place: &str, expected: &Value) -> Result<(), Mismatch> {
        let tick: i32 = parse(&expected["tick"]);
        let found = self.pool().tick(tick);
        let t = found.copied().unwrap_or(Tick { tick, ..Tick::default() });
        let ours = [
            ("tick", t.tick.to_string()),
            ("gross", t.gross.to_string()),
            ("net", t.net.to_string()),
            ("fgo0", t.outside.fee_growth0.to_string()),
            ("fgo1", t.outside.fee_growth1.to_string()),
            ("tcOut", t.outside.tick_cumulative.to_string()),
            ("splOut", t.outside.seconds_per_liquidity.to_string()),
            ("secOut", t.outside.seconds.to_string()),
            ("init", found.is_some().to_string()),
        ];
        fields(place, expected, &ours)
    }

    fn check_position(
        &self,
        place: &str,
        expected: &Value,
        owner: AccountId,
        at: &Value,
        listed: bool,
    ) -> Result<(), Mismatch> {
        let (lower, upper) = (parse(&at["lo"]), parse(&at["hi"]));
        let found = self.pool().position(owner, lower, upper);
        let p = found.copied().unwrap_or(Position::new(owner, lower, upper));
        let mut ours = vec![
            ("liquidity", p.liquidity.to_string()),
            ("fgi0", p.fee_growth_inside0.to_string()),
            ("fgi1", p.fee_growth_inside1.to_string()),
            ("owed0", p.owed0.to_string()),
            ("owed1", p.owed1.to_string()),
        ];
        if listed {
            ours.extend([
                ("who", text(&at["who"])),
                ("lo", lower.to_string()),
                ("hi", upper.to_string()),
            ]);
        }
        fields(place, expected, &ours)
    }

    /// `observe`, and `consult` where the contract's was recorded: it is wherever it does not revert.
    fn check_observe(&self, step: &Value) -> Result<(), Mismatch> {
        let ago = step["in"]["secondsAgos"].as_array().expect("secondsAgos");
        let now = self.chain.clock().timestamp;
        let readings: Result<Vec<_>, _> =
            ago.iter().map(|ago| self.pool().observe(now, parse(ago))).collect();
        let readings = match (readings, step["ok"] == true) {
            (Ok(readings), true) => readings,
            (Err(reason), false) if step["revert"] == reason.code() => return Ok(()),
            (other, _) => return Err(verdict(step, &format!("{other:?}"))),
        };
        let out = &step["out"];
        for (i, (ticks, seconds)) in readings.iter().enumerate() {
            let (ticks, seconds) = (ticks.to_string(), seconds.to_string());
            same(format!("tickCumulatives[{i}]"), &out["tickCumulatives"][i], &ticks)?;
            same(
                format!("secondsPerLiquidityX128[{i}]"),
                &out["secondsPerLiquidityX128"][i],
                &seconds,
            )?;
        }
        match (step.get("consult"), consult(self.pool(), now, parse(&ago[0]))) {
            (None, Err(_)) => Ok(()),
            (Some(expected), Ok((tick, liquidity))) => fields(
                "consult",
                expected,
                &[
                    ("secondsAgo", text(&ago[0])),
                    ("arithmeticMeanTick", tick.to_string()),
                    ("harmonicMeanLiquidity", liquidity.to_string()),
                ],
            ),
            (expected, got) => Err(Mismatch {
                field: "consult".to_owned(),
                expected: format!("{expected:?}"),
                got: format!("{got:?}"),
            }),
        }
    }

    fn check_final(&self, expected: &Value) -> Result<(), Mismatch> {
        for (i, tick) in expected["ticks"].as_array().expect("ticks").iter().enumerate() {
            self.check_tick(&format!("final.ticks[{i}]"), tick)?;
        }
        let positions = expected["positions"].as_array().expect("positions");
        for (i, position) in positions.iter().enumerate() {
            let who = self.providers.iter().find(|(name, _)| position["who"] == **name);
            let who = who.expect("a known name").1;
            self.check_position(&format!("final.positions[{i}]"), position, who, position, true)?;
        }
        let observations = expected["observations"].as_array().expect("observations");
        let used = usize::from(self.pool().state.observation_cardinality);
        same("final.observations", &Value::from(observations.len()), used.to_string())?;
        for (i, expected) in observations.iter().enumerate() {
            let o = &self.pool().observations[i];
            let ours = [
                o.timestamp.to_string(),
                o.tick_cumulative.to_string(),
                o.seconds_per_liquidity.to_string(),
                o.initialized.to_string(),
            ];
            for (j, ours) in ours.iter().enumerate() {
                same(format!("final.observations[{i}][{j}]"), &expected[j], ours)?;
            }
        }
        Ok(())
    }
}

/// One pool's life.
pub fn pool(_: &Value, case: &Value) -> Result<usize, Failed> {
    let mut world = World::new(case);
    world.check_state(&case["init"]["state"]).map_err(|m| m.at(0))?;
    let steps = case["steps"].as_array().expect("steps");
    for (i, step) in steps.iter().enumerate() {
        let time: u64 = parse(&step["t"]);
        if time != world.chain.clock().timestamp {
            world.chain.begin_block(time, 0);
        }
        replay(&mut world, step).map_err(|m| m.at(i))?;
    }
    world.check_final(&case["final"]).map_err(|m| m.at(steps.len() - 1))?;
    world.chain.audit_all().expect("every invariant holds");
    Ok(steps.len())
}

fn replay(world: &mut World, step: &Value) -> Result<(), Mismatch> {
    if step["op"] == "observe" {
        return world.check_observe(step);
    }
    let before = (step["ok"] != true).then(|| world.chain.state_hash());
    match (world.step(step), step["ok"] == true) {
        (Ok(out), true) => fields("out", &step["out"], &out)?,
        (Err(reason), false) if step["revert"] == revert_name(&reason) => {
            let unchanged = before == Some(world.chain.state_hash());
            assert!(unchanged, "a reverted step left a trace: {step}");
        }
        (got, _) => return Err(verdict(step, &format!("{got:?}"))),
    }
    if let Some(state) = step.get("state") {
        world.check_state(state)?;
    }
    if let Some(position) = step.get("position") {
        let who = world.who(step);
        world.check_position("position", position, who, &step["in"], false)?;
    }
    for end in ["lower", "upper"] {
        if let Some(tick) = step.get(end) {
            world.check_tick(end, tick)?;
        }
    }
    Ok(())
}

/// The contract's require string.
fn revert_name(reason: &Revert) -> String {
    match reason {
        Revert::Concentrated(reason) => reason.code().to_owned(),
        other => other.to_string(),
    }
}
