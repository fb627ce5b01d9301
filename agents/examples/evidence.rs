//! Holds the learners to what is known of them elsewhere: worlds, settings and bars as docs/learner-evidence.md
//! lists them. One line of a table per bar, over several seeds, with a 95 % interval (Student's t).
//!
//! `cargo run --release -p agents --features tch --example evidence -- [--seeds N] [BAR…]`
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "an example talks, and has a clock"
)]

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use agents::frozen::FrozenPolicy;
use agents::learn::game_theory::{Kuhn, nash_conv};
use agents::learn::games::{
    ABOVE_DECISIONS, Above, BETTING_CHOICES, Betting, BettingPlan, CartPole, Identity,
    LARGEST_DECISIONS, Largest, MountainCar, Partial, Pendulum, play,
};
use agents::learn::league_play::{LeaguePlay, LeagueRules};
use agents::learn::ppo::Ppo;
use agents::learn::run::Learner;
use agents::learn::sac::Sac;
use agents::learn::self_play::SelfPlay;
use agents::learn::{LearnError, PpoConfig, Reference, SacConfig, Tail};
use sim::environment::Environment;
use sim::lanes::Lanes;
use tch::Device;

/// A claim about a learner: how it is trained from a seed, and what its score must be.
struct Bar {
    name: &'static str,
    /// What is measured.
    score: &'static str,
    known: &'static str,
    holds: fn(f64) -> bool,
    decisions: u64,
    train: fn(u64) -> Result<f64, LearnError>,
}

/// Beside half the bonus that the bar without a reference has.
const REFERENCE: Reference = Reference { weight: 0.2, refresh_updates: 20 };

/// Returns capped for the worst fifth.
const CAP: Tail = Tail::ReturnCap { share: 0.2, step: 0.2, floor: 16.0, window: 1_024 };

const BARS: [Bar; 22] = [
    Bar {
        name: "identity",
        score: "right answers of 100, greedy",
        known: "at least 90",
        holds: |mean| mean >= 90.0,
        decisions: 1_200,
        train: identity,
    },
    Bar {
        name: "cart-pole-zoo",
        score: "steps of 500, greedy, 100 episodes",
        known: "500.0 ± 0.0 (rl-zoo)",
        holds: |mean| mean >= 499.5,
        decisions: 100_096,
        train: cart_pole_zoo,
    },
    Bar {
        name: "cart-pole-cleanrl",
        score: "steps of 500, last 100 training episodes",
        known: "490.04 ± 6.12 (CleanRL)",
        holds: |mean| mean >= 483.92,
        decisions: 500_224,
        train: cart_pole_cleanrl,
    },
    Bar {
        name: "mountain-car",
        score: "return, last 100 training episodes",
        known: "−200.00 ± 0.00 (CleanRL): must fail",
        holds: |mean| mean == -200.0,
        decisions: 500_224,
        train: mountain_car,
    },
    Bar {
        name: "positions-with-memory",
        score: "steps of 500, greedy, 100 episodes",
        known: "500.0 ± 0.0 (rl-zoo, recurrent)",
        holds: |mean| mean >= 499.5,
        decisions: 100_096,
        train: |seed| positions(seed, 64),
    },
    Bar {
        name: "positions-without-memory",
        score: "steps of 500, greedy, 100 episodes",
        known: "must fail",
        holds: |mean| mean < 450.0,
        decisions: 100_096,
        train: |seed| positions(seed, 0),
    },
    Bar {
        name: "pendulum",
        score: "return, greedy, 100 episodes",
        known: "−157.0 ± 88.7 (rl-zoo, SAC)",
        holds: |mean| mean >= -245.7,
        decisions: 20_000,
        train: pendulum,
    },
    Bar {
        name: "pendulum-ppo",
        score: "return, greedy, 100 episodes",
        known: "−172.2 ± 104.2 (rl-zoo, PPO)",
        holds: |mean| mean >= -276.4,
        decisions: 102_400,
        train: pendulum_ppo,
    },
    Bar {
        name: "largest-as-a-set",
        score: "right answers of 100, greedy, 20 games",
        known: "at least 90",
        holds: |mean| mean >= 90.0,
        decisions: 20_480,
        train: |seed| largest(seed, 16),
    },
    Bar {
        name: "largest-flat",
        score: "the same without an encoder of rows",
        known: "at most 90: must fail",
        holds: |mean| mean <= 90.0,
        decisions: 20_480,
        train: |seed| largest(seed, 0),
    },
    Bar {
        name: "above-nine-rows",
        score: "right answers of 100 about nine rows, greedy, 20 games, learned on four",
        known: "at least 90",
        holds: |mean| mean >= 90.0,
        decisions: 30_720,
        train: |seed| above(seed, 4, 9),
    },
    Bar {
        name: "above-one-row",
        score: "the same, learned on one row, which is never above its mean",
        known: "at most 75: must fail",
        holds: |mean| mean <= 75.0,
        decisions: 30_720,
        train: |seed| above(seed, 1, 9),
    },
    Bar {
        name: "betting-mean",
        score: "mean wealth of the betting game, greedy, exact",
        known: "167.52 is the best",
        holds: |mean| mean >= 160.0,
        decisions: 491_520,
        train: |seed| Ok(betting(seed, None)?.mean()),
    },
    Bar {
        name: "betting-tail-uncapped",
        score: "CVaR at 0.2 of the same, learned for the mean",
        known: "at most 24.85 at the best mean: must fail",
        holds: |mean| mean <= 30.0,
        decisions: 491_520,
        train: |seed| Ok(betting(seed, None)?.cvar(0.2)),
    },
    Bar {
        name: "betting-tail",
        score: "CVaR at 0.2 of the same, returns capped",
        known: "39.88 is the best",
        holds: |mean| mean >= 36.0,
        decisions: 491_520,
        train: |seed| Ok(betting(seed, Some(CAP))?.cvar(0.2)),
    },
    Bar {
        name: "speed-zoo",
        score: "CartPole steps per CPU-second, rl-zoo's settings",
        known: "at least 10,000",
        holds: |mean| mean >= 10_000.0,
        decisions: 100_096,
        train: |seed| speed(CartPole::rl_zoo(seed), 8),
    },
    Bar {
        name: "speed-four-epochs",
        score: "CartPole steps per CPU-second, CleanRL's settings",
        known: "at least 20,000",
        holds: |mean| mean >= 20_000.0,
        decisions: 100_352,
        train: |seed| speed(PpoConfig { updates: 196, ..cleanrl(seed) }, 4),
    },
    Bar {
        name: "kuhn-entropy",
        score: "NashConv of the last policy",
        known: "at most 0.10",
        holds: |mean| mean <= 0.10,
        decisions: 2_000_896,
        train: |seed| kuhn(seed, 0.2, None),
    },
    Bar {
        name: "kuhn-reference",
        score: "NashConv of the last policy",
        known: "at most 0.10",
        holds: |mean| mean <= 0.10,
        decisions: 2_000_896,
        train: |seed| kuhn(seed, 0.1, Some(REFERENCE)),
    },
    Bar {
        name: "kuhn-no-entropy",
        score: "NashConv of the last policy",
        known: "above 0.3: must fail",
        holds: |mean| mean > 0.3,
        decisions: 2_000_896,
        train: |seed| kuhn(seed, 0.0, None),
    },
    Bar {
        name: "kuhn-league",
        score: "NashConv of the league's equilibrium",
        known: "at most 0.20",
        holds: |mean| mean <= 0.20,
        decisions: 1_843_200,
        train: league,
    },
    Bar {
        name: "identity-untrained",
        score: "right answers of 100, greedy",
        known: "at most 50: must fail",
        holds: |mean| mean <= 50.0,
        decisions: 0,
        train: untrained,
    },
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut seeds = 3;
    let mut chosen = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--seeds" {
            seeds = args.next().ok_or("--seeds needs a number")?.parse()?;
        } else if BARS.iter().any(|bar| bar.name == arg) {
            chosen.push(arg);
        } else {
            let names = BARS.map(|bar| bar.name).join(", ");
            return Err(format!("no bar `{arg}`; there are: {names}").into());
        }
    }
    if seeds < 2 {
        return Err("--seeds must be at least 2: one seed is no evidence".into());
    }
    println!("| bar | score | known | decisions | seeds | mean | 95 % interval | decisions/s | |");
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut failed = 0;
    // Speeds hang on what else the machine does: they are measured where they are asked for.
    let asked = |bar: &&Bar| match chosen.is_empty() {
        true => !bar.name.starts_with("speed-"),
        false => chosen.iter().any(|c| c == bar.name),
    };
    for bar in BARS.iter().filter(asked) {
        let start = Instant::now();
        let mut scores = Vec::new();
        for seed in 1..=seeds {
            let score = (bar.train)(seed)?;
            eprintln!("{} seed {seed}: {score:.3}", bar.name);
            scores.push(score);
        }
        let seconds = start.elapsed().as_secs_f64();
        let n = scores.len() as f64;
        let mean = scores.iter().sum::<f64>() / n;
        let variance = scores.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (n - 1.0);
        let half = student(scores.len() - 1) * (variance / n).sqrt();
        let holds = (bar.holds)(mean);
        failed += u32::from(!holds);
        println!(
            "| {} | {} | {} | {} | 1 to {seeds} | {mean:.2} | {:.2} to {:.2} | {:.0} | {} |",
            bar.name,
            bar.score,
            bar.known,
            bar.decisions,
            mean - half,
            mean + half,
            (bar.decisions * seeds) as f64 / seconds,
            if holds { "holds" } else { "DOES NOT HOLD" },
        );
    }
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// 97.5 % quantile of Student's t, by degrees of freedom.
fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    TABLE.get(freedom - 1).copied().unwrap_or(2.1)
}

fn plain() -> PpoConfig {
    PpoConfig { normalise_observations: false, normalise_returns: false, ..PpoConfig::default() }
}

fn lanes<E: Environment>(count: u64, world: impl Fn(u64) -> E) -> Lanes<E> {
    Lanes::new((0..count).map(world).collect(), false)
}

/// Trains to the end; the run and the mean return of about the last 100 training episodes.
fn train<E: Environment>(config: PpoConfig, lanes: Lanes<E>) -> Result<(Ppo<E>, f64), LearnError> {
    let updates = config.updates;
    let mut run = Ppo::new(config, lanes, Device::Cpu)?;
    let mut ended: Vec<(u64, f64)> = Vec::new();
    for _ in 0..updates {
        let log = run.update()?;
        if log.episodes > 0 {
            ended.push((log.episodes, log.episode_return));
        }
    }
    let (mut count, mut sum) = (0, 0.0);
    for (episodes, mean) in ended.iter().rev() {
        if count >= 100 {
            break;
        }
        count += episodes;
        sum += *episodes as f64 * mean;
    }
    Ok((run, sum / count as f64))
}

/// Mean return of the greedy policy over episodes that training never played.
fn greedy<E: Environment>(policy: &mut FrozenPolicy, mut world: E, episodes: u64) -> f64 {
    let one = |episode| {
        policy.forget();
        play(&mut world, episode, |obs, mask, action| policy.act(obs, mask, action))
    };
    (0..episodes).map(one).sum::<f64>() / episodes as f64
}

fn identity_config(seed: u64) -> PpoConfig {
    PpoConfig {
        seed,
        updates: 6,
        rollout_steps: 25,
        minibatch: 40,
        hidden: vec![16, 16],
        learning_rate: 1e-2,
        ..PpoConfig::default()
    }
}

fn identity(seed: u64) -> Result<f64, LearnError> {
    let worlds = lanes(8, |lane| Identity::new(4, 1, false, seed, lane, 8));
    let (run, _) = train(identity_config(seed), worlds)?;
    let world = Identity::new(4, 1, false, seed + 1_000, 0, 1);
    Ok(greedy(&mut run.policy("identity")?, world, 10))
}

fn untrained(seed: u64) -> Result<f64, LearnError> {
    let worlds = lanes(8, |lane| Identity::new(4, 1, false, seed, lane, 8));
    let run = Ppo::new(identity_config(seed), worlds, Device::Cpu)?;
    let world = Identity::new(4, 1, false, seed + 1_000, 0, 1);
    Ok(greedy(&mut run.policy("untrained")?, world, 10))
}

fn cart_pole_zoo(seed: u64) -> Result<f64, LearnError> {
    let (run, _) = train(CartPole::rl_zoo(seed), lanes(8, |lane| CartPole::new(seed, lane, 8)))?;
    Ok(greedy(&mut run.policy("cart pole")?, CartPole::new(seed + 1_000, 0, 1), 100))
}

/// CartPole without its velocities; rl-zoo's settings, which scale observations here. Actor and critic share one
/// memory, of which rl-zoo has one for each: values weigh half as much in it.
fn positions(seed: u64, memory: usize) -> Result<f64, LearnError> {
    let world = |seed, lane, lanes| Partial::new(CartPole::new(seed, lane, lanes), &[0, 2]);
    let scaled = PpoConfig { memory, normalise_observations: true, ..CartPole::rl_zoo(seed) };
    let config = PpoConfig { value_weight: 0.5, target_kl: Some(0.03), ..scaled };
    let (run, _) = train(config, lanes(8, |lane| world(seed, lane, 8)))?;
    Ok(greedy(&mut run.policy("positions")?, world(seed + 1_000, 0, 1), 100))
}

/// CleanRL's defaults for PPO.
fn cleanrl(seed: u64) -> PpoConfig {
    PpoConfig {
        seed,
        updates: 977,
        rollout_steps: 128,
        epochs: 4,
        minibatch: 128,
        learning_rate: 2.5e-4,
        clip_value: true,
        entropy_weight: 0.01,
        ..plain()
    }
}

fn cart_pole_cleanrl(seed: u64) -> Result<f64, LearnError> {
    Ok(train(cleanrl(seed), lanes(4, |lane| CartPole::new(seed, lane, 4)))?.1)
}

fn mountain_car(seed: u64) -> Result<f64, LearnError> {
    Ok(train(cleanrl(seed), lanes(4, |lane| MountainCar::new(seed, lane, 4)))?.1)
}

/// rl-zoo's SAC for Pendulum-v1.
fn pendulum(seed: u64) -> Result<f64, LearnError> {
    let config = SacConfig {
        seed,
        learning_rate: 1e-3,
        minibatch: 256,
        width: 256,
        normalise_observations: false,
        normalise_returns: false,
        ..SacConfig::default()
    };
    let mut run = Sac::new(config, lanes(1, |lane| Pendulum::new(seed, lane, 1)), Device::Cpu)?;
    while run.decisions() < 20_000 {
        run.update()?;
    }
    let mut policy = run.policy("pendulum")?;
    let mut world = Pendulum::new(seed + 1_000, 0, 1);
    let one =
        |episode| play(&mut world, episode, |obs, mask, action| policy.act(obs, mask, action));
    Ok((0..100).map(one).sum::<f64>() / 100.0)
}

/// rl-zoo's PPO for Pendulum-v1, whose noise depends on the state and is held for 4 steps (gSDE) where ours is
/// drawn anew for each; whose actions are clipped where ours are squashed.
fn pendulum_ppo(seed: u64) -> Result<f64, LearnError> {
    let config = PpoConfig {
        seed,
        updates: 25,
        rollout_steps: 1_024,
        epochs: 10,
        minibatch: 64,
        learning_rate: 1e-3,
        anneal_learning_rate: false,
        gamma: 0.9,
        gae_lambda: 0.95,
        clip: 0.2,
        entropy_weight: 0.0,
        value_weight: 1.0,
        ..plain()
    };
    let (run, _) = train(config, lanes(4, |lane| Pendulum::new(seed, lane, 4)))?;
    Ok(greedy(&mut run.policy("pendulum")?, Pendulum::new(seed + 1_000, 0, 1), 100))
}

/// What the learned policy makes of the betting game, worked out exactly.
fn betting(seed: u64, tail: Option<Tail>) -> Result<BettingPlan, LearnError> {
    let config = PpoConfig {
        seed,
        updates: 320,
        rollout_steps: 24,
        minibatch: 512,
        learning_rate: 1e-3,
        gamma: 1.0,
        entropy_weight: 0.02,
        anneal_entropy: true,
        normalise_observations: true,
        normalise_returns: true,
        tail,
        ..plain()
    };
    let (run, _) = train(config, lanes(64, |lane| Betting::new(seed, lane, 64)))?;
    let mut policy = run.policy("betting")?;
    let (mut action, mask) = ([0.0], [1.0; BETTING_CHOICES as usize]);
    Ok(BettingPlan::of(|round, wealth| {
        let obs = Betting::seen(round, wealth);
        policy.act(&obs, &mask, &mut action);
        action[0] as u32
    }))
}

/// The largest of a set of numbers, its rows read as a set or as they lie.
fn largest(seed: u64, set_width: usize) -> Result<f64, LearnError> {
    let config = PpoConfig {
        seed,
        updates: 40,
        rollout_steps: 32,
        epochs: 8,
        minibatch: 128,
        hidden: vec![32, 32],
        set_width,
        learning_rate: 5e-3,
        gamma: 0.0,
        ..PpoConfig::default()
    };
    let (run, _) = train(config, lanes(16, |lane| Largest::new(seed, lane, 16)))?;
    let world = Largest::new(seed + 1_000, 0, 1);
    let right = greedy(&mut run.policy("largest")?, world, 20);
    Ok(100.0 * right / f64::from(LARGEST_DECISIONS))
}

/// Which rows are above the mean: learned on so many rows, asked about others.
fn above(seed: u64, learned_on: usize, asked: usize) -> Result<f64, LearnError> {
    let config = PpoConfig {
        seed,
        updates: 60,
        rollout_steps: 32,
        epochs: 8,
        minibatch: 128,
        hidden: vec![32, 32],
        set_width: 16,
        learning_rate: 5e-3,
        gamma: 0.0,
        ..PpoConfig::default()
    };
    let (run, _) = train(config, lanes(16, |lane| Above::new(learned_on, seed, lane, 16)))?;
    let learned = run.policy("above")?.with_rows(asked);
    let mut policy = learned.map_err(LearnError::Frozen)?;
    let right = greedy(&mut policy, Above::new(asked, seed + 1_000, 0, 1), 20);
    Ok(100.0 * right / f64::from(ABOVE_DECISIONS))
}

/// Decisions on CartPole per second of this process's processor time, everything counted.
fn speed(config: PpoConfig, count: u64) -> Result<f64, LearnError> {
    let updates = config.updates;
    let worlds = lanes(count, |lane| CartPole::new(config.seed, lane, count));
    let mut run = Ppo::new(config, worlds, Device::Cpu)?;
    let start = cpu_seconds();
    let mut parts = [0.0; 4];
    for _ in 0..updates {
        let log = run.update()?;
        let of = [log.environment_secs, log.forward_secs, log.train_secs, log.seconds];
        parts.iter_mut().zip(of).for_each(|(sum, part)| *sum += part);
    }
    let [world, forward, train, all] = parts.map(|part| part / parts[3] * 100.0);
    eprintln!(
        "  wall: world {world:.0} %, forward {forward:.0} %, train {train:.0} % of {all:.0} %"
    );
    Ok(run.decisions() as f64 / (cpu_seconds() - start))
}

/// Processor time of this process, user's and system's, in hundredths (`/proc/self/stat`, fields 14 and 15); NaN
/// where there is no such file.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in parentheses, which may have spaces.
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let field = |n: usize| {
        after.split_whitespace().nth(n - 3).and_then(|v| v.parse::<f64>().ok()).unwrap_or(f64::NAN)
    };
    (field(14) + field(15)) / 100.0
}

/// Self-play on Kuhn poker.
fn kuhn(seed: u64, entropy_weight: f64, reference: Option<Reference>) -> Result<f64, LearnError> {
    let updates = 977;
    let config = PpoConfig {
        seed,
        updates,
        rollout_steps: 16,
        epochs: 2,
        minibatch: 1_024,
        learning_rate: 1e-3,
        gamma: 1.0,
        clip: 0.1,
        entropy_weight,
        reference,
        normalise_advantages: false,
        ..plain()
    };
    let mut both = SelfPlay::<Kuhn>::new(config, 128, Device::Cpu)?;
    for _ in 0..updates {
        both.update()?;
    }
    Ok(nash_conv::<Kuhn>([both.policy(), both.policy()]))
}

/// A main agent and an exploiter of each kind on Kuhn poker, with a low entropy bonus.
fn league(seed: u64) -> Result<f64, LearnError> {
    let config = PpoConfig {
        seed,
        updates: 1_000,
        rollout_steps: 16,
        epochs: 4,
        minibatch: 1_024,
        hidden: vec![32, 32],
        learning_rate: 4e-3,
        anneal_learning_rate: false,
        gamma: 1.0,
        clip: 0.1,
        entropy_weight: 0.05,
        normalise_advantages: false,
        ..plain()
    };
    let rules = LeagueRules {
        main_exploiters: 1,
        league_exploiters: 1,
        updates_per_turn: 20,
        patience: 2,
        edge: 0.1,
    };
    let mut league = LeaguePlay::<Kuhn>::new(config, 128, rules, Device::Cpu)?;
    for _ in 0..15 {
        league.turn()?;
    }
    let mixture = league.mixture().expect("finite payoffs have an equilibrium");
    Ok(nash_conv::<Kuhn>([&mixture, &mixture]))
}
