//! A policy bundle: a folder that production can hold to account.
//!
//! | file | what |
//! |---|---|
//! | `policy.onnx` | the whole policy as a graph (see [`super::onnx`]) |
//! | `weights.bin` | the same numbers, little-endian f32, laid out as `metadata.json` says |
//! | `metadata.json` | observation and action tables, bounds, rate limits, normaliser, provenance |
//! | `golden.json` | questions and the policy's answers at export |
//! | `manifest.json` | blake3 of each of the above |

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sim::action::HOLDS_WITHIN;
use thiserror::Error;

pub use super::card::{
    ActionHead, HeldOutWorlds, Metadata, Network, ObservationField, PolicyCard, Provenance, Seen,
    TensorEntry,
};
pub use super::golden::{GoldenCase, GoldenCases, golden_cases};
use super::{golden, onnx};
use crate::bounds::{Bounds, space};
use crate::frozen::{Activation, Dense, FrozenError, FrozenPolicy, Memory, Normaliser};
use crate::set::SetEncoder;

/// The layout that this module writes and reads.
pub const FORMAT: u32 = 1;
/// Largest difference of a logit, or of what is remembered, from its golden value.
pub const LOGIT_TOLERANCE: f32 = 1e-5;

const ONNX: &str = "policy.onnx";
const WEIGHTS: &str = "weights.bin";
const METADATA: &str = "metadata.json";
const GOLDEN: &str = "golden.json";
const MANIFEST: &str = "manifest.json";

/// Why a bundle cannot be written or used.
#[derive(Debug, Error)]
pub enum BundleError {
    /// There is no bundle.
    #[error(
        "no {MANIFEST}, so this is not a policy bundle; name a folder that `ballast train` or \
         `ballast export` has written"
    )]
    NotABundle,
    /// A file of the bundle is not there.
    #[error("{file}: missing; copy the bundle again or make it anew with `ballast export <run>`")]
    Missing {
        /// Which file.
        file: &'static str,
    },
    /// The file system's own reason.
    #[error("{}: {source}; check the path, its permissions and the space left", path.display())]
    Io {
        /// Why.
        source: std::io::Error,
        /// Where.
        path: PathBuf,
    },
    /// Nothing is overwritten.
    #[error("already there, name another folder or remove it first: {}", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A file's bytes are not those that were exported.
    #[error(
        "{file}: changed since its export (blake3 expected {expected}, got {got}); \
         copy the bundle again or make it anew with `ballast export <run>`"
    )]
    Hash {
        /// Which file.
        file: String,
        /// The manifest's hash, hexadecimal.
        expected: String,
        /// The file's hash, hexadecimal.
        got: String,
    },
    /// The manifest does not list a file that a bundle has.
    #[error(
        "{MANIFEST}: does not list {file}; copy the bundle again or make it anew with \
         `ballast export <run>`"
    )]
    Unlisted {
        /// The file missed.
        file: &'static str,
    },
    /// Not the JSON that the format says.
    #[error("{file}:{line}:{column}: {reason}; make the bundle anew with `ballast export <run>`")]
    Json {
        /// Which file.
        file: &'static str,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What was expected.
        reason: String,
    },
    /// Written by another version of Ballast.
    #[error(
        "{METADATA}: format {got}, this build reads {FORMAT}; make the bundle anew with the \
         `ballast export` of this build"
    )]
    Format {
        /// The bundle's format.
        got: u32,
    },
    /// Two parts of the bundle disagree.
    #[error(
        "{METADATA}: {what}: expected {expected}, got {got}; make the bundle anew with `ballast \
         export <run>`"
    )]
    Shape {
        /// Which parts.
        what: String,
        /// What one says.
        expected: usize,
        /// What the other says.
        got: usize,
    },
    /// A function that this build does not know.
    #[error(
        "{METADATA}: no function `{name}` between layers, only `tanh` and `relu`; make the bundle anew \
         with `ballast export <run>`"
    )]
    Activation {
        /// What it is called there.
        name: String,
    },
    /// Its numbers mean something else than this build's.
    #[error(
        "{METADATA}: its numbers hold within {got} of the middle, this build's within {HOLDS_WITHIN}: \
         the same answer would be another move; use the build that made it, or train anew"
    )]
    HoldsWithin {
        /// The bundle's.
        got: f32,
    },
    /// The weights do not make a network.
    #[error("{WEIGHTS}: {0}; make the bundle anew with `ballast export <run>`")]
    Network(#[from] FrozenError),
    /// The graph is not the network of `weights.bin`.
    #[error(
        "{ONNX}: not the network of {WEIGHTS}; make the bundle anew with `ballast export <run>`"
    )]
    OnnxDiffers,
    /// The policy answers differently from when it was exported.
    #[error(
        "{GOLDEN}: case {case}: {what}: expected {expected}, got {got}; make the bundle anew with \
         `ballast export <run>`"
    )]
    Golden {
        /// Case, from 0.
        case: usize,
        /// Which answer.
        what: String,
        /// The recorded answer.
        expected: f32,
        /// The answer now.
        got: f32,
    },
}

/// The contents of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    algorithm: String,
    files: BTreeMap<String, String>,
}

/// What [`verify`] found to be so.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerifyReport {
    /// blake3 of the manifest: names the bundle.
    pub bundle: String,
    /// The policy's name.
    pub name: String,
    /// Files whose hashes hold.
    pub files: usize,
    /// Golden cases reproduced.
    pub cases: usize,
    /// Largest difference of a logit.
    pub max_logit_error: f32,
    /// Values per observation.
    pub obs_dim: usize,
    /// Choices per head; none where the policy answers with numbers.
    pub heads: Vec<u32>,
    /// Numbers of an answer; none where it is choices.
    pub numbers: usize,
}

/// Writes a bundle to `dir`, which must not exist: all of it or nothing. `observed` are rows
/// (observation, mask) from evaluation, for the golden vectors.
///
/// # Errors
/// `card` does not fit the policy, `dir` exists, or the file system's.
pub fn write(
    dir: &Path,
    policy: &mut FrozenPolicy,
    card: PolicyCard,
    observed: &[(Vec<f32>, Vec<f32>)],
) -> Result<VerifyReport, BundleError> {
    if dir.exists() {
        return Err(BundleError::Exists { path: dir.into() });
    }
    let (network, weights) = pack(policy);
    let metadata = Metadata {
        format: FORMAT,
        ballast: env!("CARGO_PKG_VERSION").into(),
        policy: card,
        network,
    };
    check_card(&metadata.policy, policy)?;
    let model = onnx::policy_model(policy, &onnx_properties(&metadata)?);
    let files = [
        (ONNX, model),
        (WEIGHTS, weights),
        (METADATA, to_json(METADATA, &metadata)?),
        (GOLDEN, to_json(GOLDEN, &golden_cases(policy, observed))?),
    ];
    let manifest = Manifest {
        format: FORMAT,
        algorithm: "blake3".into(),
        files: files.iter().map(|(name, bytes)| ((*name).into(), hash(bytes))).collect(),
    };
    let mut partial = dir.file_name().unwrap_or_default().to_owned();
    partial.push(".partial");
    let partial = dir.with_file_name(partial);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(io(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(io(&partial))?;
    for (name, bytes) in &files {
        write_synced(&partial.join(name), bytes)?;
    }
    let manifest = to_json(MANIFEST, &manifest)?;
    write_synced(&partial.join(MANIFEST), &manifest)?;
    // What does not hold is not left behind under the name of what does.
    let report = verify(&partial)?;
    fs::rename(&partial, dir).map_err(io(dir))?;
    Ok(report)
}

/// Checks a bundle: hashes, shapes, that graph and weights are one network, and that the golden
/// vectors come out again.
///
/// # Errors
/// The first thing that does not hold, with what to do.
pub fn verify(dir: &Path) -> Result<VerifyReport, BundleError> {
    load(dir).map(|(_, _, report)| report)
}

/// Verifies a bundle and hands out its policy.
///
/// # Errors
/// Those of [`verify`].
pub fn load(dir: &Path) -> Result<(FrozenPolicy, Metadata, VerifyReport), BundleError> {
    let manifest_bytes = read(dir, MANIFEST)?;
    let manifest: Manifest = from_json(MANIFEST, &manifest_bytes)?;
    if manifest.format != FORMAT {
        return Err(BundleError::Format { got: manifest.format });
    }
    let mut contents = BTreeMap::new();
    for file in [ONNX, WEIGHTS, METADATA, GOLDEN] {
        let Some(expected) = manifest.files.get(file) else {
            return Err(BundleError::Unlisted { file });
        };
        let bytes = read(dir, file)?;
        let got = hash(&bytes);
        if got != *expected {
            return Err(BundleError::Hash { file: file.into(), expected: expected.clone(), got });
        }
        contents.insert(file, bytes);
    }
    let metadata: Metadata = from_json(METADATA, &contents[METADATA])?;
    if metadata.format != FORMAT {
        return Err(BundleError::Format { got: metadata.format });
    }
    let mut policy = unpack(&metadata, &contents[WEIGHTS])?;
    check_card(&metadata.policy, &policy)?;
    // The graph is a function of the rest; another release may write it in other bytes.
    if metadata.ballast == env!("CARGO_PKG_VERSION")
        && onnx::policy_model(&policy, &onnx_properties(&metadata)?) != contents[ONNX]
    {
        return Err(BundleError::OnnxDiffers);
    }
    let cases: GoldenCases = from_json(GOLDEN, &contents[GOLDEN])?;
    let max_logit_error = check_golden(&mut policy, &cases)?;
    let report = VerifyReport {
        bundle: hash(&manifest_bytes),
        name: policy.name().into(),
        files: contents.len(),
        cases: cases.cases.len(),
        max_logit_error,
        obs_dim: policy.obs_dim(),
        heads: policy.heads().to_vec(),
        numbers: policy.bounds().map_or(0, Bounds::len),
    };
    Ok((policy, metadata, report))
}

fn check_golden(policy: &mut FrozenPolicy, golden: &GoldenCases) -> Result<f32, BundleError> {
    same("golden cases", golden::MADE_UP_CASES, golden.cases.len().min(golden::MADE_UP_CASES))?;
    let mut worst = 0.0f32;
    for (case, expected) in golden.cases.iter().enumerate() {
        let what = |part: &str| format!("golden case {case}, {part}");
        same(&what("observation"), policy.obs_dim(), expected.observation.len())?;
        same(&what("action_mask"), policy.logits_dim(), expected.action_mask.len())?;
        same(&what("logits"), policy.logits_dim(), expected.logits.len())?;
        same(&what("action"), policy.action_dim(), expected.action.len())?;
        let remembered = policy.remembered().len();
        same(&what("memory"), remembered, expected.memory.len())?;
        same(&what("next_memory"), remembered, expected.next_memory.len())?;
        let (observation, mask) = (expected.observation.clone(), expected.action_mask.clone());
        let now = golden::answer(policy, &expected.memory, observation, mask);
        for (name, expected, now) in [
            ("logits", &expected.logits, &now.logits),
            ("next_memory", &expected.next_memory, &now.next_memory),
        ] {
            for (i, (e, g)) in expected.iter().zip(now).enumerate() {
                let error = (e - g).abs();
                if error.is_nan() || error > LOGIT_TOLERANCE {
                    let (what, expected, got) = (format!("{name}[{i}]"), *e, *g);
                    return Err(BundleError::Golden { case, what, expected, got });
                }
                worst = worst.max(error);
            }
        }
        // Choices are the same; numbers, within what separates two tanh.
        let apart = if policy.bounds().is_some() { LOGIT_TOLERANCE } else { 0.0 };
        for (i, (expected, got)) in expected.action.values().zip(now.action.values()).enumerate() {
            let error = (expected - got).abs();
            if error.is_nan() || error > apart {
                let what = format!("action[{i}]");
                return Err(BundleError::Golden { case, what, expected, got });
            }
        }
    }
    Ok(worst)
}

/// `metadata_props` of the graph.
fn onnx_properties(metadata: &Metadata) -> Result<Vec<(String, String)>, BundleError> {
    let card = &metadata.policy;
    let mut properties = vec![
        ("ballast.format".into(), FORMAT.to_string()),
        ("ballast.regime".into(), card.regime.clone()),
        ("ballast.observations".into(), property(&card.observations)?),
        ("ballast.actions".into(), property(&card.actions)?),
        ("ballast.provenance".into(), property(&card.provenance)?),
    ];
    if metadata.network.bounds.is_some() {
        let Network { bounds, holds_within, .. } = &metadata.network;
        properties.push(("ballast.numbers".into(), property(&(bounds, holds_within))?));
    }
    if !card.side.is_both() {
        properties.push(("ballast.side".into(), format!("{:?}", card.side)));
    }
    Ok(properties)
}

fn property(value: &impl Serialize) -> Result<String, BundleError> {
    serde_json::to_string(value).map_err(|e| json_error(ONNX, &e))
}

fn check_card(card: &PolicyCard, policy: &FrozenPolicy) -> Result<(), BundleError> {
    same("rows of the observation table", policy.obs_dim(), card.observations.len())?;
    same("rows of the action table", policy.action_dim(), card.actions.len())?;
    for (head, choices) in card.actions.iter().zip(policy.heads()) {
        let what = format!("choices of {}", head.name);
        same(&what, *choices as usize, head.choices.len())?;
    }
    Ok(())
}

fn same(what: &str, expected: usize, got: usize) -> Result<(), BundleError> {
    if expected == got {
        return Ok(());
    }
    Err(BundleError::Shape { what: what.into(), expected, got })
}

/// The policy's tensors as bytes, and where each lies.
fn pack(policy: &FrozenPolicy) -> (Network, Vec<u8>) {
    let normaliser = policy.normaliser();
    let mut tensors = Vec::new();
    let mut bytes = Vec::new();
    let mut put = |name: String, shape: Vec<usize>, values: &[f32]| {
        tensors.push(TensorEntry { name, shape, offset_bytes: bytes.len() });
        bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    };
    let obs_dim = policy.obs_dim();
    put("normaliser.mean".into(), vec![obs_dim], &normaliser.mean);
    put("normaliser.var".into(), vec![obs_dim], &normaliser.var);
    if let Some(set) = policy.set() {
        for (name, layer) in set.named_layers() {
            put(format!("{name}.weight"), vec![layer.outputs, layer.inputs], &layer.weight);
            put(format!("{name}.bias"), vec![layer.outputs], &layer.bias);
        }
    }
    if let Some(memory) = policy.memory() {
        let gates = 3 * memory.width;
        put("memory.input_weight".into(), vec![gates, memory.inputs], &memory.input_weight);
        put("memory.state_weight".into(), vec![gates, memory.width], &memory.state_weight);
        put("memory.input_bias".into(), vec![gates], &memory.input_bias);
        put("memory.state_bias".into(), vec![gates], &memory.state_bias);
    }
    for (i, layer) in policy.layers().iter().enumerate() {
        let shape = vec![layer.outputs, layer.inputs];
        put(format!("layers.{i}.weight"), shape, &layer.weight);
        put(format!("layers.{i}.bias"), vec![layer.outputs], &layer.bias);
    }
    let network = Network {
        heads: policy.heads().to_vec(),
        bounds: policy.bounds().cloned(),
        holds_within: policy.bounds().map(|_| HOLDS_WITHIN),
        activation: policy.activation().name().into(),
        rows: policy.set().map(|set| set.rows),
        observation_clip: normaliser.clip,
        observation_epsilon: normaliser.epsilon,
        tensors,
    };
    (network, bytes)
}

/// The inverse of [`pack`].
fn unpack(metadata: &Metadata, bytes: &[u8]) -> Result<FrozenPolicy, BundleError> {
    let network = &metadata.network;
    let mut values = Vec::new();
    let mut at = 0;
    for tensor in &network.tensors {
        same(&format!("offset of {}", tensor.name), at, tensor.offset_bytes)?;
        let end = tensor
            .shape
            .iter()
            .try_fold(4usize, |n, d| n.checked_mul(*d))
            .and_then(|n| n.checked_add(at))
            .unwrap_or(usize::MAX);
        let Some(raw) = bytes.get(at..end) else {
            same(&format!("bytes up to the end of {}", tensor.name), end, bytes.len())?;
            break;
        };
        let floats = raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        values.push((tensor, floats.collect::<Vec<f32>>()));
        at = end;
    }
    same("bytes of the weights", at, bytes.len())?;
    let mut values = values.into_iter();
    let mut next = |name: String, rank: usize| {
        let Some((tensor, floats)) = values.next() else {
            return Err(BundleError::Shape { what: format!("tensor {name}"), expected: 1, got: 0 });
        };
        same(
            &format!("{} in the place of {name}, match", tensor.name),
            1,
            usize::from(tensor.name == name),
        )?;
        same(&format!("dimensions of {name}"), rank, tensor.shape.len())?;
        Ok((tensor.shape.clone(), floats))
    };
    let normaliser = Normaliser {
        mean: next("normaliser.mean".into(), 1)?.1,
        var: next("normaliser.var".into(), 1)?.1,
        epsilon: network.observation_epsilon,
        clip: network.observation_clip,
    };
    let mut before = 2;
    let set = match network.rows {
        None => None,
        Some(rows) => {
            let mut two = |part: &str| -> Result<[Dense; 2], BundleError> {
                before += 4;
                let [first, second] = [0, 1].map(|i| layer(format!("set.{part}.{i}"), &mut next));
                Ok([first?, second?])
            };
            let layers = two("layers")?;
            let heads = if rows.heads > 0 { Some(two("heads")?) } else { None };
            Some(SetEncoder { rows, layers, heads })
        }
    };
    let remembers = network.tensors.get(before).is_some_and(|t| t.name.starts_with("memory."));
    let memory = if remembers {
        let (shape, input_weight) = next("memory.input_weight".into(), 2)?;
        Some(Memory {
            inputs: shape[1],
            width: shape[0] / 3,
            input_weight,
            state_weight: next("memory.state_weight".into(), 2)?.1,
            input_bias: next("memory.input_bias".into(), 1)?.1,
            state_bias: next("memory.state_bias".into(), 1)?.1,
        })
    } else {
        None
    };
    before += if remembers { 4 } else { 0 };
    let mut layers = Vec::new();
    for i in 0..network.tensors.len().saturating_sub(before) / 2 {
        layers.push(layer(format!("layers.{i}"), &mut next)?);
    }
    let Some(activation) = Activation::named(&network.activation) else {
        return Err(BundleError::Activation { name: network.activation.clone() });
    };
    if let Some(got) = network.holds_within.filter(|within| *within != HOLDS_WITHIN) {
        return Err(BundleError::HoldsWithin { got });
    }
    same("heads beside numbers", 0, network.bounds.as_ref().map_or(0, |_| network.heads.len()))?;
    let action = space(network.heads.clone(), network.bounds.as_ref());
    let name = metadata.policy.name.clone();
    let policy = FrozenPolicy::of(name, action, normaliser, (set, memory), layers)?;
    Ok(policy.with_activation(activation))
}

/// The next tensors, as the weights and biases of a layer of this name.
fn layer(
    name: String,
    next: &mut impl FnMut(String, usize) -> Result<(Vec<usize>, Vec<f32>), BundleError>,
) -> Result<Dense, BundleError> {
    let (shape, weight) = next(format!("{name}.weight"), 2)?;
    let (_, bias) = next(format!("{name}.bias"), 1)?;
    Ok(Dense { inputs: shape[1], outputs: shape[0], weight, bias })
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::Io { source, path }
}

fn read(dir: &Path, file: &'static str) -> Result<Vec<u8>, BundleError> {
    let path = dir.join(file);
    fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory if file == MANIFEST => {
            BundleError::NotABundle
        }
        ErrorKind::NotFound => BundleError::Missing { file },
        _ => io(&path)(error),
    })
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), BundleError> {
    let mut file = fs::File::create(path).map_err(io(path))?;
    file.write_all(bytes).map_err(io(path))?;
    file.sync_all().map_err(io(path))
}

fn json_error(file: &'static str, error: &serde_json::Error) -> BundleError {
    BundleError::Json {
        file,
        line: error.line(),
        column: error.column(),
        reason: error.to_string(),
    }
}

fn to_json(file: &'static str, value: &impl Serialize) -> Result<Vec<u8>, BundleError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| json_error(file, &e))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn from_json<T: DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, BundleError> {
    serde_json::from_slice(bytes).map_err(|e| json_error(file, &e))
}
