//! Content-Digest: any header is read or refused, and a body fits only the digest that is its own.

use firmware_sim::signature::content_digest;
use pasje::http::signature::content_digest_is_right;

/// The first line is the header, the rest the body.
pub fn run(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (header, body) = (String::from_utf8_lossy(&data[..at]).into_owned(), data.get(at + 1..).unwrap_or_default());
    let right = content_digest(body);
    assert_eq!(content_digest_is_right(&right, body), Ok(()));
    // the last digit and the padding may be written otherwise for the same bytes (RFC 9651, 4.2.7)
    let digits = right.trim_start_matches("sha-256=:").get(..42).unwrap_or_default();
    if content_digest_is_right(&header, body).is_ok() {
        assert!(header.contains(digits), "{header} is no digest of the body");
    }
    // other digests beside it, before or after, change nothing
    if let Ok(()) = content_digest_is_right(&format!("{header}, {right}"), body) {
        assert!(content_digest_is_right(&format!("{right}, {header}"), body).is_ok());
    }
}
