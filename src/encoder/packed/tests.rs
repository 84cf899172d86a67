use std::fs;

use tempfile::TempDir;

use super::*;
use crate::encoder::kernels::{Kernels, Precision, Rows};

const SIZE: (usize, usize) = (37, 19);

const STAMP: Stamp = Stamp([7; 32]);

fn compute() -> Compute {
    Compute {
        kernels: Kernels::best(),
        precision: Precision::F32,
    }
}

fn pack(factor: f32) -> Result<PackedMatrix, EncoderError> {
    let Compute { kernels, precision } = compute();
    let values: Vec<f32> = (0..SIZE.0 * SIZE.1).map(|index| index as f32 * factor).collect();
    Ok(PackedMatrix::pack(kernels, precision, &values, SIZE, None)?)
}

fn sums(matrix: &PackedMatrix) -> Vec<f32> {
    let mut sums = vec![0.0; SIZE.0];
    let rows = Rows::plain(&[1.0; SIZE.1], SIZE.1).unwrap();
    matrix
        .multiply(rows, crate::encoder::kernels::Epilogue::Store, &mut sums)
        .unwrap();
    sums
}

/// Two matrices as a store gives them; `packed` says whether they had to be packed.
fn load(dir: &TempDir) -> (Vec<f32>, bool) {
    load_stamped(dir, STAMP)
}

fn load_stamped(dir: &TempDir, stamp: Stamp) -> (Vec<f32>, bool) {
    let store = PackedStore::open_file(&Cache::at(dir.path()), "a.bin".to_owned(), stamp);
    let packed = AtomicBool::new(false);
    let all: Vec<f32> = [("one", 1.0), ("two", 2.0)]
        .into_iter()
        .flat_map(|(key, factor)| {
            let matrix = store.matrix(key, compute(), SIZE, || {
                packed.store(true, Ordering::Relaxed);
                pack(factor)
            });
            sums(&matrix.unwrap())
        })
        .collect();
    store.finish();
    (all, packed.into_inner())
}

fn expected() -> Vec<f32> {
    [sums(&pack(1.0).unwrap()), sums(&pack(2.0).unwrap())].concat()
}

#[test]
fn what_was_packed_once_is_mapped_afterwards() {
    let dir = TempDir::new().unwrap();
    assert_eq!(load(&dir), (expected(), true));
    assert_eq!(load(&dir), (expected(), false));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn what_was_packed_of_other_weights_is_packed_anew() {
    let dir = TempDir::new().unwrap();
    load(&dir);
    assert_eq!(load_stamped(&dir, Stamp([8; 32])), (expected(), true));
    assert_eq!(load_stamped(&dir, Stamp([8; 32])), (expected(), false));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_file_of_damaged_bytes_is_never_believed_and_made_anew() {
    let dir = TempDir::new().unwrap();
    load(&dir);
    let path = dir.path().join("a.bin");
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(97).chain([8, 16, 24, HEADER]) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        fs::write(&path, damaged).unwrap();
        assert_eq!(load(&dir).0, expected(), "byte {at}");
    }
    for length in [0, 10, HEADER, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(load(&dir), (expected(), true), "{length} bytes");
        load(&dir);
        assert_eq!(load(&dir), (expected(), false), "made anew after {length} bytes");
    }
}

#[test]
fn a_tower_that_could_not_be_loaded_leaves_no_file() {
    let dir = TempDir::new().unwrap();
    let store = PackedStore::open_file(&Cache::at(dir.path()), "a.bin".to_owned(), STAMP);
    store.matrix("one", compute(), SIZE, || pack(1.0)).unwrap();
    drop(store);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn where_no_file_can_be_written_matrices_are_in_memory() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("packed"), b"in the way").unwrap();
    let store = PackedStore::open_file(&Cache::at(dir.path()), "packed/a.bin".to_owned(), STAMP);
    let matrix = store.matrix("one", compute(), SIZE, || pack(1.0)).unwrap();
    assert_eq!(sums(&matrix), sums(&pack(1.0).unwrap()));
    store.finish();
}

/// Memory of so many bytes is not an allocation as any other.
#[test]
fn a_matrix_of_megabytes_is_mapped_as_well() {
    let size = (1000, 301);
    let dir = TempDir::new().unwrap();
    let load = |expected_to_pack: bool| {
        let store = PackedStore::open_file(&Cache::at(dir.path()), "a.bin".to_owned(), STAMP);
        let mut packed = false;
        let Compute { kernels, precision } = compute();
        let matrix = store.matrix("one", compute(), size, || {
            packed = true;
            Ok(PackedMatrix::pack(
                kernels,
                precision,
                &vec![0.5; size.0 * size.1],
                size,
                None,
            )?)
        });
        let bytes = matrix.unwrap().as_bytes().to_vec();
        store.finish();
        assert_eq!(packed, expected_to_pack);
        bytes
    };
    assert_eq!(load(true), load(false));
}
