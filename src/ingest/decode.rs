//! Decoding on several threads, within one budget of memory.

use std::sync::Arc;

use super::Options;
use super::gate::Gate;
use crate::media::{self, Limits, MediaError, Photo};

/// Decodes photographs so that all threads together stay within [`Limits::max_alloc_bytes`].
#[derive(Debug)]
pub(super) struct Decoder {
    limits: Limits,
    /// Pixels along the shorter side that will do.
    enough: u32,
    gate: Arc<Gate>,
    /// What a thread takes before it knows how much a photograph needs.
    share: u64,
}

impl Decoder {
    pub fn new(options: &Options, enough: u32) -> Self {
        let limits = options.limits;
        Self {
            limits,
            enough,
            gate: Gate::new(limits.max_alloc_bytes),
            share: limits.max_alloc_bytes / options.jobs.get() as u64,
        }
    }

    /// Decodes a photograph and hands it to `then`, which must not keep it: its memory is still counted meanwhile.
    ///
    /// Most photographs fit into a thread's share. For one that does not, the thread waits until there is what it
    /// needs.
    pub fn decode<T>(&self, bytes: &[u8], then: impl FnOnce(&Photo) -> T) -> Result<T, MediaError> {
        let mut granted = self.share;
        loop {
            let permit = self.gate.take(granted);
            let limits = Limits {
                max_alloc_bytes: granted,
                ..self.limits
            };
            let needed = match media::decode_reduced(bytes, &limits, self.enough) {
                Ok(photo) => return Ok(then(&photo)),
                // With all that there is, the message names the limit that was asked for.
                Err(error) if granted == self.gate.total() => return Err(error),
                Err(MediaError::Memory { needed, .. }) => needed.max(granted + 1).min(self.gate.total()),
                Err(MediaError::DecoderMemory { .. }) => self.gate.total(),
                Err(error) => return Err(error),
            };
            // Waiting with a part in hand, two threads could wait for each other.
            drop(permit);
            granted = needed;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::num::NonZeroUsize;
    use std::thread;

    use super::*;

    /// A PNG of `side` x `side` pixels, which takes from 3 to 6 times `side * side` bytes to decode.
    fn png(side: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::new(side, side)
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    }

    fn decoder(max_alloc_bytes: u64) -> Decoder {
        let options = Options {
            jobs: NonZeroUsize::new(4).unwrap(),
            limits: Limits {
                max_alloc_bytes,
                ..Limits::default()
            },
            ..Options::default()
        };
        Decoder::new(&options, u32::MAX)
    }

    #[test]
    fn what_is_larger_than_a_share_waits_for_its_turn() {
        let decoder = decoder(6 * 300 * 300);
        let (small, large) = (png(100), png(300));
        thread::scope(|threads| {
            for bytes in [&small, &large, &small, &large] {
                let decoder = &decoder;
                threads.spawn(move || {
                    let width = decoder.decode(bytes, |photo| photo.info.width).unwrap();
                    assert!(width == 100 || width == 300);
                });
            }
        });
    }

    #[test]
    fn what_is_larger_than_the_budget_is_refused_by_its_limit() {
        let limit = 3 * 299 * 299;
        match decoder(limit).decode(&png(300), |_| ()) {
            Err(MediaError::Memory { limit: named, .. }) => assert_eq!(named, limit),
            other => panic!("{other:?}"),
        }
        assert_eq!(decoder(limit).decode(b"", |_| ()), Err(MediaError::Empty));
    }
}
