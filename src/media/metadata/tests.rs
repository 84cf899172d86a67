use std::borrow::Cow;

use super::*;

/// A little-endian EXIF block: entries of tag, kind and value for the first directory and two that it points to.
fn exif_block(first: &[(u16, u16, &[u8])], details: &[(u16, u16, &[u8])], gps: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let directory_bytes = |count: usize| 2 + 12 * count + 4;
    let details_at = 8 + directory_bytes(first.len() + 2);
    let gps_at = details_at + directory_bytes(details.len());
    let mut values_at = gps_at + directory_bytes(gps.len());
    let (details_at, gps_at) = ((details_at as u32).to_le_bytes(), (gps_at as u32).to_le_bytes());
    let pointers: [(u16, u16, &[u8]); 2] = [(0x8769, 4, &details_at), (0x8825, 4, &gps_at)];
    let first = [first, &pointers].concat();
    let mut values = Vec::new();
    for entries in [first.as_slice(), details, gps] {
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, value) in entries {
            let size = [1, 1, 2, 4, 8][usize::from(*kind) - 1];
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(((value.len() / size) as u32).to_le_bytes());
            if value.len() <= 4 {
                bytes.extend(value.iter().copied().chain([0; 4]).take(4));
            } else {
                bytes.extend((values_at as u32).to_le_bytes());
                values_at += value.len();
                values.extend_from_slice(value);
            }
        }
        bytes.extend([0; 4]);
    }
    bytes.extend(values);
    bytes
}

fn fractions(pairs: &[(u32, u32)]) -> Vec<u8> {
    pairs
        .iter()
        .flat_map(|(over, under)| [over.to_le_bytes(), under.to_le_bytes()].concat())
        .collect()
}

fn camera_exif() -> Vec<u8> {
    let keywords: Vec<u8> = "sea; K\u{fc}ste\0".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latitude = fractions(&[(54, 1), (30, 1), (36, 10)]);
    let longitude = fractions(&[(8, 1), (15, 1), (0, 1)]);
    let altitude = fractions(&[(25, 2)]);
    exif_block(
        &[
            (0x010f, 2, b"NIKON CORPORATION\0"),
            (0x0110, 2, b"NIKON Z 6 \0"),
            (0x0132, 2, b"2025:01:01 00:00:00\0"),
            (0x010e, 2, b"from EXIF\0"),
            (0x4746, 3, &[3, 0]),
            (0x9c9e, 1, &keywords),
        ],
        &[
            (0x9003, 2, b"2024:05:01 12:34:56\0"),
            (0x9011, 2, b"+02:00\0"),
            (0x9291, 2, b"25\0"),
            (0xa434, 2, b"NIKKOR Z 24-70mm f/4 S\0"),
        ],
        &[
            (1, 2, b"N\0"),
            (2, 5, &latitude),
            (3, 2, b"W\0"),
            (4, 5, &longitude),
            (5, 1, &[1]),
            (6, 5, &altitude),
        ],
    )
}

const PACKET: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"
  xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,17,40W" exif:GPSAltitude="70/2"
  xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:DateCreated="2023-07-08T09:10:11.5-03:00">
 <dc:subject xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Bag><rdf:li>tower</rdf:li><rdf:li> sea </rdf:li>
  <rdf:li/></rdf:Bag></dc:subject>
 <dc:description xmlns:dc="http://purl.org/dc/elements/1.1/"><rdf:Alt><rdf:li xml:lang="de">Turm</rdf:li>
  <rdf:li xml:lang="x-default">A tower &amp; more</rdf:li></rdf:Alt></dc:description>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"#;

fn blocks<'a>(exif: Option<&'a [u8]>, xmp: Option<&'a [u8]>, iptc: Option<&'a [u8]>) -> Blocks<'a> {
    Blocks {
        exif: exif.map(Cow::Borrowed),
        xmp: xmp.map(Cow::Borrowed),
        iptc: iptc.map(Cow::Borrowed),
        profile: None,
    }
}

#[test]
fn exif_tells_camera_time_and_place() {
    let metadata = Metadata::read(&blocks(Some(&camera_exif()), None, None));
    let location = metadata.location.unwrap();
    assert!((location.latitude - 54.501).abs() < 1e-9 && (location.longitude + 8.25).abs() < 1e-9);
    assert_eq!(location.altitude, Some(-12.5));
    let expected = Metadata {
        taken: CaptureTime::parse("2024-05-01T12:34:56.250+02:00"),
        make: Some("NIKON CORPORATION".into()),
        model: Some("NIKON Z 6".into()),
        lens: Some("NIKKOR Z 24-70mm f/4 S".into()),
        location: Some(location),
        title: None,
        caption: Some("from EXIF".into()),
        keywords: vec!["sea".into(), "Küste".into()],
        rating: Some(3),
    };
    assert_eq!(metadata, expected);
}

#[test]
fn xmp_tells_the_rest() {
    let metadata = Metadata::read(&blocks(None, Some(PACKET.as_bytes()), None));
    assert_eq!(metadata.taken.unwrap().to_string(), "2023-07-08T09:10:11.500-03:00");
    assert_eq!(metadata.rating, Some(4));
    assert_eq!(metadata.keywords, ["tower", "sea"]);
    assert_eq!(metadata.caption.as_deref(), Some("A tower & more"));
    let location = metadata.location.unwrap();
    assert!((location.latitude - 48.858_333).abs() < 1e-6 && (location.longitude + 2.294_444).abs() < 1e-6);
    assert_eq!(location.altitude, Some(35.0));
}

#[test]
fn facts_are_exifs_and_words_are_xmps() {
    let iptc = b"\x1c\x02\x19\0\x04dawn\x1c\x02\x78\0\x04iptc\x1c\x02\x05\0\x03T\xfcr\x1c\x02\x37\0\x0820240501";
    let metadata = Metadata::read(&blocks(Some(&camera_exif()), Some(PACKET.as_bytes()), Some(iptc)));
    assert_eq!(metadata.taken.unwrap().to_string(), "2024-05-01T12:34:56.250+02:00");
    assert_eq!(metadata.caption.as_deref(), Some("A tower & more"));
    assert_eq!(metadata.title.as_deref(), Some("Tür"));
    assert_eq!(metadata.rating, Some(4));
    assert_eq!(metadata.keywords, ["tower", "sea", "dawn", "Küste"]);
}

#[test]
fn iptc_tells_a_time_with_its_offset() {
    let iptc = b"\x1c\x02\x37\0\x0820240501\x1c\x02\x3c\0\x0b123456+0200";
    let metadata = Metadata::read(&blocks(None, None, Some(iptc)));
    assert_eq!(metadata.taken.unwrap().to_string(), "2024-05-01T12:34:56+02:00");
}

#[test]
fn damage_counts_as_missing() {
    let exif = camera_exif();
    let iptc = b"\x1c\x02\x19\0\x04dawn\x1c\x02\x78\x80\x04iptc";
    for end in 0..exif.len() {
        Metadata::read(&blocks(
            Some(&exif[..end]),
            Some(&PACKET.as_bytes()[..end]),
            Some(&iptc[..end.min(iptc.len())]),
        ));
    }
    for end in 0..exif.len() {
        let mut exif = exif.clone();
        exif[end] ^= 0xff;
        Metadata::read(&blocks(Some(&exif), None, None));
    }
}

/// What would cost a careless parser its stack or minutes.
#[test]
fn forged_packets_are_left_soon() {
    let deep = "<a>".repeat(40_000) + &"</a>".repeat(40_000);
    let wide: String = (0..30_000).map(|k| format!(" a{k}='' ")).collect();
    let entity = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>"#;
    for packet in [deep, format!("<x {wide}/>"), entity.to_owned(), "<x/>".repeat(200_000)] {
        assert_eq!(
            Metadata::read(&blocks(None, Some(packet.as_bytes()), None)),
            Metadata::default()
        );
    }
}

#[test]
fn texts_are_clean_and_short() {
    assert_eq!(text(b"  a\x1b[31m\r\nb \0"), Some("a [31m \nb".into()));
    assert_eq!(text(b"caf\xe9"), Some("café".into()));
    assert_eq!(text(b" \0"), None);
    assert_eq!(text("ü".repeat(10_000).as_bytes()).unwrap().len(), MAX_TEXT_BYTES);
}
