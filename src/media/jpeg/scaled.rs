use super::bits::BitReader;
use super::frame::{Component, Frame, Scan, Tables, table};
use super::huffman::Table;
use super::planes::Planes;
use super::progressive::Coefficients;
use super::{Segment, Segments};

/// What is not decoded here: a variant that the full decoder may know, or damage that it may know to mend.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused;

/// Decodes a JPEG to `scale` eighths (1, 2 or 4) of its width and height, rounded up: Huffman-coded 8-bit frames of one
/// component or three, baseline or progressive.
///
/// Each coefficient of a low frequency is added to a block's few samples as soon as it is read, and a component with fewer
/// samples is reduced less: there is no inverse transform, and nothing is stretched.
pub(super) fn decode_scaled(bytes: &[u8], scale: usize) -> Result<image::RgbImage, Refused> {
    let mut tables = Tables::default();
    let mut adobe = None;
    let mut frame: Option<Frame> = None;
    let mut coefficients: Option<Coefficients> = None;
    for Segment { marker, payload, after } in Segments::new(bytes) {
        match marker {
            0xdb => tables.read_quantization(payload)?,
            0xc4 => tables.read_huffman(payload)?,
            0xdd => tables.read_restart_interval(payload)?,
            0xee if payload.starts_with(b"Adobe") => adobe = payload.get(11).copied(),
            0xc0..=0xc2 if frame.is_none() => frame = Some(Frame::parse(payload, marker == 0xc2, scale)?),
            0xc0..=0xcf => return Err(Refused),
            0xda => {
                let frame = frame.as_ref().ok_or(Refused)?;
                let scan = Scan::parse(payload, frame)?;
                if !frame.progressive {
                    return baseline(frame, &scan, &tables, after, is_rgb(frame, adobe));
                }
                let coefficients = coefficients.get_or_insert_with(|| Coefficients::new(frame));
                coefficients.read(frame, &scan, &tables, after)?;
            }
            0xd9 => break,
            _ => {}
        }
    }
    let (frame, coefficients) = (frame.ok_or(Refused)?, coefficients.ok_or(Refused)?);
    coefficients.reduce(&frame, &tables, is_rgb(&frame, adobe))
}

/// Whether the components are red, green and blue.
fn is_rgb(frame: &Frame, adobe: Option<u8>) -> bool {
    match adobe {
        Some(transform) => transform == 0,
        None => frame.is_named_rgb(),
    }
}

/// What decoding a component's blocks takes.
struct Coding<'a> {
    place: usize,
    component: &'a Component,
    dc: &'a Table,
    ac: &'a Table,
    weights: Vec<f32>,
    /// The block before's first coefficient.
    prediction: i32,
}

/// Decodes the one scan of a sequential frame.
fn baseline(frame: &Frame, scan: &Scan, tables: &Tables, data: &[u8], rgb: bool) -> Result<image::RgbImage, Refused> {
    if scan.components.len() != frame.components.len() || (scan.from, scan.to) != (0, 63) {
        return Err(Refused);
    }
    let mut codings = scan
        .components
        .iter()
        .zip(&frame.components)
        .map(|(&(place, dc, ac), component)| {
            Ok(Coding {
                place,
                component,
                dc: table(&tables.dc, dc)?,
                ac: table(&tables.ac, ac)?,
                weights: tables.weights(component)?,
                prediction: 0,
            })
        })
        .collect::<Result<Vec<_>, Refused>>()?;
    let mut planes = Planes::new(frame, rgb);
    let mut reader = BitReader::new(data);
    let mut left = tables.restart_interval;
    for _ in 0..frame.units_down {
        for unit in 0..frame.units_across {
            if tables.restart_interval > 0 {
                if left == 0 {
                    reader.restart()?;
                    codings.iter_mut().for_each(|coding| coding.prediction = 0);
                    left = tables.restart_interval;
                }
                left -= 1;
            }
            for coding in &mut codings {
                let samples = coding.component.rows * coding.component.columns;
                for at in 0..coding.component.across * coding.component.down {
                    match samples {
                        1 => block::<1>(&mut reader, coding, &mut planes, unit, at)?,
                        2 => block::<2>(&mut reader, coding, &mut planes, unit, at)?,
                        4 => block::<4>(&mut reader, coding, &mut planes, unit, at)?,
                        8 => block::<8>(&mut reader, coding, &mut planes, unit, at)?,
                        16 => block::<16>(&mut reader, coding, &mut planes, unit, at)?,
                        32 => block::<32>(&mut reader, coding, &mut planes, unit, at)?,
                        _ => block::<64>(&mut reader, coding, &mut planes, unit, at)?,
                    }
                }
            }
        }
        if reader.overrun() {
            return Err(Refused);
        }
        planes.finish_row();
    }
    planes.into_image()
}

/// Decodes block `at` of a unit to its `SAMPLES` samples.
#[inline]
fn block<const SAMPLES: usize>(
    reader: &mut BitReader<'_>,
    coding: &mut Coding<'_>,
    planes: &mut Planes<'_>,
    unit: usize,
    at: usize,
) -> Result<(), Refused> {
    let (weights, _) = coding.weights.as_chunks::<SAMPLES>();
    reader.refill();
    let size = u32::from(reader.symbol(coding.dc)?);
    if size > 15 {
        return Err(Refused);
    }
    coding.prediction = coding.prediction.wrapping_add(reader.signed(size));
    let first = weights.first().ok_or(Refused)?;
    let mut samples = first.map(|weight| weight * coding.prediction as f32);
    let mut k = 1;
    while k < 64 {
        reader.refill();
        let value = if let Some((value, run, length)) = coding.ac.pair(reader.peek()) {
            reader.consume(length);
            k += run;
            value
        } else {
            let symbol = reader.symbol(coding.ac)?;
            match (usize::from(symbol >> 4), u32::from(symbol & 15)) {
                (15, 0) => {
                    k += 16;
                    continue;
                }
                (_, 0) => break,
                (run, size) => {
                    k += run;
                    reader.signed(size)
                }
            }
        };
        // Higher frequencies add nothing to so few samples.
        if let Some(weights) = weights.get(k) {
            for (sample, weight) in samples.iter_mut().zip(weights) {
                *sample += weight * value as f32;
            }
        } else if k > 63 {
            return Err(Refused);
        }
        k += 1;
    }
    planes.put(coding.place, coding.component, unit, at, &samples);
    Ok(())
}
