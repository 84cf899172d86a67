use candle_core::Tensor;

use crate::encoder::EncoderError;
use crate::encoder::kernels::{Epilogue, PackedMatrix, ProbeAttention, Rows};
use crate::encoder::towers::{Compute, Parts, Workspace};

/// The mean of a map attends to the map's positions and to itself. What comes of it, projected, is the image's vector.
pub(super) struct AttentionPool {
    compute: Compute,
    heads: usize,
    width: usize,
    /// `[1 + positions, width]`; the first is the mean's.
    positions: Vec<f32>,
    query: PackedMatrix,
    /// Outputs `2 * width`.
    key_value: PackedMatrix,
    output: PackedMatrix,
}

impl AttentionPool {
    /// Reads the pooling of maps of so many `positions`, from `width` channels to `dim` values.
    pub(super) fn load(
        parts: &Parts<'_>,
        positions: usize,
        [width, dim]: [usize; 2],
        heads: usize,
    ) -> Result<Self, EncoderError> {
        let compute = parts.compute.exact();
        let linear = |names: &[&str], outputs: usize| parts.modules(compute, names, [outputs, width]);
        Ok(Self {
            compute,
            heads,
            width,
            positions: parts
                .weights
                .values("visual.attnpool.positional_embedding", &[1 + positions, width])?,
            query: linear(&["visual.attnpool.q_proj"], width)?,
            key_value: linear(&["visual.attnpool.k_proj", "visual.attnpool.v_proj"], width)?,
            output: linear(&["visual.attnpool.c_proj"], dim)?,
        })
    }

    /// The vector of one map.
    pub(super) fn forward(&self, map: &Tensor) -> Result<Vec<f32>, EncoderError> {
        let tokens = self.tokens(&map.flatten_all()?.to_vec1()?);
        let (width, count) = (self.width, tokens.len() / self.width);
        let mut query = vec![0.0; width];
        let mean = tokens.get(..width).unwrap_or_default();
        self.query
            .multiply(Rows::plain(mean, width)?, Epilogue::Store, &mut query)?;
        let scale = 1.0 / ((width / self.heads) as f32).sqrt();
        query.iter_mut().for_each(|value| *value *= scale);
        let mut keys_values = vec![0.0; count * 2 * width];
        self.key_value
            .multiply(Rows::plain(&tokens, width)?, Epilogue::Store, &mut keys_values)?;
        let attention = ProbeAttention {
            heads: self.heads,
            query: &query,
        };
        let (mut pooled, mut workspace) = (vec![0.0; width], Workspace::default());
        attention.attend(
            self.compute.kernels,
            &keys_values,
            &[count],
            &mut pooled,
            &mut workspace.scratch,
        )?;
        let mut vector = vec![0.0; self.output.outputs()];
        self.output
            .multiply(Rows::plain(&pooled, width)?, Epilogue::Store, &mut vector)?;
        Ok(vector)
    }

    /// The mean of a map's positions and then these, each with what tells its place.
    fn tokens(&self, map: &[f32]) -> Vec<f32> {
        let mut tokens = self.positions.clone();
        let (mean, places) = tokens.split_at_mut(self.width);
        let share = self.width as f32 / map.len() as f32;
        for (place, values) in places.chunks_exact_mut(self.width).zip(map.chunks_exact(self.width)) {
            for ((mean, place), value) in mean.iter_mut().zip(place).zip(values) {
                *mean += value * share;
                *place += value;
            }
        }
        tokens
    }
}
