use super::{Format, MediaError};

/// Runs decoders, of which most are not ours. Should one panic on damage that nobody has thought of, the file is reported as
/// damaged.
pub(super) fn contain<T>(format: Format, decode: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    crate::contain::contain(decode).unwrap_or_else(|| {
        Err(MediaError::Decode {
            format,
            message: "the decoder cannot make anything of it".to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "it is what is contained")]
    fn a_panic_becomes_an_error() {
        let error = contain::<()>(Format::Jpeg, || panic!("index out of bounds")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "damaged JPEG: the decoder cannot make anything of it"
        );
        assert_eq!(contain(Format::Jpeg, || Ok(7)), Ok(7));
    }
}
