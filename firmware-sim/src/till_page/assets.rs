//! The page's files, as they were when the program was built.

use hyper::body::Bytes;

use crate::phrases::Language;

/// The words of each language, as Fluent writes them.
pub const WORDS_NL: &str = include_str!("../../../web/locales/nl/till.ftl");
#[allow(missing_docs)]
pub const WORDS_EN: &str = include_str!("../../../web/locales/en/till.ftl");

const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

const PAGE: &str = "/till/till.html";
/// What the page says of its language, before it is known which is wanted.
const LANGUAGE: &str = "<html lang=\"nl\"";

/// A file by its path, with its media type; `/` is the page, in a language.
pub fn find(path: &str, language: Language) -> Option<(&'static str, Bytes)> {
    let named = if path == "/" { PAGE } else { path };
    let (name, bytes) = FILES.iter().find(|(known, _)| *known == named)?;
    let kind = match name.rsplit_once('.').map(|(_, ending)| ending)? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    if *name == PAGE && language == Language::English {
        let text = std::str::from_utf8(bytes).ok()?;
        return Some((kind, Bytes::from(text.replacen(LANGUAGE, "<html lang=\"en\"", 1))));
    }
    Some((kind, Bytes::from_static(bytes)))
}
