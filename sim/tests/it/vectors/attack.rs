//! Whole attacks on a lending market whose oracle reads a Uniswap v2 pair: each run on a market of its
//! own, each of its steps a transaction.

#[allow(dead_code, reason = "the pictures use more of it")]
#[path = "../../../examples/attack_plots/market.rs"]
mod market;

use self::market::{BLOCK_SECS, Market, Moved, Oracle, Trade};
use super::aave::reason_of;
use super::support::{Failed, Mismatch, amount, number, same};
use super::trace::send;
use markets::units::U256;
use protocols::lending::Version;
use serde_json::Value;
use sim::chain::call::Revert;

/// Attacks under the oracle that a case names.
pub fn replay(_: &Value, case: &Value) -> Result<usize, Failed> {
    let init = &case["init"];
    let oracle = oracle(init);
    let start = Market::new(init, oracle, send);
    let price = start.chain.price(start.feed).map_or_else(|e| e.to_string(), |p| p.0.to_string());
    same("oraclePrice0", &init["oraclePrice0"], price).map_err(|m| m.at(0))?;
    let runs = case["runs"].as_array().expect("runs");
    for (index, run) in runs.iter().enumerate() {
        let mut market = start.clone();
        replay_run(&mut market, oracle, run).map_err(|mismatch| mismatch.at(index))?;
    }
    Ok(runs.len())
}

fn oracle(init: &Value) -> Oracle {
    let secs = |field: &str| u32::try_from(number(&init[field])).expect("seconds");
    match init["oracle"].as_str() {
        Some("spot") => Oracle::Spot,
        Some("twap") => Oracle::Average {
            window_secs: secs("window"),
            every_secs: secs("checkpointEvery"),
            last_checkpoint: number(&init["lastCheckpointAt"]),
        },
        other => panic!("unknown oracle {other:?}"),
    }
}

/// What is known of a run so far, by the recorded names: every field of the recording must be among them.
struct Seen<'a> {
    run: &'a Value,
    compared: Vec<&'static str>,
}

impl Seen<'_> {
    fn same(&mut self, field: &'static str, got: impl ToString) -> Result<(), Mismatch> {
        self.compared.push(field);
        same(field, &self.run[field], got)
    }
    fn state(&mut self, field: &'static str, market: &Market) -> Result<(), Mismatch> {
        self.compared.push(field);
        same_state(field, &self.run[field], market)
    }
    fn trade(&mut self, field: &'static str, trade: Trade) -> Result<(), Mismatch> {
        self.compared.push(field);
        let names = if trade.sells_token { ["tokIn", "usdOut"] } else { ["usdIn", "tokOut"] };
        let want = &self.run[field];
        assert_eq!(want.as_object().map(serde_json::Map::len), Some(2), "{field}: {want}");
        for (name, got) in names.into_iter().zip([trade.amount_in, trade.amount_out]) {
            same(format!("{field}.{name}"), &want[name], got)?;
        }
        Ok(())
    }
    /// Whether every recorded field was compared.
    fn all(&self) -> Result<(), Mismatch> {
        let inputs = ["flash", "dumpBack", "amount", "holdSeconds", "arbNextBlock"];
        let fields = self.run.as_object().expect("a run");
        match fields.keys().find(|f| !inputs.contains(&&***f) && !self.compared.contains(&&***f)) {
            None => Ok(()),
            Some(field) => same(field.as_str(), &self.run[field], "not compared"),
        }
    }
}

/// The state that a recording shows, field by field.
fn same_state(place: &str, want: &Value, market: &Market) -> Result<(), Mismatch> {
    let chain = &market.chain;
    let pair = chain.pair(market.pair);
    let pooled = chain.pooled(market.lending);
    for (field, want) in want.as_object().unwrap_or_else(|| panic!("{place} is no state: {want}")) {
        let got = match field.as_str() {
            "t" => chain.clock().timestamp.to_string(),
            "pairTok" => pair.reserve0.to_string(),
            "pairUsd" => pair.reserve1.to_string(),
            "oraclePrice" => {
                chain.price(market.feed).map_or_else(|e| e.to_string(), |p| p.0.to_string())
            }
            "attUsd" => chain.balance(market.attacker, market.dollar).to_string(),
            "attTok" => chain.balance(market.attacker, market.token).to_string(),
            "attCollateral" => market.collateral().to_string(),
            "attDebt" => market.debt().to_string(),
            "poolUsdCash" => chain.balance(pooled.account, market.dollar).to_string(),
            "acct" => {
                let health = chain.health(market.lending, market.attacker).expect("prices");
                let got = [
                    health.collateral_base,
                    health.debt_base,
                    pooled.version.available_borrows_base(&health),
                    U256::from(health.avg_threshold.0),
                    U256::from(health.avg_ltv.0),
                    health.health_factor.0,
                ];
                for (i, got) in got.iter().enumerate() {
                    same(format!("{place}.acct.{i}"), &want[i], got)?;
                }
                continue;
            }
            _ => "unknown field".to_owned(),
        };
        same(format!("{place}.{field}"), want, got)?;
    }
    Ok(())
}

fn revert_name(reason: Revert) -> String {
    reason_of(Version::V3_0_2, reason)
}

/// The attack and what follows. A refused attack must leave the chain as it was.
fn replay_run(market: &mut Market, oracle: Oracle, run: &Value) -> Result<(), Mismatch> {
    let mut seen = Seen { run, compared: Vec::new() };
    market.wait(BLOCK_SECS);
    let attacked = attack(market, &mut seen)?;
    seen.same("ok", attacked.is_ok())?;
    let moved = match attacked {
        Ok(moved) => moved,
        Err(reason) => {
            seen.same("revert", revert_name(reason))?;
            return seen.all();
        }
    };
    for (field, got) in
        [("bought", moved.bought), ("borrowed", moved.borrowed), ("soldFor", moved.sold_for)]
    {
        seen.same(field, got)?;
    }
    if !run["flashFee"].is_null() {
        seen.same("flashFee", moved.flash_fee)?;
    }
    seen.state("after", market)?;
    let (written_off, kept) = market.profit();
    seen.same("attackerProfitUsd6", written_off)?;
    seen.same("attackerProfitKeepUsd6", kept)?;
    let refused = |reason: Revert| Mismatch {
        field: "aftermath".to_owned(),
        expected: "executed".to_owned(),
        got: revert_name(reason),
    };
    if let Oracle::Average { window_secs, every_secs, .. } = oracle {
        seen.trade("arb", market.arbitrage().map_err(refused)?)?;
        for _ in 0..3 * window_secs / every_secs {
            market.wait(u64::from(every_secs));
            market.checkpoint().map_err(refused)?;
        }
    } else {
        market.wait(BLOCK_SECS);
        seen.trade("arb", market.arbitrage().map_err(refused)?)?;
    }
    seen.state("afterArb", market)?;
    liquidations(market, &mut seen)?;
    seen.state("end", market)?;
    seen.same("badDebtUsd6", market.bad_debt())?;
    if let Err(violation) = market.chain.audit_all() {
        panic!("{violation}");
    }
    seen.all()
}

/// The attacker's own transactions.
fn attack(market: &mut Market, seen: &mut Seen<'_>) -> Result<Result<Moved, Revert>, Mismatch> {
    let run = seen.run;
    let hold = run["holdSeconds"].as_u64().unwrap_or(0);
    if hold == 0 {
        let spot = run["amount"].is_null();
        let size = amount(if spot { &run["flash"] } else { &run["amount"] });
        let dump = run["dumpBack"].as_bool().unwrap_or(true);
        assert!(spot || run["flash"] == true, "an attack at once has a flash loan: {run}");
        let before = market.chain.clone();
        let attacked = market.attack_at_once(size, dump);
        assert!(attacked.is_ok() || market.chain == before, "a revert leaves no trace");
        return Ok(attacked);
    }
    let pumped = match market.pump(amount(&run["amount"])) {
        Ok(pumped) => pumped,
        Err(reason) => return Ok(Err(reason)),
    };
    seen.same("bought", pumped.bought)?;
    if run["arbNextBlock"] == true {
        market.wait(BLOCK_SECS);
        match market.arbitrage() {
            Ok(trade) => seen.trade("arbRestores", trade)?,
            Err(reason) => return Ok(Err(reason)),
        }
        market.wait(hold - BLOCK_SECS);
    } else {
        market.wait(hold);
    }
    seen.state("atBorrow", market)?;
    Ok(market.borrow_and_dump().map(|moved| Moved { bought: pumped.bought, ..moved }))
}

/// Liquidates until no collateral is left or the market refuses.
fn liquidations(market: &mut Market, seen: &mut Seen<'_>) -> Result<(), Mismatch> {
    seen.compared.push("liquidations");
    let want = seen.run["liquidations"].as_array().expect("liquidations");
    let mut done = 0;
    loop {
        let place = format!("liquidations.{done}");
        let expected = want.get(done).unwrap_or(&Value::Null);
        done += 1;
        match market.liquidate() {
            Ok((repaid, seized)) => {
                same(format!("{place}.debtRepaid"), &expected["debtRepaid"], repaid)?;
                same(
                    format!("{place}.collateralReceived"),
                    &expected["collateralReceived"],
                    seized,
                )?;
            }
            Err(reason) => {
                same(format!("{place}.revert"), &expected["revert"], revert_name(reason))?;
                break;
            }
        }
        if market.collateral().is_zero() {
            break;
        }
    }
    same("liquidations.number", &Value::from(want.len()), done)
}
