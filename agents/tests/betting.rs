//! The betting game against its exact solution.

use agents::learn::games::{Betting, BettingPlan};
use sim::environment::Environment;
use sim::lanes::Lanes;

fn close(got: f64, expected: f64) {
    assert!((got - expected).abs() <= 5e-5, "{got} is not {expected}");
}

#[test]
fn the_plans_earn_what_is_known() {
    let neutral = BettingPlan::best_mean(0.2);
    close(neutral.mean(), 167.5232);
    // Many plans have this mean, and tails from 0 up to this.
    close(neutral.cvar(0.2), 24.8478);
    for (share, best) in [(0.2, 39.8834), (0.05, 22.7782)] {
        let plan = BettingPlan::best_cvar(share);
        close(plan.cvar(share), best);
        assert!(plan.mean() < neutral.mean());
    }
    // All outcomes together are the mean.
    close(BettingPlan::best_cvar(1.0).mean(), neutral.mean());
}

/// Wealth at the end of `episodes` episodes of each lane, played by the plan.
fn played(plan: &BettingPlan, seed: u64, lanes: u64, episodes: usize) -> Vec<f64> {
    let worlds = (0..lanes).map(|lane| Betting::new(seed, lane, lanes)).collect();
    let mut lanes = Lanes::new(worlds, false);
    lanes.reset(|lane| lane as u64);
    let mut ends = Vec::new();
    for _ in 0..6 * episodes {
        let due = |w: &Betting| plan.choice(w.round(), w.wealth()).expect("a wealth of the plan");
        let actions: Vec<f32> = lanes.lanes().iter().map(|w| due(w) as f32).collect();
        lanes.step(&actions);
        for (lane, world) in lanes.lanes().iter().enumerate() {
            if lanes.buffers().terminated[lane] {
                ends.push(world.episode_summary()[0].1);
                assert_eq!(lanes.buffers().reward[lane], world.episode_summary()[0].1 as f32);
            }
        }
    }
    ends
}

#[test]
fn a_plan_that_is_played_earns_what_it_says() {
    for plan in [BettingPlan::best_mean(0.2), BettingPlan::best_cvar(0.2)] {
        let mut ends = played(&plan, 1, 4, 5_000);
        assert_ne!(ends, played(&plan, 2, 4, 5_000));
        let n = ends.len() as f64;
        let mean = ends.iter().sum::<f64>() / n;
        let var = ends.iter().map(|w| (w - mean) * (w - mean)).sum::<f64>() / n;
        // Four standard errors.
        assert!((mean - plan.mean()).abs() < 4.0 * (var / n).sqrt(), "{mean} {}", plan.mean());
        ends.sort_by(f64::total_cmp);
        let worst = &ends[..ends.len() / 5];
        let tail = worst.iter().sum::<f64>() / worst.len() as f64;
        // What they lack to the value at risk, over the share: its spread is the tail's.
        let at_risk = worst[worst.len() - 1];
        let squares = worst.iter().map(|w| (at_risk - w) * (at_risk - w)).sum::<f64>();
        let error = squares.sqrt() / worst.len() as f64;
        assert!((tail - plan.cvar(0.2)).abs() < 4.0 * error, "{tail} {}", plan.cvar(0.2));
    }
}

#[test]
fn a_saved_game_goes_on_and_a_foreign_one_is_refused() {
    let mut lanes = Lanes::new(vec![Betting::new(1, 0, 1)], false);
    lanes.reset(|_| 0);
    lanes.step(&[3.0]);
    let mut resumed = Lanes::new(vec![Betting::new(9, 0, 1)], false);
    assert_eq!(resumed.lanes_mut()[0].load(&lanes.lanes()[0].save()), Ok(()));
    for step in 0..50 {
        lanes.step(&[(step % 9) as f32]);
        resumed.step(&[(step % 9) as f32]);
        assert_eq!(lanes.buffers(), resumed.buffers());
    }
    assert!(resumed.lanes_mut()[0].load(&[0xff; 40]).is_err());
}
