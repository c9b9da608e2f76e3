//! The one-time code of an enrolment: made of a terminal's public key, read from its screen, typed by a person.

use std::fmt;

use sha2::{Digest, Sha256};

const DOMAIN: &[u8] = b"PASJE enrolment";

/// Crockford's base 32: no I, L, O, U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

const LENGTH: usize = 10;

/// Ten digits in two groups: `ABCDE-FGHJK`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EnrolmentCode(String);

/// What is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a code is ten letters and digits, as it stands on the terminal's screen: ABCDE-FGHJK (there is no I, L, O or U in it)"
)]
pub struct NoCode;

impl EnrolmentCode {
    /// The code of a public key: the first 50 bits of its hash.
    pub fn of(public_key: &[u8; 32]) -> Self {
        let hash = Sha256::new().chain_update(DOMAIN).chain_update(public_key).finalize();
        let bit = |place: usize| hash.get(place / 8).map_or(0, |byte| byte >> (7 - place % 8) & 1);
        let value = |digit: usize| (0..5).fold(0, |value, place| value << 1 | bit(digit * 5 + place));
        Self::grouped((0..LENGTH).map(|digit| char::from(DIGITS[usize::from(value(digit) & 31)])))
    }

    /// What somebody typed: in small letters, with or without dash and spaces, I and L for 1 and O for 0.
    ///
    /// # Errors
    /// [`NoCode`].
    pub fn parse(typed: &str) -> Result<Self, NoCode> {
        let mut digits = Vec::with_capacity(LENGTH);
        for sign in typed.chars().filter(|sign| !sign.is_whitespace() && !matches!(sign, '-' | '–' | '_')) {
            let digit = match sign.to_ascii_uppercase() {
                'I' | 'L' => '1',
                'O' => '0',
                other => other,
            };
            let is_digit = u8::try_from(digit).is_ok_and(|digit| DIGITS.contains(&digit));
            if !is_digit || digits.len() == LENGTH {
                return Err(NoCode);
            }
            digits.push(digit);
        }
        if digits.len() == LENGTH { Ok(Self::grouped(digits.into_iter())) } else { Err(NoCode) }
    }

    fn grouped(mut digits: impl Iterator<Item = char>) -> Self {
        let mut code: String = digits.by_ref().take(LENGTH / 2).collect();
        code.push('-');
        code.extend(digits);
        Self(code)
    }

    /// As it is shown and stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnrolmentCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_first_fifty_bits_of_the_keys_hash() {
        // python3 -c 'import hashlib; h = hashlib.sha256(b"PASJE enrolment" + bytes(32)).digest();
        //   n = int.from_bytes(h, "big") >> 206; print("".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[n >> 45 - 5*i & 31] for i in range(10)))'
        assert_eq!(EnrolmentCode::of(&[0; 32]).as_str(), "VK7PG-3X5QX");
        assert_eq!(EnrolmentCode::of(&[7; 32]).as_str(), "EAEBD-YFQAE");
    }

    #[test]
    fn what_people_type_is_understood() {
        let code = EnrolmentCode::parse("1BCDE-0GHJK").unwrap();
        for typed in
            ["1bcde-0ghjk", "IBCDE-OGHJK", "lbcde oghjk", " 1BC DE 0GH JK ", "1BCDE0GHJK", "1BCDE–0GHJK", "1bcde_0ghjk"]
        {
            assert_eq!(EnrolmentCode::parse(typed), Ok(code.clone()), "{typed}");
        }
        assert_eq!(code.to_string(), "1BCDE-0GHJK");
    }

    #[test]
    fn what_is_no_code_is_none() {
        for typed in
            ["", "-", "ABCDE-FGHJ", "ABCDE-FGHJKM", "ABCDE-FGHJU", "ABCDE-FGHJ!", "ABCDÉ-FGHJK", "ABCDE-FGHJ\u{661}"]
        {
            assert_eq!(EnrolmentCode::parse(typed), Err(NoCode), "{typed}");
        }
    }
}
