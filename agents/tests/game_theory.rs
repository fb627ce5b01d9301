//! Exact solvers of small games, against published values.
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::game_theory::anytime::Anytime;
use agents::learn::game_theory::cfr::Cfr;
use agents::learn::game_theory::hedge::Hedge;
use agents::learn::game_theory::kuhn::{BET, PASS};
use agents::learn::game_theory::matrix::{MetaSolver, Payoffs};
use agents::learn::game_theory::oracle::Oracle;
use agents::learn::game_theory::{Game, Kuhn, Leduc, Tabular, Turn, expected_value, nash_conv};

fn close(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got}, expected {expected}");
}

/// Kuhn's family of equilibria, by the first player's chance α ≤ 1/3 to bet his lowest card.
fn kuhn_equilibrium(alpha: f64) -> Tabular {
    let mut policy = Tabular::default();
    let mut set = |card: usize, moves: &[usize], bet: f64| {
        // Deals by number: the first player's card is half of it.
        let deal = (0..6).find(|deal| {
            let mut game = Kuhn::default();
            game.play(*deal);
            for action in moves {
                game.play(*action);
            }
            let mut seen = [0.0; Kuhn::FEATURES];
            game.features(&mut seen);
            seen[card] == 1.0
        });
        let mut game = Kuhn::default();
        game.play(deal.unwrap());
        for action in moves {
            game.play(*action);
        }
        policy.table.insert(game.information(), vec![1.0 - bet, bet]);
    };
    for (card, opens, calls) in
        [(0, alpha, 0.0), (1, 0.0, alpha + 1.0 / 3.0), (2, 3.0 * alpha, 1.0)]
    {
        set(card, &[], opens);
        set(card, &[PASS, BET], calls);
    }
    for (card, after_pass, after_bet) in [(0, 1.0 / 3.0, 0.0), (1, 0.0, 1.0 / 3.0), (2, 1.0, 1.0)] {
        set(card, &[PASS], after_pass);
        set(card, &[BET], after_bet);
    }
    policy
}

#[test]
fn kuhn_poker_is_worth_what_kuhn_found() {
    let uniform = Tabular::default();
    close(nash_conv::<Kuhn>([&uniform, &uniform]), 11.0 / 12.0, 1e-12);
    let pass = Tabular::read(|_: &Kuhn| vec![1.0, 0.0]);
    assert_eq!(pass.table.len(), 12, "as many situations as Kuhn poker has");
    close(nash_conv::<Kuhn>([&pass, &pass]), 2.0, 1e-12);
    for alpha in [0.0, 0.2, 1.0 / 3.0] {
        let nash = kuhn_equilibrium(alpha);
        close(nash_conv::<Kuhn>([&nash, &nash]), 0.0, 1e-12);
        close(expected_value::<Kuhn>([&nash, &nash]), -1.0 / 18.0, 1e-12);
    }
    // Half of the lowest cards bet, and nothing else changed.
    let mut off = kuhn_equilibrium(0.0);
    let mut game = Kuhn::default();
    game.play(0);
    off.table.insert(game.information(), vec![0.5, 0.5]);
    assert!(nash_conv::<Kuhn>([&off, &off]) > 0.01);
}

#[test]
fn leduc_holdem_is_as_large_and_as_exploitable_as_published() {
    let uniform = Tabular::default();
    close(nash_conv::<Leduc>([&uniform, &uniform]), 4.747_222, 1e-6);
    let read = Tabular::read(|game: &Leduc| uniform.probabilities(game));
    // By ranks, as Southey et al. count.
    assert_eq!(read.table.len(), 288);
}

#[test]
fn features_tell_apart_what_information_does() {
    fn check<G: Game>() {
        let mut seen = std::collections::BTreeMap::new();
        let mut rows = std::collections::BTreeSet::new();
        let read = Tabular::read(|game: &G| {
            let mut row = vec![0.0; G::FEATURES];
            game.features(&mut row);
            let row: Vec<u32> = row.iter().map(|x| *x as u32).collect();
            seen.insert(game.information(), row.clone());
            // Two seats may see the same row only if they move in different rounds of it.
            rows.insert(row);
            vec![0.0; G::ACTIONS]
        });
        assert_eq!(rows.len(), read.table.len());
        assert_eq!(seen.len(), read.table.len());
        assert!(matches!(G::default().turn(), Turn::Chance(_)));
    }
    check::<Kuhn>();
    check::<Leduc>();
}

#[test]
fn regret_minimisation_approaches_the_equilibrium_as_published() {
    let mut cfr = Cfr::<Kuhn>::new();
    let mut done = 0;
    for (iterations, expected) in [(10, 0.1374), (100, 0.01645), (1000, 0.001875)] {
        while done < iterations {
            cfr.iterate();
            done += 1;
        }
        let average = cfr.average();
        close(nash_conv::<Kuhn>([&average, &average]), expected, 0.005 * expected);
    }
}

#[test]
fn double_oracle_ends_at_the_equilibrium_of_kuhn_poker() {
    let mut oracle = Oracle::<Kuhn>::new(MetaSolver::Nash).unwrap();
    let mut path = vec![oracle.nash_conv()];
    while oracle.expand().unwrap() {
        path.push(oracle.nash_conv());
    }
    // Ties may permute the middle; beginning and end are what they are.
    close(path[0], 11.0 / 12.0, 1e-9);
    close(path[1], 5.0 / 6.0, 1e-9);
    close(path[2], 1.0 / 3.0, 1e-9);
    close(*path.last().unwrap(), 0.0, 1e-6);
    assert!(path.len() <= 9, "{path:?}");
    let [first, second] = oracle.mixture();
    close(expected_value::<Kuhn>([&first, &second]), -1.0 / 18.0, 1e-6);
}

/// NashConv after each of so many steps, of plain and of anytime double oracle; fewer where there is nothing
/// left to add.
fn paths<G: Game>(steps: usize) -> [Vec<f64>; 2] {
    let mut plain = Oracle::<G>::new(MetaSolver::Nash).unwrap();
    let mut plainly = vec![plain.nash_conv()];
    while plainly.len() <= steps && plain.expand().unwrap() {
        plainly.push(plain.nash_conv());
    }
    let mut anytime = Anytime::<G>::new().unwrap();
    let mut surely = vec![anytime.nash_conv()];
    while surely.len() <= steps && anytime.expand().unwrap() {
        surely.push(anytime.nash_conv());
    }
    [plainly, surely]
}

#[test]
fn anytime_double_oracle_is_never_more_exploitable_than_a_step_before() {
    fn rises(path: &[f64]) -> bool {
        path.windows(2).any(|pair| pair[1] > pair[0] + 1e-6)
    }
    let [plain, anytime] = paths::<Leduc>(12);
    assert_eq!(anytime.len(), 13, "further from an end than this");
    assert!(rises(&plain), "{plain:?}");
    assert!(!rises(&anytime), "{anytime:?}");
    assert!(anytime.last() < plain.last(), "{plain:?} {anytime:?}");

    let [plain, anytime] = paths::<Kuhn>(40);
    close(anytime[0], plain[0], 1e-9);
    assert!(!rises(&anytime), "{anytime:?}");
    close(*anytime.last().unwrap(), 0.0, 1e-6);
}

#[test]
fn other_mixtures_get_nearer_too() {
    for solver in [
        MetaSolver::Uniform,
        MetaSolver::ProjectedReplicator { exploration: 1e-6, step: 0.05, steps: 5_000 },
    ] {
        let mut oracle = Oracle::<Kuhn>::new(solver).unwrap();
        for _ in 0..12 {
            oracle.expand().unwrap();
        }
        assert!(oracle.nash_conv() < 0.35, "{solver:?} {}", oracle.nash_conv());
    }
}

#[test]
fn rock_paper_scissors_is_worth_nothing() {
    let payoffs =
        Payoffs { rows: vec![vec![0.0, -1.0, 1.0], vec![1.0, 0.0, -1.0], vec![-1.0, 1.0, 0.0]] };
    for solver in [
        MetaSolver::Uniform,
        MetaSolver::Nash,
        MetaSolver::ProjectedReplicator { exploration: 1e-3, step: 0.01, steps: 1_000 },
    ] {
        let mixed = payoffs.solve(solver).unwrap();
        close(mixed.value, 0.0, 1e-9);
        for chance in mixed.rows.iter().chain(&mixed.columns) {
            close(*chance, 1.0 / 3.0, 1e-6);
        }
    }
    // Matching pennies of unequal coins: 3/8 heads on either side, value −1/8.
    let pennies = Payoffs { rows: vec![vec![3.0, -2.0], vec![-2.0, 1.0]] };
    let mixed = pennies.solve(MetaSolver::Nash).unwrap();
    close(mixed.rows[0], 3.0 / 8.0, 1e-9);
    close(mixed.columns[0], 3.0 / 8.0, 1e-9);
    close(mixed.value, -1.0 / 8.0, 1e-9);
    let mixed = pennies
        .solve(MetaSolver::ProjectedReplicator { exploration: 1e-3, step: 0.01, steps: 100_000 })
        .unwrap();
    close(mixed.rows[0], 3.0 / 8.0, 0.01);
    assert!(Payoffs::default().solve(MetaSolver::Nash).is_err());
    assert!(Payoffs { rows: vec![vec![f64::NAN]] }.solve(MetaSolver::Nash).is_err());
    assert!(Payoffs { rows: vec![vec![0.0], vec![]] }.solve(MetaSolver::Nash).is_err());
}

#[test]
fn exponential_weights_against_best_responses_are_as_hard_to_exploit_as_promised() {
    // Rock, paper and scissors where one victory counts twice.
    let rows = [[0.0, -1.0, 2.0], [1.0, 0.0, -1.0], [-2.0, 1.0, 0.0]];
    let rounds = 400;
    let mut hedge = Hedge::new(vec![1.0 / 3.0; 3], rounds);
    assert_eq!(hedge.average(), hedge.chances());
    let against = |chances: &[f64], column: usize| -> f64 {
        chances.iter().zip(&rows).map(|(p, row)| p * row[column]).sum()
    };
    for _ in 0..rounds {
        let worst = |a: &usize, b: &usize| {
            against(hedge.chances(), *a).total_cmp(&against(hedge.chances(), *b))
        };
        let answer = (0..3).min_by(worst).unwrap();
        hedge.observe(&rows.map(|row| row[answer] / 4.0));
    }
    let average = hedge.average();
    close(average.iter().sum(), 1.0, 1e-12);
    // Its value is not above 0; the bound is the theorem's, of gains that were quartered to lie 1 apart.
    let worst = (0..3).map(|column| against(&average, column)).fold(f64::INFINITY, f64::min);
    let bound = 4.0 * (libm::log(3.0) / (2.0 * f64::from(rounds))).sqrt();
    assert!(-bound <= worst && worst <= 0.0, "{worst}, bound {bound}");
}
