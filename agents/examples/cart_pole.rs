//! Trains CartPole-v1 with rl-zoo's settings for PPO (bar: 500.0 ± 0.0 after 100,000 decisions), and
//! leaves TensorBoard events, a checkpoint and a policy bundle.
//!
//! `cargo run --release -p agents --features tch --example cart_pole -- OUT_FOLDER [SEED]`
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example talks, and has a clock"
)]

use std::error::Error;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use agents::export::bundle::{self, ActionHead, ObservationField, PolicyCard};
use agents::export::tensorboard::EventWriter;
use agents::frozen::FrozenPolicy;
use agents::learn::games::{self, CartPole};
use agents::learn::network;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::{Next, train};
use protocols::risk_params::{AtOnce, Rule, Step};
use sim::action::Side;
use sim::lanes::Lanes;

const LANES: u64 = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let out = PathBuf::from(args.next().ok_or("name an output folder")?);
    let seed = args.next().map_or(Ok(1), |s| s.parse())?;
    let lanes =
        Lanes::new((0..LANES).map(|lane| CartPole::new(seed, lane, LANES)).collect(), false);
    let mut run = Ppo::new(CartPole::rl_zoo(seed), lanes, network::device("cpu")?)?;
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    let mut events = EventWriter::create(&out.join("events"), now())?;
    events.text(now(), 0, "config", &format!("```\n{:#?}\n```", run.config()))?;
    let checkpoint = out.join("last.ckpt");
    let start = now();
    train(&mut run, &mut |log: &UpdateLog, run: &mut Ppo<CartPole>| {
        for (tag, value) in log.scalars() {
            if let Err(error) = events.scalar(now(), log.decisions, &tag, value) {
                println!("events: {error}");
            }
        }
        if log.update.is_multiple_of(50) {
            run.save_checkpoint(&checkpoint)?;
            println!(
                "{:>7} decisions, return {:>6.1}, {:>6.0} decisions/s ({:.0} % world, {:.0} % forward, {:.0} % train)",
                log.decisions,
                log.episode_return,
                log.decisions_per_second,
                100.0 * log.environment_secs / log.seconds,
                100.0 * log.forward_secs / log.seconds,
                100.0 * log.train_secs / log.seconds,
            );
        }
        Ok(Next::Continue)
    })?;
    events.flush()?;
    let seconds = now() - start;
    let mut policy = run.policy("cart_pole")?;
    let mut observed = Vec::new();
    let scores: Vec<f64> = (0..20).map(|e| play(&mut policy, e, &mut observed)).collect();
    let mean = scores.iter().sum::<f64>() / 20.0;
    let sd = (scores.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / 20.0).sqrt();
    println!("{} decisions in {seconds:.1} s; evaluation {mean:.1} ± {sd:.1}", run.decisions());
    let report = bundle::write(&out.join("policy"), &mut policy, card(), &observed)?;
    println!("{report:?}");
    Ok(())
}

fn play(policy: &mut FrozenPolicy, episode: u64, seen: &mut Vec<(Vec<f32>, Vec<f32>)>) -> f64 {
    games::play(&mut CartPole::new(12_345, 0, 1), episode, |obs, mask, action| {
        seen.push((obs.to_vec(), mask.to_vec()));
        policy.act(obs, mask, action);
    })
}

fn card() -> PolicyCard {
    let field = |(name, unit): (&str, &str)| ObservationField {
        name: name.into(),
        unit: unit.into(),
        scale: 1.0,
        visibility: "public".into(),
    };
    PolicyCard {
        name: "cart_pole".into(),
        regime: "none".into(),
        side: Side::Both,
        decision_every_blocks: 1,
        block_secs: 1,
        observations: [
            ("cart_position", "m"),
            ("cart_velocity", "m/s"),
            ("pole_angle", "rad"),
            ("pole_velocity", "rad/s"),
        ]
        .map(field)
        .to_vec(),
        actions: vec![ActionHead {
            name: "push".into(),
            unit: "10 N".into(),
            choices: vec!["left".into(), "right".into()],
            rule: Rule {
                enabled: true,
                floor: 0,
                ceil: 1,
                max_raise: Step::Absolute(1),
                max_cut: Step::Absolute(1),
                policy_step: Step::Absolute(1),
                at_once: AtOnce::Never,
                min_interval_secs: 0,
                delay_secs: 0,
            },
        }],
        ..PolicyCard::default()
    }
}
