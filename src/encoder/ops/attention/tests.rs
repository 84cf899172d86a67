use candle_core::{D, DType, Device, Tensor};

use super::super::simd::run_portable;
use super::super::testing::{max_difference, noise};
use super::*;

const HEADS: usize = 3;
const HEAD_SIZE: usize = 10;
const HIDDEN: usize = HEADS * HEAD_SIZE;

fn input(tokens: usize) -> Result<Tensor> {
    Tensor::from_vec(noise(tokens * 3 * HIDDEN, 1), (tokens, 3 * HIDDEN), &Device::Cpu)? * 3.0
}

/// The definition for one sequence, in tensor operations.
fn reference(sequence: &Tensor, bias: &[f32], causal: bool) -> Result<Vec<f32>> {
    let tokens = sequence.dim(0)?;
    let parts = sequence.broadcast_add(&Tensor::new(bias, &Device::Cpu)?)?;
    let part = |which: usize| {
        parts
            .narrow(1, which * HIDDEN, HIDDEN)?
            .reshape((tokens, HEADS, HEAD_SIZE))?
            .transpose(0, 1)?
            .contiguous()
    };
    let mut scores = (part(0)?.matmul(&part(1)?.transpose(1, 2)?)? / (HEAD_SIZE as f64).sqrt())?;
    if causal {
        let hidden = Tensor::tril2(tokens, DType::F32, &Device::Cpu)?.affine(1e9, -1e9)?;
        scores = scores.broadcast_add(&hidden)?;
    }
    let exponentials = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
    let weights = exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?)?;
    weights.matmul(&part(2)?)?.transpose(0, 1)?.flatten_all()?.to_vec1()
}

#[test]
fn each_sequence_attends_to_itself_alone() -> Result<()> {
    let lengths = [4, 1, 7, 21];
    let (packed, bias) = (input(33)?, noise(3 * HIDDEN, 2));
    for causal in [false, true] {
        let op = Attention {
            heads: HEADS,
            bias: &bias,
            lengths: &lengths,
            causal,
        };
        let result = packed.apply_op1_no_bwd(&op)?;
        let mut start = 0;
        for length in lengths {
            let expected = reference(&packed.narrow(0, start, length)?, &bias, causal)?;
            let got = result.narrow(0, start, length)?.flatten_all()?.to_vec1::<f32>()?;
            assert!(
                max_difference(&got, &expected) < 1e-5,
                "sequence of {length} tokens, causal {causal}"
            );
            start += length;
        }
    }
    Ok(())
}

#[test]
fn the_portable_code_agrees_with_the_dispatched() -> Result<()> {
    let (packed, bias, lengths) = (input(9)?, noise(3 * HIDDEN, 3), [3, 6]);
    let op = Attention {
        heads: HEADS,
        bias: &bias,
        lengths: &lengths,
        causal: false,
    };
    let dispatched = packed.apply_op1_no_bwd(&op)?.flatten_all()?.to_vec1::<f32>()?;
    let mut portable = vec![0.0; dispatched.len()];
    run_portable(Sequences {
        attention: &op,
        input: &packed.flatten_all()?.to_vec1::<f32>()?,
        output: &mut portable,
        hidden: HIDDEN,
    });
    assert!(max_difference(&portable, &dispatched) < 1e-5);
    Ok(())
}

#[test]
fn refuses_lengths_that_do_not_add_up() -> Result<()> {
    let bias = vec![0.0; 3 * HIDDEN];
    let op = Attention {
        heads: HEADS,
        bias: &bias,
        lengths: &[2, 2],
        causal: false,
    };
    assert!(input(5)?.apply_op1_no_bwd(&op).is_err());
    Ok(())
}
