//! Uniswap v2: the pair through `Chain::execute`, the router's quotes as functions.

use super::support::{Failed, Mismatch, amount, integer, number, same, text};
use super::trace::send;
use markets::amm::PoolError;
use markets::amm::constant_product::{ConstantProduct, amount_in, amount_out, counter_amount};
use markets::units::{AccountId, Amount, AssetId, Pips, PoolId, U256};
use serde_json::Value;
use sim::chain::call::{AmountExpr, Call, Outcome, PairCall, Revert};
use sim::chain::{Chain, Pool};

const FEE: Pips = Pips(3_000);
const POOL: PoolId = PoolId(0);

/// A pair with everything around it. Whoever trades with it does so as Carol; Alice and Bob provide.
struct World {
    chain: Chain,
    token0: AssetId,
    token1: AssetId,
    share: AssetId,
    pair: AccountId,
    alice: AccountId,
    bob: AccountId,
    carol: AccountId,
    fee_to: AccountId,
}

impl World {
    fn new(init: &Value) -> Self {
        let mut chain = Chain::new("ETH", number(&init["t"]), 0);
        let [token0, token1, share] = ["TOKEN0", "TOKEN1", "LP"].map(|s| chain.add_asset(s, 18));
        let [pair, alice, bob, carol, fee_to] =
            ["pair", "alice", "bob", "carol", "fee to"].map(|name| chain.add_account(name));
        let mut pool = ConstantProduct::new(token0, token1, share, pair, FEE);
        pool.fee_to = init["feeOn"].as_bool().unwrap().then_some(fee_to);
        chain.add_pool(Pool::ConstantProduct(pool));
        for account in [alice, bob, carol] {
            for token in [token0, token1] {
                chain.genesis_mint(account, token, Amount(U256::MAX >> 4)).unwrap();
            }
        }
        Self { chain, token0, token1, share, pair, alice, bob, carol, fee_to }
    }

    fn who(&self, name: &Value) -> AccountId {
        match text(name).as_str() {
            "A" => self.alice,
            "B" => self.bob,
            "feeTo" => self.fee_to,
            other => panic!("unknown account {other}"),
        }
    }

    fn send(&self, asset: AssetId, amount: Amount) -> Call {
        Call::Transfer { to: self.pair, asset, amount: AmountExpr::Exact(amount) }
    }
    fn swap(&self, out0: Amount, out1: Amount, body: u16) -> Call {
        Call::Pair(PairCall::Swap { pool: POOL, out0, out1, to: self.carol, body })
    }

    /// The reserves as the router sees them: of what is paid, of what is wanted.
    fn reserves(&self, zero_for_one: bool) -> (U256, U256) {
        let pool = self.chain.pair(POOL);
        let (reserve0, reserve1) = (U256::from(pool.reserve0), U256::from(pool.reserve1));
        if zero_for_one { (reserve0, reserve1) } else { (reserve1, reserve0) }
    }

    /// A swap of an exact amount: what the router quotes, and what is then done. Where the quote is
    /// refused, the router's own call is, for the same reason.
    fn quoted_swap(&self, op: &str, given: &Value) -> (Option<Amount>, Vec<Call>) {
        let zero_for_one = given["zeroForOne"].as_bool().unwrap();
        let (asset_in, asset_out) =
            if zero_for_one { (self.token0, self.token1) } else { (self.token1, self.token0) };
        let (reserve_in, reserve_out) = self.reserves(zero_for_one);
        let (quoted, router, asked) = if op == "swap_exact_in" {
            let exact = amount(&given["amountIn"]);
            let amount = AmountExpr::Exact(exact);
            let router = Call::Swap { pool: POOL, asset_in, amount, min_out: Amount::ZERO };
            (amount_out(exact.0, reserve_in, reserve_out, FEE), router, &given["askOut"])
        } else {
            let exact = amount(&given["amountOut"]);
            let amount = AmountExpr::Exact(exact);
            let router = Call::SwapExactOut { pool: POOL, asset_out, amount, max_in: Amount::MAX };
            (amount_in(exact.0, reserve_in, reserve_out, FEE), router, &given["payIn"])
        };
        let Ok(quoted) = quoted else { return (None, vec![router]) };
        let quoted = Amount(quoted);
        let asked = if asked.is_null() { quoted } else { amount(asked) };
        let (paid, wanted) = if op == "swap_exact_in" {
            (amount(&given["amountIn"]), asked)
        } else {
            (asked, amount(&given["amountOut"]))
        };
        let (out0, out1) =
            if zero_for_one { (Amount::ZERO, wanted) } else { (wanted, Amount::ZERO) };
        (Some(quoted), vec![self.send(asset_in, paid), self.swap(out0, out1, 0)])
    }

    /// The transaction of a step: who sends it, its calls, and what the router quoted.
    fn transaction(&self, op: &str, given: &Value) -> (AccountId, Vec<Call>, Option<Amount>) {
        let of = |field: &str| amount(&given[field]);
        let (token0, token1, carol) = (self.token0, self.token1, self.carol);
        let calls = match op {
            "mint" => {
                let to = self.who(&given["who"]);
                let mint = Call::Pair(PairCall::Mint { pool: POOL, to });
                let sent = [self.send(token0, of("amount0")), self.send(token1, of("amount1"))];
                return (to, vec![sent[0], sent[1], mint], None);
            }
            "burn" => {
                let to = self.who(&given["who"]);
                let burn = Call::Pair(PairCall::Burn { pool: POOL, to });
                return (to, vec![self.send(self.share, of("liquidity")), burn], None);
            }
            "swap_exact_in" | "swap_exact_out" => {
                let (quoted, calls) = self.quoted_swap(op, given);
                return (carol, calls, quoted);
            }
            "swap_raw" => vec![
                self.send(token0, of("in0")),
                self.send(token1, of("in1")),
                self.swap(of("out0"), of("out1"), 0),
            ],
            "flash" => vec![
                self.swap(of("out0"), of("out1"), 2),
                self.send(token0, of("repay0")),
                self.send(token1, of("repay1")),
            ],
            "donate" => {
                vec![self.send(token0, of("amount0")), self.send(token1, of("amount1"))]
            }
            "sync" => vec![Call::Pair(PairCall::Sync { pool: POOL })],
            "skim" => {
                let to = self.who(&given["who"]);
                vec![Call::Pair(PairCall::Skim { pool: POOL, to })]
            }
            other => panic!("unknown operation {other}"),
        };
        (carol, calls, None)
    }

    fn step(&mut self, step: &Value) -> Result<(), Mismatch> {
        let (now, t) = (self.chain.clock().timestamp, number(&step["t"]));
        assert!(t >= now, "time runs backwards");
        if t > now {
            self.chain.begin_block(t, 0);
        }
        let op = step["op"].as_str().unwrap();
        let (sender, calls, quoted) = self.transaction(op, &step["in"]);
        let held = |world: &Self, asset| world.chain.balance(sender, asset);
        let before = [self.token0, self.token1, self.share].map(|asset| held(self, asset));
        let untouched = self.chain.clone();
        let receipt = send(&mut self.chain, sender, &calls);
        if let Err(violation) = self.chain.audit_all() {
            panic!("{violation}");
        }
        same("ok", &step["ok"], receipt.outcome == Outcome::Success)?;
        if let Outcome::Reverted { call, reason } = receipt.outcome {
            assert!(self.chain == untouched, "a revert leaves no trace");
            return same(
                "revert",
                &step["revert"],
                revert_name(&calls[usize::from(call)], &reason),
            );
        }
        let grown = |asset: usize| {
            let asset_id = [self.token0, self.token1, self.share][asset];
            held(self, asset_id).0.wrapping_sub(before[asset].0)
        };
        for (field, expected) in step["out"].as_object().unwrap() {
            let got = match field.as_str() {
                "liquidity" => grown(2),
                "a0" => grown(0),
                "a1" => grown(1),
                "amountOut" | "amountIn" => quoted.map(|quoted| quoted.0).unwrap_or_default(),
                other => panic!("unknown output {other}"),
            };
            same(format!("out.{field}"), expected, got)?;
        }
        self.compare(&step["state"])
    }

    fn compare(&self, state: &Value) -> Result<(), Mismatch> {
        let (pool, chain) = (self.chain.pair(POOL), &self.chain);
        for (field, expected) in state.as_object().unwrap() {
            let got = match field.as_str() {
                "reserve0" => pool.reserve0.to_string(),
                "reserve1" => pool.reserve1.to_string(),
                "blockTimestampLast" => pool.timestamp_last.to_string(),
                "price0CumulativeLast" => pool.price0_cumulative.to_string(),
                "price1CumulativeLast" => pool.price1_cumulative.to_string(),
                "kLast" => pool.k_last.to_string(),
                "totalSupply" => chain.ledger().total_supply(self.share).to_string(),
                "balance0" => chain.balance(self.pair, self.token0).to_string(),
                "balance1" => chain.balance(self.pair, self.token1).to_string(),
                "lp" => {
                    for (name, expected) in expected.as_object().unwrap() {
                        let held = chain.balance(self.who(&Value::from(name.as_str())), self.share);
                        same(format!("lp.{name}"), expected, held)?;
                    }
                    continue;
                }
                other => panic!("unknown field {other}"),
            };
            same(field, expected, got)?;
        }
        Ok(())
    }
}

/// What the contract that a call stands for says when it refuses.
fn revert_name(call: &Call, reason: &Revert) -> String {
    match (call, reason) {
        // The pair's own token takes what is not there with safe subtraction.
        (Call::Transfer { asset, .. }, Revert::InsufficientBalance) if *asset == AssetId(3) => {
            "ds-math-sub-underflow".to_owned()
        }
        (Call::Transfer { .. }, Revert::InsufficientBalance) => {
            "ERC20: transfer amount exceeds balance".to_owned()
        }
        (Call::Pair(_), Revert::Pool(error)) => pool_error("UniswapV2", *error),
        // The router's own library refuses before the pair is asked.
        (_, Revert::Pool(error)) => pool_error("UniswapV2Library", *error),
        (_, other) => format!("{other:?}"),
    }
}

fn pool_error(contract: &str, error: PoolError) -> String {
    let name = match error {
        PoolError::MulOverflow => return "ds-math-mul-overflow".to_owned(),
        PoolError::AddOverflow => return "ds-math-add-overflow".to_owned(),
        PoolError::SubUnderflow => return "ds-math-sub-underflow".to_owned(),
        // A division by zero ran into an invalid opcode in compilers of the time.
        PoolError::DivisionByZero => return "halt:InvalidFEOpcode".to_owned(),
        PoolError::InsufficientAmount => "INSUFFICIENT_AMOUNT",
        PoolError::InsufficientInput => "INSUFFICIENT_INPUT_AMOUNT",
        PoolError::InsufficientOutput => "INSUFFICIENT_OUTPUT_AMOUNT",
        PoolError::InsufficientLiquidity => "INSUFFICIENT_LIQUIDITY",
        PoolError::InsufficientLiquidityMinted => "INSUFFICIENT_LIQUIDITY_MINTED",
        PoolError::InsufficientLiquidityBurned => "INSUFFICIENT_LIQUIDITY_BURNED",
        PoolError::ProductFell => "K",
        PoolError::Overflow => "OVERFLOW",
        PoolError::Locked => "LOCKED",
        other => return format!("{other:?}"),
    };
    format!("{contract}: {name}")
}

/// A life of a pair.
pub fn pair(_: &Value, case: &Value) -> Result<usize, Failed> {
    let mut world = World::new(&case["init"]);
    assert_eq!(world.share, AssetId(3), "the share's transfers have their own reason");
    let steps = case["steps"].as_array().unwrap();
    for (index, step) in steps.iter().enumerate() {
        world.step(step).map_err(|mismatch| mismatch.at(index))?;
    }
    Ok(steps.len())
}

/// One quote of the router.
pub fn quote(_: &Value, case: &Value) -> Result<usize, Failed> {
    let [amount, reserve_in, reserve_out] = [0, 1, 2].map(|i| integer(&case["in"][i]));
    let ours = match case["fn"].as_str().unwrap() {
        "getAmountOut" => amount_out(amount, reserve_in, reserve_out, FEE),
        "getAmountIn" => amount_in(amount, reserve_in, reserve_out, FEE),
        "quote" => counter_amount(amount, reserve_in, reserve_out),
        other => panic!("unknown function {other}"),
    };
    let compared = same("ok", &case["ok"], ours.is_ok()).and_then(|()| match ours {
        Ok(result) => same("out", &case["out"], result),
        Err(error) => same("revert", &case["revert"], pool_error("UniswapV2Library", error)),
    });
    compared.map(|()| 1).map_err(|mismatch| mismatch.at(0))
}
