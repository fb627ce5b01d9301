//! Replays what Aave v3.6's own bytecode did, to the wei (see `vectors/README.md`).

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{POOL, Refused, USER, World, a_token, debt_token, underlying};
use markets::units::{AccountId, Amount, Bps, Flow, U256};
use protocols::LendingView;
use protocols::interest::RateStrategy;
use protocols::lending::LiquidationCall;
use protocols::reserve::ReserveConfig;
use protocols::risk_params::RiskRegime;
use serde_json::Value;

const NAMES: [&str; 5] = ["A", "B", "C", "D", "L"];

fn user(name: &Value) -> AccountId {
    let i = NAMES.iter().position(|n| name == n).unwrap();
    AccountId(USER + i as u32)
}
fn number(v: &Value) -> u64 {
    v.as_u64().unwrap_or_else(|| v.as_str().unwrap().parse().unwrap())
}
fn amount(v: &Value) -> Amount {
    Amount(U256::from_str_radix(v.as_str().unwrap(), 10).unwrap())
}
fn bps_of_ray(v: &Value) -> Bps {
    let (bps, rest) = amount(v).0.div_rem(U256::from(10).pow(U256::from(23)));
    assert!(rest.is_zero(), "rate parameters are whole bps");
    Bps(bps.to())
}

fn world(init: &Value) -> World {
    let mut world = World::new(number(&init["t"]), RiskRegime::steward());
    world.market.flash_premium = Bps(number(&init["flashloanPremiumTotal"]) as u32);
    for r in init["reserves"].as_array().unwrap() {
        let share = |name: &str| Bps(number(&r[name]) as u32);
        let config = ReserveConfig {
            ltv: share("ltv"),
            liquidation_threshold: share("liqThreshold"),
            liquidation_bonus: Bps(share("liqBonus").0 - 10_000),
            liquidation_protocol_fee: share("liqProtocolFee"),
            reserve_factor: share("reserveFactor"),
            supply_cap: number(&r["supplyCap"]),
            borrow_cap: number(&r["borrowCap"]),
            rates: RateStrategy {
                optimal_usage_bps: bps_of_ray(&r["optimalUsage"]),
                base_bps: bps_of_ray(&r["baseRate"]),
                slope1_bps: bps_of_ray(&r["slope1"]),
                slope2_bps: bps_of_ray(&r["slope2"]),
            },
            ..common::config()
        };
        let price = r["price"].as_str().unwrap().parse().unwrap();
        let index = world.list(number(&r["decimals"]) as u8, price, config);
        for i in 0..NAMES.len() as u32 {
            world.fund(AccountId(USER + i), index, u128::MAX / 16);
        }
    }
    world
}

/// Performs a step; what moved, or why not.
fn perform(w: &mut World, op: &str, input: &Value) -> Result<Amount, Refused> {
    let who = || user(&input["who"]);
    let r = || number(&input["r"]) as u16;
    match op {
        "supply" => w.supply(who(), r(), amount(&input["amount"])),
        "withdraw" => w.withdraw(who(), r(), amount(&input["amount"])),
        "borrow" => w.borrow(who(), r(), amount(&input["amount"])),
        "repay" => {
            let (by, owner) = (who(), user(&input["onBehalfOf"]));
            let amount = amount(&input["amount"]);
            w.act(|m, v, c| m.repay_on_behalf(v, by, owner, r(), amount, c))
        }
        "setCollateral" => {
            let enabled = input["use"].as_bool().unwrap();
            w.act(|m, v, c| m.set_collateral(v, who(), r(), enabled, c))
        }
        "transferAToken" => {
            let to = user(&input["to"]);
            w.act(|m, v, c| m.transfer_supply(v, who(), to, r(), amount(&input["amount"]), c))
        }
        "mintToTreasury" => w.act(|m, v, c| {
            // The deployed call names its reserves; ours does all.
            m.mint_to_treasury(v, c)?;
            c.reserves.retain(|(i, _)| *i == r());
            c.flows.retain(|f| matches!(f, Flow::Mint { asset, .. } if *asset == a_token(r())));
            Ok::<_, Refused>(())
        }),
        "setPrice" => {
            w.ledger.prices[usize::from(r())] = input["price"].as_str().unwrap().parse().unwrap();
            Ok(Amount::ZERO)
        }
        "liquidate" => {
            let by = who();
            let call = LiquidationCall {
                borrower: user(&input["user"]),
                collateral: number(&input["coll"]) as u16,
                debt: number(&input["debt"]) as u16,
                amount: amount(&input["debtToCover"]),
                receive_shares: input["receiveAToken"].as_bool().unwrap(),
            };
            w.act(|m, v, c| m.liquidate_with(v, by, call, c))
        }
        "flashLoanSimple" => {
            let (by, size) = (AccountId(USER + 4), amount(&input["amount"]));
            let before = w.clone();
            let opened = w.act(|m, v, c| m.flash_open(v, by, r(), size, c));
            let done = opened.and_then(|premium| {
                if input["shortfall"].as_str().is_some_and(|s| s != "0") {
                    return Err(Refused::Balance);
                }
                w.act(|m, v, c| m.flash_close(v, by, r(), size, c)).map(|_| premium)
            });
            if done.is_err() {
                *w = before;
            }
            done
        }
        other => panic!("unknown operation {other}"),
    }
}

fn check_reserves(w: &World, res: &Value, place: &str) {
    for (key, want) in res.as_object().unwrap() {
        let i: u16 = key.parse().unwrap();
        let r = &w.market.reserves[usize::from(i)];
        let got = [
            ("li", r.liquidity_index.0),
            ("lr", r.rates.liquidity.0),
            ("vi", r.borrow_index.0),
            ("vr", r.rates.borrow.0),
            ("upd", U256::from(r.last_update)),
            ("treas", r.accrued_to_treasury.0),
            ("aTot", w.ledger.total_supply(a_token(i)).0),
            ("vTot", w.ledger.total_supply(debt_token(i)).0),
            ("cash", w.ledger.balance(POOL, underlying(i)).0),
            ("deficit", r.deficit.0),
            ("vub", r.virtual_balance.0),
        ];
        for (name, got) in got {
            let want = &want[name];
            let want = want.as_str().map_or_else(|| want.to_string(), str::to_owned);
            assert_eq!(got.to_string(), want, "{place}: reserve {i} {name}");
        }
    }
}

fn check_account(w: &World, who: AccountId, want: &Value, place: &str) {
    let health = w.market.health(&w.ledger, who).unwrap();
    let got = [
        health.collateral_base,
        health.debt_base,
        health.available_borrows_base(),
        U256::from(health.avg_threshold.0),
        U256::from(health.avg_ltv.0),
        health.health_factor.0,
    ];
    for (i, got) in got.iter().enumerate() {
        assert_eq!(got.to_string(), want[i].as_str().unwrap(), "{place}: account data {i}");
    }
}

fn check_users(w: &World, users: &Value, place: &str) {
    for (name, want) in users.as_object().unwrap() {
        let who = user(&Value::from(name.as_str()));
        let place = format!("{place}: user {name}");
        let position = w.market.position(who);
        let mut bitmap = 0_u64;
        for i in 0..w.market.reserves.len() as u16 {
            let a = w.ledger.balance(who, a_token(i)).to_string();
            let v = w.ledger.balance(who, debt_token(i)).to_string();
            assert_eq!(a, want["a"][usize::from(i)].as_str().unwrap(), "{place}: supply {i}");
            assert_eq!(v, want["v"][usize::from(i)].as_str().unwrap(), "{place}: debt {i}");
            bitmap |= u64::from(position.borrows(i)) << (2 * i);
            bitmap |= u64::from(position.uses_as_collateral(i)) << (2 * i + 1);
        }
        assert_eq!(bitmap.to_string(), want["cfg"].as_str().unwrap(), "{place}: flags");
        check_account(w, who, &want["acct"], &place);
    }
}

/// Steps replayed, until an operation that the market does not model.
fn replay(case: &Value) -> usize {
    let init = &case["init"];
    if init["reserves"].as_array().unwrap().iter().any(|r| r["debtCeiling"] != "0") {
        return 0; // isolation mode
    }
    let mut w = world(init);
    let mut done = 0;
    for (i, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        let op = step["op"].as_str().unwrap();
        let place = format!("{} step {i} {op} {}", case["id"], step["in"]);
        let ok = step["ok"].as_bool().unwrap();
        match op {
            "setEMode" if !ok => continue,
            "setEMode" | "repayWithATokens" => return done,
            _ => {}
        }
        w.ledger.now = number(&step["t"]);
        let got = perform(&mut w, op, &step["in"]);
        assert_eq!(got.is_ok(), ok, "{place}: {got:?}, recorded {}", step["revert"]);
        if let Err(Refused::Lending(error)) = got {
            let name = format!("{error:?}");
            let want = step["revert"].as_str().unwrap();
            assert!(want == name || want.starts_with("Panic"), "{place}: {name}, recorded {want}");
        }
        if let Some(want) = step["out"].get("amount").or(step["out"].get("debtRepaid")) {
            assert_eq!(got.unwrap().to_string(), want.as_str().unwrap(), "{place}: amount");
        }
        if let Some(res) = step.get("res") {
            check_reserves(&w, res, &place);
        }
        if let Some(users) = step.get("users") {
            check_users(&w, users, &place);
        }
        if let Some(accounts) = step["out"].get("acct").and_then(Value::as_object) {
            for (name, want) in accounts {
                check_account(&w, user(&Value::from(name.as_str())), want, &place);
            }
        }
        done += 1;
    }
    done
}

fn replay_file(text: &str) -> usize {
    text.lines()
        .map(|l| l.trim_end_matches(','))
        .filter(|l| l.starts_with("{\"id\""))
        .map(|l| replay(&serde_json::from_str(l).unwrap()))
        .sum()
}

#[test]
fn the_market_does_what_the_deployed_bytecode_did() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut steps = 0;
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        steps += replay_file(&std::fs::read_to_string(file).unwrap());
    }
    assert!(steps > 900, "{steps} steps replayed");
}
