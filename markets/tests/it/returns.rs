//! Log returns of a joint process, for tests of moments.

use markets::price::{Cholesky, JointPrices, PriceSpec};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Log returns over `every` blocks, by asset: `[assets][count]`.
pub(crate) fn log_returns(
    specs: Vec<PriceSpec>,
    correlation: Option<&[Vec<f64>]>,
    block_secs: u32,
    every: usize,
    count: usize,
    seed: u64,
) -> Vec<Vec<f64>> {
    let assets = specs.len();
    let factor = correlation.map(|matrix| Cholesky::new(matrix).unwrap());
    let mut joint = JointPrices::new(specs, vec![1.0; assets], factor, block_secs).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut returns = vec![Vec::with_capacity(count); assets];
    let mut last = joint.prices().to_vec();
    for _ in 0..count {
        for _ in 0..every {
            joint.step(&mut rng);
        }
        for (asset, price) in joint.prices().iter().enumerate() {
            returns[asset].push(libm::log(price / last[asset]));
        }
        last.copy_from_slice(joint.prices());
    }
    returns
}
