//! A tiny ledger and a comptroller on it.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by tests and a bench")]

use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, FeedId, Flow, Price, PriceMantissa, U256, Wad};
use protocols::LendingView;
use protocols::compound::{
    Book, CToken, Change, Compound, CompoundError, CompoundView, Policy, RateModel, Refusal, Stop,
    TokenConfig, YearlyRates,
};

pub const ADMIN: AccountId = AccountId(0);
/// First of the cTokens' own accounts.
pub const VAULT: u32 = 1;
pub const TOKENS: u16 = 3;
/// First of the users.
pub const USER: u32 = VAULT + TOKENS as u32;
pub const USERS: u32 = 4;
const ACCOUNTS: usize = (USER + USERS) as usize;
const ASSETS: usize = 2 * TOKENS as usize;
pub const PERCENT: u128 = 10_000_000_000_000_000;

pub const fn underlying(token: u16) -> AssetId {
    AssetId(2 * token)
}
pub const fn c_token(token: u16) -> AssetId {
    AssetId(2 * token + 1)
}
pub const fn user(i: u32) -> AccountId {
    AccountId(USER + i)
}
pub const fn percent(x: u128) -> Wad {
    Wad::new(x * PERCENT)
}

/// Balances, prices and the block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger {
    pub balances: Vec<Amount>,
    pub supplies: Vec<Amount>,
    pub prices: Vec<PriceMantissa>,
    pub block: u64,
}

impl LendingView for Ledger {
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        self.balances[account.index() * ASSETS + asset.index()]
    }
    fn total_supply(&self, asset: AssetId) -> Amount {
        self.supplies[asset.index()]
    }
    fn price(&self, _feed: FeedId) -> Result<Price, OracleError> {
        Err(OracleError::ZeroPrice)
    }
    fn now(&self) -> u64 {
        self.block * 12
    }
}
impl CompoundView for Ledger {
    fn block(&self) -> u64 {
        self.block
    }
    fn price_mantissa(&self, feed: FeedId, _decimals: u8) -> PriceMantissa {
        self.prices[feed.index()]
    }
}

impl Ledger {
    fn slot(&mut self, account: AccountId, asset: AssetId) -> &mut Amount {
        &mut self.balances[account.index() * ASSETS + asset.index()]
    }
    pub fn perform(&mut self, flow: &Flow) {
        match *flow {
            Flow::Move { from, to, asset, amount } => {
                let left = self.slot(from, asset).checked_sub(amount);
                *self.slot(from, asset) = left.expect("a quote moves only what is there");
                let more = self.slot(to, asset).checked_add(amount);
                *self.slot(to, asset) = more.expect("no overflow");
            }
            Flow::Mint { to, asset, amount } => {
                let more = self.slot(to, asset).checked_add(amount);
                *self.slot(to, asset) = more.expect("no overflow");
                let supply = &mut self.supplies[asset.index()];
                *supply = supply.checked_add(amount).expect("no overflow");
            }
            Flow::Burn { from, asset, amount } => {
                let left = self.slot(from, asset).checked_sub(amount);
                *self.slot(from, asset) = left.expect("a quote burns only what is there");
                let supply = &mut self.supplies[asset.index()];
                *supply = supply.checked_sub(amount).expect("supply covers balances");
            }
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct World {
    pub ledger: Ledger,
    pub market: Compound,
}

/// A configuration without caps: 2 % at rest, 20 % at a kink of 80 %, a reserve factor of 10 %.
pub fn config(collateral_factor: u128) -> TokenConfig {
    let yearly = YearlyRates {
        base: percent(2),
        multiplier: percent(18),
        jump_multiplier: percent(400),
        kink: percent(80),
    };
    TokenConfig {
        rate_model: RateModel::jump_v2(yearly).expect("a kink above zero"),
        reserve_factor: percent(10),
        collateral_factor: percent(collateral_factor),
        borrow_cap: Amount::ZERO,
        mint_paused: false,
        borrow_paused: false,
    }
}

impl World {
    /// ETH at 2,000 USD (18 decimals), USDC at 1 USD (6 decimals), and a thin token at 5 USD
    /// (8 decimals); every user holds a million of each, and nobody has supplied.
    pub fn new() -> Self {
        let policy = Policy {
            close_factor: percent(50),
            liquidation_incentive: percent(108),
            transfer_paused: false,
            seize_paused: false,
        };
        let mut market = Compound::new(ADMIN, policy);
        let block = 14_000_000;
        let mut ledger = Ledger {
            balances: vec![Amount::ZERO; ACCOUNTS * ASSETS],
            supplies: vec![Amount::ZERO; ASSETS],
            prices: Vec::new(),
            block,
        };
        for (i, (decimals, usd, factor)) in
            [(18, 2_000, 80), (6, 1, 85), (8, 5, 50)].into_iter().enumerate()
        {
            let token = i as u16;
            let scale = |exponent: u32| U256::from(10).pow(U256::from(exponent));
            let unit = scale(u32::from(decimals));
            let price = U256::from(usd) * scale(36 - u32::from(decimals));
            ledger.prices.push(PriceMantissa(price));
            market.add_token(CToken {
                underlying: underlying(token),
                c_token: c_token(token),
                account: AccountId(VAULT + u32::from(token)),
                feed: FeedId(token),
                decimals,
                // 0.02 of the underlying for a cToken of 8 decimals.
                initial_exchange_rate: Wad(U256::from(2) * scale(8 + u32::from(decimals))),
                config: config(factor),
                book: Book::new(block),
            });
            for i in 0..USERS {
                let amount = Amount(unit * U256::from(1_000_000));
                ledger.perform(&Flow::Mint { to: user(i), asset: underlying(token), amount });
            }
        }
        market.resize_accounts(ACCOUNTS);
        Self { ledger, market }
    }
    /// Quotes and commits as the chain does: what a code refused keeps what came before it.
    pub fn act(
        &mut self,
        verb: impl FnOnce(&Compound, &Ledger, &mut Change) -> Result<(), Stop>,
    ) -> Result<Change, Stop> {
        let mut change = Change::default();
        let result = verb(&self.market, &self.ledger, &mut change);
        if let Err(stop @ Stop::Reverted(_)) = result {
            return Err(stop);
        }
        if let Err(stop) = result {
            assert!(change.flows.is_empty() && change.loan.is_none(), "{stop}: {change:?}");
        }
        for flow in &change.flows {
            self.ledger.perform(flow);
        }
        for (token, book) in &change.books {
            self.market.tokens[usize::from(*token)].book = *book;
        }
        if let Some((account, token, loan)) = change.loan {
            let at = self.market.loan_index(account, token);
            self.market.loans[at] = loan;
        }
        if let Some((account, bits)) = change.membership {
            self.market.members[account.index()] = bits;
        }
        if let Some((token, config)) = change.config {
            self.market.tokens[usize::from(token)].config = config;
        }
        if let Some(policy) = change.policy {
            self.market.policy = policy;
        }
        result.map(|()| change)
    }
    pub fn mint(&mut self, by: u32, token: u16, amount: Amount) -> Result<Change, Stop> {
        self.act(|m, v, c| m.mint(v, user(by), token, amount, c))
    }
    pub fn redeem(&mut self, by: u32, token: u16, tokens: Amount) -> Result<Change, Stop> {
        self.act(|m, v, c| m.redeem(v, user(by), token, tokens, c))
    }
    pub fn redeem_underlying(
        &mut self,
        by: u32,
        token: u16,
        amount: Amount,
    ) -> Result<Change, Stop> {
        self.act(|m, v, c| m.redeem_underlying(v, user(by), token, amount, c))
    }
    pub fn enter(&mut self, by: u32, token: u16) -> Result<Change, Stop> {
        self.act(|m, _v, c| m.enter_market(user(by), token, c))
    }
    pub fn exit(&mut self, by: u32, token: u16) -> Result<Change, Stop> {
        self.act(|m, v, c| m.exit_market(v, user(by), token, c))
    }
    pub fn borrow(&mut self, by: u32, token: u16, amount: Amount) -> Result<Change, Stop> {
        self.act(|m, v, c| m.borrow(v, user(by), token, amount, c))
    }
    pub fn repay(&mut self, by: u32, token: u16, amount: Amount) -> Result<Change, Stop> {
        self.act(|m, v, c| m.repay(v, user(by), user(by), token, amount, c))
    }
    pub fn balance(&self, by: u32, asset: AssetId) -> Amount {
        self.ledger.balance(user(by), asset)
    }
    pub fn owed(&self, by: u32, token: u16) -> Amount {
        self.market.borrow_balance_stored(user(by), token).expect("no overflow")
    }
}

pub fn refused(refusal: Refusal) -> Stop {
    Stop::Refused(refusal)
}
pub fn reverted(error: CompoundError) -> Stop {
    Stop::Reverted(error)
}
