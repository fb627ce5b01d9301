//! What leaves Ballast: the policy bundle, ONNX, TensorBoard events.

pub mod bundle;
mod card;
mod golden;
pub mod onnx;
pub mod protobuf;
pub mod tables;
pub mod tensorboard;
