//! What a codestream may ask of a decoder (ISO/IEC 15444-1, annex A): a few bytes can announce millions of parts, each of
//! which the decoder keeps in memory.

/// The standard numbers tiles with 16 bits.
const MAX_TILES: u64 = 65_535;

/// Colours and opacity.
const MAX_COMPONENTS: u16 = 5;

/// Writers use precincts of at least 64 samples a side, which is 6 here; each is a structure of its own.
const LEAST_PRECINCT_EXPONENT: u8 = 4;

/// Quality layers that writers use are some ten.
const MAX_LAYERS: u16 = 1024;

/// Why a codestream is not given to the decoder.
pub(super) fn objection(codestream: &[u8]) -> Option<&'static str> {
    let mut rest = codestream.get(2..).unwrap_or_default();
    let mut tile_part = None;
    while let Some((&[0xff, marker, l0, l1], _)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let Some(content) = rest.get(4..2 + length) else {
            break;
        };
        let objection = match marker {
            0x51 => object_to_size(content),
            0x52 => object_to_coding(content.first().copied(), content.get(2..4), content.get(5..)),
            0x53 => object_to_coding(content.get(1).copied(), None, content.get(2..)),
            _ => None,
        };
        if objection.is_some() {
            return objection;
        }
        if marker == 0x90 {
            // Start of a tile-part: where the next one is.
            let part = content.get(2..).and_then(<[u8]>::first_chunk);
            let part = part.map_or(0, |part| u32::from_be_bytes(*part)) as usize;
            tile_part = rest.get(part..).filter(|_| part > 0);
        }
        rest = rest.get(2 + length..).unwrap_or_default();
        // Start of data: nothing but the next tile-part is of interest.
        if let [0xff, 0x93, ..] = rest {
            rest = tile_part.take().unwrap_or_default();
        }
    }
    None
}

/// Of the image's and the tiles' sizes and places, and how many components there are.
fn object_to_size(content: &[u8]) -> Option<&'static str> {
    let numbers = content.get(2..34)?.as_chunks().0;
    let number = |at: usize| {
        numbers
            .get(at)
            .map_or(0, |&number| u64::from(u32::from_be_bytes(number)))
    };
    let tiles = |side: usize| {
        let length = number(side).saturating_sub(number(6 + side));
        length.div_ceil(number(4 + side).max(1))
    };
    let components = content.get(34..).and_then(<[u8]>::first_chunk);
    if tiles(0).saturating_mul(tiles(1)) > MAX_TILES {
        Some("it has more tiles than the standard allows")
    } else if components.is_some_and(|count| u16::from_be_bytes(*count) > MAX_COMPONENTS) {
        Some("it has more components than a picture")
    } else {
        None
    }
}

/// Of the style of coding, the number of layers, and what follows from levels to precincts.
fn object_to_coding(style: Option<u8>, layers: Option<&[u8]>, parameters: Option<&[u8]>) -> Option<&'static str> {
    let layers = layers
        .and_then(<[u8]>::first_chunk)
        .map_or(1, |layers| u16::from_be_bytes(*layers));
    if layers > MAX_LAYERS {
        return Some("it has more layers than a picture");
    }
    let precincts = parameters?.get(5..)?;
    let small = |precinct: &u8| precinct & 15 < LEAST_PRECINCT_EXPONENT || precinct >> 4 < LEAST_PRECINCT_EXPONENT;
    (style? & 1 == 1 && precincts.iter().any(small)).then_some("its precincts are smaller than writers make them")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A real codestream with a number of some bytes set at a place behind the marker.
    fn patched(marker: u8, at: usize, value: &[u8]) -> Vec<u8> {
        let mut bytes = include_bytes!("../tests/samples/lossy.j2k").to_vec();
        let start = bytes.windows(2).position(|found| found == [0xff, marker]).unwrap() + 4 + at;
        bytes[start..start + value.len()].copy_from_slice(value);
        bytes
    }

    #[test]
    fn what_writers_write_is_not_objected_to() {
        assert_eq!(objection(include_bytes!("../tests/samples/lossy.j2k")), None);
        let bytes = patched(0x51, 0, &[]);
        for end in 0..bytes.len() {
            assert_eq!(objection(&bytes[..end]), None);
        }
    }

    #[test]
    fn forged_numbers_are_objected_to() {
        let size = |side: u32| [side.to_be_bytes(), side.to_be_bytes()].concat();
        // The image's size, no offset, and tiles of one pixel.
        let tiny = [size(3000), size(0), size(1)].concat();
        assert!(objection(&patched(0x51, 2, &tiny)).unwrap().contains("tiles"));
        assert!(objection(&patched(0x51, 34, &[4, 0])).unwrap().contains("components"));
        assert!(objection(&patched(0x52, 2, &[255, 255])).unwrap().contains("layers"));
        assert_eq!(
            object_to_coding(Some(1), None, Some(&[1, 4, 4, 0, 1, 0x77, 0x88])),
            None
        );
        assert!(object_to_coding(Some(1), None, Some(&[1, 4, 4, 0, 1, 0x77, 0x08])).is_some());
    }
}
