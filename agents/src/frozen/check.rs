//! Whether the parts of a frozen policy fit each other.

use super::{Dense, FrozenError, Memory, Normaliser};
use crate::bounds::{Bounds, space};
use crate::set::{SetEncoder, joined};

/// Outputs of the last layer.
pub(super) fn outputs(heads: &[u32], bounds: Option<&Bounds>) -> usize {
    bounds.map_or_else(|| heads.iter().map(|n| *n as usize).sum(), Bounds::len)
}

/// Refuses parts that do not fit each other, naming the first.
pub(super) fn check(
    heads: &[u32],
    bounds: Option<&Bounds>,
    normaliser: &Normaliser,
    (set, memory): (Option<&SetEncoder>, Option<&Memory>),
    layers: &[Dense],
) -> Result<(), FrozenError> {
    let same = |tensor: String, expected: usize, got: usize| {
        if expected == got { Ok(()) } else { Err(FrozenError::Shape { tensor, expected, got }) }
    };
    let finite = |tensor: String, values: &[f32]| match values.iter().position(|v| !v.is_finite()) {
        Some(index) => Err(FrozenError::NotFinite { tensor, index }),
        None => Ok(()),
    };
    let fits = |name: &str, layer: &Dense| {
        let weights = layer.inputs.saturating_mul(layer.outputs);
        same(format!("{name}.weight"), weights, layer.weight.len())?;
        same(format!("{name}.bias"), layer.outputs, layer.bias.len())?;
        finite(format!("{name}.weight"), &layer.weight)?;
        finite(format!("{name}.bias"), &layer.bias)
    };
    let has_outputs = |layer: &Dense| match layer.outputs {
        0 => Err(FrozenError::Empty { what: "output of one of its layers" }),
        _ => Ok(()),
    };
    if layers.is_empty() {
        return Err(FrozenError::Empty { what: "layer" });
    }
    if heads.is_empty() && bounds.is_none() {
        return Err(FrozenError::Empty { what: "head" });
    }
    if heads.contains(&0) {
        return Err(FrozenError::Empty { what: "choice in one of its heads" });
    }
    let mut width = normaliser.mean.len();
    same("normaliser.var".into(), width, normaliser.var.len())?;
    finite("normaliser.mean".into(), &normaliser.mean)?;
    finite("normaliser.var".into(), &normaliser.inverse_std())?;
    finite("normaliser.clip".into(), &[normaliser.clip])?;
    if normaliser.clip < 0.0 {
        return Err(FrozenError::Empty {
            what: "room between its observations' bounds (a clip below 0)",
        });
    }
    if let Some(SetEncoder { rows, layers, heads: _ }) = set {
        let [first, second] = layers;
        let end = rows.room.checked_mul(rows.width).and_then(|n| n.checked_add(rows.start));
        same("set.end within the observation".into(), width, end.unwrap_or(usize::MAX).max(width))?;
        let flag = rows.present.unwrap_or(0);
        same(
            "set.present within a row".into(),
            rows.width,
            rows.width.max(flag.saturating_add(1)),
        )?;
        if rows.width == 0 {
            return Err(FrozenError::Empty { what: "value in a row of its set" });
        }
        same("set.layers.0.inputs".into(), rows.width, first.inputs)?;
        same("set.layers.1.inputs".into(), first.outputs, second.inputs)?;
        for (i, layer) in layers.iter().enumerate() {
            fits(&format!("set.layers.{i}"), layer)?;
            has_outputs(layer)?;
        }
        width = joined(width, rows, second.outputs);
    }
    if let Some(memory) = memory {
        if memory.width == 0 {
            return Err(FrozenError::Empty { what: "memory" });
        }
        if memory.inputs == 0 {
            return Err(FrozenError::Empty { what: "observation" });
        }
        let gates = memory.width.saturating_mul(3);
        same("memory.inputs".into(), width, memory.inputs)?;
        for (name, values, expected) in [
            ("memory.input_weight", &memory.input_weight, gates.saturating_mul(memory.inputs)),
            ("memory.state_weight", &memory.state_weight, gates.saturating_mul(memory.width)),
            ("memory.input_bias", &memory.input_bias, gates),
            ("memory.state_bias", &memory.state_bias, gates),
        ] {
            same(name.into(), expected, values.len())?;
            finite(name.into(), values)?;
        }
        width = memory.width;
    }
    for (i, layer) in layers.iter().enumerate() {
        same(format!("layers.{i}.inputs"), width, layer.inputs)?;
        fits(&format!("layers.{i}"), layer)?;
        // Where rows have heads of their own, there may be none for the whole.
        if i + 1 < layers.len() || set.is_none_or(|set| set.heads.is_none()) {
            has_outputs(layer)?;
        }
        width = layer.outputs;
    }
    let mut of_rows = 0;
    if let Some(set) = set {
        let rows = &set.rows;
        let action = space(heads.to_vec(), bounds);
        same("set.heads alike in all rows".into(), 1, usize::from(rows.heads_are_alike(&action)))?;
        same("set.heads".into(), usize::from(rows.heads > 0), usize::from(set.heads.is_some()))?;
        if let Some([joint, out]) = &set.heads {
            let (first, cells) = (rows.start..rows.start + rows.width, rows.cells());
            for values in [&normaliser.mean, &normaliser.var] {
                let mut others = values[cells.clone()].chunks_exact(rows.width);
                let tied = others.all(|row| *row == values[first.clone()]);
                same("set.rows with the same statistics".into(), 1, usize::from(tied))?;
            }
            let whole = layers.last().map_or(0, |last| last.inputs);
            same("set.heads.0.inputs".into(), set.width().saturating_add(whole), joint.inputs)?;
            same("set.heads.1.inputs".into(), joint.outputs, out.inputs)?;
            same("set.heads.1.outputs".into(), rows.outputs(&action), out.outputs)?;
            fits("set.heads.0", joint)?;
            fits("set.heads.1", out)?;
            has_outputs(joint)?;
            of_rows = rows.room.saturating_mul(out.outputs);
        }
    }
    same("logits".into(), outputs(heads, bounds), width.saturating_add(of_rows))
}
