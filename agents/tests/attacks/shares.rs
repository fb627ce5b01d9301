//! Donations: whoever is first to hold shares of a vault or a reserve makes each worth what he gives, and
//! lives on what is rounded then. Where others hold shares too, the gift is theirs.
//!
//! Incidents: Hundred Finance (April 2023), Sonne (May 2024) for the reserve; "inflation attack" in EIP-4626's
//! security considerations for the vault.

use super::families::{earns, found, uses};
use super::worlds::lender::{E18, NOW, exact, fixed_feed, lender};
use agents::attack::moves::Move;
use agents::attack::play::Ground;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::share_vault::ShareVault;
use markets::units::{AccountId, Amount, AssetId, MarketId, PoolId, Price, U256, Wad};
use protocols::compound::{Book, CToken, Compound, Policy, RateModel, TokenConfig, YearlyRates};
use sim::chain::call::{Call, Outcome, Transaction, TxBuffer, TxHeader};
use sim::chain::{Chain, Market, Pool};
use sim::worth::Fair;

const E6: u128 = 1_000_000;
const USD: AssetId = AssetId(1);
const TOKEN: AssetId = AssetId(2);

fn must(chain: &mut Chain, by: AccountId, call: Call) {
    let receipt = chain.execute(Transaction { header: &TxHeader::free(by), calls: &[call] });
    assert_eq!(receipt.outcome, Outcome::Success, "{call:?}");
}

/// USD and TOKEN, a dollar each, and somebody who has plenty of both.
fn begin() -> (Chain, [AccountId; 3]) {
    let mut chain = Chain::new("GAS", NOW - 12, 0);
    assert_eq!([chain.add_asset("USD", 6), chain.add_asset("TOKEN", 18)], [USD, TOKEN]);
    let accounts = ["provider", "victim", "attacker"].map(|name| chain.add_account(name));
    for (asset, unit) in [(USD, E6), (TOKEN, E18)] {
        chain.genesis_mint(accounts[0], asset, Amount::new(10_000_000 * unit)).expect("tokens");
    }
    (chain, accounts)
}

fn ground(chain: Chain, attacker: AccountId, pending: TxBuffer) -> Ground {
    let mut fair = vec![0.0; chain.assets().len()];
    (fair[USD.index()], fair[TOKEN.index()]) = (1.0, 1.0);
    let fair = Fair::new(&chain, &fair);
    Ground { chain, attacker, fair, pending, block_secs: 12, wait_blocks: 0 }
}

/// A vault into which 100,000 dollars are about to be deposited, and what it has already.
fn vault(deposited: u128) -> Ground {
    let (mut chain, [provider, victim, attacker]) = begin();
    let share = chain.add_asset("vUSD", 6);
    let account = chain.add_account("vault");
    let pool =
        chain.add_pool(Pool::ShareVault(ShareVault { asset: USD, share, account, invested: None }));
    chain.begin_block(NOW, 0);
    for (to, amount) in [(victim, 100_000 * E6), (attacker, 300_000 * E6)] {
        must(&mut chain, provider, Call::Transfer { to, asset: USD, amount: exact(amount) });
    }
    let deposit = |pool: PoolId, amount: u128| Call::Swap {
        pool,
        asset_in: USD,
        amount: exact(amount),
        min_out: Amount::ZERO,
    };
    if deposited > 0 {
        must(&mut chain, provider, deposit(pool, deposited));
    }
    let mut pending = TxBuffer::default();
    pending.push(TxHeader::free(victim), &[deposit(pool, 100_000 * E6)]);
    ground(chain, attacker, pending)
}

fn token(underlying: AssetId, c_token: AssetId, account: AccountId, decimals: u8) -> CToken {
    let percent = |n: u64| Wad(U256::from(n) * U256::from(E18 / 100));
    let none = YearlyRates {
        base: percent(0),
        multiplier: percent(0),
        jump_multiplier: percent(0),
        kink: percent(80),
    };
    CToken {
        underlying,
        c_token,
        account,
        feed: markets::units::FeedId(u16::from(underlying == TOKEN)),
        decimals,
        // 0.02 of the underlying for a cToken of 8 decimals.
        initial_exchange_rate: Wad(
            U256::from(2) * U256::from(10).pow(U256::from(8 + u32::from(decimals)))
        ),
        config: TokenConfig {
            rate_model: RateModel::jump_v2(none).expect("a kink above zero"),
            reserve_factor: percent(0),
            collateral_factor: percent(70),
            borrow_cap: Amount::ZERO,
            mint_paused: false,
            borrow_paused: false,
        },
        book: Book::new(0),
    }
}

/// A Compound fork with 500,000 dollars to lend and a market for TOKEN that has `supplied`; a lender of TOKEN in
/// flash, and somebody who sells it for a dollar.
fn reserve(supplied: u128) -> Ground {
    let (mut chain, [provider, _, attacker]) = begin();
    for _ in [USD, TOKEN] {
        fixed_feed(&mut chain, provider, Price::ONE);
    }
    let flash = lender(&mut chain, "flash", &[(TOKEN, markets::units::FeedId(1), 18, 0)]);
    let flash = chain.add_market(Market::Pooled(flash));
    let percent = |n: u64| Wad(U256::from(n) * U256::from(E18 / 100));
    let mut fork = Compound::new(
        provider,
        Policy {
            close_factor: percent(50),
            liquidation_incentive: percent(108),
            transfer_paused: false,
            seize_paused: false,
        },
    );
    for (asset, symbol, decimals) in [(USD, "cUSD", 6), (TOKEN, "cTOKEN", 18)] {
        let (share, account) = (chain.add_asset(symbol, 8), chain.add_account(symbol));
        fork.add_token(token(asset, share, account, decimals));
    }
    let fork: MarketId = chain.add_market(Market::Compound(fork));
    let depot = chain.add_account("depot");
    chain.genesis_mint(depot, TOKEN, Amount::new(1_000_000 * E18)).expect("tokens");
    chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: TOKEN,
        quote: USD,
        base_decimals: 18,
        account: depot,
        price: Amount::new(E6),
    }));
    chain.begin_block(NOW, 0);
    let supply = |market, asset, amount| Call::Supply { market, asset, amount: exact(amount) };
    must(&mut chain, provider, supply(flash, TOKEN, 5_000_000 * E18));
    must(&mut chain, provider, supply(fork, USD, 500_000 * E6));
    if supplied > 0 {
        must(&mut chain, provider, supply(fork, TOKEN, supplied));
    }
    ground(chain, attacker, TxBuffer::default())
}

#[test]
fn the_first_of_a_vault_makes_the_next_deposit_round_to_his_good() {
    let attack = found(&vault(0), &vault(1_000 * E6));
    // Of 100,000 dollars that buy one share of three a third stays with the other two.
    earns(&attack, 30_000.0);
    uses(&attack, |action| matches!(action, Move::FirstVaultShares { .. }));
    uses(&attack, |action| matches!(action, Move::DonateToVault { .. }));
    uses(&attack, |action| matches!(action, Move::LetPass { .. }));
}

#[test]
fn the_first_of_a_reserve_borrows_against_what_it_then_takes_back() {
    let attack = found(&reserve(0), &reserve(100_000 * E18));
    earns(&attack, 450_000.0);
    uses(&attack, |action| matches!(action, Move::FirstMarketShares { .. }));
    uses(&attack, |action| matches!(action, Move::DonateToMarket { .. }));
    uses(&attack, |action| matches!(action, Move::Withdraw { .. }));
}
