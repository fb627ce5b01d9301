//! A policy as an ONNX model (IR 8, opset 17) that needs nothing beside it: normalisation, clipping,
//! the network, the mask and the choice are all nodes of the graph.
//!
//! Inputs: `observation` `[batch, obs_dim]` f32, scaled as the observation table says; `action_mask`
//! `[batch, logits]` f32, 1 = legal. Outputs: `logits` `[batch, logits]` f32, masked ones −1e9;
//! `action` `[batch, heads]` int64, one choice per head. Of a policy of numbers, `action_mask` `[batch, numbers]` says
//! which are read, `logits` are the means before they are squashed, and `action` is `[batch, numbers]` f32, those that are
//! not read in their middle. A policy with memory has one more of each: it is given
//! `memory` `[batch, memory]` f32, zeros before an episode's first decision, and returns `next_memory`, to be given with the next.
//!
//! Field numbers are those of `onnx/onnx.proto`.

use super::protobuf::Message;
use crate::bounds::Bounds;
use crate::frozen::{Activation, Dense, FrozenPolicy, LEGAL_ABOVE, MASKED_LOGIT, Memory};
use crate::set::SetEncoder;

const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// The model's bytes. `metadata` becomes `metadata_props`, in the order given.
/// Equal arguments give equal bytes.
#[must_use]
pub fn policy_model(policy: &FrozenPolicy, metadata: &[(String, String)]) -> Vec<u8> {
    let props = metadata.iter().map(|(key, value)| Message::new().string(1, key).string(2, value));
    Message::new()
        .int(1, 8)
        .string(2, "ballast")
        .string(3, env!("CARGO_PKG_VERSION"))
        .message(7, graph(policy))
        .message(8, Message::new().string(1, "").int(2, 17))
        .messages(14, props)
        .into_bytes()
}

fn graph(policy: &FrozenPolicy) -> Message {
    let mut parts = Parts::default();
    let normaliser = policy.normaliser();
    let obs_dim = policy.obs_dim();
    parts.floats("obs_mean", &[obs_dim], &normaliser.mean);
    parts.floats("obs_inverse_std", &[obs_dim], &normaliser.inverse_std());
    parts.floats("clip_low", &[], &[-normaliser.clip]);
    parts.floats("clip_high", &[], &[normaliser.clip]);
    parts.node("Sub", &["observation", "obs_mean"], &["obs_centred"], &[]);
    parts.node("Mul", &["obs_centred", "obs_inverse_std"], &["obs_scaled"], &[]);
    let (memory, set) = (policy.memory(), policy.set());
    let seen = if memory.is_some() { "seen" } else { "layer_0_in" };
    let normalised = if set.is_some() { "normalised" } else { seen };
    parts.node("Clip", &["obs_scaled", "clip_low", "clip_high"], &[normalised], &[]);
    if let Some(set) = set {
        read(&mut parts, set, obs_dim, seen);
    }
    if let Some(memory) = memory {
        remember(&mut parts, memory);
    }
    let last = policy.layers().len() - 1;
    let activation = match policy.activation() {
        Activation::Tanh => "Tanh",
        Activation::Relu => "Relu",
    };
    let raw = match policy.bounds() {
        Some(_) => "logits".to_owned(),
        None => format!("layer_{last}_out"),
    };
    let input_of = |i: usize| match memory {
        Some(_) if i == 0 => "next_memory".to_owned(),
        _ => format!("layer_{i}_in"),
    };
    let of_rows = set.and_then(|set| set.heads.as_ref().map(|heads| (set, heads)));
    for (i, layer) in policy.layers().iter().enumerate().filter(|(_, layer)| layer.outputs > 0) {
        let (weight, bias) = (format!("layer_{i}_weight"), format!("layer_{i}_bias"));
        let input = input_of(i);
        let output = match of_rows {
            _ if i < last => format!("layer_{i}_out"),
            Some(_) => "whole_logits".to_owned(),
            None => raw.clone(),
        };
        parts.floats(&weight, &[layer.outputs, layer.inputs], &layer.weight);
        parts.floats(&bias, &[layer.outputs], &layer.bias);
        let inputs = [input.as_str(), &weight, &bias];
        parts.node("Gemm", &inputs, &[&output], &[int("transB", 1)]);
        if i < last {
            parts.node(activation, &[&output], &[&format!("layer_{}_in", i + 1)], &[]);
        }
    }
    if let Some((set, heads)) = of_rows {
        let whole = policy.layers().last().is_some_and(|layer| layer.outputs > 0);
        answer(&mut parts, (set, heads), &input_of(last), whole.then_some("whole_logits"), &raw);
    }
    let logits = policy.logits_dim();
    parts.floats("legal_above", &[], &[LEGAL_ABOVE]);
    parts.node("Greater", &["action_mask", "legal_above"], &["legal"], &[]);
    let kind = match policy.bounds() {
        None => {
            parts.floats("masked_logit", &[], &[MASKED_LOGIT]);
            parts.node("Where", &["legal", &raw, "masked_logit"], &["logits"], &[]);
            choose(&mut parts, policy.heads());
            INT64
        }
        Some(bounds) => {
            place(&mut parts, bounds);
            FLOAT
        }
    };
    let of_memory =
        |name: &'static str| memory.map(|m| value_info(name, FLOAT, m.width)).into_iter();
    Message::new()
        .messages(1, parts.nodes)
        .string(2, policy.name())
        .messages(5, parts.initialisers)
        .message(11, value_info("observation", FLOAT, obs_dim))
        .message(11, value_info("action_mask", FLOAT, logits))
        .messages(11, of_memory("memory"))
        .message(12, value_info("logits", FLOAT, logits))
        .message(12, value_info("action", kind, policy.action_dim()))
        .messages(12, of_memory("next_memory"))
}

/// `normalised` → `rows_read`, what each row comes to, and `seen`, as [`SetEncoder`] has it.
fn read(parts: &mut Parts, set: &SetEncoder, obs_dim: usize, seen: &str) {
    let (rows, cells) = (&set.rows, set.rows.cells());
    let mut joined = Vec::new();
    for (name, from, to) in [
        ("before_rows", 0, cells.start),
        ("row_cells", cells.start, cells.end),
        ("after_rows", cells.end, obs_dim),
    ] {
        if from < to {
            parts.slice("normalised", name, 1, from, to);
            joined.push(name);
        }
    }
    joined.retain(|name| *name != "row_cells");
    parts.ints("rows_shape", &[0, rows.room as i64, rows.width as i64]);
    parts.node("Reshape", &["row_cells", "rows_shape"], &["rows"], &[]);
    let [first, second] = &set.layers;
    for (input, layer, sum, output) in
        [("rows", first, "rows_0", "rows_hidden"), ("rows_hidden", second, "rows_1", "rows_read")]
    {
        parts.rows_through(input, layer, sum);
        parts.node("Tanh", &[sum], &[output], &[]);
    }
    let over_rows = [ints("axes", &[1]), int("keepdims", 0)];
    match rows.present {
        None => {
            parts.node("ReduceMean", &["rows_read"], &["rows_mean"], &over_rows);
            parts.node("ReduceMax", &["rows_read"], &["rows_most"], &over_rows);
        }
        Some(flag) => {
            parts.floats("row_absent", &[], &[0.0]);
            parts.floats("one_row", &[], &[1.0]);
            parts.floats("no_row", &[], &[-1.0]);
            parts.ints("axis_of_rows", &[1]);
            parts.slice("rows", "row_flags", 2, flag, flag + 1);
            parts.node("Greater", &["row_flags", "row_absent"], &["there"], &[]);
            parts.node("Cast", &["there"], &["weights_of_rows"], &[int("to", FLOAT)]);
            parts.node("Mul", &["rows_read", "weights_of_rows"], &["rows_there"], &[]);
            let sum = [int("keepdims", 0)];
            parts.node("ReduceSum", &["rows_there", "axis_of_rows"], &["rows_sum"], &sum);
            parts.node("ReduceSum", &["weights_of_rows", "axis_of_rows"], &["rows_count"], &sum);
            parts.node("Max", &["rows_count", "one_row"], &["rows_divisor"], &[]);
            parts.node("Div", &["rows_sum", "rows_divisor"], &["rows_mean"], &[]);
            parts.node("Where", &["there", "rows_read", "no_row"], &["rows_or_none"], &[]);
            parts.node("ReduceMax", &["rows_or_none"], &["rows_most"], &over_rows);
        }
    }
    joined.extend(["rows_mean", "rows_most"]);
    parts.node("Concat", &joined, &[seen], &[int("axis", 1)]);
}

/// `rows_read` and the last hidden layer `hidden` → the logits or means of all rows, then those of the `whole`, if there are
/// any, as `all`.
fn answer(
    parts: &mut Parts,
    (set, [joint, out]): (&SetEncoder, &[Dense; 2]),
    hidden: &str,
    whole: Option<&str>,
    all: &str,
) {
    let own = set.width();
    let part = |from: usize, to: usize| -> Vec<f32> {
        let rows = joint.weight.chunks_exact(joint.inputs);
        let rows: Vec<&[f32]> = rows.map(|row| &row[from..to]).collect();
        (0..to - from).flat_map(|i| rows.iter().map(move |row| row[i])).collect()
    };
    let (width, hidden_width) = (joint.outputs, joint.inputs - own);
    parts.floats("row_head_own", &[own, width], &part(0, own));
    parts.floats("row_head_whole", &[hidden_width, width], &part(own, joint.inputs));
    parts.floats("row_head_bias", &[width], &joint.bias);
    parts.node("MatMul", &["rows_read", "row_head_own"], &["row_head_of_own"], &[]);
    parts.node("MatMul", &[hidden, "row_head_whole"], &["row_head_of_whole"], &[]);
    parts.ints("middle_axis", &[1]);
    parts.node("Unsqueeze", &["row_head_of_whole", "middle_axis"], &["row_head_for_all"], &[]);
    parts.node("Add", &["row_head_of_own", "row_head_for_all"], &["row_head_both"], &[]);
    parts.node("Add", &["row_head_both", "row_head_bias"], &["row_head_sum"], &[]);
    parts.node("Tanh", &["row_head_sum"], &["row_head_hidden"], &[]);
    parts.rows_through("row_head_hidden", out, "row_head_out");
    parts.ints("flat_rows", &[0, (set.rows.room * out.outputs) as i64]);
    let flat = if whole.is_some() { "row_logits" } else { all };
    parts.node("Reshape", &["row_head_out", "flat_rows"], &[flat], &[]);
    if let Some(whole) = whole {
        parts.node("Concat", &[flat, whole], &[all], &[int("axis", 1)]);
    }
}

/// `seen` and `memory` → `next_memory`, as [`Memory`] has it.
fn remember(parts: &mut Parts, memory: &Memory) {
    let (inputs, width) = (memory.inputs, memory.width);
    parts.ints("memory_gates", &[width as i64; 3]);
    parts.floats("one", &[], &[1.0]);
    for (side, from, inputs, weight, bias) in [
        ("input", "seen", inputs, &memory.input_weight, &memory.input_bias),
        ("state", "memory", width, &memory.state_weight, &memory.state_bias),
    ] {
        let name = |what: &str| format!("{side}_{what}");
        let (weights, biases, gates) = (name("weight"), name("bias"), name("gates"));
        parts.floats(&weights, &[3 * width, inputs], weight);
        parts.floats(&biases, &[3 * width], bias);
        parts.node("Gemm", &[from, &weights, &biases], &[&gates], &[int("transB", 1)]);
        let each = [name("reset"), name("update"), name("new")];
        let each = each.each_ref().map(String::as_str);
        parts.node("Split", &[&gates, "memory_gates"], &each, &[int("axis", 1)]);
    }
    for gate in ["reset", "update"] {
        let sum = format!("{gate}_sum");
        let (input, state) = (format!("input_{gate}"), format!("state_{gate}"));
        parts.node("Add", &[&input, &state], &[&sum], &[]);
        parts.node("Sigmoid", &[&sum], &[gate], &[]);
    }
    parts.node("Mul", &["reset", "state_new"], &["state_new_let_in"], &[]);
    parts.node("Add", &["input_new", "state_new_let_in"], &["new_sum"], &[]);
    parts.node("Tanh", &["new_sum"], &["new"], &[]);
    parts.node("Sub", &["one", "update"], &["renewal"], &[]);
    parts.node("Mul", &["renewal", "new"], &["renewed"], &[]);
    parts.node("Mul", &["update", "memory"], &["held"], &[]);
    parts.node("Add", &["renewed", "held"], &["next_memory"], &[]);
}

/// `logits` → `action`: the most likely choice of each head, the lowest of equals.
fn choose(parts: &mut Parts, heads: &[u32]) {
    let argmax = [int("axis", 1), int("keepdims", 1)];
    if heads.len() == 1 {
        parts.node("ArgMax", &["logits"], &["action"], &argmax);
        return;
    }
    let sizes: Vec<i64> = heads.iter().map(|n| i64::from(*n)).collect();
    parts.ints("head_sizes", &sizes);
    let names: Vec<String> = (0..heads.len()).map(|i| format!("head_{i}")).collect();
    let choices: Vec<String> = (0..heads.len()).map(|i| format!("choice_{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
    parts.node("Split", &["logits", "head_sizes"], &names, &[int("axis", 1)]);
    for (head, choice) in names.iter().zip(&choices) {
        parts.node("ArgMax", &[head], &[choice], &argmax);
    }
    parts.node("Concat", &choices, &["action"], &[int("axis", 1)]);
}

/// `logits` and `legal` → `action`: each mean that is read squashed into its bounds, as [`Bounds::place`] has it.
fn place(parts: &mut Parts, bounds: &Bounds) {
    let numbers = bounds.len();
    let middle: Vec<f32> = (0..numbers).map(|i| bounds.place(i, 0.0)).collect();
    let half: Vec<f32> = (0..numbers).map(|i| bounds.half(i)).collect();
    parts.floats("number_middle", &[numbers], &middle);
    parts.floats("number_half", &[numbers], &half);
    parts.node("Tanh", &["logits"], &["squashed"], &[]);
    parts.node("Mul", &["squashed", "number_half"], &["off_middle"], &[]);
    parts.node("Add", &["off_middle", "number_middle"], &["placed"], &[]);
    parts.node("Where", &["legal", "placed", "number_middle"], &["action"], &[]);
}

/// Nodes and initialisers, in topological order.
#[derive(Default)]
struct Parts {
    nodes: Vec<Message>,
    initialisers: Vec<Message>,
}

impl Parts {
    fn node(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attributes: &[Message]) {
        let mut node = Message::new();
        for input in inputs {
            node = node.string(1, input);
        }
        for output in outputs {
            node = node.string(2, output);
        }
        let name = format!("{}_{}", op.to_lowercase(), self.nodes.len());
        node = node.string(3, &name).string(4, op);
        self.nodes.push(node.messages(5, attributes.iter().cloned()));
    }
    /// The values `from..to` of an axis.
    fn slice(&mut self, input: &str, output: &str, axis: i64, from: usize, to: usize) {
        let names = ["from", "to", "axis"].map(|what| format!("{output}_{what}"));
        for (name, value) in names.iter().zip([from as i64, to as i64, axis]) {
            self.ints(name, &[value]);
        }
        let [from, to, axis] = names.each_ref().map(String::as_str);
        self.node("Slice", &[input, from, to, axis], &[output], &[]);
    }
    /// Rows `[batch, rows, inputs]` through a layer, without a function after it.
    fn rows_through(&mut self, input: &str, layer: &Dense, output: &str) {
        let [weight, bias, product] =
            ["weight", "bias", "product"].map(|w| format!("{output}_{w}"));
        let transposed: Vec<f32> = (0..layer.inputs)
            .flat_map(|i| layer.weight.iter().skip(i).step_by(layer.inputs).copied())
            .collect();
        self.floats(&weight, &[layer.inputs, layer.outputs], &transposed);
        self.floats(&bias, &[layer.outputs], &layer.bias);
        self.node("MatMul", &[input, &weight], &[&product], &[]);
        self.node("Add", &[&product, &bias], &[output], &[]);
    }
    fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let dims: Vec<i64> = dims.iter().map(|d| *d as i64).collect();
        self.initialisers.push(tensor(name, FLOAT, &dims, &raw));
    }
    fn ints(&mut self, name: &str, values: &[i64]) {
        let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.initialisers.push(tensor(name, INT64, &[values.len() as i64], &raw));
    }
}

/// A `TensorProto` with raw little-endian data.
fn tensor(name: &str, kind: i64, dims: &[i64], raw: &[u8]) -> Message {
    dims.iter().fold(Message::new(), |t, d| t.int(1, *d)).int(2, kind).string(8, name).bytes(9, raw)
}

/// An integer `AttributeProto`.
fn int(name: &str, value: i64) -> Message {
    Message::new().string(1, name).int(3, value).int(20, 2)
}

/// An `AttributeProto` of integers.
fn ints(name: &str, values: &[i64]) -> Message {
    let attribute = Message::new().string(1, name);
    values.iter().fold(attribute, |a, value| a.int(8, *value)).int(20, 7)
}

/// A `ValueInfoProto` of shape `[batch, width]`, batch symbolic.
fn value_info(name: &str, kind: i64, width: usize) -> Message {
    let shape = Message::new()
        .message(1, Message::new().string(2, "batch"))
        .message(1, Message::new().int(1, width as i64));
    let tensor_type = Message::new().int(1, kind).message(2, shape);
    Message::new().string(1, name).message(2, Message::new().message(1, tensor_type))
}
