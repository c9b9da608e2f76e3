//! What a card is personalised with besides its keys: what it may approve offline, and a PIN.

use std::io::Read;
use std::path::PathBuf;

use card_protocol::pin::PinBlock;
use zeroize::Zeroizing;

use super::Failure;

/// More than any PIN with its line's end: enough to see that what stands there is none.
const PIN_READ_MAX: u64 = 64;

/// What a card may approve by itself if nothing else is said: small enough to lose, enough for a day's coffee.
const TAP_CENTS: u32 = 25_00;
const TOTAL_CENTS: u32 = 50_00;
const COUNT: u8 = 5;

#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct Offline {
    /// What the card may approve by itself in one tap, where the service cannot be asked, in cents
    #[arg(long, value_name = "CENTS", default_value_t = TAP_CENTS)]
    pub(super) offline_tap: u32,
    /// What the card may approve by itself in all, until the service is asked again, in cents
    #[arg(long, value_name = "CENTS", default_value_t = TOTAL_CENTS)]
    pub(super) offline_total: u32,
    /// How many taps the card may approve by itself, until the service is asked again
    #[arg(long, value_name = "TAPS", default_value_t = COUNT)]
    pub(super) offline_count: u8,
}

#[cfg(test)]
impl Default for Offline {
    fn default() -> Self {
        Self { offline_tap: TAP_CENTS, offline_total: TOTAL_CENTS, offline_count: COUNT }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Personal {
    #[command(flatten)]
    pub(super) offline: Offline,
    /// Give the card a PIN: a file with its 4 to 8 digits, or - for standard input. There is no option with the digits
    /// themselves: everyone on this machine can read command lines, and shells keep them
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
}

impl Personal {
    /// The PIN, if there is to be one. Never part of an error.
    pub(super) fn pin(&self) -> Result<Option<PinBlock>, Failure> {
        let Some(path) = &self.pin_file else { return Ok(None) };
        let mut text = Zeroizing::new(Vec::new());
        let read = if path.as_os_str() == "-" {
            std::io::stdin().take(PIN_READ_MAX).read_to_end(&mut text)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(PIN_READ_MAX).read_to_end(&mut text))
        };
        read.map_err(|error| format!("cannot read the PIN from {}: {error}", path.display()))?;
        let pin = PinBlock::of_digits(text.trim_ascii());
        pin.map(Some)
            .map_err(|_| format!("{} must hold a PIN of 4 to 8 digits and nothing else", path.display()).into())
    }
}

/// A PIN as it was typed.
pub(super) fn digits(pin: &PinBlock) -> Zeroizing<String> {
    let digits = pin.expose().iter().filter(|byte| byte.is_ascii_digit());
    Zeroizing::new(digits.map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_from_a_file_and_never_told() {
        let path = std::env::temp_dir().join(format!("pasje-pin-{}", uuid::Uuid::new_v4()));
        let personal = Personal { offline: Offline::default(), pin_file: Some(path.clone()) };
        assert!(personal.pin().unwrap_err().to_string().contains("cannot read the PIN"));
        for (text, expected) in
            [("1234\n", Some("1234")), (" 98765432 ", Some("98765432")), ("123", None), ("12a4", None)]
        {
            std::fs::write(&path, text).unwrap();
            match (personal.pin(), expected) {
                (Ok(Some(pin)), Some(expected)) => assert_eq!(*digits(&pin), expected),
                // the file's own name may have such digits
                (Err(error), None) => {
                    let said = error.to_string().replace(&*path.to_string_lossy(), "");
                    assert!(!said.contains(text), "{error}");
                }
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Personal { offline: Offline::default(), pin_file: None }.pin().unwrap().is_none());
    }
}
