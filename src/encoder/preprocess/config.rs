use serde::Deserialize;

use super::{Filter, Fit, Preprocess, Rounding};
use crate::encoder::EncoderError;
use crate::encoder::checkpoint::Checkpoint;

const FILE: &str = "preprocessor_config.json";

/// preprocessor_config.json of transformers' `CLIPImageProcessor` and `SiglipImageProcessor`. What it leaves out is as
/// the family's default.
#[derive(Deserialize)]
struct Config {
    do_resize: Option<bool>,
    size: Option<Size>,
    /// PIL's number of the filter.
    resample: Option<u32>,
    do_center_crop: Option<bool>,
    crop_size: Option<Size>,
    do_rescale: Option<bool>,
    /// What values from 0 to 255 are multiplied by.
    rescale_factor: Option<f64>,
    do_normalize: Option<bool>,
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
}

/// A size in pixels, in the forms that it has had.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Size {
    Shorter {
        shortest_edge: u32,
    },
    Both {
        height: u32,
        width: u32,
    },
    /// Of the shorter side where there is a crop, and of both where there is none.
    Plain(u32),
}

impl Config {
    /// Refuses what would make other pixels than are made here.
    fn check(&self) -> Result<(), String> {
        // Written with as many digits as a program likes.
        const TOLERANCE: f64 = 1e-6;
        if self.do_resize == Some(false) {
            return Err("do_resize is false; photographs of all sizes are resized to what the model reads".to_owned());
        }
        if self.do_rescale == Some(false) {
            return Err("do_rescale is false; pixel values of 0 to 255 are always brought to 0 to 1".to_owned());
        }
        match self.rescale_factor {
            Some(factor) if (factor * 255.0 - 1.0).abs() >= TOLERANCE => Err(format!(
                "rescale_factor is {factor}; 1/255, which brings pixel values to 0 to 1, is supported"
            )),
            _ => Ok(()),
        }
    }
}

impl Preprocess {
    /// These settings, changed as the model's preprocessor_config.json says, where it has one.
    ///
    /// # Errors
    /// [`EncoderError::ModelFile`] where it cannot be read, or describes what is not supported.
    pub(in crate::encoder) fn with_config(self, checkpoint: &Checkpoint) -> Result<Self, EncoderError> {
        let Some(config) = checkpoint.optional_json::<Config>(FILE)? else {
            return Ok(self);
        };
        self.with(&config).map_err(|message| checkpoint.error(FILE, message))
    }

    fn with(self, config: &Config) -> Result<Self, String> {
        config.check()?;
        let normalizes = config.do_normalize.unwrap_or(true);
        let crops = config.do_center_crop.unwrap_or(matches!(self.fit, Fit::Crop { .. }));
        let preprocess = Self {
            fit: if crops {
                self.cropping(config)?
            } else {
                self.squashing(config)?
            },
            filter: match config.resample {
                None => self.filter,
                Some(2) => Filter::Bilinear,
                Some(3) => Filter::Bicubic,
                Some(other) => {
                    return Err(format!(
                        "resample is {other}; 2 (bilinear) and 3 (bicubic) are supported"
                    ));
                }
            },
            mean: if normalizes {
                config.image_mean.unwrap_or(self.mean)
            } else {
                [0.0; 3]
            },
            std: if normalizes {
                config.image_std.unwrap_or(self.std)
            } else {
                [1.0; 3]
            },
            ..self
        };
        if preprocess.std.contains(&0.0) {
            return Err("image_std holds a 0, by which pixels would be divided".to_owned());
        }
        Ok(preprocess)
    }

    fn cropping(self, config: &Config) -> Result<Fit, String> {
        if let Some(crop) = config.crop_size {
            self.expect_square("crop_size", crop)?;
        }
        match config.size {
            None => Ok(Fit::Crop {
                resize: self.size,
                rounding: Rounding::Down,
            }),
            Some(Size::Shorter { shortest_edge: side } | Size::Plain(side)) if side < self.size => Err(format!(
                "size is {side}, of which {0} x {0} are cropped: what lacks would be black",
                self.size
            )),
            Some(Size::Shorter { shortest_edge } | Size::Plain(shortest_edge)) => Ok(Fit::Crop {
                resize: shortest_edge,
                rounding: Rounding::Down,
            }),
            // The crop then cuts nothing off.
            Some(both) => self.expect_square("size", both).map(|()| Fit::Squash),
        }
    }

    fn squashing(self, config: &Config) -> Result<Fit, String> {
        // A plain number, and what a file leaves out, is of the shorter side where the family crops.
        match (self.fit, config.size) {
            (_, Some(Size::Shorter { .. })) | (Fit::Crop { .. }, None | Some(Size::Plain(_))) => {
                Err("it resizes the shorter side and does not crop: not a square".to_owned())
            }
            (_, Some(size)) => self.expect_square("size", size).map(|()| Fit::Squash),
            (Fit::Squash, None) => Ok(Fit::Squash),
        }
    }

    /// Refuses another size than the model's.
    fn expect_square(self, name: &str, size: Size) -> Result<(), String> {
        let (height, width) = match size {
            Size::Shorter { shortest_edge: side } | Size::Plain(side) => (side, side),
            Size::Both { height, width } => (height, width),
        };
        if (height, width) == (self.size, self.size) {
            Ok(())
        } else {
            Err(format!(
                "{name} is {height} x {width}, but the model reads {} x {}",
                self.size, self.size
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(base: Preprocess, json: &str) -> Result<Preprocess, String> {
        base.with(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn published_files_are_clips_default() {
        let clip = Preprocess::clip(224);
        for json in [
            "{}",
            r#"{"crop_size": 224, "do_center_crop": true, "size": 224, "resample": 3,
                "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}"#,
            r#"{"crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 224}, "do_rescale": true,
                "do_resize": true, "do_normalize": true, "rescale_factor": 0.00392156862745098}"#,
            r#"{"rescale_factor": 0.003921569, "do_center_crop": null, "do_resize": null, "size": null}"#,
        ] {
            assert_eq!(with(clip, json).unwrap(), clip, "{json}");
        }
    }

    #[test]
    fn what_a_file_says_counts() {
        let larger = with(
            Preprocess::clip(224),
            r#"{"size": {"shortest_edge": 256}, "crop_size": 224}"#,
        )
        .unwrap();
        let fit = Fit::Crop {
            resize: 256,
            rounding: Rounding::Down,
        };
        assert_eq!((larger.fit, larger.size), (fit, 224));
        let siglip = r#"{"size": {"height": 384, "width": 384}, "resample": 2, "image_mean": [0, 0.5, 1]}"#;
        let siglip = with(Preprocess::siglip(384), siglip).unwrap();
        assert_eq!(
            (siglip.fit, siglip.filter, siglip.mean),
            (Fit::Squash, Filter::Bilinear, [0.0, 0.5, 1.0])
        );
    }

    #[test]
    fn without_a_crop_both_sides_are_resized_to_the_models() {
        let siglip = Preprocess::siglip(224);
        for json in [
            "{}",
            r#"{"do_center_crop": false}"#,
            r#"{"do_center_crop": null, "crop_size": null, "size": {"height": 224, "width": 224}}"#,
            r#"{"do_center_crop": false, "size": 224}"#,
        ] {
            assert_eq!(with(siglip, json).unwrap(), siglip, "{json}");
        }
        let json = r#"{"do_center_crop": false, "size": {"height": 224, "width": 224}}"#;
        assert_eq!(with(Preprocess::clip(224), json).unwrap().fit, Fit::Squash);
    }

    #[test]
    fn values_that_are_not_normalised_are_from_0_to_1() {
        let json = r#"{"do_normalize": false, "image_mean": [0.5, 0.5, 0.5]}"#;
        let plain = with(Preprocess::siglip(224), json).unwrap();
        assert_eq!((plain.mean, plain.std), ([0.0; 3], [1.0; 3]));
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        for (json, word) in [
            (r#"{"resample": 0}"#, "resample"),
            (r#"{"crop_size": 336}"#, "336"),
            (r#"{"size": {"height": 224, "width": 112}}"#, "112"),
            (r#"{"image_std": [1, 0, 1]}"#, "image_std"),
            (r#"{"do_center_crop": false, "size": {"shortest_edge": 224}}"#, "square"),
            (r#"{"do_center_crop": false, "size": 224}"#, "square"),
            (r#"{"do_center_crop": false}"#, "square"),
            (r#"{"do_resize": false}"#, "do_resize"),
            (r#"{"do_rescale": false}"#, "do_rescale"),
            (r#"{"rescale_factor": 0.00784313725490196}"#, "rescale_factor"),
            (r#"{"rescale_factor": 0}"#, "rescale_factor"),
            (r#"{"size": {"shortest_edge": 200}, "crop_size": 224}"#, "200"),
            (r#"{"size": 200}"#, "200"),
        ] {
            let message = with(Preprocess::clip(224), json).unwrap_err();
            assert!(message.contains(word), "{json}: {message}");
        }
    }
}
