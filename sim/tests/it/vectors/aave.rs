//! Aave v3 in both generations: whole markets, the rate strategy and the mathematics.

use super::support::{Failed, Mismatch, amount, integer, number, same, text};
use super::trace::send;
use markets::math::Rounding;
use markets::oracle::push::PushFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Price, Ray, U256};
use protocols::interest::{RateStrategy, compounded_interest_binomial, linear_interest};
use protocols::lending::{EModeCategory, LendingError, Pooled, Version};
use protocols::math;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use protocols::stable_rates::{StableBook, StableRateStrategy};
use serde_json::{Map, Value};
use sim::chain::call::{AmountExpr, Call, Log, Outcome, PooledCall, Revert};
use sim::chain::{Chain, Feed, Market};

/// The users of every case; the liquidator is the last.
const NAMES: [&str; 5] = ["A", "B", "C", "D", "L"];
/// What each of them holds of every token: plenty.
const WEALTH: u128 = u128::MAX / 16;

fn bps(v: &Value) -> Bps {
    Bps(u32::try_from(number(v)).expect("bps"))
}
fn bps_of_ray(v: &Value) -> Bps {
    let (bps, rest) = integer(v).div_rem(U256::from(10).pow(U256::from(23)));
    assert!(rest.is_zero(), "rate parameters are whole bps");
    Bps(bps.to())
}

// The market families.

/// A case's chain and who is who on it.
struct World {
    chain: Chain,
    market: MarketId,
    underlying: Vec<AssetId>,
    feeds: Vec<FeedId>,
    users: Vec<AccountId>,
    admin: AccountId,
    /// Borrows flash loans, and holds nothing between them.
    receiver: AccountId,
    treasury: AccountId,
}

impl World {
    fn new(version: Version, init: &Value) -> Self {
        let t = number(&init["t"]);
        let mut chain = Chain::new("ETH", t, 0);
        let [admin, holder, treasury, receiver] =
            ["admin", "aTokens", "treasury", "receiver"].map(|name| chain.add_account(name));
        let users: Vec<_> = NAMES.iter().map(|name| chain.add_account(name)).collect();
        let regime = RiskRegime::guardian();
        let mut pooled = Pooled::of_version(version, holder, treasury, admin, regime);
        pooled.flash_premium = bps(&init["flashloanPremiumTotal"]);
        pooled.flash_premium_to_protocol = bps(&init["flashloanPremiumToProtocol"]);
        let reserves = init["reserves"].as_array().expect("reserves");
        let (mut underlying, mut feeds) = (Vec::new(), Vec::new());
        for (i, r) in reserves.iter().enumerate() {
            let decimals = u8::try_from(number(&r["decimals"])).expect("decimals");
            let [token, a_token, debt_token] =
                ["T", "a", "vd"].map(|prefix| chain.add_asset(&format!("{prefix}{i}"), decimals));
            let feed = chain.add_feed(Feed::Push(PushFeed {
                reporter: admin,
                price: Price(text(&r["price"]).parse().expect("a price")),
                updated_at: t,
                heartbeat_secs: 0,
                deviation_bps: 0,
                max_age_secs: 0,
            }));
            let config = reserve_config(r);
            pooled.add_reserve(Reserve::of_version(
                version, token, a_token, debt_token, feed, decimals, config, t,
            ));
            for user in &users {
                chain.genesis_mint(*user, token, Amount::new(WEALTH)).expect("minted");
            }
            chain.genesis_mint(admin, token, Amount::new(WEALTH)).expect("minted");
            underlying.push(token);
            feeds.push(feed);
        }
        let category = &init["eModeCategory1"];
        if !category.is_null() {
            let members = reserves
                .iter()
                .enumerate()
                .filter(|(_, r)| number(&r["eMode"]) == 1)
                .fold(0, |map, (i, _)| map | 1 << i);
            pooled.e_modes.push(EModeCategory {
                ltv: bps(&category["ltv"]),
                liquidation_threshold: bps(&category["liqThreshold"]),
                liquidation_bonus: Bps(bps(&category["liqBonus"]).0 - 10_000),
                price_feed: None,
                collateral: members,
                borrowable: members,
                ltv_zero: 0,
            });
        }
        let market = chain.add_market(Market::Pooled(pooled));
        Self { chain, market, underlying, feeds, users, admin, receiver, treasury }
    }
    fn pooled(&self) -> &Pooled {
        self.chain.pooled(self.market)
    }
    fn user(&self, name: &Value) -> AccountId {
        let i = NAMES.iter().position(|n| name == n).expect("a user");
        self.users[i]
    }
    fn supply_shares(&self, account: AccountId, reserve: usize) -> U256 {
        self.chain.balance(account, self.pooled().reserves[reserve].a_token).0
    }
    fn held(&self, account: AccountId, reserve: usize) -> U256 {
        self.chain.balance(account, self.underlying[reserve]).0
    }
    /// Sends a transaction: why not, where not.
    fn send(&mut self, sender: AccountId, calls: &[Call]) -> Result<(), Revert> {
        let receipt = send(&mut self.chain, sender, calls);
        match receipt.outcome {
            Outcome::Success => Ok(()),
            Outcome::Reverted { reason, .. } | Outcome::Refused(reason) => Err(reason),
            Outcome::Invalid => panic!("a transaction without gas is always included"),
        }
    }
}

fn reserve_config(r: &Value) -> ReserveConfig {
    ReserveConfig {
        ltv: bps(&r["ltv"]),
        liquidation_threshold: bps(&r["liqThreshold"]),
        liquidation_bonus: Bps(bps(&r["liqBonus"]).0 - 10_000),
        liquidation_protocol_fee: bps(&r["liqProtocolFee"]),
        reserve_factor: bps(&r["reserveFactor"]),
        supply_cap: number(&r["supplyCap"]),
        borrow_cap: number(&r["borrowCap"]),
        rates: RateStrategy {
            optimal_usage_bps: bps_of_ray(&r["optimalUsage"]),
            base_bps: bps_of_ray(&r["baseRate"]),
            slope1_bps: bps_of_ray(&r["slope1"]),
            slope2_bps: bps_of_ray(&r["slope2"]),
        },
        active: true,
        frozen: false,
        paused: false,
        borrowing_enabled: true,
        flash_loan_enabled: true,
        debt_ceiling: number(&r["debtCeiling"]),
        borrowable_in_isolation: r["borrowableInIsolation"].as_bool().expect("a flag"),
        siloed_borrowing: r["siloed"].as_bool().unwrap_or(false),
    }
}

/// Replays a case of `aave_v3_pool` or `aave_v3_liquidation`.
pub fn market_v302(_: &Value, case: &Value) -> Result<usize, Failed> {
    market(Version::V3_0_2, case)
}

/// Replays a case of `aave_v36_pool` or `aave_v36_liquidation`.
pub fn market_v36(_: &Value, case: &Value) -> Result<usize, Failed> {
    market(Version::V3_6, case)
}

fn market(version: Version, case: &Value) -> Result<usize, Failed> {
    let mut w = World::new(version, &case["init"]);
    let steps = case["steps"].as_array().expect("steps");
    for (i, step) in steps.iter().enumerate() {
        replay_step(&mut w, version, step).map_err(|m| m.at(i))?;
    }
    check_end(&mut w, &case["final"]).map_err(|m| m.at(steps.len() - 1))?;
    Ok(steps.len())
}

/// Everybody and everything at the end, where it is recorded, and the chain's own books.
fn check_end(w: &mut World, last: &Value) -> Result<(), Mismatch> {
    for (i, want) in last["res"].as_array().into_iter().flatten().enumerate() {
        same_reserve(w, i, want)?;
    }
    same_users(w, &last["users"])?;
    let kept =
        w.chain.audit_all().map_or_else(|violation| violation.to_string(), |()| "kept".into());
    same("audit", &Value::from("kept"), kept)
}

fn replay_step(w: &mut World, version: Version, step: &Value) -> Result<(), Mismatch> {
    let t = number(&step["t"]);
    w.chain.begin_block(t, 0);
    let input = &step["in"];
    let before = w.chain.clone();
    let (sender, calls) = calls_of(w, step["op"].as_str().expect("an operation"), input)?;
    let logs = w.chain.logs().len();
    let outcome = w.send(sender, &calls);
    if !step["ok"].as_bool().expect("ok") {
        let Err(reason) = outcome else {
            return same("ok", &step["ok"], true);
        };
        return same("revert", &step["revert"], reason_of(version, reason));
    }
    if let Err(reason) = outcome {
        return same(format!("ok ({reason:?})"), &step["ok"], false);
    }
    if let Some(out) = step["out"].as_object() {
        same_output(w, &before, &w.chain.logs()[logs..], input, out)?;
    }
    for (i, want) in step["res"].as_object().into_iter().flatten() {
        same_reserve(w, i.parse().expect("a reserve"), want)?;
    }
    same_users(w, &step["users"])
}

/// What a step asks of the chain, and who asks.
fn calls_of(w: &mut World, op: &str, input: &Value) -> Result<(AccountId, Vec<Call>), Mismatch> {
    let market = w.market;
    let asset = |name: &str| w.underlying[usize::try_from(number(&input[name])).expect("small")];
    let size = |name: &str| match amount(&input[name]) {
        Amount::MAX => AmountExpr::All,
        exact => AmountExpr::Exact(exact),
    };
    let who = || w.user(&input["who"]);
    let call = match op {
        "supply" => Call::Supply { market, asset: asset("r"), amount: size("amount") },
        "withdraw" => Call::Withdraw { market, asset: asset("r"), amount: size("amount") },
        "borrow" => Call::Borrow { market, asset: asset("r"), amount: size("amount") },
        "repay" if input["who"] == input["onBehalfOf"] => {
            Call::Repay { market, asset: asset("r"), amount: size("amount") }
        }
        "repay" | "repayWithATokens" => {
            let of = if op == "repay" { &input["onBehalfOf"] } else { &input["who"] };
            Call::Pooled(PooledCall::Repay {
                market,
                borrower: w.user(of),
                asset: asset("r"),
                amount: size("amount"),
                with_shares: op == "repayWithATokens",
            })
        }
        "setCollateral" => {
            let enabled = input["use"].as_bool().expect("a flag");
            Call::SetCollateral { market, asset: asset("r"), enabled }
        }
        "transferAToken" => Call::Pooled(PooledCall::TransferShares {
            market,
            to: w.user(&input["to"]),
            asset: asset("r"),
            amount: size("amount"),
        }),
        "setEMode" => {
            let category = u8::try_from(number(&input["id"])).expect("a category");
            Call::Pooled(PooledCall::SetEMode { market, category })
        }
        "mintToTreasury" => {
            let call = Call::Pooled(PooledCall::MintToTreasury { market, asset: asset("r") });
            return Ok((w.admin, vec![call]));
        }
        "setPrice" => {
            let feed = w.feeds[usize::try_from(number(&input["r"])).expect("small")];
            let price = Price(text(&input["price"]).parse().expect("a price"));
            return Ok((w.admin, vec![Call::PushPrice { feed, price }]));
        }
        "liquidate" if !input["receiveAToken"].as_bool().expect("a flag") => Call::Liquidate {
            market,
            borrower: w.user(&input["user"]),
            collateral: asset("coll"),
            debt: asset("debt"),
            amount: size("debtToCover"),
        },
        "liquidate" => Call::Pooled(PooledCall::Liquidate {
            market,
            borrower: w.user(&input["user"]),
            collateral: asset("coll"),
            debt: asset("debt"),
            amount: size("debtToCover"),
            receive_shares: true,
        }),
        "flashLoanSimple" => return Ok(flash_loan(w, input)),
        other => {
            let (field, got) = ("op".to_owned(), "unknown".to_owned());
            return Err(Mismatch { field, expected: other.to_owned(), got });
        }
    };
    Ok((who(), vec![call]))
}

/// A flash loan whose receiver comes up short by `shortfall`: it holds the premium beforehand and gives
/// the shortfall away in the body.
fn flash_loan(w: &mut World, input: &Value) -> (AccountId, Vec<Call>) {
    let asset = w.underlying[usize::try_from(number(&input["r"])).expect("small")];
    let (amount, shortfall) = (amount(&input["amount"]), amount(&input["shortfall"]));
    let premium = w.pooled().flash_premium_of(amount).unwrap_or_default();
    let (receiver, admin, market) = (w.receiver, w.admin, w.market);
    let held = w.chain.balance(receiver, asset);
    let mut fund = |sender, to, amount| {
        let amount = AmountExpr::Exact(amount);
        w.send(sender, &[Call::Transfer { to, asset, amount }]).expect("plenty");
    };
    fund(receiver, admin, held);
    fund(admin, receiver, premium);
    let give = Call::Transfer { to: admin, asset, amount: AmountExpr::Exact(shortfall) };
    (receiver, vec![Call::FlashLoan { market, asset, amount, body: 1 }, give])
}

fn same_output(
    w: &World,
    before: &Chain,
    logs: &[Log],
    input: &Value,
    out: &Map<String, Value>,
) -> Result<(), Mismatch> {
    let index = |name: &str| usize::try_from(number(&input[name])).expect("small");
    let reserve = |i: usize| &w.pooled().reserves[i];
    // What an account gained of an asset in this step; lost, with a minus.
    let gained = |account, asset| {
        let (now, then) = (w.chain.balance(account, asset).0, before.balance(account, asset).0);
        if now >= then { (now - then).to_string() } else { format!("-{}", then - now) }
    };
    let of_log = |pick: fn(&Log) -> Option<Amount>| {
        logs.iter().find_map(pick).map_or("nothing".to_owned(), |x| x.to_string())
    };
    for (field, want) in out {
        let liquidator = || w.user(&input["who"]);
        let got = match field.as_str() {
            "amount" => of_log(|log| match log {
                Log::Withdraw { amount, .. } | Log::Repay { amount, .. } => Some(*amount),
                _ => None,
            }),
            "premium" => of_log(|log| match log {
                Log::FlashLoan { premium, .. } => Some(*premium),
                _ => None,
            }),
            "debtRepaid" => {
                let paid = gained(liquidator(), w.underlying[index("debt")]);
                paid.strip_prefix('-').map_or(paid.clone(), str::to_owned)
            }
            "collateralReceived" => gained(liquidator(), w.underlying[index("coll")]),
            "liquidatorNetUnderlying" => gained(liquidator(), w.underlying[index("coll")]),
            "liquidatorScaledATokenDelta" => gained(liquidator(), reserve(index("coll")).a_token),
            "treasuryScaledDelta" => {
                let of = if input["coll"].is_null() { "r" } else { "coll" };
                gained(w.treasury, reserve(index(of)).a_token)
            }
            "hfBefore" => {
                let health = before.health(w.market, w.user(&input["user"]));
                health.map_or_else(|e| e.to_string(), |h| h.health_factor.to_string())
            }
            "acct" => {
                for (name, want) in want.as_object().expect("accounts") {
                    same_account(w, w.user(&Value::from(name.as_str())), name, want)?;
                }
                continue;
            }
            _ => "unknown field".to_owned(),
        };
        same(format!("out.{field}"), want, got)?;
    }
    Ok(())
}

fn same_reserve(w: &World, i: usize, want: &Value) -> Result<(), Mismatch> {
    let pooled = w.pooled();
    let r = &pooled.reserves[i];
    let ledger = w.chain.ledger();
    for (name, want) in want.as_object().expect("a reserve") {
        let got = match name.as_str() {
            "li" => r.liquidity_index.to_string(),
            "lr" => r.rates.liquidity.to_string(),
            "vi" => r.borrow_index.to_string(),
            "vr" => r.rates.borrow.to_string(),
            "upd" => r.last_update.to_string(),
            "treas" => r.accrued_to_treasury.to_string(),
            "iso" => r.isolated_debt.to_string(),
            "aTot" => ledger.total_supply(r.a_token).to_string(),
            "vTot" => ledger.total_supply(r.debt_token).to_string(),
            "cash" => w.held(pooled.account, i).to_string(),
            "deficit" => r.deficit.to_string(),
            "vub" => r.virtual_balance.to_string(),
            _ => "unknown field".to_owned(),
        };
        same(format!("res.{i}.{name}"), want, got)?;
    }
    Ok(())
}

fn same_users(w: &World, want: &Value) -> Result<(), Mismatch> {
    for (name, want) in want.as_object().into_iter().flatten() {
        let who = w.user(&Value::from(name.as_str()));
        let position = w.pooled().position(who);
        for (field, want) in want.as_object().expect("a user") {
            let field = field.as_str();
            let got = match field {
                "a" | "v" => {
                    for (i, want) in want.as_array().expect("balances").iter().enumerate() {
                        let debt_token = w.pooled().reserves[i].debt_token;
                        let got = if field == "a" {
                            w.supply_shares(who, i)
                        } else {
                            w.chain.balance(who, debt_token).0
                        };
                        same(format!("users.{name}.{field}.{i}"), want, got)?;
                    }
                    continue;
                }
                "cfg" => {
                    let bit = |flag: bool, at: u16| U256::from(u8::from(flag)) << usize::from(at);
                    (0..w.underlying.len() as u16)
                        .map(|i| {
                            bit(position.borrows(i), 2 * i)
                                | bit(position.uses_as_collateral(i), 2 * i + 1)
                        })
                        .fold(U256::ZERO, |map, bits| map | bits)
                        .to_string()
                }
                "emode" => position.e_mode.to_string(),
                "acct" => {
                    same_account(w, who, name, want)?;
                    continue;
                }
                _ => "unknown field".to_owned(),
            };
            same(format!("users.{name}.{field}"), want, got)?;
        }
    }
    Ok(())
}

fn same_account(w: &World, who: AccountId, name: &str, want: &Value) -> Result<(), Mismatch> {
    let health = w.chain.health(w.market, who).expect("push feeds have a price");
    let got = [
        health.collateral_base,
        health.debt_base,
        w.pooled().version.available_borrows_base(&health),
        U256::from(health.avg_threshold.0),
        U256::from(health.avg_ltv.0),
        health.health_factor.0,
    ];
    for (i, got) in got.iter().enumerate() {
        same(format!("users.{name}.acct.{i}"), &want[i], got)?;
    }
    Ok(())
}

/// The contract's word for a refusal: a number in 3.0.2, a custom error's name in 3.6.
pub fn reason_of(version: Version, reason: Revert) -> String {
    let error = match reason {
        Revert::Lending(error) => error,
        Revert::InsufficientBalance => return "ERC20: transfer amount exceeds balance".to_owned(),
        Revert::FlashLoanNotRepaid => return "ERC20: transfer amount exceeds allowance".to_owned(),
        // `require` without a string in the products of 3.0.2.
        Revert::Overflow => return String::new(),
        other => return format!("{other:?}"),
    };
    match error {
        LendingError::InvalidLiquidity | LendingError::Underflow => "Panic(0x11)".to_owned(),
        LendingError::Overflow => String::new(),
        _ if version == Version::V3_6 => format!("{error:?}"),
        _ => code(error).map_or_else(|| format!("{error:?}"), |code| code.to_string()),
    }
}

/// The numbers of 3.0.2's `Errors`.
fn code(error: LendingError) -> Option<u32> {
    Some(match error {
        LendingError::InvalidMintAmount => 24,
        LendingError::InvalidBurnAmount => 25,
        LendingError::InvalidAmount => 26,
        LendingError::ReserveInactive => 27,
        LendingError::ReserveFrozen => 28,
        LendingError::ReservePaused => 29,
        LendingError::BorrowingNotEnabled => 30,
        LendingError::NotEnoughAvailableUserBalance => 32,
        LendingError::CollateralBalanceIsZero => 34,
        LendingError::HealthFactorLowerThanLiquidationThreshold => 35,
        LendingError::CollateralCannotCoverNewBorrow => 36,
        LendingError::NoDebtOfSelectedType => 39,
        LendingError::NoExplicitAmountToRepayOnBehalf => 40,
        LendingError::UnderlyingBalanceZero => 43,
        LendingError::HealthFactorNotBelowThreshold => 45,
        LendingError::CollateralCannotBeLiquidated => 46,
        LendingError::SpecifiedCurrencyNotBorrowedByUser => 47,
        LendingError::BorrowCapExceeded => 50,
        LendingError::SupplyCapExceeded => 51,
        LendingError::DebtCeilingExceeded => 53,
        LendingError::LtvValidationFailed => 57,
        LendingError::InconsistentEModeCategory => 58,
        LendingError::AssetNotBorrowableInIsolation => 60,
        LendingError::UserInIsolationModeOrLtvZero => 62,
        LendingError::AssetNotListed => 82,
        LendingError::SiloedBorrowingViolation => 89,
        LendingError::FlashloanDisabled => 91,
        _ => return None,
    })
}

// The function families.

/// Replays a case of `aave_v3_math`: one evaluation of 3.0.2's mathematics.
pub fn math(_: &Value, case: &Value) -> Result<usize, Failed> {
    let (a, b) = (integer(&case["in"][0]), integer(&case["in"][1]));
    let half_up = Rounding::HalfUp;
    let small = |x: U256| u32::try_from(x).expect("bps");
    let seconds = |x: U256| u64::try_from(x).expect("seconds");
    let got = match case["fn"].as_str().expect("a function") {
        "rayMul" => math::ray_mul(a, b, half_up),
        "rayDiv" => math::ray_div(a, b, half_up),
        "wadMul" => math::wad_mul(a, b, half_up),
        "wadDiv" => math::wad_div(a, b, half_up),
        "percentMul" => math::percent_mul(a, small(b), half_up),
        "percentDiv" => math::percent_div(a, small(b), half_up),
        "rayToWad" => Some(math::wad_from_ray(a)),
        "wadToRay" => math::ray_from_wad(a),
        "linear" => linear_interest(Ray(a), seconds(b)).map(|ray| ray.0),
        "compounded" => compounded_interest_binomial(Ray(a), seconds(b)).map(|ray| ray.0),
        other => panic!("unknown function {other}"),
    };
    let checked = match got {
        Some(got) if case["ok"] == true => same("out", &case["out"], got),
        got => same("ok", &case["ok"], got.is_some()),
    };
    checked.map(|()| 1).map_err(|m| m.at(0))
}

/// Replays a case of `aave_v3_rates`: one evaluation of 3.0.2's rate strategy.
pub fn rates(_: &Value, case: &Value) -> Result<usize, Failed> {
    let (cfg, input) = (&case["cfg"], &case["in"]);
    let ray = |v: &Value| Ray(integer(v));
    let strategy = StableRateStrategy {
        optimal_usage: ray(&cfg["optimalUsage"]),
        base: ray(&cfg["base"]),
        slope1: ray(&cfg["slope1"]),
        slope2: ray(&cfg["slope2"]),
        stable_slope1: ray(&cfg["stableSlope1"]),
        stable_slope2: ray(&cfg["stableSlope2"]),
        stable_offset: ray(&cfg["stableOffset"]),
        stable_excess_offset: ray(&cfg["stableExcessOffset"]),
        optimal_stable_ratio: ray(&cfg["optimalStableRatio"]),
    };
    let book = StableBook {
        cash: amount(&input["cash"]),
        added: amount(&input["added"]),
        taken: amount(&input["taken"]),
        variable_debt: amount(&input["variableDebt"]),
        stable_debt: amount(&input["stableDebt"]),
        average_stable_rate: ray(&input["avgStableRate"]),
        unbacked: amount(&input["unbacked"]),
        reserve_factor: bps(&input["reserveFactor"]),
    };
    let got = strategy.rates(&book);
    let checked = match got {
        Some(got) if case["ok"] == true => {
            let out = &case["out"];
            same("liquidityRate", &out["liquidityRate"], got.liquidity)
                .and_then(|()| same("stableRate", &out["stableRate"], got.stable))
                .and_then(|()| same("variableRate", &out["variableRate"], got.variable))
        }
        got => same("ok", &case["ok"], got.is_some()),
    };
    checked.map(|()| 1).map_err(|m| m.at(0))
}
