//! RFC 9421's own examples.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use pasje::http::signature::{Key, Policy, SignatureError, Signed};
use sha2::Sha256;

use super::{Arrived, Lines, SECRET, key};

/// `test-shared-secret` of appendix B.1.5.
const SHARED_SECRET: &str = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
const CREATED: i64 = 1_618_884_473;
/// What the appendix's signer covered; the RFC's example has neither expiry nor nonce nor tag.
const POLICY: Policy = Policy {
    components: &["date", "@authority", "content-type"],
    parameters: &["created", "keyid"],
    tag: None,
    age_s_max: 60,
};

/// `test-request` of appendix B.2 with the signature of B.2.5.
fn b_2_5() -> Arrived {
    let headers = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-length", "18"),
        (
            "signature-input",
            r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
        ),
        ("signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"),
    ];
    Arrived {
        method: "POST".to_owned(),
        authority: "example.com".to_owned(),
        path: "/foo".to_owned(),
        query: Some("param=Value&Pet=dog".to_owned()),
        headers: Lines(headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec()),
        body: None,
    }
}

fn check(arrived: &Arrived, secret: &[u8]) -> Result<(), SignatureError> {
    Signed::parse(&arrived.message(), &POLICY, CREATED)?.verify(&Key::new(secret).unwrap())
}

#[test]
fn vector_b_2_5_of_rfc_9421_verifies() {
    let secret = STANDARD.decode(SHARED_SECRET).unwrap();
    check(&b_2_5(), &secret).unwrap();
    let signed = Signed::parse(&b_2_5().message(), &POLICY, CREATED).unwrap();
    assert_eq!((signed.keyid(), signed.created()), ("test-shared-secret", Some(CREATED)));
}

#[test]
fn vector_b_2_5_fails_when_any_byte_changes() {
    let secret = STANDARD.decode(SHARED_SECRET).unwrap();
    for at in 0..secret.len() {
        let mut other = secret.clone();
        other[at] ^= 1;
        assert_eq!(check(&b_2_5(), &other), Err(SignatureError::Wrong), "byte {at} of the key");
    }
    for at in 0..b_2_5().authority.len() {
        let mut arrived = b_2_5();
        let mut bytes = arrived.authority.into_bytes();
        bytes[at] ^= 1;
        arrived.authority = String::from_utf8(bytes).unwrap();
        assert_eq!(check(&arrived, &secret), Err(SignatureError::Wrong), "{}", arrived.authority);
    }
    for name in ["date", "content-type", "signature-input", "signature"] {
        for at in 0..b_2_5().header(name).len() {
            let mut bytes = b_2_5().header(name).into_bytes();
            bytes[at] ^= 1;
            let text = String::from_utf8(bytes).unwrap();
            // the last digit of base64 has two bits that say nothing, and RFC 9651 lets them be anything
            if text.ends_with("GtE9=:") {
                continue;
            }
            let mut arrived = b_2_5();
            arrived.set(name, &text);
            assert!(check(&arrived, &secret).is_err(), "{name}: {text}");
        }
    }
}

#[test]
fn header_values_are_joined_trimmed_and_unfolded_as_in_section_2_1() {
    let mut arrived = b_2_5();
    arrived.add("x-ows-header", "  Leading and trailing whitespace.\t ");
    arrived.add("x-obs-fold-header", "Obsolete \r\n    line folding.");
    arrived.add("cache-control", "max-age=60");
    arrived.add("cache-control", "   must-revalidate");
    arrived.add("example-dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c)");
    arrived.add("x-empty-header", "");
    let params = concat!(
        r#"("x-ows-header" "x-obs-fold-header" "cache-control" "example-dict" "x-empty-header" "#,
        r#""@method" "@authority" "@path" "@query");created=1618884473;keyid="k""#
    );
    let base = [
        r#""x-ows-header": Leading and trailing whitespace."#,
        r#""x-obs-fold-header": Obsolete line folding."#,
        r#""cache-control": max-age=60, must-revalidate"#,
        r#""example-dict": a=1,    b=2;x=1;y=2,   c=(a   b   c)"#,
        r#""x-empty-header": "#,
        r#""@method": POST"#,
        r#""@authority": example.com"#,
        r#""@path": /foo"#,
        r#""@query": ?param=Value&Pet=dog"#,
        &format!(r#""@signature-params": {params}"#),
    ]
    .join("\n");
    arrived.authority = "EXAMPLE.com".to_owned();
    set_signature(&mut arrived, params, &base);
    let policy = Policy { components: &[], ..POLICY };
    Signed::parse(&arrived.message(), &policy, CREATED).unwrap().verify(&key()).unwrap();
}

#[test]
fn parameters_are_signed_in_the_senders_order_and_in_the_canonical_form() {
    // as sent, and as section 2.3 and RFC 9651 section 4.1 write it
    for (sent, canonical) in [
        (r#"();keyid="k";created=1618884473"#, r#"();keyid="k";created=1618884473"#),
        (r#"();created=1618884473;keyid="k""#, r#"();created=1618884473;keyid="k""#),
        (
            r#"(  "@method"   "@path" ); created=01618884473;  keyid="\"\\";a;b=?1;c=?0;d=1.50;e=tok/en:x;f=:aGk:;g=-0;h=@7"#,
            r#"("@method" "@path");created=1618884473;keyid="\"\\";a;b;c=?0;d=1.5;e=tok/en:x;f=:aGk=:;g=0;h=@7"#,
        ),
    ] {
        let mut arrived = b_2_5();
        let lines = if canonical.contains("@path") { "\"@method\": POST\n\"@path\": /foo\n" } else { "" };
        set_signature(&mut arrived, sent, &format!("{lines}\"@signature-params\": {canonical}"));
        let policy = Policy { components: &[], ..POLICY };
        Signed::parse(&arrived.message(), &policy, CREATED).unwrap().verify(&key()).unwrap();
    }
}

/// Signs a base that is written out, by nothing but HMAC.
fn set_signature(arrived: &mut Arrived, params: &str, base: &str) {
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(base).finalize().into_bytes();
    arrived.set("signature-input", format!("s={params}"));
    arrived.set("signature", format!("s=:{}:", STANDARD.encode(mac)));
}
