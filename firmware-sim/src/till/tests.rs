//! What a till promises.
