//! Reads `Signature-Input` and `Signature`: structured fields (RFC 9651), dictionaries with one member a signature.
//!
//! Stricter than RFC 9651 where a second reading could differ from ours: a label or parameter that is there twice is
//! refused, where the RFC takes the last. A member that is not ours may hold anything that the syntax allows.

use std::borrow::Cow;

use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, ItemSerializer, KeyRef, Parser};

use super::{Headers, SignatureError};

/// More than any honest request needs, and little enough to read before anyone is known.
const HEADER_BYTES_MAX: usize = 4096;
const SIGNATURES_MAX: usize = 8;
const COMPONENTS_MAX: usize = 32;
const PARAMETERS_MAX: usize = 16;

/// The algorithm of every key; `alg` may repeat it.
const ALGORITHM: &str = "hmac-sha256";

/// What a signature says of itself.
#[derive(Clone, Default)]
pub(super) struct Parameters {
    pub created: Option<i64>,
    pub expires: Option<i64>,
    pub nonce: Option<String>,
    pub keyid: Option<String>,
    tag: Option<String>,
}

/// A member of `Signature-Input`.
pub(super) struct Input<'de> {
    pub label: &'de str,
    pub components: Vec<&'de str>,
    /// The names of all parameters, those unknown here too.
    pub names: Vec<&'de str>,
    pub parameters: Parameters,
    /// Components and parameters in the sender's order: the value of `@signature-params`.
    pub serialized: String,
    /// Why this signature cannot be ours. Only an error if it is the one that is chosen.
    fault: Option<&'static str>,
}

/// A reason to give up on a header.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(&'static str);

/// All lines of a header as one, or None where there is none. RFC 9421 section 4 reads them so.
pub(super) fn joined<'h, H: Headers + ?Sized>(
    headers: &'h H,
    name: &'static str,
) -> Result<Option<Cow<'h, [u8]>>, SignatureError> {
    let mut lines = headers.lines(name);
    let Some(first) = lines.next() else { return Ok(None) };
    let mut value = Cow::Borrowed(first);
    for line in lines {
        // bounded here too, so that many lines are not copied before they are refused
        if value.len() > HEADER_BYTES_MAX {
            break;
        }
        let value = value.to_mut();
        value.extend_from_slice(b", ");
        value.extend_from_slice(line);
    }
    if value.len() > HEADER_BYTES_MAX {
        return Err(SignatureError::Malformed(format!("{name} is longer than {HEADER_BYTES_MAX} bytes")));
    }
    Ok(Some(value))
}

/// The bytes of the signature with this label.
pub(super) fn signature(header: &[u8], label: &str) -> Result<Vec<u8>, SignatureError> {
    let signatures = Signatures { label, labels: Vec::new(), found: None };
    Parser::new(header)
        .parse_dictionary_with_visitor(signatures)
        .map_err(|error| SignatureError::Malformed(format!("Signature: {error}")))?
        .ok_or_else(|| {
            SignatureError::Malformed("Signature has no member with the label of Signature-Input".to_owned())
        })
}

impl<'de> Input<'de> {
    /// The one member that carries the tag.
    pub fn choose(header: &'de [u8], tag: Option<&str>) -> Result<Input<'de>, SignatureError> {
        let inputs = Parser::new(header)
            .parse_dictionary_with_visitor(Inputs(Vec::with_capacity(1)))
            .map_err(|error| SignatureError::Malformed(format!("Signature-Input: {error}")))?;
        let mut ours = inputs.into_iter().filter(|input| tag.is_none() || input.parameters.tag.as_deref() == tag);
        let Some(chosen) = ours.next() else {
            return Err(SignatureError::Missing(match tag {
                Some(tag) => format!("no signature has the parameter tag=\"{tag}\""),
                None => "Signature-Input is empty".to_owned(),
            }));
        };
        if ours.next().is_some() {
            return Err(SignatureError::Malformed("more than one signature has the tag: send one".to_owned()));
        }
        match chosen.fault {
            Some(fault) => Err(SignatureError::Malformed(fault.to_owned())),
            None => Ok(chosen),
        }
    }

    fn new(label: &'de str) -> Input<'de> {
        Input {
            label,
            components: Vec::with_capacity(8),
            names: Vec::with_capacity(8),
            parameters: Parameters::default(),
            serialized: String::with_capacity(384),
            fault: None,
        }
    }

    fn fault(&mut self, fault: &'static str) {
        self.fault.get_or_insert(fault);
    }

    fn cover(&mut self, name: &'de str) {
        if self.components.len() >= COMPONENTS_MAX {
            return self.fault("it covers too many components");
        }
        if self.components.contains(&name) {
            return self.fault("it covers a component twice");
        }
        self.serialized.push(if self.components.is_empty() { '(' } else { ' ' });
        self.serialized.push('"');
        self.serialized.push_str(name);
        self.serialized.push('"');
        self.components.push(name);
    }

    fn parameter(&mut self, name: &'de KeyRef, value: &BareItemFromInput<'de>) {
        if self.names.len() >= PARAMETERS_MAX {
            return self.fault("it has too many parameters");
        }
        if self.names.contains(&name.as_str()) {
            return self.fault("it has a parameter twice");
        }
        self.names.push(name.as_str());
        self.serialized.push(';');
        self.serialized.push_str(name.as_str());
        if !matches!(value, BareItemFromInput::Boolean(true)) {
            self.serialized.push('=');
            // the result is the buffer, which is ours
            let _ = ItemSerializer::with_buffer(&mut self.serialized).bare_item(value).finish();
        }
        match (name.as_str(), value) {
            ("created", BareItemFromInput::Integer(value)) => self.parameters.created = Some(i64::from(*value)),
            ("expires", BareItemFromInput::Integer(value)) => self.parameters.expires = Some(i64::from(*value)),
            ("nonce", BareItemFromInput::String(value)) => self.parameters.nonce = Some(value.as_str().to_owned()),
            ("keyid", BareItemFromInput::String(value)) => self.parameters.keyid = Some(value.as_str().to_owned()),
            ("tag", BareItemFromInput::String(value)) => self.parameters.tag = Some(value.as_str().to_owned()),
            ("alg", BareItemFromInput::String(value)) if value.as_str() == ALGORITHM => {}
            ("alg", _) => self.fault("`alg` must be \"hmac-sha256\" or left out"),
            ("created" | "expires", _) => self.fault("`created` and `expires` must be integers"),
            ("nonce" | "keyid" | "tag", _) => self.fault("`nonce`, `keyid` and `tag` must be strings"),
            // what is unknown here is signed all the same
            _ => {}
        }
    }
}

struct Inputs<'de>(Vec<Input<'de>>);

impl<'de> DictionaryVisitor<'de> for Inputs<'de> {
    type Out = Vec<Input<'de>>;
    type Error = Refused;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Refused> {
        if self.0.len() >= SIGNATURES_MAX {
            return Err(Refused("too many signatures"));
        }
        if self.0.iter().any(|input| input.label == key.as_str()) {
            return Err(Refused("a label is there twice"));
        }
        Ok(Entry { inputs: &mut self.0, input: Input::new(key.as_str()) })
    }

    fn finish(self) -> Result<Self::Out, Refused> {
        Ok(self.0)
    }
}

/// A member while it is read; the list takes it when it is complete.
struct Entry<'v, 'de> {
    inputs: &'v mut Vec<Input<'de>>,
    input: Input<'de>,
}

impl<'de> EntryVisitor<'de> for Entry<'_, 'de> {
    type Error = Refused;

    fn item(self) -> Result<impl ItemVisitor<'de>, Refused> {
        Err::<Never, _>(Refused("a member is no list of components"))
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Refused> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Entry<'_, 'de> {
    type Error = Refused;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Refused> {
        Ok(Component(&mut self.input))
    }

    fn finish(mut self) -> Result<impl ParameterVisitor<'de>, Refused> {
        if self.input.components.is_empty() {
            self.input.serialized.push('(');
        }
        self.input.serialized.push(')');
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Entry<'_, 'de> {
    type Out = ();
    type Error = Refused;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Refused> {
        self.input.parameter(key, &value);
        Ok(())
    }

    fn finish(self) -> Result<(), Refused> {
        self.inputs.push(self.input);
        Ok(())
    }
}

struct Component<'v, 'de>(&'v mut Input<'de>);

impl<'de> ItemVisitor<'de> for Component<'_, 'de> {
    type Out = ();
    type Error = Refused;

    fn bare_item(
        self,
        bare_item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = Self::Out>, Refused> {
        match bare_item {
            BareItemFromInput::String(Cow::Borrowed(name)) => self.0.cover(name.as_str()),
            // a string with escapes is no borrowed one, and no component's name has any
            _ => self.0.fault("a component's name must be a string without escapes"),
        }
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Component<'_, 'de> {
    type Out = ();
    type Error = Refused;

    fn parameter(&mut self, _: &'de KeyRef, _: BareItemFromInput<'de>) -> Result<(), Refused> {
        self.0.fault("parameters of components (sf, bs, key, req, tr) are not supported");
        Ok(())
    }

    fn finish(self) -> Result<(), Refused> {
        Ok(())
    }
}

struct Signatures<'l, 'de> {
    label: &'l str,
    labels: Vec<&'de str>,
    found: Option<Vec<u8>>,
}

impl<'de> DictionaryVisitor<'de> for Signatures<'_, 'de> {
    type Out = Option<Vec<u8>>;
    type Error = Refused;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Refused> {
        if self.labels.len() >= SIGNATURES_MAX {
            return Err(Refused("too many signatures"));
        }
        if self.labels.contains(&key.as_str()) {
            return Err(Refused("a label is there twice"));
        }
        self.labels.push(key.as_str());
        Ok(Bytes { wanted: key.as_str() == self.label, found: &mut self.found })
    }

    fn finish(self) -> Result<Self::Out, Refused> {
        Ok(self.found)
    }
}

struct Bytes<'v> {
    wanted: bool,
    found: &'v mut Option<Vec<u8>>,
}

impl<'de> EntryVisitor<'de> for Bytes<'_> {
    type Error = Refused;

    fn item(self) -> Result<impl ItemVisitor<'de>, Refused> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Refused> {
        Err::<Never, _>(Refused("a member is no byte sequence"))
    }
}

impl<'de> ItemVisitor<'de> for Bytes<'_> {
    type Out = ();
    type Error = Refused;

    fn bare_item(
        self,
        bare_item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = Self::Out>, Refused> {
        match bare_item {
            BareItemFromInput::ByteSequence(bytes) if self.wanted => *self.found = Some(bytes),
            BareItemFromInput::ByteSequence(_) => {}
            _ => return Err(Refused("a member is no byte sequence")),
        }
        Ok(Ignored)
    }
}
