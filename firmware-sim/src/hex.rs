//! Bytes as lower-case hexadecimal digits, as the files and the service write them.

use std::fmt;

use card_protocol::Secret;
use card_protocol::keys::KEY_LENGTH;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The longest that is written in one piece, in digits.
const DIGITS_MAX: usize = 256;

/// Bytes of a known length that are written as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex<const N: usize>(pub [u8; N]);

/// The digits of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 15));
    }
    text
}

/// The bytes of exactly `2 * N` digits, in small letters.
pub fn decode<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *byte = value(high)? << 4 | value(low)?;
    }
    Some(bytes)
}

fn digit(value: u8) -> char {
    char::from(DIGITS[usize::from(value & 15)])
}

const fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Writes without allocating: this runs several times a tap.
fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut buffer = Zeroizing::new([0_u8; DIGITS_MAX]);
    let Some(place) = buffer.get_mut(..bytes.len() * 2) else { return serializer.serialize_str(&encode(bytes)) };
    for (pair, byte) in place.chunks_exact_mut(2).zip(bytes) {
        if let [high, low] = pair {
            *high = DIGITS[usize::from(byte >> 4)];
            *low = DIGITS[usize::from(byte & 15)];
        }
    }
    serializer.serialize_str(std::str::from_utf8(place).unwrap_or_default())
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

struct DigitsVisitor<const N: usize>;

impl<const N: usize> de::Visitor<'_> for DigitsVisitor<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hexadecimal digits in small letters", 2 * N)
    }

    fn visit_str<E: de::Error>(self, digits: &str) -> Result<[u8; N], E> {
        // what was read may be a secret: the message says its length alone
        decode(digits).ok_or_else(|| {
            E::custom(format_args!("expected {} hexadecimal digits in small letters, found {}", 2 * N, digits.len()))
        })
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(DigitsVisitor::<N>).map(Hex)
    }
}

/// A secret that is written as 64 digits in a file, and never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHex(pub Secret);

impl Serialize for SecretHex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(self.0.expose(), serializer)
    }
}

impl<'de> Deserialize<'de> for SecretHex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Zeroizing::new(deserializer.deserialize_str(DigitsVisitor::<KEY_LENGTH>)?);
        Ok(Self(Secret::new(*bytes)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn digits_give_back_the_bytes_they_were_made_of() {
        let bytes = [0x00, 0x0f, 0xa0, 0xff];
        assert_eq!(encode(&bytes), "000fa0ff");
        assert_eq!(decode(&encode(&bytes)), Some(bytes));
        assert_eq!(serde_json::to_string(&Hex(bytes)).unwrap(), "\"000fa0ff\"");
        assert_eq!(serde_json::from_str::<Hex<4>>("\"000fa0ff\"").unwrap(), Hex(bytes));
    }

    #[test]
    fn capitals_other_lengths_and_other_signs_are_refused() {
        for wrong in ["000FA0FF", "000fa0f", "000fa0ff0", "000fa0fg", "é00fa0f"] {
            assert_eq!(decode::<4>(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_neither_printed_nor_told_in_an_error() {
        let secret = SecretHex(Secret::new([0xab; 32]));
        assert_eq!(format!("{secret:?}"), "SecretHex(Secret(..))");
        let error = serde_json::from_str::<SecretHex>("\"abababab\"").unwrap_err().to_string();
        assert!(!error.contains("abab"), "{error}");
    }
}
