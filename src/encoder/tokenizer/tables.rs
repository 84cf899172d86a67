//! The file of a compiled tokenizer: pieces and merges of a BPE model as sorted tables, searched where they lie.
//!
//! | bytes | |
//! | --- | --- |
//! | 8 | magic |
//! | 4 | version of the format |
//! | 4 | CRC-32 of all that follows |
//! | 32 | BLAKE3 of the tokenizer.json that it was made of |
//! | 4 × 8 | length of the description; number of pieces; number of merges; length of the text |
//! | | description: JSON |
//! | 4 each | ids of the pieces, ascending; a piece's place is its number |
//! | 4 each | ends of the pieces in the text; each begins where the one before ends |
//! | 4 each | numbers of the pieces in the order of their bytes |
//! | 16 each | merges in the order of left and right id: left, right, rank, id of the piece that they give |
//! | | text: the pieces, one after the other |
//!
//! All numbers are little-endian. Every access is checked, so that no file makes the program fail.

use std::ops::Range;

use blake3::Hash;

const MAGIC: [u8; 8] = *b"clipdexT";
const VERSION: u32 = 1;
/// What the checksum does not cover: the magic, the version, and itself.
const UNCHECKED: usize = 16;
const HEADER: usize = UNCHECKED + 32 + 4 * 8;

/// What becomes of two neighbouring pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Merge {
    /// The lowest goes first.
    pub(super) rank: u32,
    /// The id of the piece that they become.
    pub(super) id: u32,
}

/// A file that was checked.
pub(super) struct Tables {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    description: Range<usize>,
    ids: Range<usize>,
    ends: Range<usize>,
    by_text: Range<usize>,
    merges: Range<usize>,
    text: Range<usize>,
}

impl Tables {
    /// Checks the header, the checksum and the lengths; none where the file is damaged, of another version, or was made
    /// of another tokenizer.json.
    pub(super) fn open(bytes: Box<dyn AsRef<[u8]> + Send + Sync>, source: &Hash) -> Option<Self> {
        let file = (*bytes).as_ref();
        let (head, checked) = file.split_at_checked(UNCHECKED)?;
        let (lengths, _) = checked.get(32..HEADER - UNCHECKED)?.as_chunks();
        let [description, pieces, merges, text] = lengths else {
            return None;
        };
        if head != prefix(checked) || checked.get(..32)? != source.as_bytes() {
            return None;
        }
        let mut end = HEADER;
        let mut section = |count: &[u8; 8], size: usize| {
            let start = end;
            let length = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(size)?;
            end = start.checked_add(length)?;
            Some(start..end)
        };
        let tables = Self {
            description: section(description, 1)?,
            ids: section(pieces, 4)?,
            ends: section(pieces, 4)?,
            by_text: section(pieces, 4)?,
            merges: section(merges, 16)?,
            text: section(text, 1)?,
            bytes,
        };
        (end == tables.bytes().len()).then_some(tables)
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }

    /// The JSON that was stored with the tables.
    pub(super) fn description(&self) -> &[u8] {
        self.section(&self.description)
    }

    /// Number of pieces.
    pub(super) fn len(&self) -> usize {
        self.ids.len() / 4
    }

    /// All pieces with their ids.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (&str, u32)> {
        let ids = self.numbers(&self.ids).iter().enumerate();
        ids.filter_map(|(number, id)| Some((str::from_utf8(self.piece(number)).ok()?, u32::from_le_bytes(*id))))
    }

    /// The id of a piece.
    pub(super) fn id_of(&self, piece: &str) -> Option<u32> {
        let by_text = self.numbers(&self.by_text);
        let number = |entry: &[u8; 4]| u32::from_le_bytes(*entry) as usize;
        let place = by_text.binary_search_by(|entry| self.piece(number(entry)).cmp(piece.as_bytes()));
        let id = self.numbers(&self.ids).get(number(by_text.get(place.ok()?)?))?;
        Some(u32::from_le_bytes(*id))
    }

    /// The piece with this id.
    pub(super) fn piece_of(&self, id: u32) -> Option<&str> {
        let number = self
            .numbers(&self.ids)
            .binary_search_by_key(&id, |entry| u32::from_le_bytes(*entry));
        str::from_utf8(self.piece(number.ok()?)).ok()
    }

    /// What becomes of the pieces `left` and `right`, side by side.
    pub(super) fn merge_of(&self, left: u32, right: u32) -> Option<Merge> {
        let (merges, _) = self.section(&self.merges).as_chunks::<16>();
        let field =
            |entry: &[u8; 16], index: usize| entry.as_chunks().0.get(index).map_or(0, |n| u32::from_le_bytes(*n));
        let place = merges.binary_search_by_key(&(left, right), |entry| (field(entry, 0), field(entry, 1)));
        let entry = merges.get(place.ok()?)?;
        Some(Merge {
            rank: field(entry, 2),
            id: field(entry, 3),
        })
    }

    /// The bytes of a piece; none for what is no number of a piece.
    fn piece(&self, number: usize) -> &[u8] {
        let ends = self.numbers(&self.ends);
        let end = |number: usize| ends.get(number).map_or(0, |end| u32::from_le_bytes(*end) as usize);
        let start = number.checked_sub(1).map_or(0, end);
        self.section(&self.text).get(start..end(number)).unwrap_or_default()
    }

    fn numbers(&self, section: &Range<usize>) -> &[[u8; 4]] {
        self.section(section).as_chunks().0
    }

    fn section(&self, section: &Range<usize>) -> &[u8] {
        self.bytes().get(section.clone()).unwrap_or_default()
    }
}

/// A file's beginning, up to its checksum.
fn prefix(checked: &[u8]) -> [u8; UNCHECKED] {
    let mut prefix = [0; UNCHECKED];
    prefix[..8].copy_from_slice(&MAGIC);
    prefix[8..12].copy_from_slice(&VERSION.to_le_bytes());
    prefix[12..].copy_from_slice(&crc32fast::hash(checked).to_le_bytes());
    prefix
}

/// Writes a file: `pieces` in the order of their ids, `merges` in the order of their pairs. None where the text is
/// longer than the file can say.
pub(super) fn encode(
    source: &Hash,
    description: &[u8],
    pieces: &[(u32, &str)],
    merges: impl ExactSizeIterator<Item = ((u32, u32), Merge)>,
) -> Option<Vec<u8>> {
    let text: String = pieces.iter().map(|(_, piece)| *piece).collect();
    u32::try_from(text.len()).ok()?;
    let mut by_text: Vec<u32> = (0..pieces.len() as u32).collect();
    by_text.sort_unstable_by_key(|number| pieces[*number as usize].1);
    let ends = pieces.iter().scan(0, |end, (_, piece)| {
        *end += piece.len() as u32;
        Some(*end)
    });
    let numbers = (pieces.iter().map(|(id, _)| *id)).chain(ends).chain(by_text);

    let mut checked = source.as_bytes().to_vec();
    for length in [description.len(), pieces.len(), merges.len(), text.len()] {
        checked.extend((length as u64).to_le_bytes());
    }
    checked.extend(description);
    checked.extend(numbers.flat_map(u32::to_le_bytes));
    for ((left, right), merge) in merges {
        checked.extend(
            [left, right, merge.rank, merge.id]
                .into_iter()
                .flat_map(u32::to_le_bytes),
        );
    }
    checked.extend(text.as_bytes());
    Some([&prefix(&checked)[..], &checked[..]].concat())
}
