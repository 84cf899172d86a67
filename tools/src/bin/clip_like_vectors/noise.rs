//! Seeded random numbers. Each vector has a stream of its own, so that it is the same whichever thread makes it.

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), and normal deviates from it.
pub(crate) struct Noise {
    state: u64,
    /// The second of the two normal deviates that one drawing gives.
    spare: Option<f32>,
}

impl Noise {
    /// The stream of one object: `kind` and `number` say which.
    pub(crate) fn new(seed: u64, kind: u64, number: u64) -> Self {
        let mut state = 0;
        for part in [seed, kind, number] {
            state = mix(state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        }
        Self { state, spare: None }
    }

    /// Evenly distributed, 0 included, 1 excluded.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.state) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Normally distributed, mean 0 and variance 1 (Box and Muller, 1958).
    pub(crate) fn normal(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some((radius * sine) as f32);
        (radius * cosine) as f32
    }

    /// A direction drawn evenly from the unit sphere.
    pub(crate) fn direction(&mut self, dim: usize) -> Vec<f32> {
        normalised((0..dim).map(|_| self.normal()).collect())
    }
}

pub(crate) fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let norm = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|x| *x /= norm);
    vector
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
