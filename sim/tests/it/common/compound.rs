//! A Compound market as tests list it.

use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, U256, Wad};
use protocols::compound::{Book, CToken, Compound, Policy, RateModel, TokenConfig, YearlyRates};
use sim::chain::{Chain, Market};

/// A market of these tokens, each with its decimals and its price: all at a collateral factor of 75 %, rates of
/// 2 % at rest and 20 % at a kink of 80 %, half of a debt closed at a time.
pub(crate) fn market<const N: usize>(
    chain: &mut Chain,
    admin: AccountId,
    listed: [(AssetId, u8, FeedId); N],
) -> MarketId {
    let percent = |x: u128| Wad::new(x * 10_u128.pow(18) / 100);
    let policy = Policy {
        close_factor: percent(50),
        liquidation_incentive: percent(108),
        transfer_paused: false,
        seize_paused: false,
    };
    let mut market = Compound::new(admin, policy);
    for (token, decimals, feed) in listed {
        let symbol = format!("c{}", chain.asset(token).symbol);
        let yearly = YearlyRates {
            base: percent(2),
            multiplier: percent(18),
            jump_multiplier: percent(400),
            kink: percent(80),
        };
        let scale = U256::from(10).pow(U256::from(8 + u32::from(decimals)));
        let c_token = chain.add_asset(&symbol, 8);
        market.add_token(CToken {
            underlying: token,
            c_token,
            account: chain.add_account(&symbol),
            feed,
            decimals,
            initial_exchange_rate: Wad(U256::from(2) * scale),
            config: TokenConfig {
                rate_model: RateModel::jump_v2(yearly).expect("a kink above zero"),
                reserve_factor: percent(10),
                collateral_factor: percent(75),
                borrow_cap: Amount::ZERO,
                mint_paused: false,
                borrow_paused: false,
            },
            book: Book::new(0),
        });
    }
    chain.add_market(Market::Compound(market))
}
