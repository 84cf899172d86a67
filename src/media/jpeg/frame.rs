use super::huffman::Table;
use super::scaled::Refused;
use super::weights::weights;

/// One colour component of a frame, and how its blocks are reduced.
pub(super) struct Component {
    id: u8,
    /// Blocks in a unit of interleaved data, across and down.
    pub across: usize,
    pub down: usize,
    /// Place of its quantization table.
    quantization: usize,
    /// Samples that a reduced block has, down and across.
    pub rows: usize,
    pub columns: usize,
}

/// A frame's header, with the grid that its reduced components share: no component has to be stretched to another.
pub(super) struct Frame {
    /// Full size in pixels.
    pub width: usize,
    pub height: usize,
    pub components: Vec<Component>,
    /// Pixels that 8 become.
    pub scale: usize,
    /// Size of a unit of interleaved data in reduced pixels.
    pub unit_width: usize,
    pub unit_height: usize,
    /// Units across and down.
    pub units_across: usize,
    pub units_down: usize,
    /// Whether coefficients come in several scans.
    pub progressive: bool,
}

impl Frame {
    /// Reads a frame's header of 8-bit samples, one or three components, whose blocks of 8 x 8 pixels are to become
    /// `scale` x `scale`.
    pub fn parse(payload: &[u8], progressive: bool, scale: usize) -> Result<Self, Refused> {
        let (&[8, h0, h1, w0, w1, count], list) = payload.split_first_chunk().ok_or(Refused)? else {
            return Err(Refused);
        };
        let (height, width) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([w0, w1]));
        let listed = list.as_chunks::<3>().0.get(..usize::from(count)).ok_or(Refused)?;
        let factors = |&[_, factors, _]: &[u8; 3]| (usize::from(factors >> 4), usize::from(factors & 15));
        let alone = count == 1;
        let most = listed.iter().map(factors).fold((1, 1), |most, (across, down)| {
            if alone {
                most
            } else {
                (most.0.max(across), most.1.max(down))
            }
        });
        if !matches!(count, 1 | 3) || width == 0 || height == 0 || most.0 > 4 || most.1 > 4 {
            return Err(Refused);
        }
        let components = listed
            .iter()
            .map(|component| {
                let (across, down) = if alone { (1, 1) } else { factors(component) };
                Ok(Component {
                    id: component[0],
                    across,
                    down,
                    quantization: usize::from(component[2]),
                    rows: reduced(scale, most.1, down)?,
                    columns: reduced(scale, most.0, across)?,
                })
            })
            .collect::<Result<_, Refused>>()?;
        let (width, height) = (usize::from(width), usize::from(height));
        Ok(Self {
            width,
            height,
            components,
            scale,
            unit_width: most.0 * scale,
            unit_height: most.1 * scale,
            units_across: width.div_ceil(8 * most.0),
            units_down: height.div_ceil(8 * most.1),
            progressive,
        })
    }

    /// The place of the component of this name.
    pub fn place(&self, id: u8) -> Result<usize, Refused> {
        self.components
            .iter()
            .position(|component| component.id == id)
            .ok_or(Refused)
    }

    /// Whether the components are red, green and blue, where no Adobe segment says what they are.
    pub fn is_named_rgb(&self) -> bool {
        self.components.iter().map(|component| component.id).eq(*b"RGB")
    }
}

/// Samples of a reduced block along one side, so that the component covers the shared grid.
fn reduced(scale: usize, most: usize, factor: usize) -> Result<usize, Refused> {
    let samples = (scale * most).checked_div(factor).ok_or(Refused)?;
    if samples * factor == scale * most && matches!(samples, 1 | 2 | 4 | 8) {
        Ok(samples)
    } else {
        Err(Refused)
    }
}

/// The tables in force; each may be replaced between scans.
#[derive(Default)]
pub(super) struct Tables {
    pub dc: [Option<Table>; 4],
    pub ac: [Option<Table>; 4],
    quantization: [Option<[u16; 64]>; 4],
    /// Units between restart markers; 0 for none.
    pub restart_interval: usize,
}

impl Tables {
    /// Reads a segment that defines quantization tables.
    pub fn read_quantization(&mut self, mut payload: &[u8]) -> Result<(), Refused> {
        while let Some((&head, rest)) = payload.split_first() {
            let slot = self.quantization.get_mut(usize::from(head & 15)).ok_or(Refused)?;
            let (values, rest) = if head >> 4 == 0 {
                let (bytes, rest) = rest.split_first_chunk::<64>().ok_or(Refused)?;
                (bytes.map(u16::from), rest)
            } else {
                let (bytes, rest) = rest.split_first_chunk::<128>().ok_or(Refused)?;
                let (pairs, _) = bytes.as_chunks::<2>();
                (std::array::from_fn(|k| u16::from_be_bytes(pairs[k])), rest)
            };
            *slot = Some(values);
            payload = rest;
        }
        Ok(())
    }

    /// Reads a segment that defines Huffman tables.
    pub fn read_huffman(&mut self, mut payload: &[u8]) -> Result<(), Refused> {
        while let Some((&head, rest)) = payload.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(Refused)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(total).ok_or(Refused)?;
            let tables = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(head & 15)).ok_or(Refused)? = Some(Table::new(counts, symbols)?);
            payload = rest;
        }
        Ok(())
    }

    /// Reads a segment that defines the restart interval.
    pub fn read_restart_interval(&mut self, payload: &[u8]) -> Result<(), Refused> {
        let interval = payload.first_chunk().ok_or(Refused)?;
        self.restart_interval = usize::from(u16::from_be_bytes(*interval));
        Ok(())
    }

    /// The weights of a component's coefficients.
    pub fn weights(&self, component: &Component) -> Result<Vec<f32>, Refused> {
        let quantization = self.quantization.get(component.quantization).and_then(Option::as_ref);
        Ok(weights(quantization.ok_or(Refused)?, component.rows, component.columns))
    }
}

/// The table in a slot.
pub(super) fn table(tables: &[Option<Table>; 4], slot: u8) -> Result<&Table, Refused> {
    tables.get(usize::from(slot)).and_then(Option::as_ref).ok_or(Refused)
}

/// A scan's header.
pub(super) struct Scan {
    /// Place of each component in the frame, with its DC and AC tables.
    pub components: Vec<(usize, u8, u8)>,
    /// First and last coefficient, in stored order.
    pub from: usize,
    pub to: usize,
    /// Bit position of the approximation before and after this scan.
    pub high: u32,
    pub low: u32,
}

impl Scan {
    /// Reads a scan's header.
    pub fn parse(payload: &[u8], frame: &Frame) -> Result<Self, Refused> {
        let (&count, rest) = payload.split_first().ok_or(Refused)?;
        let (list, rest) = rest.split_at_checked(2 * usize::from(count)).ok_or(Refused)?;
        let components = list
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&[id, tables]| Ok((frame.place(id)?, tables >> 4, tables & 15)))
            .collect::<Result<Vec<_>, Refused>>()?;
        let &[from, to, approximation] = rest.first_chunk().ok_or(Refused)?;
        let scan = Self {
            components,
            from: usize::from(from),
            to: usize::from(to),
            high: u32::from(approximation >> 4),
            low: u32::from(approximation & 15),
        };
        let distinct = (1..scan.components.len()).all(|at| scan.components[at - 1].0 < scan.components[at].0);
        if scan.components.is_empty() || !distinct || scan.from > scan.to || scan.to > 63 || scan.low > 13 {
            return Err(Refused);
        }
        Ok(scan)
    }
}
