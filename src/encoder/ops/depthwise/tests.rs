use candle_core::{Device, Tensor};

use super::super::simd::run_portable;
use super::super::testing::{max_difference, noise};
use super::*;

struct Case {
    height: usize,
    width: usize,
    channels: usize,
    kernel: usize,
    stride: usize,
}

impl Case {
    fn input(&self) -> Vec<f32> {
        // Wide enough that relu6 cuts at both ends.
        noise(self.height * self.width * self.channels, 3)
            .iter()
            .map(|v| v * 8.0)
            .collect()
    }

    fn weight(&self) -> Vec<f32> {
        noise(self.channels * self.kernel * self.kernel, 4)
    }

    fn biases(&self) -> (Vec<f32>, Vec<f32>) {
        (noise(self.channels, 5), noise(self.channels, 6))
    }

    fn weights(&self) -> Result<DepthwiseWeights> {
        let (input_bias, bias) = self.biases();
        DepthwiseWeights::new(&self.weight(), &input_bias, &bias)
    }

    /// The definition, one output at a time.
    fn naive(&self) -> Vec<f32> {
        let (out_height, top) = same_padding(self.height, self.kernel, self.stride);
        let (out_width, left) = same_padding(self.width, self.kernel, self.stride);
        let (input, weight, (input_bias, bias)) = (self.input(), self.weight(), self.biases());
        let mut output = Vec::new();
        for oy in 0..out_height {
            for ox in 0..out_width {
                for c in 0..self.channels {
                    let mut sum = bias[c];
                    for ky in 0..self.kernel {
                        for kx in 0..self.kernel {
                            let (y, x) = (oy * self.stride + ky, ox * self.stride + kx);
                            if (top..top + self.height).contains(&y) && (left..left + self.width).contains(&x) {
                                let value = input[((y - top) * self.width + x - left) * self.channels + c];
                                let tap = weight[(c * self.kernel + ky) * self.kernel + kx];
                                sum += tap * (value + input_bias[c]).clamp(0.0, 6.0);
                            }
                        }
                    }
                    output.push(sum.clamp(0.0, 6.0));
                }
            }
        }
        output
    }

    fn fused(&self) -> Result<Vec<f32>> {
        let op = Depthwise::new(self.kernel, self.stride, self.weights()?)?;
        let input = Tensor::from_vec(self.input(), (self.height, self.width, self.channels), &Device::Cpu)?;
        input.apply_op1_no_bwd(&op)?.flatten_all()?.to_vec1()
    }
}

#[test]
fn equals_the_definition_at_every_kernel_stride_and_parity() -> Result<()> {
    for kernel in [3, 5] {
        for stride in [1, 2] {
            for (height, width) in [(1, 1), (2, 3), (9, 9), (10, 13), (13, 10), (17, 4)] {
                for channels in [1, 16, 24, 33] {
                    let case = Case {
                        height,
                        width,
                        channels,
                        kernel,
                        stride,
                    };
                    let difference = max_difference(&case.fused()?, &case.naive());
                    let what = format!("{height} x {width} x {channels}, kernel {kernel}, stride {stride}");
                    assert!(difference < 1e-4, "{what}: differs by {difference}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn the_portable_code_agrees_with_the_dispatched() -> Result<()> {
    let case = Case {
        height: 11,
        width: 14,
        channels: 40,
        kernel: 5,
        stride: 2,
    };
    let (out_width, left) = same_padding(case.width, 5, 2);
    let (out_height, top) = same_padding(case.height, 5, 2);
    let mut output = vec![0.0; out_height * out_width * case.channels];
    run_portable(Unrolled::<5, 2>(Pass {
        weights: &case.weights()?,
        input: &case.input(),
        output: &mut output,
        height: case.height,
        width: case.width,
        out_width,
        top,
        left,
    }));
    assert!(max_difference(&output, &case.fused()?) < 1e-4);
    Ok(())
}

#[test]
fn refuses_what_it_does_not_compute() -> Result<()> {
    assert!(DepthwiseWeights::new(&[0.0; 9], &[0.0; 2], &[0.0]).is_err());
    assert!(Depthwise::new(3, 3, DepthwiseWeights::new(&[0.0; 9], &[0.0], &[0.0])?).is_err());
    assert!(Depthwise::new(5, 1, DepthwiseWeights::new(&[0.0; 9], &[0.0], &[0.0])?).is_err());
    let op = Depthwise::new(3, 1, DepthwiseWeights::new(&[0.0; 9], &[0.0], &[0.0])?)?;
    let two_channels = Tensor::zeros((4, 4, 2), candle_core::DType::F32, &Device::Cpu)?;
    assert!(two_channels.apply_op1_no_bwd(&op).is_err());
    Ok(())
}
