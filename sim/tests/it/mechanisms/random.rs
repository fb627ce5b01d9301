//! Random transactions: whatever is done, the books hold after each, and what is refused leaves no trace.

use super::support::*;
use super::{isolated, vaults};
use markets::units::{AccountId, Amount, FeedId, Ray, U256, Wad};
use proptest::prelude::*;
use protocols::isolated::{Irm, Quantity, Seize};
use protocols::vault::Lot;
use sim::chain::call::{AmountExpr, Call, IsolatedCall, Outcome, VaultCall};
use sim::chain::{Chain, Feed};

/// Executes; where it is refused, nothing may have changed.
fn attempt(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Result<bool, TestCaseError> {
    let before = chain.clone();
    let done = run(chain, sender, calls) == Outcome::Success;
    prop_assert!(done || *chain == before, "a trace of {calls:?}");
    Ok(done)
}

/// Moves the first feed to so many whole USD.
fn reprice(chain: &mut Chain, feed: FeedId, whole: u128) {
    let Feed::Push(push) = chain.feed(feed) else { unreachable!() };
    report(chain, push.reporter, feed, usd(whole));
}

fn expr(part: u64, unit: u128) -> AmountExpr {
    match part {
        0 => AmountExpr::All,
        _ => exact(u128::from(part) * unit / 1_000),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_sequence_breaks_an_isolated_market(
        steps in prop::collection::vec((0_u8..12, 0_u64..3_000, 0_u8..3, 0_u64..400_000), 1..100),
    ) {
        use isolated::*;
        let mut chain = world(Irm::AdaptiveCurve);
        chain.genesis_mint(KEEPER, USDC, units(10_000 * E6)).unwrap();
        let market = MARKET;
        let set = IsolatedCall::SetFee { market, fee: Wad::new(E18 / 10) };
        done(&mut chain, OWNER, &[Call::Isolated(set)]);
        done(&mut chain, LENDER, &[Call::Supply { market, asset: USDC, amount: exact(5_000 * E6) }]);
        let most = Call::Borrow { market, asset: USDC, amount: AmountExpr::MaxBorrow };
        done(&mut chain, BORROWER, &[Call::Supply { market, asset: COL, amount: exact(2 * E18) }, most]);
        for (kind, part, who, secs) in steps {
            let who = [LENDER, BORROWER, KEEPER][usize::from(who)];
            let shares = Amount::new(u128::from(part) * E6 * E6);
            let call = match kind {
                0 => Call::Supply { market, asset: USDC, amount: expr(part, E6 * 1_000) },
                1 => Call::Withdraw { market, asset: USDC, amount: expr(part, E6 * 1_000) },
                2 => Call::Supply { market, asset: COL, amount: expr(part.max(1), E18) },
                3 => Call::Withdraw { market, asset: COL, amount: expr(part, E18) },
                4 => Call::Borrow { market, asset: USDC, amount: expr(part.max(1), E6 * 1_000) },
                5 => Call::Borrow { market, asset: USDC, amount: AmountExpr::MaxBorrow },
                6 => Call::Repay { market, asset: USDC, amount: expr(part, E6 * 1_000) },
                7 => Call::Liquidate { market, borrower: BORROWER, collateral: COL, debt: USDC, amount: expr(part, E6 * 1_000) },
                8 => Call::Isolated(IsolatedCall::Liquidate { market, borrower: BORROWER, seize: Seize::Collateral(Amount::new(u128::from(part) * E18 / 1_000)) }),
                9 => Call::Isolated(IsolatedCall::Borrow { market, quantity: Quantity::Shares(shares) }),
                10 => {
                    reprice(&mut chain, FEED, 200 + u128::from(part));
                    continue;
                }
                _ => {
                    wait(&mut chain, secs);
                    continue;
                }
            };
            let state = isolated::market(&chain).state;
            if attempt(&mut chain, who, &[call])? {
                let after = isolated::market(&chain).state;
                prop_assert!(after.last_update >= state.last_update);
            }
        }
    }

    #[test]
    fn no_sequence_breaks_the_vaults(
        steps in prop::collection::vec((0_u8..16, 1_u64..3_000, 0_u8..3, 0_u64..9), 1..200),
    ) {
        use vaults::*;
        let mut chain = world();
        let market = MARKET;
        for who in [ALICE, BOB] {
            for (asset, unit) in [(WETH, E18), (BTC, 10_u128.pow(8))] {
                let supply = Call::Supply { market, asset, amount: exact(100 * unit) };
                done(&mut chain, who, &[supply]);
            }
            for (ilk, dart) in [(ETH_A, int(20_000)), (BTC_A, int(2_000_000))] {
                done(&mut chain, who, &[vault(VaultCall::Frob { market, ilk, dink: int(0), dart })]);
            }
        }
        for (kind, part, who, auction) in steps {
            let other = [BOB, ALICE, ALICE][usize::from(who)];
            let who = [ALICE, BOB, KEEPER][usize::from(who)];
            let ilk = u16::from(part % 2 == 0);
            let (most, tens) = (Amount::new(u128::from(part) * E18 / 100), part as i64 / 10);
            let running = &state(&chain).auctions;
            let auction = running.get(auction as usize % running.len().max(1)).map_or(9, |a| a.id);
            let lot = state(&chain).auction(auction).map(|auction| auction.lot);
            let call = match kind {
                0 => VaultCall::Frob { market, ilk, dink: int(tens % 50 - 25), dart: int(0) },
                1 => VaultCall::Frob { market, ilk, dink: int(0), dart: int(tens * 10 - 1_500) },
                2 => VaultCall::JoinDai { market, amount: expr(part, E18 * 1_000) },
                3 => VaultCall::ExitDai { market, amount: expr(part, E18 * 1_000) },
                4 => VaultCall::Bark { market, ilk: ETH_A, urn: other },
                5 => VaultCall::Bite { market, ilk: BTC_A, urn: other },
                6 => VaultCall::Take { market, auction, most, max: Ray::MAX, body: 0 },
                7 => VaultCall::Redo { market, auction },
                8 | 9 => {
                    let Some(Lot::English(bid)) = lot else { continue };
                    let least = bid.bid.0 * U256::from(103) / U256::from(100) + rad(part).0;
                    let bid_now = if kind == 8 { least } else { bid.tab.0 };
                    VaultCall::Tend { market, auction, lot: bid.lot, bid: Amount(bid_now.min(bid.tab.0)) }
                }
                10 => {
                    let Some(Lot::English(bid)) = lot else { continue };
                    let less = Amount(bid.lot.0 * U256::from(9) / U256::from(10));
                    VaultCall::Dent { market, auction, lot: less, bid: bid.bid }
                }
                11 => VaultCall::Deal { market, auction },
                12 => VaultCall::Heal { market, rad: rad(part) },
                13 => VaultCall::Exit { market, ilk, amount: AmountExpr::All },
                14 => {
                    let (feed, whole) = if ilk == ETH_A { (ETH_FEED, 1) } else { (BTC_FEED, 100) };
                    reprice(&mut chain, feed, (100 + u128::from(part) / 15) * whole);
                    done(&mut chain, KEEPER, &[poke(ilk), vault(VaultCall::Drip { market, ilk })]);
                    continue;
                }
                _ => {
                    wait(&mut chain, 3 * part);
                    continue;
                }
            };
            attempt(&mut chain, who, &[vault(call)])?;
        }
    }
}
