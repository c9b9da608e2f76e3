//! The basket: what a sale's request is hashed over, and what a card signs by its digest.

use sha2::{Digest, Sha256};

/// Takes bytes in order: a hash, a MAC, a buffer.
pub trait Sink {
    /// Appends `bytes`.
    fn put(&mut self, bytes: &[u8]);
}

/// One line of a basket as a terminal sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineRecord {
    /// The service sold, as the 16 bytes of its UUID.
    pub service: [u8; 16],
    /// How many of it, 1 or more.
    pub quantity: u32,
    /// The hold that the line gives back first (a planned occurrence); all zero for none.
    pub hold: [u8; 16],
}

impl LineRecord {
    /// Bytes of one record: service 16, quantity 4, hold 16.
    pub const LENGTH: usize = 36;

    /// The record's bytes.
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        let (service, rest) = bytes.split_at_mut(16);
        let (quantity, hold) = rest.split_at_mut(4);
        service.copy_from_slice(&self.service);
        quantity.copy_from_slice(&self.quantity.to_be_bytes());
        hold.copy_from_slice(&self.hold);
        bytes
    }
}

/// Writes a basket: the number of lines (2 bytes), then its records in the order sent.
///
/// Answers false, having written nothing, for more lines than the count can hold.
pub fn encode_basket(lines: &[LineRecord], sink: &mut impl Sink) -> bool {
    let Ok(count) = u16::try_from(lines.len()) else { return false };
    sink.put(&count.to_be_bytes());
    for line in lines {
        sink.put(&line.encode());
    }
    true
}

/// What a basket's digest begins with.
pub const DIGEST_TAG: &[u8; 8] = b"PASJEBSK";

struct Hash(Sha256);

impl Sink for Hash {
    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// What a card signs of the basket: the leftmost 16 bytes of SHA-256 over tag 8, version 1, price list 4 and the basket.
/// None for more than 65,535 lines.
pub fn basket_digest(price_list: u32, lines: &[LineRecord]) -> Option<[u8; 16]> {
    let mut hash = Hash(Sha256::new());
    hash.put(DIGEST_TAG);
    hash.put(&[crate::VERSION]);
    hash.put(&price_list.to_be_bytes());
    if !encode_basket(lines, &mut hash) {
        return None;
    }
    let whole: [u8; 32] = hash.0.finalize().into();
    whole.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Buffer([u8; 128], usize);

    impl Sink for Buffer {
        fn put(&mut self, bytes: &[u8]) {
            for &byte in bytes {
                if let Some(place) = self.0.get_mut(self.1) {
                    *place = byte;
                }
                self.1 += 1;
            }
        }
    }

    #[test]
    fn a_basket_is_its_count_and_fixed_records_in_order() {
        let line = |tag: u8, quantity| LineRecord { service: [tag; 16], quantity, hold: [0; 16] };
        let mut buffer = Buffer([0xee; 128], 0);
        assert!(encode_basket(&[line(1, 2), line(3, 0x0102_0304)], &mut buffer));
        assert_eq!(buffer.1, 2 + 2 * LineRecord::LENGTH);
        assert_eq!(buffer.0.get(..2), Some(&[0, 2][..]));
        assert_eq!(buffer.0.get(2..22), Some(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 2][..]));
        assert_eq!(buffer.0.get(54..58), Some(&[1, 2, 3, 4][..]));
    }

    #[test]
    fn the_digest_covers_price_list_order_and_quantity() {
        let line = |tag: u8, quantity| LineRecord { service: [tag; 16], quantity, hold: [0; 16] };
        let first = basket_digest(3, &[line(1, 1), line(2, 1)]);
        assert!(first.is_some());
        assert_ne!(first, basket_digest(4, &[line(1, 1), line(2, 1)]));
        assert_ne!(first, basket_digest(3, &[line(2, 1), line(1, 1)]));
        assert_ne!(first, basket_digest(3, &[line(1, 2), line(2, 1)]));
    }
}
