use super::super::Family;
use super::super::starter;

/// What there is to know about a model before it is opened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelInfo {
    /// Name that `--model` takes.
    pub name: &'static str,
    /// Kind of encoder.
    pub family: Family,
    /// Length of its vectors.
    pub dim: usize,
    /// Side of the square input image in pixels.
    pub image_size: usize,
    /// Size of its files in bytes; for models that are fetched rounded to about a megabyte.
    pub size_bytes: u64,
    /// SPDX licence expression of its weights.
    pub licence: &'static str,
    /// How well it recognises ImageNet-1k, where that was published.
    pub accuracy: Option<Accuracy>,
    /// What it is good for, in one sentence.
    pub note: &'static str,
    /// Where the hub has it, as `org/name` or `org/name@revision`; none for what is part of the program.
    pub hub: Option<&'static str>,
}

impl ModelInfo {
    /// Whether it is part of the program and needs no file.
    pub fn built_in(&self) -> bool {
        self.hub.is_none()
    }
}

/// A published zero-shot accuracy: the share of ImageNet-1k's validation photographs whose class comes first of 1,000.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    /// In percent.
    pub top1: f32,
    /// Where it was published.
    pub source: &'static str,
}

/// The models that can be named: the built-in one, then the fetched ones by training and size.
pub fn models() -> &'static [ModelInfo] {
    MODELS
}

/// The best balance of accuracy, speed and licence: what is used where it is on the machine and none is asked for.
pub const PREFERRED_MODEL: &str = "datacomp-vit-b-32-256";

/// github.com/mlfoundations/open_clip, measured by its authors with one program for all.
const OPEN_CLIP: &str = "open_clip, docs/openclip_results.csv";
/// github.com/google-research/big_vision.
const SIGLIP2: &str = "big_vision, README_siglip2.md";
/// github.com/microsoft/Cream.
const TINY_CLIP: &str = "Cream, TinyCLIP/README.md";

// Listed is a model whose repository is known to hold safetensors and tokenizer.json at the revision. Revisions are named
// where the main one holds pickles alone (OpenAI's ViT-B/32, DataComp's ViT-L/14), where tokenizer.json came as a pull
// request (SigLIP's B/16), and where a commit was found listed with its files.
const MODELS: &[ModelInfo] = &[
    starter::INFO,
    ModelInfo {
        licence: "MIT",
        ..clip(
            PREFERRED_MODEL,
            "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
            Shape(512, 256, 607),
            72.8,
            "the first to try: people, moods, styles and scenes; English",
        )
    },
    clip(
        "datacomp-vit-l-14",
        "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K@11681a0c38f47b1809e6746e671ca4d5ab0184af",
        Shape(768, 224, 1713),
        79.2,
        "much more accurate, and much slower to index with; English",
    ),
    clip(
        "laion2b-vit-b-32",
        "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        Shape(512, 224, 607),
        66.6,
        "the quickest of LAION's; English",
    ),
    clip(
        "laion2b-vit-b-16",
        "laion/CLIP-ViT-B-16-laion2B-s34B-b88K",
        Shape(512, 224, 601),
        70.2,
        "between LAION's ViT-B/32 and ViT-H/14; English",
    ),
    clip(
        "laion2b-vit-h-14",
        "laion/CLIP-ViT-H-14-laion2B-s32B-b79K",
        Shape(1024, 224, 3947),
        78.0,
        "large; English",
    ),
    clip(
        "laion2b-vit-bigg-14",
        "laion/CLIP-ViT-bigG-14-laion2B-39B-b160k",
        Shape(1280, 224, 10_161),
        80.1,
        "the largest; English",
    ),
    clip(
        "openai-vit-b-32",
        "openai/clip-vit-base-patch32@refs/pr/15",
        Shape(512, 224, 607),
        63.3,
        "the original CLIP, for comparison with others' results; English",
    ),
    clip(
        "openai-vit-b-16",
        "timm/vit_base_patch16_clip_224.openai@977e3dd0ec55ab8da155f2fbeb6b5f54948b6e3d",
        Shape(512, 224, 602),
        68.3,
        "the original CLIP, finer patches; English",
    ),
    clip(
        "openai-vit-l-14",
        "openai/clip-vit-large-patch14",
        Shape(768, 224, 1713),
        75.5,
        "the original CLIP, large; English",
    ),
    clip(
        "openai-vit-l-14-336",
        "timm/vit_large_patch14_clip_336.openai@81e38efc4637de5023b10e75a7f9bd1c6fa6b010",
        Shape(768, 336, 1716),
        76.6,
        "the original CLIP, large and of more pixels; English",
    ),
    ModelInfo {
        licence: "CC-BY-NC-4.0",
        ..clip(
            "metaclip-vit-b-32",
            "timm/vit_base_patch32_clip_224.metaclip_2pt5b",
            Shape(512, 224, 609),
            67.7,
            "for non-commercial use only; trained on openly curated data; English",
        )
    },
    ModelInfo {
        accuracy: Some(Accuracy {
            top1: 59.8,
            source: TINY_CLIP,
        }),
        ..clip(
            "tinyclip-vit-40m-32",
            "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M",
            Shape(512, 224, 339),
            59.8,
            "the smallest and quickest; English",
        )
    },
    siglip(
        "siglip-b-16-224",
        "google/siglip-base-patch16-224@refs/pr/4",
        Shape(768, 224, 816),
        Accuracy {
            top1: 76.0,
            source: OPEN_CLIP,
        },
        "accurate for its size; English",
    ),
    siglip(
        "siglip-so400m-14-384",
        "google/siglip-so400m-patch14-384",
        Shape(1152, 384, 3515),
        Accuracy {
            top1: 83.1,
            source: OPEN_CLIP,
        },
        "very accurate, slow; English",
    ),
    siglip(
        "siglip2-b-16-224",
        "google/siglip2-base-patch16-224",
        Shape(768, 224, 1535),
        Accuracy {
            top1: 78.2,
            source: SIGLIP2,
        },
        "multilingual: Korean, English and about 100 other languages",
    ),
    siglip(
        "siglip2-b-16-256",
        "google/siglip2-base-patch16-256",
        Shape(768, 256, 1536),
        Accuracy {
            top1: 79.1,
            source: SIGLIP2,
        },
        "multilingual: Korean, English and about 100 other languages; a little finer",
    ),
    siglip(
        "siglip2-l-16-256",
        "google/siglip2-large-patch16-256",
        Shape(1024, 256, 3565),
        Accuracy {
            top1: 82.5,
            source: SIGLIP2,
        },
        "multilingual: Korean, English and about 100 other languages; large",
    ),
    siglip(
        "siglip2-so400m-14-384",
        "google/siglip2-so400m-patch14-384",
        Shape(1152, 384, 4579),
        Accuracy {
            top1: 84.1,
            source: SIGLIP2,
        },
        "multilingual: Korean, English and about 100 other languages; the most accurate, slow",
    ),
];

/// Length of the vectors, side of the input image in pixels, size of the files in megabytes.
struct Shape(usize, usize, u64);

/// A CLIP model under the MIT licence, measured by open_clip.
const fn clip(
    name: &'static str,
    hub: &'static str,
    Shape(dim, image_size, megabytes): Shape,
    top1: f32,
    note: &'static str,
) -> ModelInfo {
    ModelInfo {
        name,
        family: Family::Clip,
        dim,
        image_size,
        size_bytes: megabytes * 1_000_000,
        licence: "MIT",
        accuracy: Some(Accuracy {
            top1,
            source: OPEN_CLIP,
        }),
        note,
        hub: Some(hub),
    }
}

/// A SigLIP model, all of which are under the Apache licence.
const fn siglip(
    name: &'static str,
    hub: &'static str,
    Shape(dim, image_size, megabytes): Shape,
    accuracy: Accuracy,
    note: &'static str,
) -> ModelInfo {
    ModelInfo {
        name,
        family: Family::Siglip,
        dim,
        image_size,
        size_bytes: megabytes * 1_000_000,
        licence: "Apache-2.0",
        accuracy: Some(accuracy),
        note,
        hub: Some(hub),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::hub::HubId;

    #[test]
    fn names_and_repositories_are_unique_and_well_formed() {
        let names: BTreeSet<_> = models().iter().map(|info| info.name).collect();
        assert_eq!(names.len(), models().len());
        let ids = models().iter().filter_map(|info| Some((info, info.hub?)));
        let repositories: BTreeSet<_> = ids
            .map(|(info, hub)| {
                let id = HubId::parse(hub).unwrap_or_else(|| panic!("{hub}"));
                assert!(HubId::parse(info.name).is_none(), "a name is no id: {}", info.name);
                id.repository().to_owned()
            })
            .collect();
        assert_eq!(
            repositories.len(),
            models().len() - 1,
            "an id of the hub must name one model"
        );
    }

    #[test]
    fn licences_that_forbid_are_said_in_words() {
        for info in models() {
            assert_eq!(
                info.licence.contains("NC"),
                info.note.contains("non-commercial"),
                "{}",
                info.name
            );
        }
    }
}
