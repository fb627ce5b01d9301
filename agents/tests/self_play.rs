//! Self-play on games whose best answers are known exactly.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::PpoConfig;
use agents::learn::game_theory::{Kuhn, nash_conv};
use agents::learn::self_play::SelfPlay;
use tch::Device;

#[test]
fn entropy_brings_self_play_near_the_equilibrium_of_kuhn_poker() {
    let exploitable = |entropy_weight, updates| {
        let config = PpoConfig {
            seed: 1,
            updates,
            rollout_steps: 16,
            epochs: 2,
            minibatch: 1_024,
            hidden: vec![64, 64],
            learning_rate: 1e-3,
            gamma: 1.0,
            gae_lambda: 0.95,
            clip: 0.1,
            entropy_weight,
            normalise_observations: false,
            normalise_returns: false,
            normalise_advantages: false,
            ..PpoConfig::default()
        };
        let mut play = SelfPlay::<Kuhn>::new(config, 128, Device::Cpu).unwrap();
        for _ in 0..updates {
            play.update().unwrap();
        }
        nash_conv::<Kuhn>([play.policy(), play.policy()])
    };
    let (with, without) = (exploitable(0.2, 300), exploitable(0.0, 300));
    assert!(with < 0.2, "{with}");
    assert!(without > 0.3, "{without}");
}
