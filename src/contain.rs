//! Running code that is not ours on data that is not ours.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread is in [`contain`].
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, whose state must be lost with it. None should it panic, which then prints nothing.
pub(crate) fn contain<T>(work: impl FnOnce() -> T) -> Option<T> {
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
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CONTAINED.set(outer);
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::panic, reason = "it is what is contained")]
    fn a_panic_is_nothing() {
        assert_eq!(contain::<()>(|| panic!("index out of bounds")), None);
        assert_eq!(contain(|| 7), Some(7));
        assert!(!CONTAINED.get());
    }
}
