//! Static parameters as a point in a unit box, for optimisers of numbers.

use super::{StaticParams, get, get_of_market, make_coherent, params_of, set, set_of_market};
use protocols::lending::Pooled;
use protocols::risk_params::RiskParam;
use sim::action::Side;

/// Orders of magnitude that a cap may fall and rise, as in [`StaticParams::random`].
const CAP_DOWN: f64 = 2.0;
/// The whole way.
const CAP_ORDERS: f64 = 3.0;

/// A parameter that may be moved, and between which values.
#[derive(Clone, Copy, Debug)]
struct Coordinate {
    /// Which reserve; none for the market.
    reserve: Option<usize>,
    param: RiskParam,
    /// Its value as deployed.
    now: u64,
    low: u64,
    high: u64,
}

/// The free parameters of a market: those that its regime lets a policy of a side move, as coordinates from 0 to 1.
///
/// A ratio goes linearly from the rule's floor to its ceiling; one that was deployed beyond them has its own value
/// as bound, as [`Rule::allows`](protocols::risk_params::Rule::allows) has it. A cap goes by its logarithm, from a
/// hundredth of the deployed one to ten times as much, within the rule's bounds; no cap stays none. A switch (freeze,
/// second oracle, toxic stop) is on from one half on. What is beyond the box counts as its border. LTV, threshold and bonus give way to one
/// another as in the random search.
#[derive(Clone, Debug)]
pub struct Coordinates<'a> {
    deployed: &'a Pooled,
    side: Side,
    free: Vec<Coordinate>,
}

impl<'a> Coordinates<'a> {
    /// Of a market as deployed.
    #[must_use]
    pub fn of(deployed: &'a Pooled, side: Side) -> Self {
        let reserves = deployed.reserves.iter().enumerate();
        let of_reserves =
            reserves.flat_map(|(i, reserve)| params_of(reserve).map(move |param| (Some(i), param)));
        let has_design = deployed.state.design.is_some();
        let of_market = RiskParam::ALL.into_iter().filter(|param| param.is_market_wide());
        let of_market = of_market.filter(|param| has_design || *param == RiskParam::CloseFactor);
        let all = of_reserves.chain(of_market.map(|param| (None, param)));
        let free =
            all.filter_map(|(reserve, param)| Coordinate::of(deployed, side, reserve, param));
        Self { deployed, side, free: free.collect() }
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.free.len()
    }
    /// Whether nothing may be moved.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.free.is_empty()
    }
    /// The point of the deployed parameters.
    #[must_use]
    pub fn deployed(&self) -> Vec<f64> {
        self.free.iter().map(Coordinate::deployed).collect()
    }

    /// The parameters at a point, `[len]`.
    #[must_use]
    pub fn statics(&self, point: &[f64]) -> StaticParams {
        let mut market = self.deployed.clone();
        for (coordinate, x) in self.free.iter().zip(point) {
            let value = coordinate.value(x.clamp(0.0, 1.0));
            match coordinate.reserve {
                None => set_of_market(&mut market.state, coordinate.param, value),
                Some(i) => set(&mut market.reserves[i], coordinate.param, value),
            }
        }
        market.reserves.iter_mut().for_each(|reserve| make_coherent(reserve, self.side));
        StaticParams::difference(self.deployed, &market)
    }
}

impl Coordinate {
    fn of(deployed: &Pooled, side: Side, reserve: Option<usize>, param: RiskParam) -> Option<Self> {
        let rule = deployed.regime.rule(param);
        let now = match reserve {
            None => get_of_market(&deployed.state, param),
            Some(i) => get(&deployed.reserves[i], param),
        };
        let (low, high) = (rule.floor.min(now), rule.ceil.max(now));
        let coordinate = Self { reserve, param, now, low, high };
        let is_free = rule.enabled && side.holds(param) && low < high;
        (is_free && !(coordinate.is_cap() && now == 0)).then_some(coordinate)
    }

    const fn is_cap(&self) -> bool {
        matches!(self.param, RiskParam::SupplyCap | RiskParam::BorrowCap)
    }

    const fn is_switch(&self) -> bool {
        matches!(self.param, RiskParam::Frozen | RiskParam::Oracle | RiskParam::ToxicStop)
    }

    /// Where the deployed value lies.
    fn deployed(&self) -> f64 {
        if self.is_cap() {
            CAP_DOWN / CAP_ORDERS
        } else if self.is_switch() {
            if self.now == 0 { 0.25 } else { 0.75 }
        } else {
            (self.now - self.low) as f64 / (self.high - self.low) as f64
        }
    }

    /// The value at a place between 0 and 1.
    fn value(&self, x: f64) -> u64 {
        if self.is_cap() {
            let times = libm::pow(10.0, CAP_ORDERS * x - CAP_DOWN);
            ((self.now as f64 * times).round() as u64).clamp(self.low.max(1), self.high)
        } else if self.is_switch() {
            u64::from(x >= 0.5)
        } else {
            self.low + (x * (self.high - self.low) as f64).round() as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::{AccountId, AssetId, Bps, FeedId};
    use protocols::interest::RateStrategy;
    use protocols::lending::LiquidationDesign;
    use protocols::reserve::{OtherOracle, Reserve, ReserveConfig};
    use protocols::risk_params::{RiskChange, RiskRegime};

    /// One reserve with LTV 80 %, threshold 83 %, bonus 5 %, a supply cap of 1,000 and no borrow cap.
    fn market(regime: RiskRegime) -> Pooled {
        let mut market = Pooled::new(AccountId(0), AccountId(1), AccountId(2), regime);
        let config = ReserveConfig {
            ltv: Bps(8_000),
            liquidation_threshold: Bps(8_300),
            liquidation_bonus: Bps(500),
            supply_cap: 1_000,
            borrow_cap: 0,
            rates: RateStrategy {
                optimal_usage_bps: Bps(9_000),
                base_bps: Bps(0),
                slope1_bps: Bps(400),
                slope2_bps: Bps(6_000),
            },
            ..ReserveConfig::OPEN
        };
        let reserve = Reserve::new(AssetId(0), AssetId(1), AssetId(2), FeedId(0), 18, config, 0);
        market.add_reserve(reserve);
        market
    }

    #[test]
    fn the_deployed_parameters_are_a_point_of_the_box() {
        for regime in [RiskRegime::guardian(), RiskRegime::steward()] {
            let market = market(regime);
            let coordinates = Coordinates::of(&market, Side::Both);
            let point = coordinates.deployed();
            assert!(point.iter().all(|x| (0.0..=1.0).contains(x)), "{point:?}");
            assert_eq!(coordinates.statics(&point), StaticParams::default());
        }
    }

    #[test]
    fn a_point_by_hand() {
        let market = market(RiskRegime::guardian());
        // LTV, threshold, bonus, supply cap, frozen, and the market's close factor.
        let coordinates = Coordinates::of(&market, Side::Both);
        assert_eq!(coordinates.len(), 6);
        let found = coordinates.statics(&[0.5, 0.5, 0.25, 1.0 / 3.0, 0.6, 7.0]);
        let change = |reserve, param, value| RiskChange { reserve, param, value };
        let of = |param, value| change(Some(0), param, value);
        let expected = vec![
            change(None, RiskParam::CloseFactor, 10_000),
            of(RiskParam::Ltv, 4_250),
            of(RiskParam::LiquidationThreshold, 5_100),
            of(RiskParam::LiquidationBonus, 575),
            of(RiskParam::SupplyCap, 100),
            of(RiskParam::Frozen, 1),
        ];
        assert_eq!(found, StaticParams(expected));
        // LTV stays below the threshold, the threshold below what the bonus leaves: 1 / 1.2.
        let high = coordinates.statics(&[1.0, 1.0, 1.0, 2.0 / 3.0, 0.0, 0.0]).0;
        assert!(high.contains(&of(RiskParam::LiquidationThreshold, 8_333)), "{high:?}");
        assert!(high.contains(&of(RiskParam::Ltv, 8_333)), "{high:?}");
    }

    #[test]
    fn only_what_regime_and_side_let_move_is_a_coordinate() {
        let (guardian, steward) = (market(RiskRegime::guardian()), market(RiskRegime::steward()));
        assert_eq!(Coordinates::of(&guardian, Side::Collateral).len(), 4);
        assert_eq!(Coordinates::of(&guardian, Side::Liquidation).len(), 2, "bonus, close factor");
        assert_eq!(Coordinates::of(&steward, Side::Both).len(), 4, "no freeze, no close factor");
        let mut further = guardian.clone();
        further.state.design = Some(LiquidationDesign::flat(Bps(9_000)));
        further.reserves[0].other_oracle = Some(OtherOracle { feed: FeedId(1), is_read: false });
        assert_eq!(
            Coordinates::of(&further, Side::Both).len(),
            10,
            "oracle, stop, bonus at the line, health of the whole"
        );
        let coordinates = Coordinates::of(&further, Side::Liquidation);
        let found = coordinates.statics(&[0.5, 0.5, 0.6, 0.25, 0.5]).0;
        let change = |param, value| RiskChange { reserve: None, param, value };
        assert!(found.contains(&change(RiskParam::ToxicStop, 1)), "{found:?}");
        assert!(found.contains(&change(RiskParam::BonusAtLine, 2_500)), "{found:?}");
        assert!(found.contains(&change(RiskParam::FullBonusAt, 7_450)), "{found:?}");
    }
}
