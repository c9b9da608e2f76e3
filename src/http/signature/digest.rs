//! `Content-Digest` (RFC 9530): a dictionary of digests of the body as it was sent.

use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, Never, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};
use sha2::{Digest, Sha256};

use super::SignatureError;

/// Whether the header's sha-256 digest is the body's. Other digests beside it are read and not compared: one that is right
/// says enough, and the sender chose to send it. An empty value counts as an absent header.
///
/// # Errors
/// `DigestMalformed`, `DigestMissing` (no sha-256 in it) or `DigestWrong`, in that order.
pub fn content_digest_is_right(header_value: &str, body: &[u8]) -> Result<(), SignatureError> {
    let digests = Digests { seen: false, sha256: None };
    let digest = Parser::new(header_value)
        .parse_dictionary_with_visitor(digests)
        .map_err(|error| SignatureError::DigestMalformed(error.to_string()))?
        .ok_or(SignatureError::DigestMissing)?;
    let digest: [u8; 32] =
        digest.try_into().map_err(|_| SignatureError::DigestMalformed("a sha-256 digest has 32 bytes".to_owned()))?;
    // a digest is no secret: whoever sends it knows the body
    if Sha256::digest(body)[..] == digest { Ok(()) } else { Err(SignatureError::DigestWrong) }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(&'static str);

struct Digests {
    seen: bool,
    sha256: Option<Vec<u8>>,
}

impl<'de> DictionaryVisitor<'de> for Digests {
    type Out = Option<Vec<u8>>;
    type Error = Refused;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Refused> {
        let wanted = key.as_str() == "sha-256";
        if wanted && self.seen {
            return Err(Refused("sha-256 is there twice"));
        }
        self.seen |= wanted;
        Ok(Member { wanted, sha256: &mut self.sha256 })
    }

    fn finish(self) -> Result<Self::Out, Refused> {
        Ok(self.sha256)
    }
}

struct Member<'v> {
    wanted: bool,
    sha256: &'v mut Option<Vec<u8>>,
}

impl<'de> EntryVisitor<'de> for Member<'_> {
    type Error = Refused;

    fn item(self) -> Result<impl ItemVisitor<'de>, Refused> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Refused> {
        Err::<Never, _>(Refused("a digest is no byte sequence"))
    }
}

impl<'de> ItemVisitor<'de> for Member<'_> {
    type Out = ();
    type Error = Refused;

    fn bare_item(
        self,
        bare_item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = Self::Out>, Refused> {
        match bare_item {
            BareItemFromInput::ByteSequence(bytes) if self.wanted => *self.sha256 = Some(bytes),
            BareItemFromInput::ByteSequence(_) => {}
            _ => return Err(Refused("a digest is no byte sequence")),
        }
        Ok(Ignored)
    }
}
