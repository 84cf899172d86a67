use std::path::PathBuf;

use thiserror::Error;

use super::Device;
use super::kernels::KernelError;
use crate::hub::HubError;

/// Why an encoder could not be loaded or run.
#[derive(Debug, Error)]
pub enum EncoderError {
    /// No model of this name is known.
    #[error(
        "unknown model '{0}'; `clipdex models list` shows the models that can be named, and a model's directory is named \
         by its path"
    )]
    UnknownModel(String),
    /// The model is known, or may be one of the hub, and its files are not here.
    #[error(
        "model '{0}' is not on this machine{directory}; fetch it with `clipdex models pull {0}`",
        directory = if .0.contains('/') { ", and no directory has this name" } else { "" }
    )]
    NotOnMachine(String),
    /// The model cannot be found among the fetched ones, or cannot be fetched.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A file of a model is missing, cannot be read, or does not hold what it should.
    #[error("{}: {message}", path.display())]
    ModelFile {
        /// The file, or the model's directory.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// The tokenizer file cannot be read or a text cannot be tokenized.
    #[error("tokenizer of model '{model}': {message}")]
    Tokenizer {
        /// Model name.
        model: String,
        /// What the tokenizer said.
        message: String,
    },
    /// Weights are missing, of the wrong shape, or unreadable.
    #[error("weights of model '{model}': {message}; the model's files are damaged or of another version")]
    Weights {
        /// Model name.
        model: String,
        /// What is wrong with them.
        message: String,
    },
    /// A sequence of tokens is empty, or longer than the model reads.
    #[error("a sequence of {got} tokens was given to model '{model}', which reads 1 to {longest}")]
    SequenceLength {
        /// Model name.
        model: String,
        /// Tokens of the sequence.
        got: usize,
        /// The most tokens that the model has positions for.
        longest: usize,
    },
    /// A token is none of the model's.
    #[error(
        "token {token} is outside the vocabulary of model '{model}', which has {vocabulary} tokens; the tokens, or the \
         model's tokenizer.json, are another model's"
    )]
    Token {
        /// Model name.
        model: String,
        /// The token's id.
        token: u32,
        /// Number of tokens that there are.
        vocabulary: usize,
    },
    /// An image has another size than the encoder reads.
    #[error("an image of {got} pixels a side was given to an encoder that reads {expected}")]
    InputSize {
        /// Side the model reads.
        expected: usize,
        /// Side that was given.
        got: usize,
    },
    /// A vector is zero or not finite, and so points nowhere.
    #[error(
        "model '{0}' makes vectors that are zero or not finite: its weights are damaged; fetch its files again, or take \
         another model (--model)"
    )]
    NoVector(String),
    /// Resizing failed.
    #[error("resizing a {width} x {height} image: {message}")]
    Resize {
        /// Width of the source in pixels.
        width: u32,
        /// Height of the source in pixels.
        height: u32,
        /// What the resizer said.
        message: String,
    },
    /// The program was built without this device.
    #[error(
        "this clipdex cannot compute on {device}: build it with `cargo build --release --locked --features {feature}`, or \
         leave out --device and CLIPDEX_DEVICE"
    )]
    DeviceNotBuilt {
        /// The device that was asked for.
        device: Device,
        /// The feature of the build that is missing.
        feature: &'static str,
    },
    /// There is no such device, or it cannot be used.
    #[error("device {device} cannot be used: {reason}; is it there, and its driver installed?")]
    DeviceUnavailable {
        /// The device that was asked for.
        device: Device,
        /// What candle said, in its first line: a backtrace may follow.
        reason: String,
    },
    /// Something is computed on the CPU alone.
    #[error("{0} is computed on the CPU alone; leave out --device and CLIPDEX_DEVICE")]
    CpuOnly(String),
    /// A kernel was given what does not fit together.
    #[error("computing vectors: {0}")]
    Kernel(#[from] KernelError),
    /// A tensor operation failed.
    #[error("tensor operation: {0}")]
    Tensor(#[from] candle_core::Error),
}
