use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::{Format, MediaError};

thread_local! {
    /// Whether this thread is in [`contain`].
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs decoders, of which most are not ours. Should one panic on damage that nobody has thought of, the file is reported as
/// damaged, and nothing is printed; the decoder's state is lost with it.
pub(super) fn contain<T>(format: Format, decode: impl FnOnce() -> Result<T, MediaError>) -> Result<T, MediaError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !CONTAINED.get() {
                report(panic);
            }
        }));
    });
    let outer = CONTAINED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    CONTAINED.set(outer);
    result.unwrap_or_else(|_| {
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
        assert!(!CONTAINED.get());
    }
}
