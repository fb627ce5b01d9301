//! Vaults: by hand, in closed form, and as properties.

mod bounds;

use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, FeedId, Flow, Price, RAY, Ray, U256, WAD, Wad};
use proptest::prelude::*;
use protocols::LendingView;
use protocols::auction::AuctionError;
use protocols::auction::curve::Curve;
use protocols::auction::dutch::Dutch;
use protocols::auction::english::English;
use protocols::vault::{
    Change, Edit, House, INVARIANTS, Ilk, Int, Lot, Param, State, Vault, VaultError,
};
use std::collections::BTreeMap;

const E18: u128 = 10_u128.pow(18);
const HOUR: u64 = 3_600;
const JOIN: AccountId = AccountId(0);
const HOUSE: AccountId = AccountId(1);
const VOW: AccountId = AccountId(2);
const OWNER: AccountId = AccountId(3);
const ALICE: AccountId = AccountId(4);
const BOB: AccountId = AccountId(5);
const KEEPER: AccountId = AccountId(6);
const DAI: AssetId = AssetId(0);
const INTERNAL: AssetId = AssetId(1);
const SIN: AssetId = AssetId(2);
/// Dutch.
const ETH: u16 = 0;
/// English, of a token with eight decimals.
const BTC: u16 = 1;

fn ray_percent(percent: u64) -> Ray {
    Ray(U256::from(percent) * RAY / U256::from(100))
}
fn rad(dai: u64) -> Amount {
    Amount(U256::from(dai) * U256::from(E18) * RAY)
}
fn wad(units: u128) -> Amount {
    Amount::new(units * E18)
}
fn up(amount: Amount) -> Int {
    Int::plus(amount).unwrap()
}
fn down(amount: Amount) -> Int {
    Int::minus(amount).unwrap()
}

#[derive(Clone)]
struct World {
    vault: Vault,
    balances: BTreeMap<(AccountId, AssetId), U256>,
    /// By type, in whole USD.
    prices: [u64; 2],
    now: u64,
}

impl LendingView for World {
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        Amount(self.balances.get(&(account, asset)).copied().unwrap_or_default())
    }
    fn total_supply(&self, asset: AssetId) -> Amount {
        let of = self.balances.iter().filter(|((_, a), _)| *a == asset);
        Amount(of.fold(U256::ZERO, |sum, (_, balance)| sum + balance))
    }
    fn price(&self, feed: FeedId) -> Result<Price, OracleError> {
        match self.prices[feed.index()] {
            0 => Err(OracleError::ZeroPrice),
            usd => Ok(Price(u128::from(usd) * 100_000_000)),
        }
    }
    fn now(&self) -> u64 {
        self.now
    }
}

fn ilk(i: u16, decimals: u8, house: House) -> Ilk {
    let column = |k| AssetId(3 + 4 * i + k);
    Ilk {
        token: column(0),
        decimals,
        gem: column(1),
        ink: column(2),
        art: column(3),
        feed: FeedId(i),
        mat: ray_percent(150),
        line: rad(1_000_000),
        dust: rad(100),
        duty: Ray::ONE,
        chop: Wad::new(113 * E18 / 100),
        hole: rad(50_000),
        house,
        rate: Ray::ONE,
        rho: 0,
        spot: Ray::ZERO,
        dirt: Amount::ZERO,
    }
}

impl World {
    fn new() -> Self {
        let dutch = Dutch {
            buf: ray_percent(130),
            tail_secs: 8_400,
            cusp: ray_percent(40),
            chip: Wad::new(E18 / 1_000),
            tip: rad(10),
            curve: Curve::Linear { tau_secs: 2 * HOUR },
            chost: Amount::ZERO,
        };
        let english =
            English { beg: Wad::new(103 * E18 / 100), ttl_secs: HOUR, tau_secs: 48 * HOUR };
        let state = State {
            line: rad(2_000_000),
            base: Ray::ZERO,
            box_limit: rad(100_000),
            litter: Amount::ZERO,
            hole: rad(100_000),
            dirt: Amount::ZERO,
            kicks: 0,
        };
        let vault = Vault {
            account: JOIN,
            house: HOUSE,
            vow: VOW,
            owner: OWNER,
            dai: DAI,
            internal: INTERNAL,
            sin: SIN,
            state,
            ilks: vec![ilk(0, 18, House::Dutch(dutch)), ilk(1, 8, House::English(english))],
            auctions: Vec::new(),
        };
        let mut w = Self { vault, balances: BTreeMap::new(), prices: [300, 30_000], now: 0 };
        for who in [ALICE, BOB] {
            w.balances.insert((who, w.vault.ilks[0].token), U256::from(10_000 * E18));
            w.balances.insert((who, w.vault.ilks[1].token), U256::from(10_000 * 10_u64.pow(8)));
        }
        for i in [ETH, BTC] {
            w.then(|w| w.vault.poke(w, i)).unwrap();
        }
        w.then(|w| w.vault.upchost(ETH)).unwrap();
        w
    }

    /// Quotes, performs, checks every invariant; nothing happens where it is refused.
    fn then(
        &mut self,
        quote: impl FnOnce(&Self) -> Result<Change, VaultError>,
    ) -> Result<Change, VaultError> {
        let change = quote(self)?;
        let mut balances = self.balances.clone();
        let mut perform = |flow: &Flow| {
            let (debit, credit, asset, amount) = match *flow {
                Flow::Move { from, to, asset, amount } => (Some(from), Some(to), asset, amount),
                Flow::Mint { to, asset, amount } => (None, Some(to), asset, amount),
                Flow::Burn { from, asset, amount } => (Some(from), None, asset, amount),
            };
            if let Some(from) = debit {
                let balance = balances.entry((from, asset)).or_default();
                *balance = balance.checked_sub(amount.0).ok_or(VaultError::Arithmetic)?;
            }
            if let Some(to) = credit {
                *balances.entry((to, asset)).or_default() += amount.0;
            }
            Ok::<(), VaultError>(())
        };
        change.flows.iter().try_for_each(&mut perform)?;
        self.balances = balances;
        self.vault.state = change.state;
        if let Some((i, ilk)) = change.ilk {
            self.vault.ilks[usize::from(i)] = ilk;
        }
        match change.edit {
            Edit::None => {}
            Edit::Open(auction) => self.vault.auctions.push(auction),
            Edit::Replace(at, auction) => self.vault.auctions[at] = auction,
            Edit::Remove(at) => drop(self.vault.auctions.remove(at)),
        }
        self.vault
            .check(self)
            .map_err(|(i, detail)| format!("{}: {}: {detail}", INVARIANTS[i].0, INVARIANTS[i].1))
            .unwrap();
        Ok(change)
    }

    /// A vault of `who` with whole units of collateral and whole dai, the dai taken out.
    fn open(&mut self, who: AccountId, i: u16, collateral: u128, dai: u64) {
        let tokens = 10_u128.pow(u32::from(self.vault.ilks[usize::from(i)].decimals));
        self.then(|w| w.vault.join(who, i, Amount::new(collateral * tokens))).unwrap();
        let (ink, art) = (up(wad(collateral)), up(wad(dai.into())));
        self.then(|w| w.vault.frob(w, who, i, ink, art)).unwrap();
    }
    fn reprice(&mut self, i: u16, usd: u64) {
        self.prices[usize::from(i)] = usd;
        self.then(|w| w.vault.poke(w, i)).unwrap();
    }
    /// A purchase by Bob without a body.
    fn take(&mut self, id: u64, most: Amount) -> Result<Change, VaultError> {
        let before = self.clone();
        let (open, taken) = self.vault.take_open(self, BOB, id, most, Ray::MAX)?;
        let close = self.vault.take_close(BOB, id, &taken)?;
        // Both halves at once: between them the house sells what it does not hold.
        let mut whole = close;
        whole.flows = open.flows.iter().chain(&whole.flows).copied().collect();
        self.then(|_| Ok(whole)).inspect_err(|_| *self = before)
    }
    fn held(&self, who: AccountId, asset: AssetId) -> Amount {
        self.balance(who, asset)
    }
}

#[test]
fn signed_integers_are_two_s_complement() {
    let five = Amount::new(5);
    assert_eq!(up(five).add_to(five), Some(Amount::new(10)));
    assert_eq!(down(five).add_to(five), Some(Amount::ZERO));
    assert_eq!(down(five).add_to(Amount::new(4)), None);
    assert_eq!(down(five).magnitude(), five);
    assert_eq!(down(Amount::ZERO), Int::ZERO);
    let edge = Amount(U256::from(1) << 255_usize);
    assert_eq!(Int::plus(edge), None);
    assert!(Int::minus(edge).unwrap().is_negative());
    assert_eq!(Int::minus(Amount(edge.0 + U256::from(1))), None);
}

#[test]
fn a_vault_draws_two_thirds_of_its_collateral_and_no_more() {
    let mut w = World::new();
    // 300 / 1.5 = 200 a unit.
    w.open(ALICE, ETH, 10, 2_000);
    let one = up(Amount::new(1));
    let more = |w: &World, dink, dart| w.vault.frob(w, ALICE, ETH, dink, dart);
    assert_eq!(more(&w, Int::ZERO, one), Err(VaultError::NotSafe));
    assert_eq!(more(&w, down(Amount::new(1)), Int::ZERO), Err(VaultError::NotSafe));
    // Wiping down to a debt that is dust is refused, wiping it all is not.
    assert_eq!(more(&w, Int::ZERO, down(wad(1_901))), Err(VaultError::Dust));
    assert_eq!(more(&w, one, Int::ZERO), Err(VaultError::Arithmetic), "no free collateral");
    w.then(|w| more(w, Int::ZERO, down(wad(2_000)))).unwrap();
    w.then(|w| more(w, down(wad(10)), Int::ZERO)).unwrap();
    w.then(|w| w.vault.exit(w, ALICE, ETH, wad(10))).unwrap();
    assert_eq!(w.held(ALICE, w.vault.ilks[0].token), wad(10_000));
}

#[test]
fn ceilings_bind_debts_that_rise() {
    let mut w = World::new();
    w.open(ALICE, BTC, 100, 1_000_000);
    let draw = |w: &World, who| w.vault.frob(w, who, BTC, Int::ZERO, up(wad(1_000)));
    assert_eq!(draw(&w, ALICE), Err(VaultError::CeilingExceeded));
    let set = |w: &mut World, param, value: Amount| {
        w.then(|w| w.vault.file(w, OWNER, BTC, param, value.0)).unwrap()
    };
    set(&mut w, Param::Line, rad(3_000_000));
    set(&mut w, Param::GlobalLine, rad(1_000_999));
    assert_eq!(draw(&w, ALICE), Err(VaultError::CeilingExceeded));
    set(&mut w, Param::GlobalLine, rad(1_001_000));
    assert!(draw(&w, ALICE).is_ok());
    // Lowering a ceiling below the debt lets debts fall.
    set(&mut w, Param::Line, rad(1));
    w.then(|w| w.vault.frob(w, ALICE, BTC, Int::ZERO, down(wad(1)))).unwrap();
    let stranger = w.vault.file(&w, ALICE, BTC, Param::Line, U256::ZERO);
    assert_eq!(stranger, Err(VaultError::NotAuthorised));
    let other = w.vault.file(&w, OWNER, BTC, Param::Buf, RAY);
    assert_eq!(other, Err(VaultError::UnrecognizedParam));
}

#[test]
fn every_parameter_sets_the_field_of_its_name_in_its_kind_of_house_alone() {
    let mut w = World::new();
    let secs = |n: u64| U256::from(n);
    let set = |w: &mut World, i, param, value| {
        w.then(|w| w.vault.file(w, OWNER, i, param, value)).unwrap();
    };
    set(&mut w, ETH, Param::BoxLimit, U256::from(11));
    set(&mut w, ETH, Param::GlobalHole, U256::from(12));
    let state = w.vault.state;
    assert_eq!((state.box_limit, state.hole), (Amount::new(11), Amount::new(12)));
    set(&mut w, BTC, Param::Dust, U256::from(13));
    set(&mut w, BTC, Param::Mat, U256::from(14));
    set(&mut w, BTC, Param::Chop, WAD);
    set(&mut w, BTC, Param::Hole, U256::from(15));
    set(&mut w, BTC, Param::Beg, WAD + U256::from(1));
    set(&mut w, BTC, Param::Ttl, secs(16));
    set(&mut w, BTC, Param::Tau, secs(17));
    let btc = w.vault.ilks[usize::from(BTC)];
    assert_eq!((btc.dust, btc.hole), (Amount::new(13), Amount::new(15)));
    assert_eq!((btc.mat, btc.chop), (Ray(U256::from(14)), Wad(WAD)));
    let rules = English { beg: Wad(WAD + U256::from(1)), ttl_secs: 16, tau_secs: 17 };
    assert_eq!(btc.house, House::English(rules));
    let House::Dutch(before) = w.vault.ilks[usize::from(ETH)].house else { panic!("Dutch") };
    set(&mut w, ETH, Param::Buf, RAY);
    set(&mut w, ETH, Param::Tail, secs(18));
    set(&mut w, ETH, Param::Cusp, U256::from(19));
    set(&mut w, ETH, Param::Chip, U256::from(20));
    set(&mut w, ETH, Param::Tip, U256::from(21));
    let rules = Dutch {
        buf: Ray::ONE,
        tail_secs: 18,
        cusp: Ray(U256::from(19)),
        chip: Wad::new(20),
        tip: Amount::new(21),
        ..before
    };
    assert_eq!(w.vault.ilks[usize::from(ETH)].house, House::Dutch(rules));
    let refused = [
        (BTC, Param::Mat, U256::ZERO),
        (BTC, Param::Chop, WAD - U256::from(1)),
        (BTC, Param::Duty, RAY - U256::from(1)),
        (BTC, Param::Beg, WAD),
        (BTC, Param::Ttl, U256::MAX),
        (BTC, Param::Tail, secs(1)),
        (BTC, Param::Cusp, secs(1)),
        (BTC, Param::Chip, secs(1)),
        (BTC, Param::Tip, secs(1)),
        (ETH, Param::Beg, WAD + U256::from(1)),
        (ETH, Param::Ttl, secs(1)),
        (ETH, Param::Tau, secs(1)),
        (ETH, Param::Tail, U256::MAX),
    ];
    for (i, param, value) in refused {
        let refusal = w.vault.file(&w, OWNER, i, param, value);
        assert_eq!(refusal, Err(VaultError::UnrecognizedParam), "{param:?}");
    }
}

#[test]
fn a_house_lists_its_dai_and_tokens_and_owns_the_rest() {
    let vault = World::new().vault;
    let tokens = vault.ilks.iter().map(|ilk| ilk.token);
    for asset in tokens.chain([DAI]) {
        assert!(vault.lists(asset) && !vault.is_share(asset), "{asset:?}");
    }
    let columns = vault.ilks.iter().flat_map(|ilk| [ilk.gem, ilk.ink, ilk.art]);
    for asset in columns.chain([INTERNAL, SIN]) {
        assert!(!vault.lists(asset) && vault.is_share(asset), "{asset:?}");
    }
    let other = AssetId(999);
    assert!(!vault.lists(other) && !vault.is_share(other));
}

#[test]
fn dai_goes_out_and_comes_back() {
    let mut w = World::new();
    w.open(ALICE, ETH, 10, 1_000);
    w.then(|w| w.vault.exit_dai(w, ALICE, wad(1_000))).unwrap();
    assert_eq!(w.held(ALICE, DAI), wad(1_000));
    assert_eq!(w.held(JOIN, INTERNAL), rad(1_000));
    assert_eq!(w.vault.exit_dai(&w, ALICE, Amount::new(1)), Err(VaultError::Arithmetic));
    w.then(|w| w.vault.join_dai(w, ALICE, wad(400))).unwrap();
    assert_eq!(w.held(ALICE, INTERNAL), rad(400));
    assert_eq!(w.held(ALICE, DAI), wad(600));
}

#[test]
fn the_stability_fee_compounds_and_is_the_vows() {
    let mut w = World::new();
    w.open(ALICE, ETH, 100, 10_000);
    // 5 % a year, as published.
    let duty = U256::from(1_000_000_001_547_125_957_863_212_448_u128);
    w.now = 1;
    let late = w.vault.file(&w, OWNER, ETH, Param::Duty, duty);
    assert_eq!(late, Err(VaultError::RhoNotUpdated));
    w.then(|w| w.vault.drip(w, ETH)).unwrap();
    w.then(|w| w.vault.file(w, OWNER, ETH, Param::Duty, duty)).unwrap();
    w.now += 365 * 86_400;
    let seen = w.vault.urn(&w, ALICE, ETH).unwrap();
    w.then(|w| w.vault.drip(w, ETH)).unwrap();
    let rate = w.vault.ilks[0].rate;
    assert!(rate.0.abs_diff(ray_percent(105).0) < U256::from(10_u64.pow(19)), "{rate}");
    let earned = w.held(VOW, INTERNAL);
    assert_eq!(earned.0, (rate.0 - RAY) * wad(10_000).0);
    assert_eq!(seen.tab.0, rate.0 * wad(10_000).0, "a view projects what collecting stores");
    w.then(|w| w.vault.drip(w, ETH)).unwrap();
    assert_eq!(w.held(VOW, INTERNAL), earned, "nothing twice in one second");
    assert_eq!(w.vault.heal(&w, Amount::new(1)), Err(VaultError::InsufficientDebt));
}

#[test]
fn without_a_price_nothing_is_drawn_and_nothing_liquidated() {
    let mut w = World::new();
    w.open(ALICE, ETH, 10, 2_000);
    w.reprice(ETH, 0);
    assert_eq!(w.vault.ilks[0].spot, Ray::ZERO);
    assert_eq!(w.vault.bark(&w, ETH, ALICE, KEEPER), Err(VaultError::NotUnsafe));
    let draw = w.vault.frob(&w, ALICE, ETH, Int::ZERO, up(wad(1)));
    assert_eq!(draw, Err(VaultError::NotSafe));
}

#[test]
fn a_bark_by_hand() {
    let mut w = World::new();
    w.open(ALICE, ETH, 10, 2_000);
    assert_eq!(w.vault.bark(&w, ETH, ALICE, KEEPER), Err(VaultError::NotUnsafe));
    w.reprice(ETH, 299);
    let change = w.then(|w| w.vault.bark(w, ETH, ALICE, KEEPER)).unwrap();
    assert_eq!((change.seized, change.due), (wad(10), rad(2_000)));
    let tab = rad(2_260);
    assert_eq!((w.vault.state.dirt, w.vault.ilks[0].dirt), (tab, tab));
    // The keeper: 10 + 0.1 % of 2,260; the vow owes it and the debt.
    let pay = Amount(U256::from(12_260) * WAD / U256::from(1_000) * RAY);
    assert_eq!(w.held(KEEPER, INTERNAL), pay);
    assert_eq!(w.held(VOW, SIN).0, rad(2_000).0 + pay.0);
    assert_eq!(w.held(HOUSE, w.vault.ilks[0].gem), wad(10));
    assert_eq!(w.vault.shortfall(&w).unwrap(), Amount::ZERO);
    // Bob has dai, and waits for 230: 388.7 · (1 − t/7200) → t = 2,940 (229.98…).
    w.open(BOB, ETH, 100, 10_000);
    w.now = 2_940;
    let taken = w.take(1, wad(10)).unwrap();
    let price =
        Ray(U256::from(3_887) * RAY / U256::from(10) * U256::from(4_260) / U256::from(7_200));
    assert_eq!(w.vault.auctions, vec![]);
    assert!(taken.due == tab && taken.seized.0.abs_diff(tab.0 / price.0) <= U256::from(1));
    assert_eq!(w.held(ALICE, w.vault.ilks[0].gem).0, wad(10).0 - taken.seized.0);
    assert_eq!((w.vault.state.dirt, w.held(VOW, INTERNAL)), (Amount::ZERO, tab));
    let debt = w.held(VOW, SIN);
    w.then(|w| w.vault.heal(w, debt)).unwrap();
    assert_eq!(w.held(VOW, INTERNAL).0, tab.0 - debt.0, "the penalty is the system's");
    let again = w.take(1, wad(1));
    assert_eq!(again, Err(VaultError::NoSuchAuction));
}

#[test]
fn a_bark_stops_at_the_hole_but_leaves_no_dust() {
    let mut w = World::new();
    w.open(ALICE, ETH, 500, 100_000);
    w.reprice(ETH, 290);
    // 50,000 / 1.13 = 44,247.78…; floored.
    let change = w.then(|w| w.vault.bark(w, ETH, ALICE, KEEPER)).unwrap();
    let art = Amount::new(44_247_787_610_619_469_026_548);
    assert_eq!(change.due.0, art.0 * RAY);
    assert_eq!(change.seized.0, wad(500).0 * art.0 / wad(100_000).0);
    // The hole is full but for what flooring left.
    let full = w.vault.bark(&w, ETH, ALICE, KEEPER);
    assert_eq!(full, Err(VaultError::DustyAuctionFromPartialLiquidation));
    w.then(|w| w.vault.file(w, OWNER, ETH, Param::Hole, w.vault.ilks[0].dirt.0)).unwrap();
    assert_eq!(w.vault.bark(&w, ETH, ALICE, KEEPER), Err(VaultError::LiquidationLimitHit));
    // Room for all but 99 dai of debt: the rest would be dust, so all is taken.
    let left = w.held(ALICE, w.vault.ilks[0].art);
    let tab = Amount((left.0 - wad(99).0) * RAY * U256::from(113) / U256::from(100));
    let hole = w.vault.ilks[0].dirt.0 + tab.0;
    w.then(|w| w.vault.file(w, OWNER, ETH, Param::Hole, hole)).unwrap();
    w.then(|w| w.vault.file(w, OWNER, ETH, Param::GlobalHole, hole)).unwrap();
    w.then(|w| w.vault.bark(w, ETH, ALICE, KEEPER)).unwrap();
    assert_eq!(w.held(ALICE, w.vault.ilks[0].art), Amount::ZERO);
}

#[test]
fn on_black_thursday_one_rad_takes_the_lot() {
    let mut w = World::new();
    w.open(ALICE, BTC, 10, 200_000);
    w.open(BOB, ETH, 100, 10_000);
    w.reprice(BTC, 29_000);
    assert_eq!(w.vault.bark(&w, BTC, ALICE, KEEPER), Err(VaultError::WrongAuctionKind));
    let bitten = w.then(|w| w.vault.bite(w, BTC, ALICE)).unwrap();
    // One auction raises at most 50,000.
    assert_eq!(bitten.due.0, U256::from(44_247_787_610_619_469_026_548_u128) * RAY);
    let lot = bitten.seized;
    let bid = |w: &World, amount| w.vault.tend(w, BOB, 1, lot, amount);
    assert_eq!(bid(&w, Amount::ZERO), Err(VaultError::Auction(AuctionError::BidNotHigher)));
    w.then(|w| bid(w, Amount::new(1))).unwrap();
    assert_eq!(w.vault.deal(&w, 1), Err(VaultError::Auction(AuctionError::NotFinished)));
    w.now = HOUR + 1;
    w.then(|w| w.vault.deal(w, 1)).unwrap();
    let gem = w.vault.ilks[1].gem;
    assert_eq!(w.held(BOB, gem), lot);
    assert_eq!(w.vault.state.litter, Amount::ZERO);
    // The system is short of the whole debt but one rad.
    let short = w.vault.shortfall(&w).unwrap();
    assert_eq!(short.0, bitten.due.0 - U256::from(1));
    // Out in the token's decimals, floored.
    let tokens = w.vault.ilks[1].tokens_from_wad(lot);
    w.then(|w| w.vault.exit(w, BOB, BTC, tokens)).unwrap();
    assert_eq!(w.held(BOB, w.vault.ilks[1].token).0, U256::from(10_000 * 10_u64.pow(8)) + tokens.0);
}

#[test]
fn bidders_are_refunded_and_the_rest_goes_home() {
    let mut w = World::new();
    w.open(ALICE, BTC, 1, 20_000);
    w.open(BOB, ETH, 1_000, 60_000);
    w.reprice(BTC, 29_999);
    let bitten = w.then(|w| w.vault.bite(w, BTC, ALICE)).unwrap();
    let tab = rad(22_600);
    w.then(|w| w.vault.tend(w, BOB, 1, bitten.seized, rad(10_000))).unwrap();
    w.then(|w| Ok(w.vault.move_internal(BOB, KEEPER, rad(25_000)))).unwrap();
    w.then(|w| w.vault.tend(w, KEEPER, 1, bitten.seized, tab)).unwrap();
    assert_eq!(w.held(BOB, INTERNAL), rad(35_000), "refunded");
    assert_eq!(w.held(VOW, INTERNAL), tab);
    w.then(|w| w.vault.dent(w, BOB, 1, Amount::new(8 * E18 / 10), tab)).unwrap();
    assert_eq!(w.held(KEEPER, INTERNAL), rad(25_000));
    assert_eq!(w.held(ALICE, w.vault.ilks[1].gem), Amount::new(2 * E18 / 10));
    w.now = 48 * HOUR + 1;
    w.then(|w| w.vault.deal(w, 1)).unwrap();
    assert_eq!(w.held(BOB, w.vault.ilks[1].gem), Amount::new(8 * E18 / 10));
    assert_eq!(w.vault.tick(&w, 1), Err(VaultError::NoSuchAuction));
}

#[derive(Clone, Debug)]
enum Step {
    Frob(bool, u16, i64, i64),
    Dai(bool, bool, u64),
    Drip(u16),
    Reprice(u16, u64),
    Bark(bool),
    Bite(bool),
    Take(u64, u128),
    Redo(u64),
    Tend(bool, u64, u64),
    Dent(bool, u64, u128),
    Tick(u64),
    Deal(u64),
    Heal(u64),
    Wait(u64),
    Hole(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1_u64..12;
    prop_oneof![
        (any::<bool>(), 0_u16..2, -20_i64..20, -5_000_i64..5_000)
            .prop_map(|(a, i, k, d)| Step::Frob(a, i, k, d)),
        (any::<bool>(), any::<bool>(), 1_u64..5_000).prop_map(|(a, o, d)| Step::Dai(a, o, d)),
        (0_u16..2).prop_map(Step::Drip),
        (Just(ETH), 100_u64..400).prop_map(|(i, p)| Step::Reprice(i, p)),
        (Just(BTC), 10_000_u64..40_000).prop_map(|(i, p)| Step::Reprice(i, p)),
        any::<bool>().prop_map(Step::Bark),
        any::<bool>().prop_map(Step::Bite),
        (id.clone(), 1_u128..50).prop_map(|(i, a)| Step::Take(i, a)),
        id.clone().prop_map(Step::Redo),
        (any::<bool>(), id.clone(), 1_u64..20_000).prop_map(|(a, i, b)| Step::Tend(a, i, b)),
        (any::<bool>(), id.clone(), 1_u128..1_000).prop_map(|(a, i, l)| Step::Dent(a, i, l)),
        id.clone().prop_map(Step::Tick),
        id.prop_map(Step::Deal),
        (1_u64..20_000).prop_map(Step::Heal),
        (1_u64..30_000).prop_map(Step::Wait),
        (0_u64..60_000).prop_map(Step::Hole),
    ]
}

fn who(alice: bool) -> AccountId {
    if alice { ALICE } else { BOB }
}
fn signed(units: i64) -> Int {
    let amount = wad(u128::from(units.unsigned_abs()));
    if units < 0 { down(amount) } else { up(amount) }
}

fn run(w: &mut World, step: &Step) -> Result<Change, VaultError> {
    match *step {
        Step::Frob(a, i, dink, dart) => {
            w.then(|w| w.vault.frob(w, who(a), i, signed(dink), signed(dart)))
        }
        Step::Dai(a, true, dai) => w.then(|w| w.vault.exit_dai(w, who(a), wad(dai.into()))),
        Step::Dai(a, false, dai) => w.then(|w| w.vault.join_dai(w, who(a), wad(dai.into()))),
        Step::Drip(i) => w.then(|w| w.vault.drip(w, i)),
        Step::Reprice(i, usd) => {
            w.prices[usize::from(i)] = usd;
            w.then(|w| w.vault.poke(w, i))
        }
        Step::Bark(a) => w.then(|w| w.vault.bark(w, ETH, who(a), KEEPER)),
        Step::Bite(a) => w.then(|w| w.vault.bite(w, BTC, who(a))),
        Step::Take(id, most) => w.take(id, wad(most)),
        Step::Redo(id) => w.then(|w| w.vault.redo(w, id, KEEPER)),
        Step::Tend(a, id, bid) => w.then(|w| {
            let lot = w.vault.auction(id).map(|auction| auction.lot);
            let Some(Lot::English(auction)) = lot else { return Err(VaultError::NoSuchAuction) };
            w.vault.tend(w, who(a), id, auction.lot, rad(bid).min(auction.tab))
        }),
        Step::Dent(a, id, permille) => w.then(|w| {
            let lot = w.vault.auction(id).map(|auction| auction.lot);
            let Some(Lot::English(auction)) = lot else { return Err(VaultError::NoSuchAuction) };
            let less = Amount(auction.lot.0 * U256::from(permille) / U256::from(1_000));
            w.vault.dent(w, who(a), id, less, auction.bid)
        }),
        Step::Tick(id) => w.then(|w| w.vault.tick(w, id)),
        Step::Deal(id) => w.then(|w| w.vault.deal(w, id)),
        Step::Heal(dai) => w.then(|w| w.vault.heal(w, rad(dai))),
        Step::Wait(secs) => {
            w.now += secs;
            Err(VaultError::NotAuthorised)
        }
        Step::Hole(dai) => w.then(|w| w.vault.file(w, OWNER, ETH, Param::Hole, rad(dai).0)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_sequence_breaks_the_books(steps in prop::collection::vec(step(), 1..100)) {
        let mut w = World::new();
        for i in [ETH, BTC] {
            let duty = U256::from(1_000_000_001_547_125_957_863_212_448_u128);
            w.then(|w| w.vault.file(w, OWNER, i, Param::Duty, duty)).unwrap();
            for account in [ALICE, BOB] {
                w.open(account, i, 100, 10_000);
                let tokens = 10_u128.pow(u32::from(w.vault.ilks[usize::from(i)].decimals));
                w.then(|w| w.vault.join(account, i, Amount::new(100 * tokens))).unwrap();
            }
        }
        for step in steps {
            let before = w.clone();
            if run(&mut w, &step).is_err() {
                prop_assert_eq!(&w.vault, &before.vault);
                continue;
            }
            for (was, is) in before.vault.ilks.iter().zip(&w.vault.ilks) {
                prop_assert!(is.rate >= was.rate, "rates are monotone");
            }
            for was in &before.vault.auctions {
                let Some(is) = w.vault.auction(was.id) else { continue };
                match (&was.lot, &is.lot) {
                    (Lot::English(was), Lot::English(is)) => {
                        prop_assert!(is.bid >= was.bid && is.lot <= was.lot && is.tab == was.tab);
                    }
                    (Lot::Dutch(was), Lot::Dutch(is)) => {
                        prop_assert!(is.tab <= was.tab && is.lot <= was.lot);
                    }
                    _ => prop_assert!(false, "an auction changed its kind"),
                }
            }
        }
    }
}
