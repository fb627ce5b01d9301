//! A vault's limits at equality, and a unit beyond.

use super::*;

const ONE: U256 = U256::ONE;

#[test]
fn a_debt_of_exactly_the_dust_stands() {
    let mut w = World::new();
    w.then(|w| w.vault.join(ALICE, ETH, wad(10))).unwrap();
    let draw = |art: Amount| move |w: &World| w.vault.frob(w, ALICE, ETH, up(wad(10)), up(art));
    let little = Amount(wad(100).0 - ONE);
    assert_eq!(w.then(draw(little)), Err(VaultError::Dust));
    w.then(draw(wad(100))).unwrap();
    assert_eq!(w.held(ALICE, w.vault.ilks[0].art), wad(100));
}

/// The hole of 1.13 times so much debt.
fn hole(art: Amount) -> U256 {
    art.0 * RAY * U256::from(113) / U256::from(100)
}

#[test]
fn a_bark_may_leave_or_take_exactly_the_dust() {
    let all = wad(10_000);
    for (taken, expected) in [
        (Amount(all.0 - wad(100).0), Ok(wad(100))),
        // A unit more, and the rest is dust: all is taken.
        (Amount(all.0 - wad(100).0 + ONE), Ok(Amount::ZERO)),
        (wad(100), Ok(Amount(all.0 - wad(100).0))),
        (Amount(wad(100).0 - ONE), Err(VaultError::DustyAuctionFromPartialLiquidation)),
    ] {
        let mut w = World::new();
        w.open(ALICE, ETH, 50, 10_000);
        w.reprice(ETH, 290);
        w.then(|w| w.vault.file(w, OWNER, ETH, Param::Hole, hole(taken))).unwrap();
        let barked = w.then(|w| w.vault.bark(w, ETH, ALICE, KEEPER));
        assert_eq!(barked.map(|_| w.held(ALICE, w.vault.ilks[0].art)), expected, "{taken}");
    }
}

#[test]
fn a_bite_needs_room_for_the_dust_and_takes_something_of_both() {
    let bitten = |room: Amount| {
        let mut w = World::new();
        w.open(ALICE, BTC, 10, 200_000);
        w.reprice(BTC, 29_000);
        w.vault.state.box_limit = room;
        w.then(|w| w.vault.bite(w, BTC, ALICE)).map(|change| change.due)
    };
    assert_eq!(bitten(Amount::ZERO), Err(VaultError::LiquidationLimitHit));
    assert_eq!(bitten(Amount(rad(100).0 - ONE)), Err(VaultError::LiquidationLimitHit));
    // 100 / 1.13, floored.
    let due = Amount(U256::from(88_495_575_221_238_938_053_u128) * RAY);
    assert_eq!(bitten(rad(100)), Ok(due));
    assert_eq!(bitten(rad(113)), Ok(rad(100)));

    // No debt can be told of so small a room, and no collateral in proportion to so small a part.
    let mut w = World::new();
    w.open(ALICE, BTC, 10, 200_000);
    w.reprice(BTC, 29_000);
    w.vault.ilks[1].dust = Amount::ZERO;
    w.vault.state.box_limit = Amount(RAY);
    assert_eq!(w.vault.bite(&w, BTC, ALICE), Err(VaultError::NullAuction), "no debt");
    w.vault.state.box_limit = Amount(RAY * U256::from(2));
    assert_eq!(w.vault.bite(&w, BTC, ALICE), Err(VaultError::NullAuction), "no collateral");
}
