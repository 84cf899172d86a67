//! The starter model's image tower, EfficientNet-Lite2 (Tan and Le, 2019).
//!
//! Maps lie in memory as `[height, width, channels]`: a 1x1 convolution is then a product of rows, and a depthwise
//! convolution runs over neighbouring channels, whatever its step.

use std::ops::Range;

use super::config::{BlockConfig, ImageConfig};
use super::stem::Stem;
use crate::encoder::EncoderError;
use crate::encoder::kernels::{Activation, Buffer, Depthwise, Epilogue, KernelError, PackedMatrix, Rows};
use crate::encoder::towers::{Compute, Parts};

/// The activation after every convolution but the last of a block.
const RELU6: Epilogue = Epilogue::Activate(Activation::Relu6);

/// Values of a block's widest map that are computed together, so that they stay in a core's cache until they are used:
/// 256 KiB.
const BAND: usize = 1 << 16;

/// The convolutional network up to the pooled features.
pub(super) struct EfficientNet {
    compute: Compute,
    stem: Stem,
    blocks: Vec<Block>,
    head: PackedMatrix,
}

/// An inverted residual block (Sandler et al., MobileNetV2, 2018).
struct Block {
    expand: Option<PackedMatrix>,
    depthwise: Depthwise,
    project: PackedMatrix,
    /// Whether the block's input is added to its output.
    skip: bool,
}

/// A map of so many rows and columns.
struct Map {
    values: Vec<f32>,
    height: usize,
    width: usize,
}

/// What passes between the convolutions of a block.
#[derive(Default)]
struct Inner {
    expanded: Buffer,
    convolved: Buffer,
}

impl EfficientNet {
    /// Reads the tower from image.safetensors.
    pub(super) fn load(parts: &Parts<'_>, config: &ImageConfig) -> Result<Self, EncoderError> {
        let mut blocks = Vec::with_capacity(config.blocks.len());
        let mut channels = config.stem.out_channels;
        for (index, block) in config.blocks.iter().enumerate() {
            if block.in_channels != channels || (index > 0 && !block.expand) {
                let message = format!("config.json: block {index} does not fit the one before it");
                return Err(parts.weights.error(message));
            }
            blocks.push(Block::load(parts, index, block)?);
            channels = block.out_channels;
        }
        Ok(Self {
            compute: parts.compute,
            stem: Stem::load(parts, config.size, &config.stem)?,
            blocks,
            head: pointwise(parts, "head", [config.head_channels, channels])?,
        })
    }

    /// The `head_channels` features of one image, three planes of `size` rows of `size` values.
    pub(super) fn features(&self, image: &[f32]) -> Result<Vec<f32>, KernelError> {
        let mut inner = Inner::default();
        let mut map = Map {
            values: self.stem.forward(image, RELU6)?,
            height: self.stem.rows(),
            width: self.stem.rows(),
        };
        for block in &self.blocks {
            map = block.forward(self.compute, &map, &mut inner)?;
        }
        let features = self.head.outputs();
        let pixels = map.height * map.width;
        let last = inner.expanded.first(pixels * features);
        self.head
            .multiply(Rows::plain(&map.values, self.head.depth())?, RELU6, last)?;
        let mut mean = vec![0.0; features];
        for row in last.chunks_exact(features) {
            mean.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        mean.iter_mut().for_each(|sum| *sum /= pixels as f32);
        Ok(mean)
    }
}

impl Block {
    fn load(parts: &Parts<'_>, index: usize, config: &BlockConfig) -> Result<Self, EncoderError> {
        let name = |part: &str| format!("blocks.{index}.{part}");
        let (weights, bias) = (name("depthwise.weight"), name("depthwise.bias"));
        let channels = parts.weights.length(&bias)?;
        let side = config.kernel;
        let depthwise = Depthwise::new(
            &parts.weights.values(&weights, &[channels, 1, side, side])?,
            parts.weights.values(&bias, &[channels])?,
            side,
            config.stride,
        )?;
        let expand = config
            .expand
            .then(|| pointwise(parts, &name("expand"), [channels, config.in_channels]));
        Ok(Self {
            expand: expand.transpose()?,
            depthwise,
            project: pointwise(parts, &name("project"), [config.out_channels, channels])?,
            skip: config.skip,
        })
    }

    fn forward(&self, compute: Compute, input: &Map, inner: &mut Inner) -> Result<Map, KernelError> {
        let size = (input.height, input.width);
        let (height, width) = (self.depthwise.along(input.height), self.depthwise.along(input.width));
        let inner_row = width * self.project.depth();
        let row = width * self.project.outputs();
        let mut output = if self.skip {
            input.values.clone()
        } else {
            vec![0.0; height * row]
        };
        let mut expanded = 0..0;
        for first in (0..height).step_by(self.rows_at_once(input.width)) {
            let outputs = first..height.min(first + self.rows_at_once(input.width));
            let reads = self.depthwise.reads(outputs.clone(), input.height);
            let map = self.expand(input, reads, &mut expanded, &mut inner.expanded)?;
            let convolved = inner.convolved.first(outputs.len() * inner_row);
            self.depthwise
                .apply(compute.kernels, map, size, outputs.clone(), convolved)?;
            let epilogue = if self.skip {
                Epilogue::Accumulate
            } else {
                Epilogue::Store
            };
            self.project.multiply(
                Rows::plain(convolved, self.project.depth())?,
                epilogue,
                &mut output[outputs.start * row..outputs.end * row],
            )?;
        }
        Ok(Map {
            values: output,
            height,
            width,
        })
    }

    /// Rows of the output that are computed together.
    fn rows_at_once(&self, width: usize) -> usize {
        let row = width * self.project.depth();
        (BAND / row).max(1)
    }

    /// The rows `reads` of the expanded map, in `buffer`, which already holds the rows `held`.
    fn expand<'a>(
        &self,
        input: &'a Map,
        reads: Range<usize>,
        held: &mut Range<usize>,
        buffer: &'a mut Buffer,
    ) -> Result<&'a [f32], KernelError> {
        let Some(expand) = &self.expand else {
            let row = input.width * self.project.depth();
            return Ok(&input.values[reads.start * row..reads.end * row]);
        };
        let [from, row] = [expand.depth(), expand.outputs()].map(|channels| input.width * channels);
        let expanded = buffer.first(reads.len().max(held.len()) * row);
        // Rows are read in order, so what is still needed is the end of what is there.
        let (kept, fresh) = (held.end.max(reads.start) - reads.start, held.end.max(reads.start));
        if kept > 0 {
            let start = (reads.start - held.start) * row;
            expanded.copy_within(start..start + kept * row, 0);
        }
        let rows = &input.values[fresh * from..reads.end * from];
        expand.multiply(
            Rows::plain(rows, expand.depth())?,
            RELU6,
            &mut expanded[kept * row..reads.len() * row],
        )?;
        *held = reads.clone();
        Ok(&expanded[..reads.len() * row])
    }
}

/// The 1x1 convolution `name`, from `input` channels to `outputs`.
fn pointwise(parts: &Parts<'_>, name: &str, [outputs, input]: [usize; 2]) -> Result<PackedMatrix, EncoderError> {
    let [weight, bias] = ["weight", "bias"].map(|part| format!("{name}.{part}"));
    parts.linear(parts.compute, &[&weight], &[&bias], &[outputs, input, 1, 1])
}
