//! Liquidation auctions: by hand, in closed form, and as properties.

use markets::units::{AccountId, Amount, RAY, Ray, U256, Wad};
use proptest::prelude::*;
use protocols::auction::AuctionError;
use protocols::auction::curve::Curve;
use protocols::auction::dutch::{Dutch, Sale};
use protocols::auction::english::{Bid, English};

const E18: u128 = 10_u128.pow(18);
const OWNER: AccountId = AccountId(1);
const ALICE: AccountId = AccountId(2);
const BOB: AccountId = AccountId(3);
const HOUR: u64 = 3_600;

/// Whole units in ray.
fn ray(units: u64) -> Ray {
    Ray(U256::from(units) * RAY)
}
/// Hundredths in ray.
fn ray_percent(percent: u64) -> Ray {
    Ray(U256::from(percent) * RAY / U256::from(100))
}
/// Whole dai in rad.
fn rad(dai: u64) -> Amount {
    Amount(U256::from(dai) * U256::from(E18) * RAY)
}
/// Thousandths in wad.
fn wad_milli(milli: u128) -> Amount {
    Amount::new(milli * E18 / 1_000)
}

#[test]
fn a_line_falls_to_nothing() {
    let line = Curve::Linear { tau_secs: HOUR };
    for (secs, expected) in [(0, 100), (HOUR / 4, 75), (HOUR / 2, 50), (HOUR, 0), (9 * HOUR, 0)] {
        assert_eq!(line.price(ray(100), secs).unwrap(), ray(expected), "{secs}");
    }
    // A third is floored twice: 33.3… less a trifle, and never more.
    let third = line.price(ray(100), 2_400).unwrap();
    assert_eq!(third.to_string(), "33333333333333333333333333300");
}

#[test]
fn steps_of_one_percent_every_ninety_seconds() {
    let steps = Curve::Stairstep { cut: ray_percent(99), step_secs: 90 };
    assert_eq!(steps.price(ray(100), 89).unwrap(), ray(100));
    assert_eq!(steps.price(ray(100), 90).unwrap(), ray(99));
    // 0.99¹⁰ = 0.90438207500880449001, exactly.
    assert_eq!(steps.price(ray(1), 900).unwrap().to_string(), "904382075008804490010000000");
    let broken = Curve::Stairstep { cut: ray_percent(99), step_secs: 0 };
    assert_eq!(broken.price(ray(1), 1), None);
}

#[test]
fn an_exponential_halves_in_its_half_life() {
    // 0.5^(1/3600), to 27 digits.
    let cut = Ray(U256::from(999_807_477_651_317_445_226_494_905_u128));
    let curve = Curve::Exponential { cut };
    for n in 0..8_u32 {
        let price = curve.price(ray(1), u64::from(n) * HOUR).unwrap().0;
        let expected = RAY >> n as usize;
        assert!(price.abs_diff(expected) < U256::from(10_u64.pow(10)), "{n}: {price}");
    }
}

fn flip() -> English {
    English { beg: Wad::new(105 * E18 / 100), ttl_secs: 3 * HOUR, tau_secs: 48 * HOUR }
}

fn kicked() -> Bid {
    flip().kick(OWNER, rad(1_000), wad_milli(10_000), 0).unwrap()
}

#[test]
fn one_rad_takes_the_lot_where_nobody_bids_against_it() {
    let flip = flip();
    let lot = wad_milli(10_000);
    let zero = flip.tend(&kicked(), ALICE, lot, Amount::ZERO, 1);
    assert_eq!(zero.unwrap_err(), AuctionError::BidNotHigher);
    let placed = flip.tend(&kicked(), ALICE, lot, Amount::new(1), 1).unwrap();
    assert_eq!((placed.paid, placed.refund), (Amount::new(1), Amount::ZERO));
    let auction = placed.auction;
    assert_eq!(auction.winner(1 + 3 * HOUR), Err(AuctionError::NotFinished));
    assert_eq!(auction.winner(2 + 3 * HOUR), Ok(ALICE));
}

#[test]
fn bids_rise_by_five_percent_until_the_tab_and_then_the_lot_falls() {
    let (flip, lot) = (flip(), wad_milli(10_000));
    let first = flip.tend(&kicked(), ALICE, lot, rad(100), 10).unwrap();
    let refuse = |bid, lot, expected| {
        assert_eq!(flip.tend(&first.auction, BOB, lot, bid, 20).unwrap_err(), expected);
    };
    refuse(rad(100), lot, AuctionError::BidNotHigher);
    refuse(Amount(rad(105).0 - U256::from(1)), lot, AuctionError::InsufficientIncrease);
    refuse(rad(1_001), lot, AuctionError::HigherThanTab);
    refuse(rad(200), wad_milli(9_999), AuctionError::LotNotMatching);
    assert_eq!(first.auction.least_bid(&flip), rad(105));
    let second = flip.tend(&first.auction, BOB, lot, rad(105), 20).unwrap();
    assert_eq!((second.refund, second.paid), (rad(100), rad(5)));
    let own = flip.tend(&second.auction, BOB, lot, rad(990), 30).unwrap();
    assert_eq!((own.refund, own.paid), (Amount::ZERO, rad(885)), "nobody refunds himself");
    let early = flip.dent(&own.auction, ALICE, wad_milli(9_000), rad(990), 40);
    assert_eq!(early.unwrap_err(), AuctionError::TendNotFinished);
    // The last step to the tab may be small.
    let tab = flip.tend(&own.auction, ALICE, lot, rad(1_000), 40).unwrap();
    assert_eq!((tab.refund, tab.paid), (rad(990), rad(10)));
    let dent = |lot, bid| flip.dent(&tab.auction, BOB, lot, bid, 50);
    assert_eq!(dent(lot, rad(1_000)).unwrap_err(), AuctionError::LotNotLower);
    assert_eq!(dent(wad_milli(9_000), rad(999)).unwrap_err(), AuctionError::NotMatchingBid);
    // 10 / 1.05 = 9.5238…
    let little = dent(wad_milli(9_524), rad(1_000)).unwrap_err();
    assert_eq!(little, AuctionError::InsufficientDecrease);
    let dented = dent(wad_milli(9_523), rad(1_000)).unwrap();
    assert_eq!((dented.refund, dented.paid), (rad(1_000), Amount::ZERO));
    assert_eq!(dented.returned, wad_milli(477));
    assert_eq!(dented.auction.tic, 50 + 3 * HOUR);
}

#[test]
fn an_english_auction_ends_by_its_bid_or_its_time() {
    let (flip, lot) = (flip(), wad_milli(10_000));
    let end = 48 * HOUR;
    let open = kicked();
    assert_eq!(flip.tick(&open, end).unwrap_err(), AuctionError::NotFinished);
    let again = flip.tick(&open, end + 1).unwrap();
    assert_eq!(again.end, end + 1 + 48 * HOUR);
    let late = flip.tend(&open, ALICE, lot, rad(1), end).unwrap_err();
    assert_eq!(late, AuctionError::AlreadyFinishedEnd);
    let bid = flip.tend(&open, ALICE, lot, rad(1), 0).unwrap().auction;
    let stood = flip.tend(&bid, BOB, lot, rad(2), 3 * HOUR).unwrap_err();
    assert_eq!(stood, AuctionError::AlreadyFinishedTic);
    assert_eq!(flip.tick(&bid, end + 1).unwrap_err(), AuctionError::BidAlreadyPlaced);
    // A bid in the last hour wins when the auction ends, before it has stood for three.
    let last = flip.tend(&again, BOB, lot, rad(1), again.end - HOUR).unwrap().auction;
    assert_eq!(last.winner(again.end), Err(AuctionError::NotFinished));
    assert_eq!(last.winner(again.end + 1), Ok(BOB));
}

/// ETH-A as deployed in 2021: 130 %, 140 minutes, 40 %, 0.1 % and 300 dai, 1 % every 90 seconds.
fn clip() -> Dutch {
    Dutch {
        buf: ray_percent(130),
        tail_secs: 8_400,
        cusp: ray_percent(40),
        chip: Wad::new(E18 / 1_000),
        tip: rad(300),
        curve: Curve::Stairstep { cut: ray_percent(99), step_secs: 90 },
        chost: rad(11_300),
    }
}

fn sale(tab: u64, lot_milli: u128) -> Sale {
    clip().kick(OWNER, rad(tab), wad_milli(lot_milli), ray(2_000), 0).unwrap()
}

#[test]
fn a_dutch_auction_starts_above_the_oracle_and_pays_its_keeper() {
    assert_eq!(sale(50_000, 25_000).top, ray(2_600));
    assert_eq!(clip().incentive(rad(50_000)).unwrap(), rad(350));
    let kick = |tab, lot, price| clip().kick(OWNER, tab, lot, price, 0).unwrap_err();
    assert_eq!(kick(Amount::ZERO, wad_milli(1), ray(1)), AuctionError::NullAuction);
    assert_eq!(kick(rad(1), Amount::ZERO, ray(1)), AuctionError::NullAuction);
    assert_eq!(kick(rad(1), wad_milli(1), Ray::ZERO), AuctionError::ZeroTopPrice);
}

#[test]
fn a_dutch_auction_must_be_reset_when_it_is_too_old_or_too_cheap() {
    let (clip, sale) = (clip(), sale(50_000, 25_000));
    // 0.99⁹¹ = 0.4007, 0.99⁹² = 0.3967: the 92nd step is below 40 %, at 8,280 seconds.
    assert!(!clip.status(&sale, 8_279).unwrap().0);
    assert!(clip.status(&sale, 8_280).unwrap().0);
    let patient = Dutch { cusp: ray_percent(1), ..clip };
    assert!(!patient.status(&sale, 8_400).unwrap().0);
    assert!(patient.status(&sale, 8_401).unwrap().0);
    let needs = clip.take(&sale, wad_milli(1), ray(2_600), 8_280).unwrap_err();
    assert_eq!(needs, AuctionError::NeedsReset);
    let early = clip.redo(&sale, ray(1_000), 8_279).unwrap_err();
    assert_eq!(early, AuctionError::CannotReset);
    let (again, paid) = clip.redo(&sale, ray(1_000), 8_280).unwrap();
    assert_eq!((again.tic, again.top, paid), (8_280, ray(1_300), rad(350)));
    // Worth 25 · 400 = 10,000: dust, so the keeper works for nothing.
    assert_eq!(clip.redo(&sale, ray(400), 8_280).unwrap().1, Amount::ZERO);
}

#[test]
fn a_purchase_raises_at_most_the_tab_and_leaves_no_dust() {
    let (clip, sale) = (clip(), sale(50_000, 25_000));
    let take = |milli: u128| clip.take(&sale, wad_milli(milli), ray(2_600), 0);
    let dear = clip.take(&sale, wad_milli(1), Ray(ray(2_600).0 - U256::from(1)), 0);
    assert_eq!(dear.unwrap_err(), AuctionError::TooExpensive);
    // A part: 10 at 2,600.
    let part = take(10_000).unwrap();
    assert_eq!((part.slice, part.owe, part.dug), (wad_milli(10_000), rad(26_000), rad(26_000)));
    let left = part.sale.unwrap();
    assert_eq!((left.tab, left.lot, left.top), (rad(24_000), wad_milli(15_000), sale.top));
    // The whole: 50,000 / 2,600 = 19.2307…; the rest goes back.
    let whole = take(25_000).unwrap();
    assert_eq!(whole.owe, rad(50_000));
    assert_eq!(whole.slice, Amount::new(19_230_769_230_769_230_769));
    assert_eq!(whole.returned, Amount(sale.lot.0 - whole.slice.0));
    assert_eq!(whole.sale, None);
    // 16 at 2,600 is 41,600, which would leave 8,400: so just 38,700 is paid, and 11,300 is left.
    let stopped = take(16_000).unwrap();
    assert_eq!(stopped.owe, rad(38_700));
    assert_eq!(stopped.slice, Amount::new(14_884_615_384_615_384_615));
    assert_eq!(stopped.sale.unwrap().tab, clip.chost);
    // What is left is dust and a little: all or nothing.
    let small = Sale { tab: clip.chost, ..sale };
    let nothing = clip.take(&small, wad_milli(1_000), ray(2_600), 0);
    assert_eq!(nothing.unwrap_err(), AuctionError::NoPartialPurchase);
    assert_eq!(clip.take(&small, wad_milli(5_000), ray(2_600), 0).unwrap().sale, None);
}

#[test]
fn a_lot_that_does_not_raise_its_tab_is_over_all_the_same() {
    let clip = clip();
    let sale = sale(50_000, 10_000);
    let taken = clip.take(&sale, wad_milli(10_000), ray(2_600), 0).unwrap();
    assert_eq!((taken.owe, taken.dug), (rad(26_000), rad(50_000)));
    assert_eq!((taken.sale, taken.returned), (None, Amount::ZERO));
}

#[test]
fn limits_of_an_auction_hold_at_equality() {
    // 10.5 of the lot for 10: just 5 % less.
    let (flip, lot) = (flip(), wad_milli(10_500));
    let kicked = flip.kick(OWNER, rad(1_000), lot, 0).unwrap();
    let full = flip.tend(&kicked, ALICE, lot, rad(1_000), 10).unwrap().auction;
    let dent =
        |lot: Amount| flip.dent(&full, BOB, lot, rad(1_000), 20).map(|placed| placed.returned);
    let more = Amount(wad_milli(10_000).0 + U256::from(1));
    assert_eq!(dent(more), Err(AuctionError::InsufficientDecrease));
    assert_eq!(dent(wad_milli(10_000)), Ok(wad_milli(500)));

    // A line is at 40 % of its top after 60 % of its time.
    let line = Dutch { curve: Curve::Linear { tau_secs: 1_000 }, ..clip() };
    let sold = sale(50_000, 25_000);
    assert_eq!(line.status(&sold, 600), Ok((false, ray(1_040))));
    assert!(line.status(&sold, 601).unwrap().0);
}

#[test]
fn dust_is_left_only_by_who_leaves_something_of_the_lot_and_of_the_tab() {
    let clip = clip();
    let take = |tab, lot, milli| {
        clip.take(&sale(tab, lot), wad_milli(milli), ray(2_600), 0)
            .map(|taken| (taken.slice, taken.owe, taken.returned))
    };
    // All of the lot: 600 of the tab are not raised.
    let all = (wad_milli(19_000), rad(49_400), Amount::ZERO);
    assert_eq!(take(50_000, 19_000, 19_000), Ok(all));
    // All of the tab, to the unit: what is left of the lot goes back.
    let paid = (wad_milli(10_000), rad(26_000), wad_milli(15_000));
    assert_eq!(take(26_000, 25_000, 10_000), Ok(paid));
    // Just the least that may be left is left: also by who buys nothing.
    let part = (wad_milli(10_000), rad(26_000), Amount::ZERO);
    assert_eq!(take(37_300, 25_000, 10_000), Ok(part));
    assert_eq!(take(11_300, 25_000, 0), Ok((Amount::ZERO, Amount::ZERO, Amount::ZERO)));
}

fn curve() -> impl Strategy<Value = Curve> {
    prop_oneof![
        (1_u64..100_000).prop_map(|tau_secs| Curve::Linear { tau_secs }),
        (1_u64..10_000, 1_u64..600).prop_map(|(c, step_secs)| Curve::Stairstep {
            cut: Ray(RAY * U256::from(c) / U256::from(10_000)),
            step_secs
        }),
        (9_990_000_u64..10_000_000).prop_map(|c| Curve::Exponential {
            cut: Ray(RAY * U256::from(c) / U256::from(10_000_000))
        }),
    ]
}

proptest! {
    #[test]
    fn a_dutch_price_never_rises(curve in curve(), top in 1_u128..10_u128.pow(33),
                                 a in 0_u64..20_000, b in 0_u64..20_000) {
        let top = Ray::new(top);
        let (early, late) = (a.min(b), a.max(b));
        let (before, after) = (curve.price(top, early).unwrap(), curve.price(top, late).unwrap());
        prop_assert!(after <= before && before <= top);
    }

    #[test]
    fn a_bid_never_falls_and_a_lot_never_rises(
        bids in prop::collection::vec((any::<bool>(), 0_u32..3, 0_u64..1_200, 0_u128..12_000, 0_u64..HOUR), 1..60)
    ) {
        let (flip, mut auction, mut now) = (flip(), kicked(), 0);
        for (up, by, bid, lot, wait) in bids {
            now += wait;
            let by = AccountId(by);
            let placed = if up {
                flip.tend(&auction, by, auction.lot, rad(bid), now)
            } else {
                flip.dent(&auction, by, wad_milli(lot), auction.bid, now)
            };
            let Ok(placed) = placed else { continue };
            let next = placed.auction;
            prop_assert!(next.bid >= auction.bid && next.lot <= auction.lot);
            prop_assert!(next.bid > auction.bid || next.lot < auction.lot);
            prop_assert!(next.bid <= next.tab);
            // What the vow has received is the bid; what was returned is what the lot lost.
            prop_assert_eq!(auction.bid.checked_add(placed.paid).unwrap(), next.bid);
            prop_assert_eq!(next.lot.checked_add(placed.returned).unwrap(), auction.lot);
            auction = next;
        }
    }

    #[test]
    fn a_purchase_is_at_the_price_or_better_for_the_seller(
        tab in 1_u64..100_000, lot in 1_u128..100_000, most in 1_u128..120_000, now in 0_u64..8_000,
    ) {
        let (clip, sale) = (clip(), sale(tab, lot));
        let price = clip.status(&sale, now).unwrap().1;
        if let Ok(taken) = clip.take(&sale, wad_milli(most), Ray::MAX, now) {
            prop_assert!(taken.owe <= sale.tab && taken.slice <= sale.lot);
            prop_assert!(taken.slice.0 * price.0 <= taken.owe.0);
            let left = taken.sale.map_or(Amount::ZERO, |sale| sale.lot);
            let all = taken.slice.0 + taken.returned.0 + left.0;
            prop_assert_eq!(all, sale.lot.0);
            if let Some(left) = taken.sale {
                prop_assert!(left.tab >= clip.chost || sale.tab < clip.chost);
                prop_assert_eq!(left.tab.0 + taken.dug.0, sale.tab.0);
            }
        }
    }
}
