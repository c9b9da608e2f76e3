//! A table for each reason to refuse, and the order among them.

use firmware_sim::signature::Parameters;
use pasje::http::signature::{Key, SignatureError, content_digest_is_right};

use super::{Change, NOW, hotlist, key, parameters, sale, signed_with};

pub(super) fn one_of_each() -> Vec<SignatureError> {
    let mut errors = Vec::new();
    let mut arrived = sale();
    arrived.set("signature", "");
    arrived.headers.0.retain(|(name, _)| name != "signature");
    errors.push(arrived.check().unwrap_err());
    let mut arrived = sale();
    arrived.set("signature-input", "terminal");
    errors.push(arrived.check().unwrap_err());
    let mut arrived = hotlist();
    arrived.body = Some(Vec::new());
    errors.push(arrived.check().unwrap_err());
    errors.push(sale().check_at(&key(), NOW + 61).unwrap_err());
    errors.push(sale().check_at(&other_key(), NOW).unwrap_err());
    for digest in ["", "sha-256=1", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"] {
        errors.push(content_digest_is_right(digest, b"body").unwrap_err());
    }
    let kinds: std::collections::HashSet<_> = errors.iter().map(std::mem::discriminant).collect();
    assert_eq!(kinds.len(), 8, "{errors:?}");
    errors
}

fn other_key() -> Key {
    Key::new(b"that secret is another terminals").unwrap()
}

fn name(result: Result<impl std::fmt::Debug, SignatureError>) -> &'static str {
    match result.map(|_| ()) {
        Ok(()) => "Ok",
        Err(SignatureError::Missing(_)) => "Missing",
        Err(SignatureError::Malformed(_)) => "Malformed",
        Err(SignatureError::Incomplete(_)) => "Incomplete",
        Err(SignatureError::Expired(_)) => "Expired",
        Err(SignatureError::Wrong) => "Wrong",
        Err(SignatureError::DigestMissing) => "DigestMissing",
        Err(SignatureError::DigestMalformed(_)) => "DigestMalformed",
        Err(SignatureError::DigestWrong) => "DigestWrong",
    }
}

#[test]
fn a_request_without_a_signature_of_ours_is_missing_one() {
    let without = |name: &str| {
        let mut arrived = sale();
        arrived.headers.0.retain(|(other, _)| other != name);
        arrived
    };
    assert_eq!(name(without("signature").check()), "Missing");
    assert_eq!(name(without("signature-input").check()), "Missing");
    for input in ["", "a=()", "a=();tag=\"another\"", "a=();tag=\"another\", b=(\"x\";sf)"] {
        let mut arrived = sale();
        arrived.set("signature-input", input);
        assert_eq!(name(arrived.check()), "Missing", "{input}");
    }
}

#[test]
fn among_several_signatures_the_one_with_the_tag_counts() {
    // a proxy's signature may use what ours may not
    for (place, other_input) in
        [(0, "proxy=(\"@status\" \"x\";bs);created=1;alg=\"ed25519\""), (1, "proxy=();tag=\"proxy\"")]
    {
        for lines in [false, true] {
            let mut arrived = sale();
            for (header, other) in [("signature-input", other_input), ("signature", "proxy=:AAAA:")] {
                let mut both = vec![arrived.header(header)];
                both.insert(place, other.to_owned());
                arrived.set(header, both.join(" ,\t"));
                if lines {
                    arrived.set(header, &both[0]);
                    arrived.add(header, &both[1]);
                }
            }
            assert_eq!(name(arrived.check()), "Ok", "{other_input}");
        }
    }
    let mut arrived = sale();
    let input = arrived.header("signature-input");
    arrived.add("signature-input", input.replacen("terminal=", "again=", 1));
    let signature = arrived.header("signature");
    arrived.add("signature", signature.replacen("terminal=", "again=", 1));
    assert_eq!(name(arrived.check()), "Malformed");
}

#[test]
fn a_signature_that_leaves_something_out_is_incomplete() {
    for leave_out in arrived_components() {
        let mut arrived = sale();
        let input = arrived.header("signature-input");
        let less = input.replacen(&format!("\"{leave_out}\""), "", 1);
        assert_ne!(input, less);
        // a list's items are parted by one space or more
        arrived.set("signature-input", less.replace("( ", "(").replace(" )", ")"));
        assert_eq!(arrived.check().unwrap_err(), SignatureError::Incomplete(leave_out));
    }
    for leave_out in ["created", "expires", "nonce", "keyid"] {
        let mut arrived = sale();
        let input = arrived.header("signature-input");
        let less: Vec<&str> = input.split(';').filter(|part| !part.starts_with(leave_out)).collect();
        arrived.set("signature-input", less.join(";"));
        assert_eq!(arrived.check().unwrap_err(), SignatureError::Incomplete(leave_out));
    }
    // whether the headers say that there is a body changes nothing: it is there
    let mut arrived = hotlist();
    arrived.body = Some(b"{}".to_vec());
    assert_eq!(arrived.check().unwrap_err(), SignatureError::Incomplete("content-digest"));
}

fn arrived_components() -> &'static [&'static str] {
    sale().policy().components
}

#[test]
fn a_signature_counts_for_a_minute_either_side_and_never_past_its_end() {
    for (created, expires, expected) in [
        (NOW, NOW, "Ok"),
        (NOW - 60, NOW, "Ok"),
        (NOW + 60, NOW + 60, "Ok"),
        (NOW, NOW + 1_000_000, "Ok"),
        (NOW - 61, NOW + 60, "Expired"),
        (NOW + 61, NOW + 120, "Expired"),
        (NOW - 10, NOW - 1, "Expired"),
        (NOW + 10, NOW + 9, "Expired"),
        (NOW, NOW - 1, "Expired"),
        (0, NOW, "Expired"),
        (-999_999_999_999_999, NOW, "Expired"),
        (999_999_999_999_999, 999_999_999_999_999, "Expired"),
        (NOW, -999_999_999_999_999, "Expired"),
    ] {
        let parameters = Parameters { created, expires, ..parameters() };
        let result = signed_with("POST", "/", None, Some(b"{}"), &parameters).check();
        assert_eq!(name(result), expected, "created {created}, expires {expires}");
    }
    // the clock itself may be absurd
    assert_eq!(name(sale().check_at(&key(), i64::MIN)), "Expired");
    assert_eq!(name(sale().check_at(&key(), i64::MAX)), "Expired");
}

#[test]
fn what_was_changed_on_the_way_is_wrong() {
    let changes: [(&str, Change); 14] = [
        ("method", |arrived| "PUT".clone_into(&mut arrived.method)),
        ("method's case", |arrived| arrived.method.make_ascii_lowercase()),
        ("authority", |arrived| "other.example:8443".clone_into(&mut arrived.authority)),
        ("port", |arrived| "pasje.example".clone_into(&mut arrived.authority)),
        ("path", |arrived| "/v1/refunds".clone_into(&mut arrived.path)),
        ("path's case", |arrived| arrived.path.make_ascii_uppercase()),
        ("query", |arrived| arrived.query = Some("dry=0&x=%20y".to_owned())),
        ("no query", |arrived| arrived.query = None),
        ("query's encoding", |arrived| arrived.query = Some("dry=1&x=+y".to_owned())),
        ("digest", |arrived| arrived.set("content-digest", firmware_sim::signature::content_digest(b"other"))),
        ("a second digest", |arrived| arrived.add("content-digest", "sha-512=:AAAA:")),
        ("content type", |arrived| arrived.set("content-type", "text/plain")),
        ("idempotency key", |arrived| arrived.set("idempotency-key", "\"00000000-0000-0000-0000-000000000008\"")),
        ("a second idempotency key", |arrived| arrived.add("idempotency-key", "\"x\"")),
    ];
    for (what, change) in changes {
        let mut arrived = sale();
        change(&mut arrived);
        assert_eq!(name(arrived.check()), "Wrong", "{what}");
    }
    for (what, from, to) in [
        ("created", ";created=1790000000", ";created=1790000001"),
        ("expires", ";expires=1790000060", ";expires=1790000061"),
        ("nonce", "bm9uY2U", "bm9uY2V"),
        ("keyid", "00002a", "00002b"),
        ("one more parameter", ";tag=", ";alg=\"hmac-sha256\";tag="),
        ("parameters' order", ";created=1790000000;expires=1790000060", ";expires=1790000060;created=1790000000"),
        ("components' order", "\"@method\" \"@authority\"", "\"@authority\" \"@method\""),
        ("one more component", "\"@method\"", "\"@method\" \"signature\""),
    ] {
        let mut arrived = sale();
        let input = arrived.header("signature-input");
        let other = input.replacen(from, to, 1);
        assert_ne!(input, other, "{what}");
        arrived.set("signature-input", other);
        assert_eq!(name(arrived.check()), "Wrong", "{what}");
    }
}

#[test]
fn a_signature_that_is_cut_short_or_made_longer_is_wrong() {
    use base64::Engine;
    let engine = base64::engine::general_purpose::STANDARD;
    let signature = sale().header("signature");
    let bytes = engine.decode(signature.split(':').nth(1).unwrap()).unwrap();
    for length in 0..bytes.len() {
        let mut arrived = sale();
        arrived.set("signature", format!("terminal=:{}:", engine.encode(&bytes[..length])));
        assert_eq!(name(arrived.check()), "Wrong", "{length} bytes");
    }
    for more in [1, 32] {
        let mut arrived = sale();
        let longer = [bytes.as_slice(), &vec![0; more]].concat();
        arrived.set("signature", format!("terminal=:{}:", engine.encode(longer)));
        assert_eq!(name(arrived.check()), "Wrong", "{more} more bytes");
    }
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 0x80;
        let mut arrived = sale();
        arrived.set("signature", format!("terminal=:{}:", engine.encode(other)));
        assert_eq!(name(arrived.check()), "Wrong", "byte {at}");
    }
}

#[test]
fn another_terminals_key_is_wrong() {
    assert_eq!(name(sale().check_at(&other_key(), NOW)), "Wrong");
    assert_eq!(name(hotlist().check_at(&other_key(), NOW)), "Wrong");
}

#[test]
fn a_body_that_is_not_the_signed_one_is_refused() {
    let right = firmware_sim::signature::content_digest(b"body");
    let long = format!("{right}, sha-512=:{}:", "A".repeat(86));
    for (value, expected) in [
        (right.as_str(), "Ok"),
        (long.as_str(), "Ok"),
        (&format!("sha-512=:AAAA:, {right}"), "Ok"),
        (&format!("{right};note=1"), "Ok"),
        ("", "DigestMissing"),
        ("sha-512=:AAAA:", "DigestMissing"),
        ("SHA-256=:AAAA:", "DigestMalformed"),
        ("sha-256", "DigestMalformed"),
        ("sha-256=abc", "DigestMalformed"),
        ("sha-256=\"abc\"", "DigestMalformed"),
        ("sha-256=()", "DigestMalformed"),
        ("sha-256=:AAAA:", "DigestMalformed"),
        ("sha-256=:AAA", "DigestMalformed"),
        ("sha-256=:*:", "DigestMalformed"),
        ("sha-512=1", "DigestMalformed"),
        ("é", "DigestMalformed"),
        (&format!("{right}, {right}"), "DigestMalformed"),
        (&format!("{right},"), "DigestMalformed"),
        (&firmware_sim::signature::content_digest(b"bodY"), "DigestWrong"),
        (&firmware_sim::signature::content_digest(b""), "DigestWrong"),
    ] {
        assert_eq!(name(content_digest_is_right(value, b"body")), expected, "{value}");
    }
    let mut arrived = sale();
    arrived.body.as_mut().unwrap().push(b' ');
    assert_eq!(name(arrived.check()), "DigestWrong");
}

/// Each change repairs what the one before was refused for.
#[test]
fn the_first_reason_in_the_documented_order_is_the_answer() {
    let late = Parameters { created: NOW - 100, expires: NOW - 50, ..parameters() };
    let mut arrived = signed_with("POST", "/v1/sales", None, Some(b"{}"), &late);
    let (input, signature) = (arrived.header("signature-input"), arrived.header("signature"));
    arrived.body = Some(b"other".to_vec());

    // nothing is ours, and more is broken besides
    arrived.set("signature-input", "terminal=(\"@method\";sf)");
    arrived.set("signature", "terminal=:AAAA:");
    assert_eq!(name(arrived.check_at(&other_key(), NOW)), "Missing");
    // cannot be read, lacks a parameter and a component, is late
    arrived.set("signature-input", "terminal=(\"@method\";sf);created=1;tag=\"pasje-terminal\"");
    assert_eq!(name(arrived.check_at(&other_key(), NOW)), "Malformed");
    arrived.set("signature-input", "terminal=(\"@method\" \"not-there\");created=1;tag=\"pasje-terminal\"");
    assert_eq!(name(arrived.check_at(&other_key(), NOW)), "Malformed");
    // lacks a parameter and a component, is late
    arrived.set("signature-input", "terminal=(\"@method\");created=1;tag=\"pasje-terminal\"");
    assert_eq!(arrived.check_at(&other_key(), NOW).unwrap_err(), SignatureError::Incomplete("expires"));
    // lacks a component, is late
    arrived.set("signature-input", input.replacen(" \"@path\"", "", 1));
    assert_eq!(arrived.check_at(&other_key(), NOW).unwrap_err(), SignatureError::Incomplete("@path"));
    // late twice, with a signature that is wrong
    arrived.set("signature-input", &input);
    let first = arrived.check_at(&other_key(), NOW).unwrap_err();
    assert!(matches!(first, SignatureError::Expired(text) if text.contains("`created`")), "{first}");
    let second = arrived.check_at(&other_key(), NOW - 45).unwrap_err();
    assert!(matches!(second, SignatureError::Expired(text) if text.contains("`expires`")), "{second}");
    // wrong, with a digest that is wrong
    arrived.set("signature", &signature);
    assert_eq!(name(arrived.check_at(&other_key(), NOW - 60)), "Wrong");
    assert_eq!(name(arrived.check_at(&key(), NOW - 60)), "DigestWrong");
    arrived.body = Some(b"{}".to_vec());
    assert_eq!(name(arrived.check_at(&key(), NOW - 60)), "Ok");
}
