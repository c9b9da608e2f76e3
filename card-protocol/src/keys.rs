//! Keys: 32 bytes each, derived by NIST SP 800-108r1 in counter mode with HMAC-SHA-256.
//!
//! A master key of a generation gives each card four keys; the last of them gives each terminal a key of its own for
//! that card, so that a stolen terminal forges nothing elsewhere. Keys are wiped when dropped and never printed.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Mac;

type HmacSha256 = Hmac<Sha256>;

/// Bytes of a key.
pub const KEY_LENGTH: usize = 32;

/// Bytes of a block of SHA-256.
const BLOCK_LENGTH: usize = 64;

/// A secret of 32 bytes: wiped when dropped, compared in constant time, printed as what it is called only.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; KEY_LENGTH]);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl Secret {
    /// From its bytes.
    pub const fn new(bytes: [u8; KEY_LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes, for who stores or sends them.
    pub const fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.0
    }

    /// Derives a key: HMAC-SHA-256(self, 00000001 || label || 00 || context || 00000100), one block of the counter mode.
    #[must_use]
    pub fn derive(&self, label: &[u8], context: &[&[u8]]) -> Self {
        let mut mac = self.hmac();
        mac.update(&1_u32.to_be_bytes());
        mac.update(label);
        mac.update(&[0]);
        for part in context {
            mac.update(part);
        }
        mac.update(&256_u32.to_be_bytes());
        Self(mac.finalize().into_bytes().into())
    }

    fn hmac(&self) -> HmacSha256 {
        // HMAC fills a short key up with zeros: done here, so that no length is left that could be refused
        let mut block = Zeroizing::new([0; BLOCK_LENGTH]);
        let (key, _) = block.split_at_mut(KEY_LENGTH);
        key.copy_from_slice(&self.0);
        HmacSha256::new((&*block).into())
    }

    /// The leftmost 16 bytes of HMAC-SHA-256 over `record`.
    pub(crate) fn mac(&self, record: &[u8]) -> Mac {
        let mut mac = self.hmac();
        mac.update(record);
        let whole: [u8; 32] = mac.finalize().into_bytes().into();
        whole.first_chunk().copied().unwrap_or_default()
    }
}

/// Declares keys that are told apart by their type, so that none is used for another's work.
macro_rules! keys {
    ($($(#[$about:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(Secret);

        impl $name {
            /// From its secret.
            pub const fn new(secret: Secret) -> Self {
                Self(secret)
            }
        }

        impl Key for $name {
            fn secret(&self) -> &Secret {
                &self.0
            }
        }
    )+};
}

/// A key with a purpose.
pub trait Key {
    /// Its secret.
    fn secret(&self) -> &Secret;

    /// Whether `mac` is this key's over `record`, in constant time.
    fn is_right(&self, record: &[u8], mac: &Mac) -> bool {
        self.secret().mac(record).ct_eq(mac).into()
    }

    /// The MAC over `record`.
    fn sign(&self, record: &[u8]) -> Mac {
        self.secret().mac(record)
    }
}

keys! {
    /// Of one generation: every card's keys come from it.
    MasterKey,
    /// A card signs its transactions with it, for the service.
    TransactionKey,
    /// The service signs its answers to a card with it.
    ResponseKey,
    /// The service signs scripts to a card with it.
    ScriptKey,
    /// Gives each terminal its verify key of this card; on the card and in the service alone.
    OfflineVerifyKey,
    /// One terminal's key of one card: checks what the card approved offline.
    TerminalVerifyKey,
}

/// The four keys of a card of one generation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CardKeys {
    pub transaction: TransactionKey,
    pub response: ResponseKey,
    pub script: ScriptKey,
    pub offline_verify: OfflineVerifyKey,
}

/// Label of the transaction key.
pub const TRANSACTION_LABEL: &[u8] = b"PASJE card transaction";
/// Label of the response key.
pub const RESPONSE_LABEL: &[u8] = b"PASJE card response";
/// Label of the script key.
pub const SCRIPT_LABEL: &[u8] = b"PASJE card script";
/// Label of the offline-verify key.
pub const OFFLINE_VERIFY_LABEL: &[u8] = b"PASJE card offline verify";
/// Label of a terminal's verify key.
pub const TERMINAL_VERIFY_LABEL: &[u8] = b"PASJE terminal verify";

impl MasterKey {
    /// A card's keys; context: card id 16, generation 1.
    pub fn card_keys(&self, card: &[u8; 16], generation: u8) -> CardKeys {
        CardKeys {
            transaction: self.transaction_key(card, generation),
            response: self.response_key(card, generation),
            script: self.script_key(card, generation),
            offline_verify: self.offline_verify_key(card, generation),
        }
    }

    /// What a card signs its transactions with.
    pub fn transaction_key(&self, card: &[u8; 16], generation: u8) -> TransactionKey {
        TransactionKey(self.0.derive(TRANSACTION_LABEL, &[card, &[generation]]))
    }

    /// What the service answers a card with.
    pub fn response_key(&self, card: &[u8; 16], generation: u8) -> ResponseKey {
        ResponseKey(self.0.derive(RESPONSE_LABEL, &[card, &[generation]]))
    }

    /// What the service signs its scripts to a card with.
    pub fn script_key(&self, card: &[u8; 16], generation: u8) -> ScriptKey {
        ScriptKey(self.0.derive(SCRIPT_LABEL, &[card, &[generation]]))
    }

    /// What gives each terminal its verify key of a card.
    pub fn offline_verify_key(&self, card: &[u8; 16], generation: u8) -> OfflineVerifyKey {
        OfflineVerifyKey(self.0.derive(OFFLINE_VERIFY_LABEL, &[card, &[generation]]))
    }
}

impl OfflineVerifyKey {
    /// A terminal's key of this card; context: terminal id 16, location 16.
    pub fn terminal_key(&self, terminal: &[u8; 16], location: &[u8; 16]) -> TerminalVerifyKey {
        TerminalVerifyKey(self.0.derive(TERMINAL_VERIFY_LABEL, &[terminal, location]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_the_left_half_of_hmac_sha_256() {
        // RFC 4231, test case 2, whose key of 4 bytes HMAC fills up with zeros
        let mut key = [0; KEY_LENGTH];
        for (place, byte) in key.iter_mut().zip(b"Jefe") {
            *place = *byte;
        }
        let left_half = 0x5bdc_c146_bf60_754e_6a04_2426_0895_75c7_u128.to_be_bytes();
        assert_eq!(Secret::new(key).mac(b"what do ya want for nothing?"), left_half);
    }

    #[test]
    fn a_mac_with_any_bit_changed_is_wrong() {
        let key = TransactionKey::new(Secret::new([7; KEY_LENGTH]));
        let mac = key.sign(b"record");
        assert!(key.is_right(b"record", &mac));
        assert!(!key.is_right(b"recorD", &mac));
        for bit in 0..u128::BITS {
            let other = (u128::from_be_bytes(mac) ^ 1 << bit).to_be_bytes();
            assert!(!key.is_right(b"record", &other), "bit {bit}");
        }
    }

    #[test]
    fn every_key_of_every_card_and_generation_is_another() {
        let master = MasterKey::new(Secret::new([1; KEY_LENGTH]));
        let keys = |card: u8, generation| {
            let keys = master.card_keys(&[card; 16], generation);
            let terminals = [(1, 1), (2, 1), (1, 2)];
            let [a, b, c] = terminals.map(|(id, place)| keys.offline_verify.terminal_key(&[id; 16], &[place; 16]));
            let secrets = [keys.transaction.0, keys.response.0, keys.script.0, keys.offline_verify.0, a.0, b.0, c.0];
            secrets.map(|secret| *secret.expose())
        };
        let all = [keys(1, 1), keys(1, 2), keys(2, 1)];
        for (at, key) in all.as_flattened().iter().enumerate() {
            assert!(!all.as_flattened().iter().take(at).any(|earlier| earlier == key), "key {at} came before");
        }
    }

    #[test]
    fn keys_print_nothing_of_themselves() {
        struct Text([u8; 64], usize);
        impl core::fmt::Write for Text {
            fn write_str(&mut self, text: &str) -> core::fmt::Result {
                for byte in text.bytes() {
                    *self.0.get_mut(self.1).ok_or(core::fmt::Error)? = byte;
                    self.1 += 1;
                }
                Ok(())
            }
        }
        let mut text = Text([0; 64], 0);
        let printed = core::fmt::write(&mut text, format_args!("{:?}", MasterKey::new(Secret::new([9; KEY_LENGTH]))));
        assert_eq!(printed, Ok(()));
        assert_eq!(text.0.get(..text.1), Some(&b"MasterKey(Secret(..))"[..]));
    }
}
