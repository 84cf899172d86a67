//! clipdex-tools.
