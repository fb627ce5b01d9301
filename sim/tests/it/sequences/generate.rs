//! Random transactions: mostly such as can succeed, some that cannot, some beyond all bounds.

use super::world::{E8, E18, TICK_OF_2000, World};
use markets::amm::concentrated::tick_math::{MAX_SQRT_RATIO, MIN_SQRT_RATIO};
use markets::units::{
    AccountId, Amount, AssetId, MarketId, PoolId, Price, PriceMantissa, U256, Wad,
};
use protocols::compound::Governance;
use protocols::isolated::{Quantity, Seize};
use protocols::risk_params::{RiskChange, RiskParam};
use protocols::vault::{Int, Lot, Param};
use serde::{Deserialize, Serialize};
use sim::chain::Chain;
use sim::chain::call::{
    AmountExpr, Call, CompoundCall, ConcentratedCall, DeskCall, IsolatedCall, OracleCall, PairCall,
    PerpetualCall, PooledCall, StableSwapCall, VaultCall,
};
use std::collections::VecDeque;

/// One thing that happens to the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// The next block, so many seconds later, with so much gas used by others.
    Block { secs: u64, gas: u64 },
    /// A transaction, of the chain's own where it pays nothing for gas; else at most so much, in wei.
    Send { sender: AccountId, pays: Option<u64>, gas_limit: u64, calls: Vec<Call> },
}

/// SplitMix64: a seed is an episode.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xb0a7)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// Makes steps for a world.
#[derive(Debug)]
pub(crate) struct Generator<'a> {
    pub(crate) world: &'a World,
    pub(crate) rng: Rng,
    /// Transactions left in this block.
    left: u64,
    /// What comes next, by whom if not anybody: a crash, and those who live on it.
    queue: VecDeque<(Option<AccountId>, Next<'a>)>,
}

/// Makes a call once it is its turn.
type Next<'a> = fn(&mut Generator<'a>, &Chain) -> Call;

impl<'a> Generator<'a> {
    pub(crate) const fn new(world: &'a World, rng: Rng) -> Self {
        Self { world, rng, left: 0, queue: VecDeque::new() }
    }

    /// What happens next.
    pub(crate) fn step(&mut self, chain: &Chain) -> Step {
        if self.left == 0 {
            self.left = 1 + self.rng.below(40);
            let secs = match self.rng.below(40) {
                0 => 1 + self.rng.below(86_400 * 30),
                1..5 => 1 + self.rng.below(7_200),
                _ => 12,
            };
            let gas = self.rng.below(30_000_000);
            return Step::Block { secs, gas };
        }
        self.left -= 1;
        let user = self.rng.of(&self.world.users);
        if let Some((sender, next)) = self.queue.pop_front() {
            let sender = sender.unwrap_or(user);
            let calls = vec![next(self, chain)];
            return Step::Send { sender, pays: None, gas_limit: 10_000_000, calls };
        }
        if self.rng.one_in(400) {
            self.crash();
        }
        let calls_of_admin = self.rng.one_in(12);
        let sender = match self.rng.below(200) {
            0 => self.world.chain.outside(),
            _ if calls_of_admin => self.world.admin,
            _ => user,
        };
        let fee = if self.rng.one_in(16) { 100_000_000 } else { 20_000_000_000 };
        let pays = (sender == user && self.rng.one_in(4)).then_some(fee);
        let gas_limit = if self.rng.one_in(10) { self.rng.below(400_000) } else { 5_000_000 };
        let mut calls = Vec::new();
        let n = if self.rng.one_in(3) { 1 + self.rng.below(5) } else { 1 };
        let gain = self.rng.one_in(20).then(|| (2, self.token()));
        if let Some((mark, asset)) = gain {
            calls.push(Call::Mark { mark, asset });
        }
        for _ in 0..n {
            if calls_of_admin && self.rng.below(4) > 0 {
                calls.push(self.admins(chain));
            } else {
                self.push(chain, sender, &mut calls, 0);
            }
        }
        if let Some((mark, asset)) = gain {
            calls.push(Call::RequireGain { mark, asset, min_gain: Amount::ZERO });
        }
        Step::Send { sender, pays, gas_limit, calls }
    }

    /// A price falls, and is used.
    fn crash(&mut self) {
        self.queue.push_back((Some(self.world.admin), |g, _| {
            let i = 1 + g.rng.below(2) as usize;
            let usd = [2_000, 40_000][i - 1] * E8;
            let percent = 30 + u128::from(g.rng.below(50));
            Call::PushPrice { feed: g.world.pushes[i], price: Price(usd * percent / 100) }
        }));
        self.queue.push_back((None, |g, _| {
            Call::Vault(VaultCall::Poke { market: g.world.vault, ilk: 1 })
        }));
        for _ in 0..4 {
            self.queue.push_back((None, |g, _| {
                let urn = g.rng.of(&g.world.users);
                Call::Vault(VaultCall::Bite { market: g.world.vault, ilk: 1, urn })
            }));
            self.queue.push_back((None, |g, chain| {
                let market = g.any_market();
                g.liquidation(chain, market)
            }));
            self.queue.push_back((None, |g, chain| g.margin_call(chain)));
            self.queue.push_back((None, |g, chain| g.bid(chain)));
            self.queue.push_back((None, |g, chain| g.bid(chain)));
        }
        self.queue.push_back((Some(self.world.provider), |g, chain| g.cover(chain)));
    }

    /// Appends a call, with its body where it has one.
    fn push(&mut self, chain: &Chain, sender: AccountId, calls: &mut Vec<Call>, depth: usize) {
        if depth < 5 && self.rng.one_in(9) {
            let at = calls.len();
            let mut opening = self.opening(chain);
            calls.push(opening);
            for _ in 0..self.rng.below(4) {
                self.push(chain, sender, calls, depth + 1);
            }
            if matches!(opening, Call::Concentrated(_) | Call::Pair(_)) && self.rng.below(5) > 0 {
                self.pay_back(&opening, calls);
            }
            // One in a hundred lies about its length.
            let lie = u16::from(self.rng.one_in(100));
            let len = (calls.len() - at - 1) as u16 + lie;
            match &mut opening {
                Call::FlashLoan { body, .. }
                | Call::By { body, .. }
                | Call::Pair(PairCall::Swap { body, .. })
                | Call::Concentrated(ConcentratedCall::Flash { body, .. })
                | Call::Pooled(PooledCall::FlashLoan { body, .. })
                | Call::Vault(VaultCall::Take { body, .. }) => *body = len,
                Call::Concentrated(
                    ConcentratedCall::Swap { body, .. } | ConcentratedCall::Mint { body, .. },
                ) => *body = Some(len),
                _ => {}
            }
            calls[at] = opening;
            return;
        }
        let call = self.call(chain, sender);
        calls.push(call);
    }

    /// Sends to a pool what the loan will cost.
    fn pay_back(&mut self, opening: &Call, calls: &mut Vec<Call>) {
        let pool = match opening {
            Call::Pair(PairCall::Swap { pool, .. })
            | Call::Concentrated(
                ConcentratedCall::Flash { pool, .. }
                | ConcentratedCall::Swap { pool, .. }
                | ConcentratedCall::Mint { pool, .. },
            ) => *pool,
            _ => return,
        };
        let account = self.world.chain.pool(pool).account();
        for (token, asset) in [(0, self.world.tokens[0]), (3, self.world.tokens[3])] {
            let some = 1 + u128::from(self.rng.below(3_000_000));
            let amount = Amount::new(super::world::worth(token, some));
            calls.push(Call::Transfer { to: account, asset, amount: AmountExpr::Exact(amount) });
        }
    }

    fn opening(&mut self, chain: &Chain) -> Call {
        let body = 0;
        match self.rng.below(8) {
            0 | 1 => {
                let asset = self.lent();
                let market = self.any_market();
                Call::FlashLoan { market, asset, amount: self.amount_of(chain, asset), body }
            }
            2 => {
                let pool = self.rng.of(&self.world.pairs);
                let to = self.rng.of(&self.world.users);
                let [out0, out1] = [3, 3].map(|token| self.small(token));
                Call::Pair(PairCall::Swap {
                    pool,
                    out0: Amount::new(out0 / 1_000_000),
                    out1: Amount::new(out1),
                    to,
                    body,
                })
            }
            3 => {
                let amounts = [Amount::new(self.small(0)), Amount::new(self.small(3))];
                Call::Concentrated(ConcentratedCall::Flash {
                    pool: self.world.concentrated,
                    amount0: amounts[0],
                    amount1: amounts[1],
                    body,
                })
            }
            4 => self.concentrated_swap(chain, Some(0)),
            5 => {
                let [usd, _, _, weth, btc] = self.world.tokens;
                let market = self.rng.of(&self.world.pooled);
                Call::Pooled(PooledCall::FlashLoan {
                    market,
                    loans: self.rng.below(4) as u8,
                    assets: [usd, weth, btc],
                    amounts: [self.small(0), self.small(3), self.small(4)],
                    keep: (self.rng.next() & self.rng.next() & 7) as u8,
                    body,
                })
            }
            6 => {
                let users = &self.world.users;
                let contract = users[users.len() - 1];
                let account = if self.rng.one_in(4) { self.rng.of(users) } else { contract };
                Call::By { account, body }
            }
            _ => self.take(chain, body),
        }
    }

    /// A call without a body.
    fn call(&mut self, chain: &Chain, sender: AccountId) -> Call {
        match self.rng.below(32) {
            0 => self.core(chain),
            1..4 => self.pair(chain),
            4..7 => self.concentrated(chain),
            7..9 => self.stable(chain),
            9..11 => self.swap(chain),
            11..19 => self.lending(chain, sender),
            19..22 => self.pooled(chain),
            22..24 => self.compound(chain),
            24..26 => self.isolated(chain),
            26..29 => self.vault(chain),
            29 | 30 => self.perpetual(chain),
            _ => self.oracle(),
        }
    }

    // Amounts.

    /// Up to a tenth of a million dollars' worth, at any scale.
    fn small(&mut self, token: usize) -> u128 {
        let most = super::world::worth(token, 100_000);
        let bits = 128 - u64::from(most.leading_zeros());
        let scale = self.rng.below(bits + 1);
        (u128::from(self.rng.next()) % most.max(1)) >> (bits - scale)
    }
    /// Mostly usual, at times none, tiny, or more than there is.
    fn amount_of(&mut self, chain: &Chain, asset: AssetId) -> Amount {
        let token = self.world.tokens.iter().position(|t| *t == asset).unwrap_or(1);
        match self.rng.below(40) {
            0 => Amount::ZERO,
            1 => Amount::new(1),
            2 => Amount::new(u128::from(self.rng.below(1_000))),
            3 => Amount::MAX,
            4 => Amount::new(u128::MAX),
            5 => Amount(U256::from(1) << self.rng.below(256) as usize),
            6 => chain.ledger().total_supply(asset),
            7 => Amount::new(super::world::worth(
                token,
                1_000_000 + u128::from(self.rng.below(4_000_000)),
            )),
            _ => Amount::new(self.small(token)),
        }
    }
    fn expr(&mut self, chain: &Chain, asset: AssetId) -> AmountExpr {
        match self.rng.below(20) {
            0 => AmountExpr::All,
            1 => AmountExpr::DeltaSince(self.rng.below(5) as u8),
            2 => AmountExpr::FlashDebt,
            _ => AmountExpr::Exact(self.amount_of(chain, asset)),
        }
    }
    /// Of shares: a part of what there is.
    fn part(&mut self, chain: &Chain, asset: AssetId) -> AmountExpr {
        match self.rng.below(12) {
            0 => AmountExpr::All,
            1 => AmountExpr::Exact(Amount::MAX),
            2 => AmountExpr::Exact(Amount::new(u128::from(self.rng.below(3)))),
            _ => {
                let supply = chain.ledger().total_supply(asset).0;
                AmountExpr::Exact(Amount(supply >> (3 + self.rng.below(40)) as usize))
            }
        }
    }

    // Things.

    fn token(&mut self) -> AssetId {
        self.rng.of(&self.world.tokens)
    }
    /// What the lending markets list.
    fn lent(&mut self) -> AssetId {
        let [usd, _, _, weth, btc] = self.world.tokens;
        self.rng.of(&[usd, weth, btc])
    }
    fn any_market(&mut self) -> MarketId {
        MarketId(self.rng.below(self.world.chain.markets().len() as u64 + 1) as u16)
    }
    fn any_pool(&mut self) -> PoolId {
        PoolId(self.rng.below(self.world.chain.pools().len() as u64 + 1) as u16)
    }
    fn anyone(&mut self) -> AccountId {
        let all = self.world.chain.accounts().len() as u64;
        if self.rng.one_in(10) {
            AccountId(self.rng.below(all + 1) as u32)
        } else {
            self.rng.of(&self.world.users)
        }
    }
    fn any_asset(&mut self) -> AssetId {
        AssetId(self.rng.below(self.world.chain.assets().len() as u64 + 1) as u16)
    }

    // Families.

    fn core(&mut self, chain: &Chain) -> Call {
        match self.rng.below(6) {
            0 | 1 => {
                let asset = if self.rng.one_in(3) { self.any_asset() } else { self.token() };
                Call::Transfer { to: self.anyone(), asset, amount: self.expr(chain, asset) }
            }
            2 => Call::Mark { mark: self.rng.below(3) as u8, asset: self.token() },
            3 => Call::RequireGain {
                mark: self.rng.below(5) as u8,
                asset: self.token(),
                min_gain: Amount::new(u128::from(self.rng.below(2))),
            },
            4 => Call::Checkpoint { feed: self.rng.of(&self.world.averages) },
            _ => {
                let pays_asset = if self.rng.one_in(4) { self.any_asset() } else { self.token() };
                let receives_asset = self.token();
                Call::Settle {
                    trader: self.anyone(),
                    pays_asset,
                    pays: self.amount_of(chain, pays_asset),
                    receives_asset,
                    receives: Amount::new(u128::from(self.rng.below(2))),
                }
            }
        }
    }

    fn swap(&mut self, chain: &Chain) -> Call {
        let [usd, dai, _, weth, btc] = self.world.tokens;
        let w = self.world;
        let (pool, asset_in) = match self.rng.below(9) {
            0 | 1 => (w.pairs[0], self.rng.of(&[usd, weth])),
            2 | 3 => (w.pairs[1], self.rng.of(&[weth, btc])),
            4 => (w.concentrated, self.rng.of(&[usd, weth])),
            5 => (w.stables[0], self.rng.of(&[usd, dai])),
            6 => (self.rng.of(&w.reserves), self.rng.of(&[weth, btc])),
            7 => (w.reserves[0], weth),
            _ => (self.any_pool(), self.token()),
        };
        if self.rng.one_in(4) {
            let amount = self.expr(chain, asset_in);
            Call::SwapExactOut { pool, asset_out: asset_in, amount, max_in: Amount::MAX }
        } else {
            let min_out = if self.rng.one_in(10) { Amount::MAX } else { Amount::ZERO };
            Call::Swap { pool, asset_in, amount: self.expr(chain, asset_in), min_out }
        }
    }

    fn pair(&mut self, chain: &Chain) -> Call {
        let pool = self.rng.of(&self.world.pairs);
        let pair = chain.pair(pool);
        let (token0, token1, share, account) = (pair.token0, pair.token1, pair.share, pair.account);
        match self.rng.below(10) {
            0 | 1 => Call::AddLiquidity {
                pool,
                max0: self.amount_of(chain, token0),
                max1: self.amount_of(chain, token1),
            },
            2 | 3 => Call::RemoveLiquidity { pool, shares: self.part(chain, share) },
            4 => {
                let asset = self.rng.of(&[token0, token1, share]);
                let amount =
                    if asset == share { self.part(chain, share) } else { self.expr(chain, asset) };
                Call::Transfer { to: account, asset, amount }
            }
            5 => Call::Pair(PairCall::Mint { pool, to: self.anyone() }),
            6 => Call::Pair(PairCall::Burn { pool, to: self.anyone() }),
            7 => Call::Pair(PairCall::Sync { pool }),
            8 => Call::Pair(PairCall::Skim { pool, to: self.anyone() }),
            _ => Call::Pair(PairCall::Swap {
                pool,
                out0: self.amount_of(chain, token0),
                out1: Amount::ZERO,
                to: self.anyone(),
                body: 0,
            }),
        }
    }

    fn ticks(&mut self) -> (i32, i32) {
        let middle = TICK_OF_2000.div_euclid(60) * 60;
        let lower = middle + 60 * (self.rng.below(80) as i32 - 45);
        let upper = lower + 60 * (1 + self.rng.below(60) as i32);
        match self.rng.below(20) {
            0 => (-887_220, 887_220),
            1 => (lower + 1, upper),
            2 => (upper, lower),
            _ => (lower, upper),
        }
    }

    fn concentrated_swap(&mut self, chain: &Chain, body: Option<u16>) -> Call {
        let zero_for_one = self.rng.one_in(2);
        let asset = self.world.tokens[if zero_for_one { 0 } else { 3 }];
        let one = U256::from(1);
        let sqrt_price_limit = match (self.rng.below(8), zero_for_one) {
            (0, _) => chain.pool(self.world.concentrated).concentrated().map_or(one, |pool| {
                pool.state.sqrt_price * U256::from(990 + self.rng.below(20)) / U256::from(1_000)
            }),
            (_, true) => MIN_SQRT_RATIO + one,
            (_, false) => MAX_SQRT_RATIO - one,
        };
        Call::Concentrated(ConcentratedCall::Swap {
            pool: self.world.concentrated,
            zero_for_one,
            exact_out: self.rng.one_in(4),
            amount: self.expr(chain, asset),
            sqrt_price_limit,
            body,
        })
    }

    fn concentrated(&mut self, chain: &Chain) -> Call {
        let pool = self.world.concentrated;
        let positions = chain.pool(pool).concentrated().map_or(&[][..], |pool| &pool.positions);
        let (mut lower, mut upper) = self.ticks();
        if !positions.is_empty() && self.rng.below(4) > 0 {
            let known = positions[self.rng.below(positions.len() as u64) as usize];
            (lower, upper) = (known.lower, known.upper);
        }
        let scale = self.rng.below(62);
        let liquidity = u128::from(self.rng.next() >> scale);
        Call::Concentrated(match self.rng.below(12) {
            0..3 => {
                let owner = self.anyone();
                ConcentratedCall::Mint { pool, owner, lower, upper, liquidity, body: None }
            }
            3..5 => ConcentratedCall::Burn { pool, lower, upper, liquidity },
            5 => ConcentratedCall::Burn { pool, lower, upper, liquidity: 0 },
            6..8 => {
                let max = if self.rng.one_in(3) { 1_000 } else { u128::MAX };
                ConcentratedCall::Collect { pool, lower, upper, max0: max, max1: u128::MAX }
            }
            8 => {
                let cardinality = self.rng.below(60) as u16;
                ConcentratedCall::IncreaseCardinality { pool, cardinality }
            }
            _ => return self.concentrated_swap(chain, None),
        })
    }

    fn stable(&mut self, chain: &Chain) -> Call {
        let pool = self.rng.of(&self.world.stables);
        let three = pool == self.world.stables[1];
        let coins = [self.world.tokens[1], self.world.tokens[0], self.world.tokens[2]];
        let n = if three { 3 } else { 2 };
        let share = chain.pool(pool).stable_swap().map_or(coins[0], |pool| pool.share);
        let amounts = std::array::from_fn(|i| {
            if i < n && self.rng.below(3) > 0 {
                self.amount_of(chain, coins[i])
            } else {
                Amount::ZERO
            }
        });
        let asset_out = coins[self.rng.below(n as u64) as usize];
        let asset_in = coins[self.rng.below(n as u64) as usize];
        Call::StableSwap(match self.rng.below(7) {
            0..3 => {
                let amount = self.expr(chain, asset_in);
                StableSwapCall::Exchange {
                    pool,
                    asset_in,
                    asset_out,
                    amount,
                    min_out: Amount::ZERO,
                }
            }
            3 => StableSwapCall::AddLiquidity { pool, amounts, min_shares: Amount::ZERO },
            4 => StableSwapCall::RemoveLiquidity {
                pool,
                shares: self.part(chain, share),
                min_amounts: [Amount::ZERO; 3],
            },
            5 => StableSwapCall::RemoveLiquidityOneCoin {
                pool,
                shares: self.part(chain, share),
                asset_out,
                min_out: Amount::ZERO,
            },
            _ => {
                StableSwapCall::RemoveLiquidityImbalance { pool, amounts, max_shares: Amount::MAX }
            }
        })
    }

    /// The verbs that every market has.
    fn lending(&mut self, chain: &Chain, _sender: AccountId) -> Call {
        let market = self.any_market();
        let vault = market == self.world.vault;
        let asset = if vault && self.rng.one_in(2) { self.world.vault_dai() } else { self.lent() };
        match self.rng.below(12) {
            0 | 1 => Call::Supply { market, asset, amount: self.expr(chain, asset) },
            2 | 3 => Call::Withdraw { market, asset, amount: self.expr(chain, asset) },
            4 => Call::Borrow { market, asset, amount: AmountExpr::MaxBorrow },
            5 => Call::Borrow { market, asset, amount: self.expr(chain, asset) },
            6 | 7 => Call::Repay { market, asset, amount: self.expr(chain, asset) },
            8 => Call::SetCollateral { market, asset, enabled: self.rng.below(3) > 0 },
            _ => self.liquidation(chain, market),
        }
    }

    fn liquidation(&mut self, chain: &Chain, market: MarketId) -> Call {
        let (debt, collateral) = (self.lent(), self.lent());
        let debt = if self.rng.one_in(2) { self.world.tokens[0] } else { debt };
        let borrower = self.rng.of(&self.world.users);
        Call::Liquidate { market, borrower, collateral, debt, amount: self.expr(chain, debt) }
    }

    fn pooled(&mut self, chain: &Chain) -> Call {
        let market = self.rng.of(&self.world.pooled);
        let asset = self.lent();
        let amount = self.expr(chain, asset);
        let other = self.anyone();
        match self.rng.below(8) {
            0 => Call::Pooled(PooledCall::Repay {
                market,
                borrower: other,
                asset,
                amount,
                with_shares: self.rng.one_in(2),
            }),
            1 | 2 => Call::Pooled(PooledCall::Liquidate {
                market,
                borrower: other,
                collateral: self.lent(),
                debt: asset,
                amount,
                receive_shares: self.rng.one_in(2),
            }),
            3 => Call::Pooled(PooledCall::TransferShares { market, to: other, asset, amount }),
            4 => {
                let category = self.rng.below(3) as u8;
                Call::Pooled(PooledCall::SetEMode { market, category })
            }
            5 => Call::Pooled(PooledCall::MintToTreasury { market, asset }),
            6 => Call::MintToTreasury { market },
            _ => self.cover(chain),
        }
    }

    fn compound(&mut self, chain: &Chain) -> Call {
        let market = self.world.compound;
        let asset = self.lent();
        let share = chain.compound_market(market).token_of(asset).map_or(asset, |token| {
            chain.compound_market(market).tokens[usize::from(token)].c_token
        });
        let other = self.anyone();
        Call::Compound(match self.rng.below(8) {
            0 | 1 => CompoundCall::Redeem { market, asset, tokens: self.part(chain, share) },
            2 => CompoundCall::RepayBehalf {
                market,
                asset,
                borrower: other,
                amount: self.expr(chain, asset),
            },
            3 => {
                CompoundCall::Transfer { market, asset, to: other, tokens: self.part(chain, share) }
            }
            4 => CompoundCall::AddReserves { market, asset, amount: self.expr(chain, asset) },
            5 => {
                CompoundCall::ReduceReserves { market, asset, amount: self.amount_of(chain, asset) }
            }
            6 => CompoundCall::Accrue { market, asset },
            _ => return self.liquidation(chain, market),
        })
    }

    fn isolated(&mut self, chain: &Chain) -> Call {
        let market = self.rng.of(&self.world.isolated);
        let Some(state) = chain.markets()[market.index()].isolated() else { unreachable!() };
        let quantity = if self.rng.one_in(2) {
            Quantity::Assets(self.amount_of(chain, state.loan))
        } else {
            let AmountExpr::Exact(shares) = self.part(chain, state.supply_share) else {
                return Call::Isolated(IsolatedCall::Accrue { market });
            };
            Quantity::Shares(shares)
        };
        let other = self.anyone();
        let amount = self.expr(chain, state.collateral);
        Call::Isolated(match self.rng.below(8) {
            0 => IsolatedCall::Supply { market, on_behalf: other, quantity },
            1 => IsolatedCall::Withdraw { market, quantity },
            2 => IsolatedCall::Borrow { market, quantity },
            3 => IsolatedCall::Repay { market, borrower: other, quantity },
            4 => IsolatedCall::SupplyCollateral { market, on_behalf: other, amount },
            5 => IsolatedCall::WithdrawCollateral { market, amount },
            _ => {
                let seize = if self.rng.one_in(2) {
                    let held = chain.balance(other, state.collateral_share);
                    let all = self.rng.one_in(2);
                    Seize::Collateral(if all {
                        held
                    } else {
                        self.amount_of(chain, state.collateral)
                    })
                } else {
                    let held = chain.balance(other, state.debt_share);
                    Seize::RepaidShares(Amount(held.0 >> self.rng.below(9) as usize))
                };
                IsolatedCall::Liquidate { market, borrower: other, seize }
            }
        })
    }

    fn auction(&mut self, chain: &Chain) -> Option<protocols::vault::Auction> {
        let vault = chain.markets()[self.world.vault.index()].vault()?;
        let n = vault.auctions.len() as u64;
        (n > 0).then(|| vault.auctions[self.rng.below(n) as usize])
    }

    /// A deficit, where there is one.
    fn cover(&mut self, chain: &Chain) -> Call {
        let market = self.world.pooled[0];
        let reserves = &chain.pooled(market).reserves;
        let short = reserves.iter().find(|reserve| !reserve.deficit.is_zero());
        let (asset, deficit) = short
            .map_or((self.world.tokens[0], U256::ZERO), |book| (book.underlying, book.deficit.0));
        let amount = AmountExpr::Exact(Amount(deficit >> self.rng.below(20) as usize));
        Call::CoverDeficit { market, asset, amount }
    }

    /// For an auction that runs.
    fn bid(&mut self, chain: &Chain) -> Call {
        let market = self.world.vault;
        let rad = |amount: Amount| Amount(amount.0.saturating_mul(markets::units::RAY));
        let Some(auction) = self.auction(chain) else {
            let urn = self.rng.of(&self.world.users);
            return Call::Vault(VaultCall::Bark { market, ilk: 0, urn });
        };
        let id = auction.id;
        Call::Vault(match auction.lot {
            Lot::English(bid) if bid.bid == bid.tab => {
                let less = Amount(bid.lot.0 * U256::from(9) / U256::from(10));
                VaultCall::Dent { market, auction: id, lot: less, bid: bid.bid }
            }
            Lot::English(bid) => {
                let more = bid.bid.0 * U256::from(2) + rad(Amount::new(E18)).0;
                let whole = self.rng.one_in(2);
                let offer = if whole { bid.tab } else { Amount(more.min(bid.tab.0)) };
                VaultCall::Tend { market, auction: id, lot: bid.lot, bid: offer }
            }
            Lot::Dutch(_) => return self.take(chain, 0),
        })
    }

    fn take(&mut self, chain: &Chain, body: u16) -> Call {
        let market = self.world.vault;
        let auction = self.auction(chain).map_or(1, |auction| auction.id);
        let most = Amount::new(self.small(3).max(1));
        let max = markets::units::Ray::MAX;
        Call::Vault(VaultCall::Take { market, auction, most, max, body })
    }

    fn int(&mut self, scale: u128) -> Int {
        let bits = u128::from(self.rng.next() >> self.rng.below(40));
        let amount = Amount::new((bits * scale) >> 40);
        let sign = if self.rng.one_in(2) { Int::plus(amount) } else { Int::minus(amount) };
        sign.unwrap_or(Int::ZERO)
    }

    fn vault(&mut self, chain: &Chain) -> Call {
        let market = self.world.vault;
        let ilk = u16::from(self.rng.one_in(2));
        let dai = self.world.vault_dai();
        let collateral = if ilk == 0 { self.world.tokens[3] } else { self.world.tokens[4] };
        let urn = self.rng.of(&self.world.users);
        let rad = |amount: Amount| Amount(amount.0.saturating_mul(markets::units::RAY));
        Call::Vault(match self.rng.below(20) {
            0 => VaultCall::Join { market, ilk, amount: self.expr(chain, collateral) },
            1 => VaultCall::Exit { market, ilk, amount: self.expr(chain, collateral) },
            2 => VaultCall::JoinDai { market, amount: self.expr(chain, dai) },
            3 => VaultCall::ExitDai { market, amount: self.expr(chain, dai) },
            4 => {
                VaultCall::Move { market, to: self.anyone(), rad: rad(self.amount_of(chain, dai)) }
            }
            5 => {
                let wad = self.amount_of(chain, self.world.tokens[3]);
                VaultCall::Flux { market, ilk, to: self.anyone(), wad }
            }
            6 | 7 => {
                let none = self.rng.below(3);
                let dink = if none == 0 { Int::ZERO } else { self.int(E18 / 1_000) };
                let dart = if none == 1 { Int::ZERO } else { self.int(E18) };
                VaultCall::Frob { market, ilk, dink, dart }
            }
            8 => VaultCall::Drip { market, ilk },
            9 => VaultCall::Poke { market, ilk },
            10 => VaultCall::Heal { market, rad: rad(self.amount_of(chain, dai)) },
            11 => VaultCall::Bite { market, ilk: 1, urn },
            12 | 13 => VaultCall::Bark { market, ilk: 0, urn },
            14 | 15 => return self.bid(chain),
            16 => VaultCall::Deal { market, auction: self.auction(chain).map_or(1, |a| a.id) },
            17 => VaultCall::Tick { market, auction: self.auction(chain).map_or(1, |a| a.id) },
            18 => VaultCall::Redo { market, auction: self.auction(chain).map_or(1, |a| a.id) },
            _ => VaultCall::Upchost { market, ilk },
        })
    }

    fn oracle(&mut self) -> Call {
        match self.rng.below(3) {
            0 => Call::Checkpoint { feed: self.rng.of(&self.world.averages) },
            1 if self.rng.one_in(2) => {
                let market = self.world.desk;
                let margin = AmountExpr::Exact(Amount::new(self.small(3)));
                Call::Desk(if self.rng.one_in(2) {
                    DeskCall::Open { market, margin }
                } else {
                    DeskCall::Close { market }
                })
            }
            _ => Call::Oracle(OracleCall::Poke { feed: self.rng.of(&self.world.composed) }),
        }
    }

    fn perpetual(&mut self, chain: &Chain) -> Call {
        let market = self.rng.of(&self.world.perpetuals);
        let Some(perpetual) = chain.markets()[market.index()].perpetual() else { unreachable!() };
        let usd = self.world.tokens[0];
        let maker = match perpetual.offers.len() as u64 {
            0 => self.anyone(),
            offers => perpetual.offers[self.rng.below(offers) as usize].0,
        };
        Call::Perpetual(match self.rng.below(12) {
            0..3 => {
                let size = (self.rng.below(1 << 20) >> self.rng.below(20)) as i64;
                let lots = if self.rng.one_in(2) { size } else { -size };
                // Within a tenth of the mark, or anywhere.
                let near = perpetual.contract.mark * (90 + self.rng.below(21)) / 100;
                let tick = if self.rng.one_in(10) { self.rng.next() >> 20 } else { near };
                PerpetualCall::Offer { market, lots, tick }
            }
            3..7 => {
                let left = perpetual.offer_of(maker).map_or(1, |offer| offer.lots.unsigned_abs());
                let whole = self.rng.one_in(2);
                let lots = if whole { left } else { 1 + (left >> self.rng.below(20)) };
                PerpetualCall::Take { market, maker, lots }
            }
            7 => PerpetualCall::Touch { market },
            8 => return Call::Supply { market, asset: usd, amount: self.expr(chain, usd) },
            9 => return Call::Withdraw { market, asset: usd, amount: self.expr(chain, usd) },
            _ => return self.margin_call(chain),
        })
    }

    /// A position to be liquidated, or, where it is bankrupt, closed against the others.
    fn margin_call(&mut self, chain: &Chain) -> Call {
        let market = self.rng.of(&self.world.perpetuals);
        let Some(perpetual) = chain.markets()[market.index()].perpetual() else { unreachable!() };
        let contract = &perpetual.contract;
        let with_position: Vec<usize> =
            (0..contract.accounts.len()).filter(|i| contract.accounts[*i].lots != 0).collect();
        // Mostly the weakest as far as it is known; the mark may lie elsewhere by now.
        let weakest = with_position.iter().min_by_key(|i| {
            let account = &contract.accounts[**i];
            account.equity(contract.mark) * 1_000 / account.notional(contract.mark).max(1)
        });
        let account = match weakest {
            Some(weakest) if self.rng.below(4) > 0 => AccountId(*weakest as u32),
            _ => self.anyone(),
        };
        let size = contract.account(account.index()).map_or(1, |a| a.lots.unsigned_abs());
        let lots = size >> self.rng.below(3);
        Call::Perpetual(if self.rng.one_in(3) {
            PerpetualCall::Deleverage { market, account }
        } else {
            PerpetualCall::Liquidate { market, account, lots }
        })
    }

    /// A price that wanders, and crashes at times.
    fn price(&mut self, usd: u128) -> u128 {
        let percent = match self.rng.below(12) {
            0 => 5 + u128::from(self.rng.below(60)),
            1 => 150 + u128::from(self.rng.below(150)),
            _ => 80 + u128::from(self.rng.below(40)),
        };
        usd * percent / 100
    }

    /// What only owners, managers and reporters may.
    fn admins(&mut self, chain: &Chain) -> Call {
        let w = self.world;
        match self.rng.below(20) {
            0..9 => {
                let i = self.rng.below(4) as usize;
                let usd = [1, 2_000, 40_000, 2_000][i];
                let price = Price(self.price(usd * E8));
                Call::PushPrice { feed: w.pushes[i], price }
            }
            9 | 10 => {
                let mantissa = PriceMantissa::new(self.price(2_000 * E18));
                Call::Compound(CompoundCall::PostPrice { feed: w.mantissa, mantissa })
            }
            11 => {
                let feed = self.rng.of(&w.composed);
                let on = self.rng.one_in(3);
                Call::Oracle(match self.rng.below(6) {
                    0 => OracleCall::Halt { feed },
                    1..4 => OracleCall::Lift { feed },
                    _ => OracleCall::SetFailover { feed, on },
                })
            }
            12 => {
                let pool = self.rng.of(&w.stables);
                Call::StableSwap(match self.rng.below(4) {
                    0 => StableSwapCall::WithdrawAdminFees { pool },
                    1 => StableSwapCall::StopRampA { pool },
                    _ => {
                        let future_time = chain.clock().timestamp + 86_400 + self.rng.below(86_400);
                        let future_a = 1 + self.rng.below(1_000);
                        StableSwapCall::RampA { pool, future_a, future_time }
                    }
                })
            }
            13 => {
                let pool = w.concentrated;
                Call::Concentrated(if self.rng.one_in(2) {
                    let fee = |x: u64| if x < 4 { 0 } else { x as u8 };
                    let (fee0, fee1) = (fee(self.rng.below(11)), fee(self.rng.below(11)));
                    ConcentratedCall::SetFeeProtocol { pool, fee0, fee1 }
                } else {
                    ConcentratedCall::CollectProtocol { pool, max0: u128::MAX, max1: u128::MAX }
                })
            }
            14 | 15 => {
                let token = self.rng.below(3) as u16;
                let paused = self.rng.one_in(6);
                let percent = |x: u64| Wad::new(u128::from(x) * E18 / 100);
                let governance = match self.rng.below(7) {
                    0 => Governance::CloseFactor(percent(10 + self.rng.below(80))),
                    1 => {
                        Governance::CollateralFactor { token, factor: percent(self.rng.below(95)) }
                    }
                    2 => Governance::ReserveFactor { token, factor: percent(self.rng.below(105)) },
                    3 => {
                        let cap = self.small(1) / u128::from(1 + self.rng.below(1_000_000_000));
                        let cap = if self.rng.one_in(2) { 0 } else { cap };
                        Governance::BorrowCap { token, cap: Amount::new(cap) }
                    }
                    4 => Governance::PauseMint { token, paused },
                    5 => Governance::PauseBorrow { token, paused },
                    _ => Governance::PauseSeize(paused),
                };
                Call::Compound(CompoundCall::Govern { market: w.compound, governance })
            }
            16 => {
                let market = self.rng.of(&w.isolated);
                Call::Isolated(if self.rng.one_in(2) {
                    let fee = Wad::new(u128::from(self.rng.below(30)) * E18 / 100);
                    IsolatedCall::SetFee { market, fee }
                } else {
                    IsolatedCall::SetFeeRecipient { market, recipient: self.anyone() }
                })
            }
            17 => {
                let market = w.vault;
                let ilk = u16::from(self.rng.one_in(2));
                let rad = |dai: u64| U256::from(dai) * U256::from(E18) * markets::units::RAY;
                let (param, value) = match self.rng.below(4) {
                    0 => (Param::Line, rad(self.rng.below(100_000_000))),
                    1 => (Param::Dust, rad(self.rng.below(1_000))),
                    2 => (Param::Hole, rad(self.rng.below(1_000_000))),
                    _ => (Param::Tip, rad(self.rng.below(500))),
                };
                Call::Vault(VaultCall::File { market, ilk, param, value: Amount(value) })
            }
            18 => {
                let market = self.rng.of(&w.pooled);
                if self.rng.one_in(3) {
                    return Call::ExecuteRisk { market };
                }
                let param = RiskParam::ALL[self.rng.below(RiskParam::COUNT as u64) as usize];
                let value = match param {
                    RiskParam::Ltv | RiskParam::LiquidationThreshold => {
                        6_000 + self.rng.below(3_000)
                    }
                    RiskParam::LiquidationBonus => self.rng.below(1_200),
                    RiskParam::SupplyCap | RiskParam::BorrowCap => self.rng.below(10_000_000),
                    RiskParam::CloseFactor | RiskParam::BonusAtLine | RiskParam::FullBonusAt => {
                        self.rng.below(11_000)
                    }
                    RiskParam::Frozen => u64::from(self.rng.one_in(5)),
                    RiskParam::Oracle | RiskParam::ToxicStop => self.rng.below(2),
                };
                let reserve = (!param.is_market_wide()).then(|| self.rng.below(4) as u16);
                Call::ProposeRisk { market, change: RiskChange { reserve, param, value } }
            }
            _ => Call::Checkpoint { feed: self.rng.of(&w.averages) },
        }
    }
}
