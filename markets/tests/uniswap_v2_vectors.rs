//! Equality with the deployed contracts, to the wei, on recorded executions.
//!
//! The vectors' provenance is in their headers.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use markets::amm::PoolError;
use markets::amm::constant_product::{ConstantProduct, amount_in, amount_out, counter_amount};
use markets::units::{AccountId, Amount, AssetId, Pips, U256};
use serde_json::Value;

const TOKEN0: AssetId = AssetId(0);
const TOKEN1: AssetId = AssetId(1);
const FEE: Pips = Pips(3_000);

fn number(value: &Value) -> U256 {
    value.as_str().unwrap().parse().unwrap()
}

fn cases(text: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

#[test]
fn quotes_equal_the_router_to_the_wei() {
    let cases = cases(include_str!("vectors/uniswap_v2_quotes.json"));
    assert_eq!(cases.len(), 500);
    for case in &cases {
        let [amount, reserve_in, reserve_out] = [1, 2, 3].map(|i| number(&case[i]));
        let ours = match case[0].as_str().unwrap() {
            "getAmountOut" => amount_out(amount, reserve_in, reserve_out, FEE),
            "getAmountIn" => amount_in(amount, reserve_in, reserve_out, FEE),
            "quote" => counter_amount(amount, reserve_in, reserve_out),
            other => panic!("unknown function {other}"),
        };
        let theirs = case[4].as_str().unwrap();
        match ours {
            Ok(result) => assert_eq!(result.to_string(), theirs, "{case}"),
            Err(error) => assert_eq!(error, reason(&theirs[1..]), "{case}"),
        }
    }
}

/// Our name for a require string.
fn reason(revert: &str) -> PoolError {
    match revert.rsplit(": ").next().unwrap() {
        "INSUFFICIENT_AMOUNT" | "INSUFFICIENT_INPUT_AMOUNT" => PoolError::InsufficientInput,
        "INSUFFICIENT_OUTPUT_AMOUNT" => PoolError::InsufficientOutput,
        // The library subtracts before it checks: asking for more than there is underflows, asking
        // for all of it divides by zero.
        "INSUFFICIENT_LIQUIDITY" | "ds-math-sub-underflow" | "halt:InvalidFEOpcode" => {
            PoolError::InsufficientLiquidity
        }
        "INSUFFICIENT_LIQUIDITY_MINTED" => PoolError::InsufficientLiquidityMinted,
        "INSUFFICIENT_LIQUIDITY_BURNED" => PoolError::InsufficientLiquidityBurned,
        "K" => PoolError::ProductFell,
        "OVERFLOW" => PoolError::Overflow,
        other => panic!("unknown reason {other}"),
    }
}

/// The ledger's side of a pair: what the project's ledger does for a pool.
#[derive(Clone, Copy)]
struct Pair {
    pool: ConstantProduct,
    balance0: Amount,
    balance1: Amount,
    total: Amount,
    now: u64,
}

fn plus(a: Amount, b: Amount) -> Amount {
    a.checked_add(b).unwrap()
}
fn minus(a: Amount, b: Amount) -> Amount {
    a.checked_sub(b).unwrap()
}

impl Pair {
    fn sync(&mut self) -> Result<(), PoolError> {
        self.pool.update(self.balance0, self.balance1, self.now)
    }
    /// What was sent to the pair since its last update.
    fn unseen(&self) -> (Amount, Amount) {
        let (seen0, seen1) = (Amount::new(self.pool.reserve0), Amount::new(self.pool.reserve1));
        (minus(self.balance0, seen0), minus(self.balance1, seen1))
    }
    fn swap(&mut self, ins: [Amount; 2], outs: [Amount; 2]) -> Result<(), PoolError> {
        // What is paid out must be there; the contract finds out in this order too.
        self.balance0 = plus(self.balance0, ins[0]).saturating_sub(outs[0]);
        self.balance1 = plus(self.balance1, ins[1]).saturating_sub(outs[1]);
        self.pool.check_swap(outs[0], outs[1], self.balance0, self.balance1)?;
        self.sync()
    }
    fn step(&mut self, op: &str, given: &[Value]) -> Result<Vec<Amount>, PoolError> {
        let amount = |i: usize| Amount(number(&given[i]));
        let sided = |first: bool, a: Amount, b: Amount| if first { [a, b] } else { [b, a] };
        match op {
            "mint" => {
                self.balance0 = plus(self.balance0, amount(0));
                self.balance1 = plus(self.balance1, amount(1));
                let (in0, in1) = self.unseen();
                let quote = self.pool.quote_mint_exact(in0, in1, self.total)?;
                let minted = plus(quote.shares, plus(quote.locked, quote.protocol_shares));
                self.total = plus(self.total, minted);
                self.sync()?;
                self.pool.remember_k();
                return Ok(vec![quote.shares]);
            }
            "burn" => {
                let (b0, b1) = (self.balance0, self.balance1);
                let quote = self.pool.quote_burn_from(amount(0), self.total, b0, b1)?;
                self.total = minus(plus(self.total, quote.protocol_shares), quote.shares);
                self.balance0 = minus(b0, quote.amount0);
                self.balance1 = minus(b1, quote.amount1);
                self.sync()?;
                self.pool.remember_k();
                return Ok(vec![quote.amount0, quote.amount1]);
            }
            "swap_exact_in" | "swap_exact_out" => {
                let zero_for_one = given[0] == "1";
                let asset_in = if zero_for_one { TOKEN0 } else { TOKEN1 };
                let (r_in, r_out) = self.pool.reserves_from(asset_in)?;
                let (r_in, r_out) = (U256::from(r_in), U256::from(r_out));
                let exact_in = op == "swap_exact_in";
                let library = if exact_in { amount_out } else { amount_in };
                let quoted = Amount(library(amount(1).0, r_in, r_out, FEE)?);
                // The recorded step may ask one wei more, or pay one less, than quoted.
                let other = if given[2].is_null() { quoted } else { amount(2) };
                let (paid, got) = if exact_in { (amount(1), other) } else { (other, amount(1)) };
                let honest = other == quoted && self.unseen() == (Amount::ZERO, Amount::ZERO);
                let ours = if exact_in {
                    self.pool.quote_exact_in(asset_in, paid)
                } else {
                    self.pool.quote_exact_out(asset_in, got)
                };
                let ins = sided(zero_for_one, paid, Amount::ZERO);
                let outs = sided(zero_for_one, Amount::ZERO, got);
                let done = self.swap(ins, outs);
                if honest {
                    // The pool's own quote says beforehand what the contract will say.
                    assert_eq!(
                        ours.map(|quote| (quote.amount_in, quote.amount_out)),
                        done.map(|()| (paid, got))
                    );
                }
                done?;
                return Ok(vec![quoted]);
            }
            "swap_raw" => self.swap([amount(0), amount(1)], [amount(2), amount(3)])?,
            "flash" => self.swap([amount(2), amount(3)], [amount(0), amount(1)])?,
            "donate" => {
                self.balance0 = plus(self.balance0, amount(0));
                self.balance1 = plus(self.balance1, amount(1));
            }
            "sync" => self.sync()?,
            "skim" => {
                self.balance0 = Amount::new(self.pool.reserve0);
                self.balance1 = Amount::new(self.pool.reserve1);
            }
            other => panic!("unknown step {other}"),
        }
        Ok(vec![])
    }
    /// In the vectors' order.
    fn state(&self) -> Vec<String> {
        let pool = &self.pool;
        vec![
            pool.reserve0.to_string(),
            pool.reserve1.to_string(),
            pool.timestamp_last.to_string(),
            pool.price0_cumulative.to_string(),
            pool.price1_cumulative.to_string(),
            pool.k_last.to_string(),
            self.total.to_string(),
            self.balance0.to_string(),
            self.balance1.to_string(),
        ]
    }
}

#[test]
fn a_pool_lives_the_life_of_the_recorded_pair() {
    let mut steps = 0;
    for case in cases(include_str!("vectors/uniswap_v2_pair.json")) {
        let mut pool = ConstantProduct::new(TOKEN0, TOKEN1, AssetId(2), AccountId(0), FEE);
        pool.fee_to = (case[1] == true).then_some(AccountId(1));
        let (zero, now) = (Amount::ZERO, case[2].as_u64().unwrap());
        let mut pair = Pair { pool, balance0: zero, balance1: zero, total: zero, now };
        for step in case[3].as_array().unwrap() {
            steps += 1;
            pair.now = step[0].as_u64().unwrap();
            let before = pair;
            let op = step[1].as_str().unwrap();
            let ours = pair.step(op, step[2].as_array().unwrap());
            match (ours, step[3].as_str()) {
                (Ok(out), None) => {
                    let out: Vec<_> = out.iter().map(ToString::to_string).collect();
                    assert_eq!(serde_json::json!(out), step[3], "{} {step}", case[0]);
                    assert_eq!(serde_json::json!(pair.state()), step[4], "{} {step}", case[0]);
                }
                (Err(error), Some(theirs)) => {
                    // Where safe subtraction stops an empty mint, ours says what is wrong with it.
                    let same = error == reason(theirs)
                        || (op == "mint" && error == PoolError::InsufficientLiquidityMinted);
                    assert!(same, "{error:?}: {} {step}", case[0]);
                    pair = before;
                }
                (ours, _) => panic!("{ours:?}: {} {step}", case[0]),
            }
        }
    }
    assert!(steps > 200, "{steps}");
}
