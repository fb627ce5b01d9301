//! Vaults and their auctions, placed.

use super::names::{Refusal, refuse};
use super::place::Builder;
use super::schema::{Decimal, StageIlk};
use markets::units::{AccountId, Amount, RAY, Ray, U256};
use protocols::auction::english::English;
use protocols::vault::{House, Ilk, State, Vault};
use sim::chain::Market;

/// No limit that counts: 10¹⁸ dai.
const PLENTY: &str = "1000000000000000000";

/// Dai in rad, 45 decimals.
fn rad(dai: &Decimal) -> Result<Amount, Refusal> {
    dai.units(45).map(Amount)
}
/// A percentage as a ray, 27 decimals.
fn ray_percent(percent: &Decimal) -> Result<Ray, Refusal> {
    percent.units(25).map(Ray)
}

impl Builder {
    pub(super) fn vaults(
        &mut self,
        name: &str,
        dai: &str,
        specs: &[StageIlk],
        account: AccountId,
        now: u64,
    ) -> Result<Market, Refusal> {
        let dai = self.names.asset(dai)?;
        if self.names.decimals(dai) != 18 {
            return refuse("a dai that has not 18 decimals", "give it 18");
        }
        let [house, vow] =
            ["house", "vow"].map(|part| self.chain.add_account(&format!("{part}:{name}")));
        let [internal, sin] =
            ["internal", "sin"].map(|part| self.chain.add_asset(&format!("{part}:{name}"), 45));
        let plenty = rad(&Decimal(PLENTY.to_owned()))?;
        let mut ilks = Vec::new();
        for spec in specs {
            let ilk = self.ilk(name, spec, plenty, now)?;
            ilks.push(ilk);
        }
        let state = State {
            line: plenty,
            base: Ray(U256::ZERO),
            box_limit: plenty,
            litter: Amount::ZERO,
            hole: plenty,
            dirt: Amount::ZERO,
            kicks: 0,
        };
        Ok(Market::Vault(Vault {
            account,
            house,
            vow,
            owner: self.names.world(),
            dai,
            internal,
            sin,
            state,
            ilks,
            auctions: Vec::new(),
        }))
    }

    fn ilk(
        &mut self,
        name: &str,
        spec: &StageIlk,
        plenty: Amount,
        now: u64,
    ) -> Result<Ilk, Refusal> {
        let (token, feed) = (self.names.asset(&spec.collateral)?, self.names.feed(&spec.feed)?);
        let decimals = self.names.decimals(token);
        let [gem, ink, art] = ["gem", "ink", "art"]
            .map(|part| self.chain.add_asset(&format!("{part}{}:{name}", spec.collateral), 18));
        let mat = ray_percent(&spec.ratio_percent)?;
        let (chop, beg) = (spec.penalty_percent.percent()?, spec.beg_percent.percent()?);
        let wad = U256::from(1_000_000_000_000_000_000_u64);
        if decimals > 18 || mat.0 < RAY || chop.0 < wad || beg.0 <= wad {
            let help = "at most 18 decimals, ratio and penalty from 100 %, beg above 100 %";
            return refuse("a collateral type that cannot be", help);
        }
        Ok(Ilk {
            token,
            decimals,
            gem,
            ink,
            art,
            feed,
            mat,
            line: plenty,
            dust: rad(&spec.dust_dai)?,
            duty: Ray::ONE,
            chop,
            hole: rad(&spec.lot_dai)?,
            house: House::English(English {
                beg,
                ttl_secs: spec.ttl_secs,
                tau_secs: spec.tau_secs,
            }),
            rate: Ray::ONE,
            rho: now,
            spot: Ray(U256::ZERO),
            dirt: Amount::ZERO,
        })
    }
}
