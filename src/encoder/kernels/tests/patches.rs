use super::super::testing::noise;
use super::super::{Epilogue, PackedMatrix};
use super::*;

#[test]
fn the_product_with_patches_is_a_convolution() {
    let patches = Patches {
        channels: 3,
        image: 11,
        patch: 4,
    };
    let (outputs, depth) = (5, patches.depth());
    let (images, weights) = ([noise(3 * 121, 1), noise(3 * 121, 2)], noise(outputs * depth, 3));
    for kernels in Kernels::available() {
        let matrix = PackedMatrix::pack(kernels, Precision::F32, &weights, (outputs, depth), None).unwrap();
        let mut activations = Activations::default();
        let borrowed = images.each_ref().map(Vec::as_slice);
        activations
            .patches(kernels, Precision::F32, patches, &borrowed)
            .unwrap();
        let mut output = vec![0.0; 8 * outputs];
        matrix
            .multiply(activations.all(), Epilogue::Store, &mut output)
            .unwrap();
        for (index, got) in output.iter().enumerate() {
            let (out, row, image) = (index % outputs, index / outputs % 4, index / outputs / 4);
            let mut expected = 0.0;
            for (tap, weight) in weights[out * depth..][..depth].iter().enumerate() {
                let (x, y) = (row % 2 * 4 + tap % 4, row / 2 * 4 + tap / 4 % 4);
                expected += f64::from(*weight) * f64::from(images[image][(tap / 16 * 11 + y) * 11 + x]);
            }
            assert!(
                (f64::from(*got) - expected).abs() < 1e-5,
                "{} {index}: {got} {expected}",
                kernels.name()
            );
        }
    }
}

#[test]
fn refuses_images_of_another_size() {
    let patches = Patches {
        channels: 1,
        image: 4,
        patch: 2,
    };
    let mut activations = Activations::default();
    let mut convert = |image: &[f32]| activations.patches(Kernels::best(), Precision::F32, patches, &[image]);
    assert!(convert(&[0.0; 16]).is_ok());
    assert!(convert(&[0.0; 15]).is_err());
}
