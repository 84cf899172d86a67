//! Files as cameras lay them out, around a JPEG that is one: no camera's own file is small enough, or free.

use super::*;

/// A directory entry: tag, kind, and values of that kind.
type Value<'a> = (u16, u16, &'a [u32]);

/// A little-endian TIFF of directories, each of which may be pointed to by a value that names its place in the list (the
/// values of tag 330 and 34665), with bytes behind them where offsets marked [`PAYLOAD`] lead.
fn structure(magic: &[u8; 4], header: &[u8], directories: &[&[Value<'_>]], payload: &[u8]) -> Vec<u8> {
    let sizes = directories.iter().map(|entries| 2 + 12 * entries.len() + 4);
    let starts: Vec<usize> = sizes
        .scan(8 + header.len(), |at, size| {
            let start = *at;
            *at += size;
            Some(start)
        })
        .collect();
    let payload_at = starts.last().unwrap() + 2 + 12 * directories.last().unwrap().len() + 4;
    let resolve = |tag: u16, value: u32| match (tag, value) {
        (330 | 34_665, place) => starts[place as usize] as u32,
        (_, PAYLOAD) => payload_at as u32,
        (_, PAYLOAD_LENGTH) => payload.len() as u32,
        (_, value) => value,
    };
    let mut bytes = magic.to_vec();
    bytes.extend((8 + header.len() as u32).to_le_bytes());
    bytes.extend(header);
    for entries in directories {
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, values) in *entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            let count = if values[0] == PAYLOAD && *kind == 7 {
                payload.len()
            } else {
                values.len()
            };
            bytes.extend((count as u32).to_le_bytes());
            let value = resolve(*tag, values[0]);
            // Two short values fit in the entry.
            bytes.extend((value | values.get(1).unwrap_or(&0) << 16).to_le_bytes());
        }
        bytes.extend([0; 4]);
    }
    bytes.extend(payload);
    bytes
}

/// Stands for the offset of the payload.
const PAYLOAD: u32 = 0xffff_0001;
/// Stands for its length.
const PAYLOAD_LENGTH: u32 = 0xffff_0002;

/// A preview as a camera held upright stores it: to be turned by 90 degrees.
fn preview() -> Vec<u8> {
    include_bytes!("samples/turned.jpg").to_vec()
}

/// A box of the ISO base media file format.
pub(super) fn boxed(kind: &[u8], content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

/// A film of one JPEG, as a CR3 is, with the camera's TIFF structures.
fn cr3() -> Vec<u8> {
    let camera = structure(b"II*\0", b"", &[&[(274, 3, &[6])]], b"");
    let name = b"\x85\xc0\xb6\x87\x82\x0f\x11\xe0\x81\x11\xf4\xce\x46\x2b\x6a\x48";
    let preview = preview();
    let file = |offset: u64| {
        let size = (preview.len() as u32).to_be_bytes();
        let sizes = boxed(b"stsz", &[&[0; 4], &size, &[0, 0, 0, 1]]);
        let offsets = boxed(b"co64", &[&[0; 4], &[0, 0, 0, 1], &offset.to_be_bytes()]);
        let table = boxed(b"stbl", &[&sizes, &offsets]);
        let track = boxed(b"trak", &[&boxed(b"mdia", &[&boxed(b"minf", &[&table])])]);
        let canon = boxed(b"uuid", &[name, &boxed(b"CMT1", &[&camera])]);
        let head = [
            boxed(b"ftyp", &[b"crx \0\0\0\x01crx isom"]),
            boxed(b"moov", &[&canon, &track]),
        ]
        .concat();
        [head, boxed(b"mdat", &[&preview])].concat()
    };
    let offset = file(0).len() - preview.len();
    file(offset as u64)
}

fn raf() -> Vec<u8> {
    let preview = include_bytes!("samples/exif-xmp.jpg");
    let mut bytes = b"FUJIFILMCCD-RAW 0201FF389501X-T1".to_vec();
    bytes.resize(84, 0);
    bytes.extend(148u32.to_be_bytes());
    bytes.extend((preview.len() as u32).to_be_bytes());
    bytes.resize(148, 0);
    bytes.extend(preview);
    bytes.extend([7; 100]);
    bytes
}

/// One file of each kind.
pub(super) fn files() -> Vec<(Format, Vec<u8>)> {
    const MOSAIC: Value<'_> = (262, 3, &[32_803]);
    const TURNED: Value<'_> = (274, 3, &[6]);
    // As one strip, as many DNGs have it; by offset and length, as Nikon and Sony; as a value, as Panasonic.
    let strip: [Value<'_>; 3] = [(259, 3, &[7]), (273, 4, &[PAYLOAD]), (279, 4, &[PAYLOAD_LENGTH])];
    let linked: [Value<'_>; 2] = [(513, 4, &[PAYLOAD]), (514, 4, &[PAYLOAD_LENGTH])];
    let preview = preview();
    let of = |magic, header, directories: &[&[Value<'_>]]| structure(magic, header, directories, &preview);
    vec![
        (
            Format::Dng,
            of(
                b"II*\0",
                b"",
                &[&[(254, 4, &[1]), TURNED, (330, 4, &[1]), (0xc612, 1, &[1])], &strip],
            ),
        ),
        (
            Format::Cr2,
            of(
                b"II*\0",
                b"CR\x02\0\0\0\0\0",
                &[&[(259, 3, &[6]), strip[1], TURNED, strip[2]]],
            ),
        ),
        (
            Format::Raw,
            of(
                b"II*\0",
                b"",
                &[&[TURNED, (330, 4, &[1])], &[MOSAIC, linked[0], linked[1]]],
            ),
        ),
        (Format::Rw2, of(b"IIU\0", b"", &[&[(0x2e, 7, &[PAYLOAD]), TURNED]])),
        // Olympus keeps the preview in notes that nothing here reads.
        (Format::Orf, of(b"IIRO", b"", &[&[TURNED]])),
        (Format::Cr3, cr3()),
        (Format::Raf, raf()),
    ]
}

#[test]
fn the_preview_of_every_camera_stands_upright() {
    for (format, bytes) in files() {
        assert_eq!(sniff(&bytes), Some(format), "{format}");
        let photo = decode_default(&bytes).unwrap();
        assert_eq!(photo.info.format, format);
        assert_eq!(photo.info.orientation.to_exif(), 6, "{format}");
        samples::assert_is_source(&photo, &format.to_string());
    }
}

#[test]
fn makers_are_told_apart() {
    let file = |make: &[u8]| {
        let mut bytes = structure(b"II*\0", b"", &[&[(271, 2, &[0]), (262, 3, &[32_803])]], &preview());
        // The maker's name, behind everything else.
        let at = bytes.len() as u32;
        bytes[14..18].copy_from_slice(&(make.len() as u32).to_le_bytes());
        bytes[18..22].copy_from_slice(&at.to_le_bytes());
        bytes.extend(make);
        bytes
    };
    assert_eq!(sniff(&file(b"NIKON CORPORATION\0")), Some(Format::Nef));
    assert_eq!(sniff(&file(b"SONY  \0")), Some(Format::Arw));
    assert_eq!(sniff(&file(b"PENTAX \0")), Some(Format::Raw));
    assert!(decode_default(&file(b"NIKON\0\0")).is_ok());
}

#[test]
fn a_raw_file_without_a_preview_says_so() {
    let bytes = structure(b"II*\0", b"", &[&[(262, 3, &[32_803])]], b"no picture");
    let message = decode_default(&bytes).unwrap_err().to_string();
    assert!(message.contains("it has no preview"), "{message}");
}

#[test]
fn a_small_image_without_compression_stands_in_for_a_preview() {
    let pixels: Vec<u8> = (0..18).collect();
    let colours: &[Value<'_>] = &[
        (254, 4, &[1]),
        (256, 4, &[3]),
        (257, 4, &[2]),
        (258, 3, &[8]),
        (259, 3, &[1]),
        (262, 3, &[2]),
        (273, 4, &[PAYLOAD]),
        (274, 3, &[8]),
        (277, 3, &[3]),
        (278, 4, &[2]),
        (279, 4, &[PAYLOAD_LENGTH]),
        (330, 4, &[1]),
    ];
    let bytes = structure(b"II*\0", b"", &[colours, &[(262, 3, &[32_803])]], &pixels);
    assert_eq!(sniff(&bytes), Some(Format::Raw));
    let photo = decode_default(&bytes).unwrap();
    assert_eq!((photo.info.width, photo.info.height), (2, 3));
    assert_eq!(photo.info.format, Format::Raw);
    // Turned to the left: what was at the upper right is at the upper left.
    assert_eq!(photo.image.data()[..3], [6, 7, 8]);
}

#[test]
fn what_a_raw_file_says_of_itself_is_read() {
    let metadata = decode_default(&raf()).unwrap().metadata;
    assert_eq!(metadata.model.as_deref(), Some("Model 1"));
    assert_eq!(metadata.rating, Some(4));
}
