//! A league of learners on a game whose best answers are known exactly. What it comes to after long play is a bar
//! of `agents/examples/evidence.rs`.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::PpoConfig;
use agents::learn::game_theory::{Kuhn, nash_conv};
use agents::learn::league::Role;
use agents::learn::league_play::{LeaguePlay, LeagueRules};
use tch::Device;

fn play(seed: u64) -> LeaguePlay<Kuhn> {
    let config = PpoConfig {
        seed,
        updates: 12,
        rollout_steps: 16,
        epochs: 2,
        minibatch: 512,
        hidden: vec![16, 16],
        learning_rate: 4e-3,
        anneal_learning_rate: false,
        gamma: 1.0,
        normalise_observations: false,
        normalise_returns: false,
        ..PpoConfig::default()
    };
    let rules = LeagueRules {
        main_exploiters: 1,
        league_exploiters: 1,
        updates_per_turn: 3,
        patience: 2,
        edge: 0.1,
    };
    let mut play = LeaguePlay::new(config, 32, rules, Device::Cpu).unwrap();
    for _ in 0..4 {
        play.turn().unwrap();
    }
    play
}

#[test]
fn a_league_keeps_its_players_and_plays_alike_twice() {
    let (one, two, other) = (play(1), play(1), play(2));
    assert_eq!(one.league(), two.league());
    assert_eq!(one.main(), two.main());
    assert_ne!(one.main(), other.main());
    assert_eq!(one.decisions(), 4 * 3 * 3 * 32 * 16);
    let members = one.league().members();
    // Three who learn; the main agent as it began, and every player at least every second turn.
    let kept = |role| members.iter().filter(|m| !m.learns && m.role == role).count();
    assert!(kept(Role::Main) >= 3 && kept(Role::MainExploiter) >= 2);
    assert!(kept(Role::LeagueExploiter) >= 2);
    // Nobody loses more than two antes.
    let mixture = one.mixture().unwrap();
    let left = nash_conv::<Kuhn>([&mixture, &mixture]);
    assert!((0.0..2.0).contains(&left), "{left}");
}
