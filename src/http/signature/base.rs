//! Rebuilds what a signature signs: RFC 9421 section 2.5. A line for each covered component in the sender's order, then
//! `@signature-params`. No value can hold a line's end, so that no value can pose as another component.

use super::input::Input;
use super::{Headers, Message, SignatureError};

const DERIVED_UNKNOWN: &str =
    "a derived component is not supported: cover @method, @authority, @path and @query, and headers";

/// The signature base.
pub(super) fn build<H: Headers + ?Sized>(
    message: &Message<'_, H>,
    input: &Input<'_>,
) -> Result<Vec<u8>, SignatureError> {
    let mut base = Vec::with_capacity(1024);
    for name in &input.components {
        base.push(b'"');
        base.extend_from_slice(name.as_bytes());
        base.extend_from_slice(b"\": ");
        component(message, name, &mut base).map_err(|fault| SignatureError::Malformed(fault.to_owned()))?;
        base.push(b'\n');
    }
    base.extend_from_slice(b"\"@signature-params\": ");
    base.extend_from_slice(input.serialized.as_bytes());
    Ok(base)
}

fn component<H: Headers + ?Sized>(
    message: &Message<'_, H>,
    name: &str,
    base: &mut Vec<u8>,
) -> Result<(), &'static str> {
    let start = base.len();
    match name {
        "@method" => base.extend_from_slice(message.method.as_bytes()),
        "@authority" => {
            base.extend_from_slice(message.authority.as_bytes());
            base[start..].make_ascii_lowercase();
        }
        "@path" if message.path.is_empty() => base.push(b'/'),
        "@path" => base.extend_from_slice(message.path.as_bytes()),
        // an absent query is signed as an empty one: section 2.2.7
        "@query" => {
            base.push(b'?');
            base.extend_from_slice(message.query.unwrap_or_default().as_bytes());
        }
        _ if name.starts_with('@') => return Err(DERIVED_UNKNOWN),
        _ if !is_header_name(name) => return Err("a component's name is no lower-case header name"),
        _ => return header(message.headers, name, base),
    }
    if base[start..].iter().all(u8::is_ascii_graphic) {
        Ok(())
    } else {
        Err("the request line or Host has characters that cannot be signed: percent-encode them")
    }
}

fn is_header_name(name: &str) -> bool {
    let is_token = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&c);
    !name.is_empty() && name.bytes().all(is_token)
}

/// All lines of a header: section 2.1.
fn header<H: Headers + ?Sized>(headers: &H, name: &str, base: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut is_there = false;
    for line in headers.lines(name) {
        if is_there {
            base.extend_from_slice(b", ");
        }
        is_there = true;
        let is_plain = |c: &u8| matches!(c, b' '..=b'~' | b'\t');
        if line.iter().all(is_plain) {
            base.extend_from_slice(trim(line));
            continue;
        }
        let unfolded = unfold(line);
        if !unfolded.iter().all(is_plain) {
            return Err("a covered header has characters outside ASCII, or control characters");
        }
        base.extend_from_slice(trim(&unfolded));
    }
    if is_there { Ok(()) } else { Err("it covers a header that the request does not have") }
}

/// Spaces and tabs alone: what else Unicode or C call white is part of the value.
fn trim(line: &[u8]) -> &[u8] {
    let is_value = |c: &u8| !matches!(c, b' ' | b'\t');
    let start = line.iter().position(is_value).unwrap_or(line.len());
    let end = line.iter().rposition(is_value).map_or(start, |last| last + 1);
    &line[start..end]
}

/// A line's end followed by white space, with the white space around it, is one space: obs-fold of RFC 9112 section 5.2.
/// Any other line's end stays, for the caller to refuse.
fn unfold(line: &[u8]) -> Vec<u8> {
    let mut unfolded = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&first, after)) = rest.split_first() {
        let folded = rest.strip_prefix(b"\r\n").filter(|next| matches!(next.first(), Some(b' ' | b'\t')));
        match folded {
            Some(next) => {
                while unfolded.last().is_some_and(|c| matches!(c, b' ' | b'\t')) {
                    unfolded.pop();
                }
                unfolded.push(b' ');
                let white = next.iter().take_while(|c| matches!(c, b' ' | b'\t')).count();
                rest = &next[white..];
            }
            None => {
                unfolded.push(first);
                rest = after;
            }
        }
    }
    unfolded
}
