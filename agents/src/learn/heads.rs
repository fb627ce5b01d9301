//! Masked choices over several heads: probabilities on tensors, draws in plain Rust.

use tch::{Device, Kind, Tensor};

use crate::frozen::{LEGAL_ABOVE, MASKED_LOGIT};

/// The heads of a policy, on tensors.
#[derive(Debug)]
pub struct Heads {
    pub(super) choices: Vec<u32>,
    widest: i64,
    /// Where each of the `K·C` padded cells finds its logit among `L` and one more that is masked;
    /// none where all heads are equally wide.
    padding: Option<Tensor>,
}

impl Heads {
    /// Heads of so many choices each.
    #[must_use]
    pub fn new(choices: &[u32], device: Device) -> Self {
        let widest = choices.iter().copied().max().unwrap_or(0);
        let total: u32 = choices.iter().sum();
        let mut cells = Vec::new();
        let mut start = 0;
        for n in choices {
            cells.extend((0..widest).map(|c| i64::from(if c < *n { start + c } else { total })));
            start += n;
        }
        let uneven = choices.iter().any(|n| *n != widest);
        Self {
            choices: choices.to_vec(),
            widest: i64::from(widest),
            padding: uneven.then(|| Tensor::from_slice(&cells).to_device(device)),
        }
    }

    /// Log-probability of `actions` `[M, K]` and entropy, each summed over heads, `[M]`; of `logits`
    /// `[M, L]` with `illegal` `[M, L]`, if any is. An illegal choice has probability exactly 0 and gradient 0.
    pub fn log_probs_and_entropy(
        &self,
        logits: &Tensor,
        illegal: Option<&Tensor>,
        actions: &Tensor,
    ) -> (Tensor, Tensor) {
        let all = self.log_probs(logits, illegal); // [M, K, C]
        let chosen = all.gather(-1, &actions.unsqueeze(-1), false); // [M, K, 1]
        let log_probs = chosen.sum_dim_intlist([-1i64, -2].as_slice(), false, Kind::Float); // [M]
        // A masked cell contributes exp(−1e9)·(−1e9) = 0·(−1e9) = −0, never NaN.
        let entropy =
            (all.exp() * &all).sum_dim_intlist([-1i64, -2].as_slice(), false, Kind::Float);
        (log_probs, -entropy) // [M], [M]
    }

    /// Log-probabilities of all choices, `[M, K, C]`, heads padded to the widest with masked ones.
    pub fn log_probs(&self, logits: &Tensor, illegal: Option<&Tensor>) -> Tensor {
        let m = logits.size()[0];
        let masked = match illegal {
            Some(illegal) => logits.masked_fill(illegal, f64::from(MASKED_LOGIT)), // [M, L]
            None => logits.shallow_clone(),
        };
        let cells = match &self.padding {
            None => masked,
            Some(padding) => {
                let extra =
                    Tensor::full([m, 1], f64::from(MASKED_LOGIT), (Kind::Float, logits.device()));
                Tensor::cat(&[masked, extra], 1).index_select(1, padding) // [M, K·C]
            }
        };
        cells.view([m, self.choices.len() as i64, self.widest]).log_softmax(-1, Kind::Float)
    }
}

/// The first head whose choice in `action` `[K]` is not one that `mask` `[L]` leaves.
pub fn illegal(heads: &[u32], mask: &[f32], action: &[f32]) -> Option<usize> {
    let mut start = 0;
    heads.iter().zip(action).position(|(n, choice)| {
        let legal = (0..*n as usize).any(|c| c as f32 == *choice && mask[start + c] > LEGAL_ABOVE);
        start += *n as usize;
        !legal
    })
}

/// Draws one choice per head from masked `logits` `[L]` into `action` `[K]`; returns the sum of the
/// heads' log-probabilities.
///
/// # Errors
/// The first head without a legal choice.
pub fn sample(
    heads: &[u32],
    logits: &[f32],
    mask: &[f32],
    action: &mut [f32],
    mut uniform: impl FnMut() -> f64,
) -> Result<f32, usize> {
    let mut log_prob = 0.0;
    let mut start = 0;
    for (head, n) in heads.iter().enumerate() {
        let end = start + *n as usize;
        let legal =
            || (start..end).filter(|i| mask[*i] > LEGAL_ABOVE).map(|i| (i, f64::from(logits[i])));
        let highest = legal().map(|(_, x)| x).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = legal().map(|(_, x)| libm::exp(x - highest)).sum();
        let mut left = uniform() * sum;
        let mut chosen = None;
        for (i, x) in legal() {
            chosen = Some((i, x));
            left -= libm::exp(x - highest);
            if left < 0.0 {
                break;
            }
        }
        // Rounding may leave a rest: then the last legal choice stands.
        let (index, logit) = chosen.ok_or(head)?;
        action[head] = (index - start) as f32;
        log_prob += logit - highest - libm::log(sum);
        start = end;
    }
    Ok(log_prob as f32)
}
