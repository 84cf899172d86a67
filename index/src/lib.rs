//! clipdex-index.
