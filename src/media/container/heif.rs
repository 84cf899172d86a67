//! The items of an HEIF file (ISO/IEC 23008-12), such as HEIC and AVIF: images, tiles of images, and what is said of them.

use std::borrow::Cow;

use super::Blocks;
use super::boxes::{Box, Boxes, versioned};

/// Most items of a file; a 200-megapixel photograph has some hundred tiles.
const MAX_ITEMS: usize = 4096;

/// An HEIF file.
pub(in crate::media) struct Heif<'a> {
    bytes: &'a [u8],
    /// The item that is shown.
    pub primary: u32,
    items: Vec<Item<'a>>,
    locations: Vec<Location>,
    /// Data that items may lie in besides the file itself.
    data: &'a [u8],
    properties: Vec<Box<'a>>,
    /// Item, and place of one of its properties, in order.
    associations: Vec<(u32, usize)>,
    /// Kind, from which item, and to which.
    references: Vec<([u8; 4], u32, u32)>,
}

/// What the samples of an image stand for, by numbers (ITU-T H.273, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::media) struct Nclx {
    pub primaries: u16,
    /// The curve from levels to light.
    pub transfer: u16,
    /// How luminance and colour differences become RGB.
    pub matrix: u16,
    /// Whether levels run from 0 to the greatest, rather than from 16 to 235 of 255.
    pub full_range: bool,
}

struct Item<'a> {
    id: u32,
    kind: [u8; 4],
    /// Of an item of kind `mime`, what it is, and what follows that.
    content_type: &'a [u8],
}

/// Where an item's data lies: pieces of offset and length, in the file or in [`Heif::data`].
struct Location {
    id: u32,
    in_data: bool,
    pieces: Vec<(u64, u64)>,
}

impl<'a> Heif<'a> {
    /// Reads the file's boxes; nothing of its images.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let (_, _, meta) = versioned(Boxes::find(bytes, b"meta")?)?;
        let find = |kind| Boxes::find(meta, kind);
        let properties = find(b"iprp").unwrap_or_default();
        Some(Self {
            bytes,
            primary: find(b"pitm").and_then(primary)?,
            items: find(b"iinf").and_then(items)?,
            locations: find(b"iloc").and_then(locations)?,
            data: find(b"idat").unwrap_or_default(),
            properties: Boxes::find(properties, b"ipco")
                .map(|boxes| Boxes::new(boxes).take(MAX_ITEMS).collect())
                .unwrap_or_default(),
            associations: Boxes::new(properties)
                .filter(|found| found.kind == *b"ipma")
                .filter_map(|found| associations(found.content))
                .flatten()
                .take(16 * MAX_ITEMS)
                .collect(),
            references: find(b"iref").and_then(references).unwrap_or_default(),
        })
    }

    /// Kind of the first coded picture of the primary image.
    pub fn coding(&self) -> Option<[u8; 4]> {
        let mut item = self.primary;
        // An overlay of grids of tiles is the deepest that is written.
        for _ in 0..4 {
            match self.references(b"dimg", item).first() {
                Some(&part) => item = part,
                None => break,
            }
        }
        self.kind(item)
    }

    /// An item's kind.
    pub fn kind(&self, id: u32) -> Option<[u8; 4]> {
        self.items.iter().find(|item| item.id == id).map(|item| item.kind)
    }

    /// An item's data.
    pub fn data(&self, id: u32) -> Option<Cow<'a, [u8]>> {
        let location = self.locations.iter().find(|location| location.id == id)?;
        let source = if location.in_data { self.data } else { self.bytes };
        let piece = |&(offset, length): &(u64, u64)| {
            let rest = source.get(usize::try_from(offset).ok()?..)?;
            if length == 0 {
                Some(rest)
            } else {
                rest.get(..usize::try_from(length).ok()?)
            }
        };
        match location.pieces.as_slice() {
            [whole] => piece(whole).map(Cow::Borrowed),
            pieces => {
                let mut data = Vec::new();
                for bytes in pieces.iter().map(piece) {
                    data.extend_from_slice(bytes?);
                    // Pieces may overlap; no item is longer than the file.
                    if data.len() > self.bytes.len() {
                        return None;
                    }
                }
                Some(data.into())
            }
        }
    }

    /// An item's properties, in order.
    pub fn properties(&self, id: u32) -> impl Iterator<Item = Box<'a>> {
        let of_item = self.associations.iter().filter(move |(item, _)| *item == id);
        of_item.filter_map(|&(_, place)| self.properties.get(place).copied())
    }

    /// The content of an item's property.
    pub fn property(&self, id: u32, kind: &[u8; 4]) -> Option<&'a [u8]> {
        self.properties(id)
            .find(|found| found.kind == *kind)
            .map(|found| found.content)
    }

    /// Width and height of an item's image in pixels, before it is turned.
    pub fn size(&self, id: u32) -> Option<(u32, u32)> {
        let (_, _, sides) = versioned(self.property(id, b"ispe")?)?;
        let &[a, b, c, d, e, f, g, h] = sides.first_chunk()?;
        Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])))
    }

    /// The items that an item refers to in some way.
    pub fn references(&self, kind: &[u8; 4], from: u32) -> Vec<u32> {
        let of_item = self
            .references
            .iter()
            .filter(|(found, item, _)| found == kind && *item == from);
        of_item.map(|(_, _, to)| *to).collect()
    }

    /// What an item's samples stand for, where it says so by numbers.
    pub fn nclx(&self, id: u32) -> Option<Nclx> {
        let mut colours = self.properties(id).filter(|found| found.kind == *b"colr");
        let numbers = colours.find_map(|colour| colour.content.strip_prefix(b"nclx"))?;
        let &[p0, p1, t0, t1, m0, m1, range] = numbers.first_chunk()?;
        Some(Nclx {
            primaries: u16::from_be_bytes([p0, p1]),
            transfer: u16::from_be_bytes([t0, t1]),
            matrix: u16::from_be_bytes([m0, m1]),
            full_range: range & 0x80 != 0,
        })
    }

    /// The image that is an item's opacity, if it has one.
    pub fn opacity(&self, of: u32) -> Option<u32> {
        const KINDS: [&[u8]; 2] = [
            b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0",
            b"urn:mpeg:hevc:2015:auxid:1\0",
        ];
        let is_opacity = |item: u32| {
            let kind = self.property(item, b"auxC").and_then(versioned);
            kind.is_some_and(|(_, _, kind)| KINDS.iter().any(|opacity| kind.starts_with(opacity)))
        };
        let auxiliary = self.references.iter().filter(|(kind, ..)| kind == b"auxl");
        auxiliary
            .filter(|(_, _, to)| *to == of)
            .map(|(_, from, _)| *from)
            .find(|&item| is_opacity(item))
    }

    /// What the file says of itself.
    pub fn blocks(&self) -> Blocks<'a> {
        let first = |wanted: &dyn Fn(&Item<'_>) -> bool| {
            let item = self.items.iter().find(|item| wanted(item))?;
            self.data(item.id)
        };
        let exif = first(&|item| item.kind == *b"Exif").and_then(without_offset);
        let xmp = first(&|item| item.kind == *b"mime" && item.content_type.starts_with(b"application/rdf+xml"));
        let colours = self.properties(self.primary).filter(|found| found.kind == *b"colr");
        let profile = colours.map(|found| found.content).find_map(|colour| {
            let profile = colour.strip_prefix(b"prof").or_else(|| colour.strip_prefix(b"rICC"))?;
            Some(Cow::Borrowed(profile))
        });
        Blocks {
            exif,
            xmp,
            iptc: None,
            profile,
        }
    }
}

/// An EXIF item's data without the offset in front of it, and what that skips.
pub(in crate::media) fn without_offset(data: Cow<'_, [u8]>) -> Option<Cow<'_, [u8]>> {
    let start = 4 + u32::from_be_bytes(*data.first_chunk()?) as usize;
    match data {
        Cow::Borrowed(data) => data.get(start..).map(Cow::Borrowed),
        Cow::Owned(data) => data.get(start..).map(|block| block.to_vec().into()),
    }
}

/// Takes a number of some bytes off the front.
fn number(rest: &mut &[u8], bytes: usize) -> Option<u64> {
    let (number, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(number.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

/// Takes an item's number off the front: two bytes, or four where there are many.
fn item_id(rest: &mut &[u8], long: bool) -> Option<u32> {
    number(rest, if long { 4 } else { 2 }).map(|id| id as u32)
}

fn primary(content: &[u8]) -> Option<u32> {
    let (version, _, mut rest) = versioned(content)?;
    item_id(&mut rest, version > 0)
}

fn items(content: &[u8]) -> Option<Vec<Item<'_>>> {
    let (version, _, rest) = versioned(content)?;
    let entries = rest.get(if version == 0 { 2 } else { 4 }..)?;
    let item = |entry: Box<'_>| {
        let (version, _, mut rest) = versioned(entry.content)?;
        let id = item_id(&mut rest, version > 2)?;
        // Two bytes of protection, then the kind; older versions have none.
        let kind = *rest.get(2..)?.first_chunk()?;
        Some((id, kind))
    };
    let entries = Boxes::new(entries)
        .filter(|entry| entry.kind == *b"infe")
        .take(MAX_ITEMS);
    let items = entries.filter_map(|entry| {
        let (id, kind) = item(entry)?;
        // The name ends with a zero; of `mime` the type follows.
        let after = entry
            .content
            .get(if entry.content[0] > 2 { 14 } else { 12 }..)
            .unwrap_or_default();
        let name = after.iter().position(|&byte| byte == 0).unwrap_or(after.len());
        let content_type = after.get(name + 1..).unwrap_or_default();
        Some(Item { id, kind, content_type })
    });
    Some(items.collect())
}

fn locations(content: &[u8]) -> Option<Vec<Location>> {
    let (version, _, mut rest) = versioned(content)?;
    let sizes = number(&mut rest, 2)?;
    let size = |shift: u32| (sizes >> shift & 15) as usize;
    let (offset, length, base) = (size(12), size(8), size(4));
    let index = if version > 0 { size(0) } else { 0 };
    let count = item_id(&mut rest, version > 1)?;
    let mut locations = Vec::new();
    let mut total = 0;
    for _ in 0..count.min(MAX_ITEMS as u32) {
        let id = item_id(&mut rest, version > 1)?;
        let method = if version > 0 { number(&mut rest, 2)? & 15 } else { 0 };
        number(&mut rest, 2)?;
        let base = number(&mut rest, base)?;
        let extents = number(&mut rest, 2)?;
        let mut pieces = Vec::new();
        for _ in 0..extents {
            number(&mut rest, index)?;
            let (offset, length) = (number(&mut rest, offset)?, number(&mut rest, length)?);
            pieces.push((base.checked_add(offset)?, length));
            // Without sizes a piece takes no bytes of the file, and there could be any number.
            total += 1;
            if total > 16 * MAX_ITEMS {
                return None;
            }
        }
        // Other methods take data from other items.
        if method < 2 {
            let in_data = method == 1;
            locations.push(Location { id, in_data, pieces });
        }
    }
    Some(locations)
}

fn associations(content: &[u8]) -> Option<Vec<(u32, usize)>> {
    let (version, flags, mut rest) = versioned(content)?;
    let wide = flags & 1 == 1;
    let count = number(&mut rest, 4)?;
    let mut associations = Vec::new();
    for _ in 0..count.min(MAX_ITEMS as u64) {
        let Some(id) = item_id(&mut rest, version > 0) else {
            break;
        };
        for _ in 0..number(&mut rest, 1).unwrap_or(0) {
            let place = number(&mut rest, if wide { 2 } else { 1 })? & if wide { 0x7fff } else { 0x7f };
            // Places count from 1; 0 is none.
            associations.extend((place as usize).checked_sub(1).map(|place| (id, place)));
        }
    }
    Some(associations)
}

fn references(content: &[u8]) -> Option<Vec<([u8; 4], u32, u32)>> {
    let (version, _, rest) = versioned(content)?;
    let mut references = Vec::new();
    for Box { kind, content } in Boxes::new(rest).take(MAX_ITEMS) {
        let mut rest = content;
        let Some(from) = item_id(&mut rest, version > 0) else {
            break;
        };
        for _ in 0..number(&mut rest, 2).unwrap_or(0) {
            let Some(to) = item_id(&mut rest, version > 0) else {
                break;
            };
            if references.len() < 16 * MAX_ITEMS {
                references.push((kind, from, to));
            }
        }
    }
    Some(references)
}
