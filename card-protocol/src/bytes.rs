//! Writing and reading fixed-length records field by field.

use crate::Malformed;

/// Fills a record of `N` bytes from the left.
pub(crate) struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    /// Appends a field. What does not fit is a mistake in a record's length, which its tests find.
    #[must_use]
    pub(crate) fn put(mut self, field: &[u8]) -> Self {
        let end = self.at + field.len();
        debug_assert!(end <= N, "a record is longer than its length says");
        if let Some(place) = self.bytes.get_mut(self.at..end) {
            place.copy_from_slice(field);
        }
        self.at = end;
        self
    }

    pub(crate) fn done(self) -> [u8; N] {
        debug_assert!(self.at == N, "a record is shorter than its length says");
        self.bytes
    }
}

/// Takes fields from the left.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Of bytes that must be exactly this long.
    pub(crate) const fn exactly(bytes: &'a [u8], length: usize) -> Result<Self, Malformed> {
        if bytes.len() == length { Ok(Self(bytes)) } else { Err(Malformed::Length) }
    }

    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Length)?;
        self.0 = rest;
        Ok(*field)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::Length) }
    }
}

/// Declares an enum of one byte.
macro_rules! byte_codes {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $code,)+ }

        impl $name {
            /// As on the wire.
            pub const fn code(self) -> u8 {
                self as u8
            }

            /// The one with this code.
            ///
            /// # Errors
            /// [`Malformed::Code`](crate::Malformed::Code).
            pub const fn from_code(code: u8) -> Result<Self, $crate::Malformed> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err($crate::Malformed::Code),
                }
            }
        }
    };
}

pub(crate) use byte_codes;
