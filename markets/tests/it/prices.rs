//! Price processes: paths that must hold exactly.

use markets::price::{
    Bar, Beta, Bootstrap, Cholesky, Depeg, Garch, Gbm, JointPrices, PriceError, PriceSpec, Replay,
    SpecError, Stable,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn bar(open: f64, high: f64, low: f64, close: f64) -> Bar {
    Bar { open, high, low, close }
}

/// The worst hours of a crash, roughly.
fn crash() -> Vec<Bar> {
    vec![
        bar(180.0, 183.0, 176.5, 177.0),
        bar(177.0, 177.0, 151.0, 153.5),
        bar(153.5, 160.0, 122.0, 131.0),
        bar(131.5, 140.0, 131.5, 139.0),
        bar(139.0, 139.0, 139.0, 139.0),
    ]
}

fn calm() -> Vec<Bar> {
    let step = |i: u32| {
        let open = 200.0 + f64::from(i * i % 11);
        bar(open, open * 1.004, open * 0.995, open * (1.0 + 1e-4 * f64::from(i)))
    };
    (1..9).map(step).collect()
}

fn replay(bars: Vec<Bar>, bar_secs: u32) -> PriceSpec {
    PriceSpec::Replay(Replay { bars: bars.into(), bar_secs, scale: 1.0 })
}

fn bootstrap(windows: Vec<Vec<Bar>>, block_bars: u32, min: f64, max: f64) -> PriceSpec {
    PriceSpec::Bootstrap(Bootstrap {
        windows: windows.into(),
        bar_secs: 3_600,
        block_bars,
        min_magnitude: min,
        max_magnitude: max,
    })
}

/// One of each, following one another.
fn everything() -> JointPrices {
    let specs = vec![
        PriceSpec::Beta(Beta {
            on: 2,
            beta: 0.9,
            residual_vol_per_sqrt_year: 0.5,
            residual_t_nu: Some(3.5),
        }),
        PriceSpec::Gbm(Gbm { drift_per_year: 0.1, vol_per_sqrt_year: 0.8 }),
        replay([crash(), calm(), calm()].concat(), 3_600),
        PriceSpec::Garch(Garch::targeting(0.979, 0.081, 0.909, 3.39)),
        PriceSpec::Stable(Stable {
            half_life_secs: 7_200.0,
            vol_per_sqrt_year: 0.02,
            depeg: Some(Depeg { per_year: 5_000.0, mean_log_fall: 0.05, half_life_secs: 20_000.0 }),
        }),
        bootstrap(vec![crash(), calm()], 3, 0.7, 1.5),
    ];
    let mut correlation = vec![vec![0.3; 6]; 6];
    for (i, row) in correlation.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    let factor = Cholesky::new(&correlation).unwrap();
    let starts = vec![7.0, 100.0, 0.0, 2_000.0, 1.0, 50.0];
    JointPrices::new(specs, starts, Some(factor), 12).unwrap()
}

fn path(joint: &mut JointPrices, rng: &mut ChaCha8Rng, steps: usize) -> Vec<Vec<f64>> {
    let one = |_| {
        joint.step(rng);
        joint.prices().to_vec()
    };
    (0..steps).map(one).collect()
}

#[test]
fn same_seed_same_path_other_seed_other_path() {
    let run = |seed| path(&mut everything(), &mut ChaCha8Rng::seed_from_u64(seed), 1_000);
    assert_eq!(run(1), run(1));
    for (ours, other) in run(1).last().unwrap().iter().zip(run(2).last().unwrap()) {
        assert!((ours - other).abs() > 1e-9);
    }
}

/// Not that the numbers are right (`price_moments.rs` asks that), but that they are the same on every machine
/// and in every version, to the last bit: runs are only comparable while they are.
#[test]
fn a_seed_gives_the_prices_that_it_always_gave() {
    let mut joint = everything();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for (steps, expected) in [
        (
            1,
            [
                6.995512462784907,
                99.96768467583836,
                179.9393315644091,
                1999.4573243352932,
                1.0000056299093802,
                49.943050737664535,
            ],
        ),
        (
            300,
            [
                6.865396871131774,
                100.10077688124237,
                176.4132134983049,
                2000.8403411667048,
                1.0001421247259012,
                49.2366159056742,
            ],
        ),
        (
            2700,
            [
                7.705617746927556,
                100.80324157273819,
                203.0089527086775,
                2008.4887871382996,
                0.8552153975823027,
                27.52489011812596,
            ],
        ),
        (
            28000,
            [
                8.095119889257681,
                83.13705169354382,
                209.16719999999998,
                1838.2584955261382,
                0.7122168489632379,
                1.502866668056971,
            ],
        ),
    ] {
        path(&mut joint, &mut rng, steps);
        assert_eq!(joint.prices(), expected, "after {} s", joint.elapsed_secs());
    }
}

#[test]
fn a_state_written_and_read_back_continues_identically() {
    for stop in [0, 1, 299, 300, 301, 1_234] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut joint = everything();
        path(&mut joint, &mut rng, stop);
        let bytes = postcard::to_stdvec(&joint).unwrap();
        let mut copy: JointPrices = postcard::from_bytes(&bytes).unwrap();
        let mut same_luck = rng.clone();
        let rest = path(&mut joint, &mut rng, 700);
        assert_eq!(rest, path(&mut copy, &mut same_luck, 700), "{stop}");
        assert_eq!(joint, copy);
    }
}

#[test]
fn reset_is_as_good_as_new() {
    let mut used = everything();
    path(&mut used, &mut ChaCha8Rng::seed_from_u64(4), 777);
    used.reset();
    let fresh = path(&mut everything(), &mut ChaCha8Rng::seed_from_u64(5), 900);
    assert_eq!(path(&mut used, &mut ChaCha8Rng::seed_from_u64(5), 900), fresh);
}

#[test]
fn every_step_takes_the_same_number_of_draws() {
    let mut joint = everything();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for _ in 0..1_000 {
        let before = rng.get_word_pos();
        joint.step(&mut rng);
        // Seven 64-bit words are fourteen of the generator's.
        assert_eq!(rng.get_word_pos() - before, 14);
    }
}

#[test]
fn replay_gives_every_bar_its_open_close_high_and_low() {
    let bars = crash();
    let mut joint =
        JointPrices::new(vec![replay(bars.clone(), 3_600)], vec![1.0], None, 12).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    assert_eq!(joint.prices(), [180.0]);
    let mut values = vec![joint.prices()[0]];
    values.extend(path(&mut joint, &mut rng, 5 * 300 + 10).iter().map(|row| row[0]));
    for (bar, hour) in bars.iter().zip(values.chunks(300)) {
        check_hour(bar, hour);
        // No single block makes a third of a crash hour's range.
        let step = hour.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f64::max);
        assert!(step <= (bar.high - bar.low) / 3.0, "{step} {bar:?}");
    }
    // After the record the price stands still.
    assert!(joint.is_exhausted());
    assert!(values[1_500..].iter().all(|v| *v == 139.0));
}

#[test]
fn a_scaled_replay_is_the_record_times_its_scale() {
    let scaled = Replay { bars: crash().into(), bar_secs: 3_600, scale: 2.0 };
    let of = |spec| JointPrices::new(vec![spec], vec![1.0], None, 12).unwrap();
    let (mut plain, mut scaled) = (of(replay(crash(), 3_600)), of(PriceSpec::Replay(scaled)));
    let rng = || ChaCha8Rng::seed_from_u64(12);
    // Past the end of the first bars, where the next one opens.
    let (once, twice) = (path(&mut plain, &mut rng(), 1_000), path(&mut scaled, &mut rng(), 1_000));
    for (once, twice) in once.iter().zip(&twice) {
        assert!((2.0 * once[0] - twice[0]).abs() < 1e-9, "{once:?} {twice:?}");
    }
}

fn check_hour(bar: &Bar, hour: &[f64]) {
    assert_eq!((hour[0], hour[hour.len() - 1]), (bar.open, bar.close));
    let high = hour.iter().copied().fold(f64::MIN, f64::max);
    let low = hour.iter().copied().fold(f64::MAX, f64::min);
    assert_eq!((low, high), (bar.low, bar.high));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn a_bridge_touches_its_extremes_and_never_leaves_them(
        low in 1e-6..1e6_f64, range in 0.0..3.0_f64, at in (0.0..=1.0_f64, 0.0..=1.0_f64),
        blocks in 4_u32..60, seed: u64, snap in 0..4,
    ) {
        let high = low * (1.0 + range);
        let inside = |x: f64| (low + x * (high - low)).clamp(low, high);
        // Opens and closes at the extremes are common in records.
        let open = match snap { 1 => low, 2 => high, _ => inside(at.0) };
        let close = match snap { 2 => low, 3 => high, _ => inside(at.1) };
        let bar = bar(open, high, low, close);
        let spec = replay(vec![bar, bar], blocks * 10);
        let mut joint = JointPrices::new(vec![spec], vec![1.0], None, 10).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut hour = vec![joint.prices()[0]];
        hour.extend(path(&mut joint, &mut rng, 2 * blocks as usize - 1).iter().map(|row| row[0]));
        for hour in hour.chunks(blocks as usize) {
            check_hour(&bar, hour);
        }
    }
}

/// Hours of a bootstrapped path as log moves (high, low, close) from the open.
fn hours(values: &[f64]) -> Vec<[f64; 3]> {
    let shape = |hour: &[f64]| {
        let high = hour.iter().copied().fold(f64::MIN, f64::max);
        let low = hour.iter().copied().fold(f64::MAX, f64::min);
        [high, low, hour[299]].map(|x| libm::log(x / hour[0]))
    };
    values.chunks_exact(300).map(shape).collect()
}

fn recorded(bars: &[Bar]) -> Vec<[f64; 3]> {
    bars.iter().map(|b| [b.high, b.low, b.close].map(|x| libm::log(x / b.open))).collect()
}

#[test]
fn bootstrap_resamples_whole_blocks_of_consecutive_hours() {
    let windows = vec![crash(), calm()];
    let spec = bootstrap(windows.clone(), 3, 1.0, 1.0);
    let mut joint = JointPrices::new(vec![spec], vec![10.0], None, 12).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut values = vec![10.0];
    values.extend(path(&mut joint, &mut rng, 300 * 300 - 1).iter().map(|row| row[0]));
    // Every place where a block fits, and only those: 3 in the first window, 6 in the second.
    let mut seen = [[0; 6]; 2];
    for block in hours(&values).chunks(3) {
        let close = |a: &[f64; 3], b: &[f64; 3]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9);
        let found = windows.iter().enumerate().find_map(|(w, bars)| {
            let shapes = recorded(bars);
            let at = |s: usize| (0..3).all(|i| close(&block[i], &shapes[s + i]));
            (0..=bars.len() - 3).find(|s| at(*s)).map(|s| (w, s))
        });
        let (window, start) = found.expect("each block was recorded");
        seen[window][start] += 1;
    }
    // 100 blocks over 9 places: 11 each, sd 3.1.
    assert!(seen[0][..3].iter().chain(&seen[1]).all(|n| (1..=24).contains(n)), "{seen:?}");
}

#[test]
fn bootstrap_scales_magnitudes_and_keeps_signs() {
    let spec = bootstrap(vec![crash()[1..2].to_vec()], 1, 0.5, 2.0);
    let mut joint = JointPrices::new(vec![spec], vec![1.0], None, 12).unwrap();
    let mut values = vec![1.0];
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    values.extend(path(&mut joint, &mut rng, 300 * 50 - 1).iter().map(|row| row[0]));
    let shape = recorded(&crash())[1];
    let magnitudes: Vec<_> = hours(&values).iter().map(|hour| hour[2] / shape[2]).collect();
    assert!(magnitudes.iter().all(|m| (0.5 - 1e-9..2.0 + 1e-9).contains(m)));
    assert!(magnitudes.iter().any(|m| *m < 0.8) && magnitudes.iter().any(|m| *m > 1.7));
    for (hour, m) in hours(&values).iter().zip(&magnitudes) {
        assert!((hour[1] - m * shape[1]).abs() < 1e-9);
    }
}

#[test]
fn assets_with_like_windows_are_resampled_together() {
    let double = |bars: Vec<Bar>| bars.iter().map(|b| b.scaled(2.0)).collect::<Vec<_>>();
    let one = bootstrap(vec![crash(), calm()], 2, 0.5, 1.5);
    let two = bootstrap(vec![double(crash()), double(calm())], 2, 0.5, 1.5);
    let mut joint = JointPrices::new(vec![one, two], vec![5.0, 8.0], None, 12).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    for row in path(&mut joint, &mut rng, 3_000).chunks(300) {
        // At each hour's end both have made the same move since the start.
        let last = row.last().unwrap();
        assert!((last[0] / 5.0 - last[1] / 8.0).abs() < 1e-9 * last[1]);
    }
}

#[test]
fn specs_that_make_no_sense_are_refused_with_the_reason() {
    let new = |spec| JointPrices::new(vec![spec], vec![1.0], None, 12).unwrap_err();
    let asset = |reason| PriceError::Asset { asset: 0, reason };
    let on = |on| {
        let (beta, vol) = (1.0, 0.1);
        PriceSpec::Beta(Beta { on, beta, residual_vol_per_sqrt_year: vol, residual_t_nu: None })
    };
    assert_eq!(new(on(0)), asset(SpecError::BadDependence { on: 0 }));
    assert_eq!(new(on(3)), asset(SpecError::BadDependence { on: 3 }));
    assert_eq!(new(replay(vec![], 3_600)), asset(SpecError::NoBars));
    let disordered = replay(vec![bar(1.0, 2.0, 1.5, 1.7)], 3_600);
    assert_eq!(new(disordered), asset(SpecError::BadBar { index: 0 }));
    let tile = SpecError::BlocksDoNotTile { block_secs: 12, period_secs: 36 };
    assert_eq!(new(replay(crash(), 36)), asset(tile));
    let short = SpecError::WindowTooShort { window: 0, bars: 5, needs: 6 };
    assert_eq!(new(bootstrap(vec![crash()], 6, 1.0, 1.0)), asset(short));
    let explosive = new(PriceSpec::Garch(Garch::targeting(1.0, 0.5, 0.5, 3.0)));
    assert!(matches!(explosive, PriceError::Asset { reason: SpecError::OutOfRange { .. }, .. }));
    let gbm = PriceSpec::Gbm(Gbm { drift_per_year: 0.0, vol_per_sqrt_year: f64::NAN });
    assert!(new(gbm).to_string().contains("vol_per_sqrt_year"));
    assert!(matches!(
        JointPrices::new(vec![on(0)], vec![], None, 12),
        Err(PriceError::Length { .. } | PriceError::Asset { .. })
    ));
}

#[test]
fn a_record_is_over_when_it_is() {
    let start = vec![1.0];
    let mut prices = JointPrices::new(vec![replay(crash(), 3_600)], start, None, 900).unwrap();
    assert_eq!(prices.start_prices(), [crash()[0].open]);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let blocks = 4 * crash().len();
    for block in 0..blocks {
        assert!(!prices.is_exhausted(), "{block} of {blocks}");
        prices.step(&mut rng);
    }
    assert!(prices.is_exhausted());
    assert_eq!(prices.start_prices(), [crash()[0].open]);
}
