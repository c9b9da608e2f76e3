//! Hexadecimal digits, as the terminal and the service read them: both read the same, but that the service takes capitals.

use pasje::domain::hex::{from_hex, to_hex};

pub fn run(data: &[u8]) {
    assert_eq!(firmware_sim::hex::encode(data), to_hex(data));
    let Ok(text) = std::str::from_utf8(data) else { return };
    both::<0>(text);
    both::<1>(text);
    both::<8>(text);
    both::<16>(text);
    both::<32>(text);
    both::<41>(text);
}

fn both<const N: usize>(text: &str) {
    let (service, terminal) = (from_hex::<N>(text), firmware_sim::hex::decode::<N>(text));
    if let Some(bytes) = service {
        assert_eq!(to_hex(&bytes), text.to_ascii_lowercase());
        assert_eq!(firmware_sim::hex::decode::<N>(&text.to_ascii_lowercase()), Some(bytes));
    }
    if terminal.is_some() {
        assert_eq!(terminal, service);
    }
}
