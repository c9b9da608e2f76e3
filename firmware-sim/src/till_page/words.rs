//! The page's own words, from the Fluent files of each language.

use std::collections::BTreeMap;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser;

use super::assets;
use crate::phrases::Language;

/// All messages of a language by name. An argument stays in its place as `{$name}`: the page knows its value.
pub fn messages(language: Language) -> BTreeMap<String, String> {
    let text = language.pick(assets::WORDS_NL, assets::WORDS_EN);
    // what cannot be read is left out; a test reads both files whole
    let resource = match parser::parse(text) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    let messages = resource.body.iter().filter_map(|entry| match entry {
        Entry::Message(message) => Some((message.id.name.to_owned(), pattern(message.value.as_ref()?))),
        _ => None,
    });
    messages.collect()
}

fn pattern(pattern: &Pattern<&str>) -> String {
    let element = |element: &PatternElement<&str>| match element {
        PatternElement::TextElement { value } => (*value).to_owned(),
        PatternElement::Placeable { expression: Expression::Inline(inline) } => match inline {
            InlineExpression::VariableReference { id } => format!("{{${}}}", id.name),
            InlineExpression::StringLiteral { value } => (*value).to_owned(),
            _ => String::new(),
        },
        PatternElement::Placeable { .. } => String::new(),
    };
    pattern.elements.iter().map(element).collect()
}
