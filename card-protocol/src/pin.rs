//! The optional PIN: 4 to 8 digits, checked by the card.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Malformed;
use crate::frame::{CommandFrame, Instruction, command};

/// Wrong tries in a row after which the card takes no PIN any more.
pub const PIN_TRIES: u8 = 3;

/// A PIN as it travels and is stored: its digits in ASCII, filled up with FF to 8 bytes. Never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PinBlock([u8; Self::LENGTH]);

impl core::fmt::Debug for PinBlock {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PinBlock(..)")
    }
}

impl PinBlock {
    /// Bytes.
    pub const LENGTH: usize = 8;

    /// Fewest digits.
    pub const DIGITS_MIN: usize = 4;

    /// Of digits as they are typed.
    ///
    /// # Errors
    /// `Length` for fewer than 4 or more than 8, `Code` for what is no digit.
    pub fn of_digits(digits: &[u8]) -> Result<Self, Malformed> {
        let mut block = [0xff; Self::LENGTH];
        let place = block.get_mut(..digits.len()).filter(|place| place.len() >= Self::DIGITS_MIN);
        place.ok_or(Malformed::Length)?.copy_from_slice(digits);
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(block)) } else { Err(Malformed::Code) }
    }

    /// # Errors
    /// `Length` for other lengths, `Code` for bytes that are not 4 to 8 digits filled up.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let block: [u8; Self::LENGTH] = bytes.try_into().map_err(|_| Malformed::Length)?;
        let length = block.iter().take_while(|byte| **byte != 0xff).count();
        let (digits, filling) = block.split_at_checked(length).ok_or(Malformed::Length)?;
        let is_right = digits.len() >= Self::DIGITS_MIN
            && digits.iter().all(u8::is_ascii_digit)
            && filling.iter().all(|byte| *byte == 0xff);
        if is_right { Ok(Self(block)) } else { Err(Malformed::Code) }
    }

    /// The bytes, for who stores them.
    pub const fn expose(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Whether it is the same; in constant time.
    pub fn is(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.ct_eq(&other.0).into()
    }

    /// VERIFY with this PIN.
    pub fn command(&self) -> CommandFrame {
        command([0x00, Instruction::Verify.code(), 0x00, 0x80], &self.0)
    }
}
